"""Checks: all problems of a dataset, in one pass over its files on all cores.

    checking  `check`                              survey   the pass, and what it remembers of each sample
    findings  the result: problems, grouped        similar  hashes of images, and the search for close pairs
    reading   one sample, as far as it can be read html     the result as a page with pictures
    shares    what is kept of samples as JSON values       of a part of a check
    files, labels, images, splits                  the checks: one function each

A check of a sample takes its `Reading`, a check of the dataset the `Survey`. To add one, write the function and name it
in `CHECKS` of its module.
"""
