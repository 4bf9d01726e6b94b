"""Formats: where a dataset's files are and how its labels are stored.

    opening       `open`: recognizes a format and opens it     layout      a format as data, and the engine for it
    toml          pixelwise.toml: any tree of your own         guessing/   what an unknown tree holds, and its toml
    paths         path templates                               layers      labels of several files per image
    class_tables  class tables of known datasets, as text      rasterize   labels drawn from polygons
    converting    `convert`: a dataset as a clean one          given       what a verb is given, as a dataset or a split
    class_files   class names in files beside the data         yaml_names  the names of a data.yaml
    naming        which class table a dataset gets             stated      what annotation files state of images
    format        Format: what a format is to `open`           known/      one page per format or family
    forms         the forms in which tools store a region      regions     images with such regions, as a split
    unfinished    marks of work that was begun and stopped     tracing     labels to objects and their outlines
    hf_datasets   datasets of Hugging Face that are open
    targets/      what `convert` writes                        misses      what comes nearest where nothing was found
"""
