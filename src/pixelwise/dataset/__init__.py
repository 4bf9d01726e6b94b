"""Datasets, their splits, the sources they read from, and datasets made from datasets.

    sources   the base class; files, arrays     splits    some samples in order
    dataset   Dataset, concat                   derived   remap, merge, subset, split
    lists     split lists                       views     sources over sources
    image_sizes   of files, by their headers    identity   which samples are one
    numbers   what a label file holds, to stored values        lossy    labels saved as JPEG
"""
