"""Counts: how many pixels of each class a dataset shows, and where they are.

    per_sample  classes by sample              stats        totals, sizes, weights; saved, merged, compared
    published   known counts of known datasets class_index  where each class is, for crops around it
"""
