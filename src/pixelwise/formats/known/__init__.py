"""Known formats: one page per format, or per family of formats that share their layout.

    voc          Pascal VOC                                     street   Cityscapes, CamVid, BDD100K, KITTI, ...
    scenes       ADE20K, COCO-Stuff, Pascal Context, NYU, ...   aerial   LoveDA, Potsdam, iSAID, UAVid, ...
    ade20k_full  the whole of ADE20K                            medical  CHASE DB1, DRIVE, Synapse, REFUGE
    coco         instances and panoptic, by their JSON          yolo     text polygons
    labelme      JSON shapes, and its export                    roboflow masks and a table of classes
    huggingface  Parquet, and folders with metadata             rle_csv  run lengths in a CSV
    cvat         its XML of images                              datumaro its own JSON
    label_studio brushes and polygons of its JSON               via      JSON or CSV of regions
    supervisely  bitmaps and polygons, a JSON for each image    segment_anything  masks without classes
    open_images  a PNG per object, and CSVs                     carla    tags, or their colors
    label_studio_png  brushes as PNG                            trans10k transparent things and stuff
    coco_annotations  what the entries of a COCO JSON draw
"""
