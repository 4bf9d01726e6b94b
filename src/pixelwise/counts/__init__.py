"""Counts: how many pixels of each class a dataset has, and where they are.

    per_sample   pixels of each class in each sample     stats      totals, sizes, weights; saved and merged
    class_index  where each class is, for crops there    published  known counts of datasets, to compare with
"""
