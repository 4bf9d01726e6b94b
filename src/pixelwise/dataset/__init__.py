"""Datasets, their splits, the sources they read from, and datasets made from datasets.

    sources   files and arrays               splits   some samples in order
    dataset   Dataset                        mixing   remap, merge, subset, split, concat; lazy, on views
"""
