"""What `convert` writes: a target for each format.

    target         what every target has, and a sample to write      masks        index, voc, cityscapes: PNGs of ids
    coco           instances as polygons or run lengths, panoptic    yolo         text polygons
    labelme        a JSON of shapes beside each image                rle_table    run lengths in a CSV
    parquet        Hugging Face's Parquet                            imagefolder  Hugging Face's folders
    table          the targets by name
"""
