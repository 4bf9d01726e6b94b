"""Evaluation: predictions made, scored and submitted.

    predicting        whole images or tiles through a model     tiles, tile_sums  how images are cut and put together
    prediction_files  a folder of predictions                   resuming          a run that was interrupted
    scoring           predictions against labels                submitting        archives for evaluation servers
    probability_files a folder of probabilities, in strips      probability_scoring  them against labels
    result_files      COCO results and CSVs as predictions      object_scoring   objects: AP, PQ, iIoU
    panoptic_files    segments as COCO or as numbers have them  run_lengths      predictions as COCO results or a CSV
    score_report      scores as HTML and CSV                    on_actors         models on the GPUs of a Ray cluster
"""
