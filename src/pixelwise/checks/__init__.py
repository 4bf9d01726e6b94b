"""Check: all problems of a dataset, in one pass over its files on all cores.

    findings  what is found, grouped             survey   the pass, and what it remembers of each sample
    reading   one sample, as far as it is read   similar  hashes of images, and the search for close pairs
    files, pairs, labels, images, splits         the checks: one function each

A check of a sample sees its `Reading`, a check of the dataset the `Survey`. To add one, write the function and name it
in `CHECKS` of its module.
"""
