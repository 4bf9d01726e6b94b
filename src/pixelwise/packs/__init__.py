"""Packs: a dataset as one folder of Arrow files, read at the speed of memory. docs/pack.md describes the format.

    writing    `pack`                              opening    a pack as a dataset, and whether its source changed
    inventory  which records go where              source     the samples of one split
    records    the bytes of one sample             volume     the files of a pack, checked and mapped
    shards     Arrow files of records              manifest   what a pack holds; written last
    index      the small tables beside them        caching    packed at first use, then read from the pack
    arrow      Arrow files, read without Arrow    arrow_writing  and written
    class_ids  labels that hold class ids          verifying  `verify`: every byte checked
    encodings  how pixels are stored, one file each
    remote     packs in object stores
"""
