"""Guessing: which files of an unknown tree are images and labels, and what the labels hold.

    inventory   the files of a tree, in groups          matching   which names belong together
    content     what a file looks like inside           pairing    the readings that fit, the best first
    counting    every value of the labels, counted      classes    the lines of classes in a proposal
    proposal    a first pixelwise.toml, and why         folders    the format of two plain folders
"""
