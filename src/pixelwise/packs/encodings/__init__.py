"""Encodings: how a pack stores pixels. One file per encoding (`raw`, `original`); `table` lists them.

`encoding` is what an encoding is, `png` the labels and instances of those that do not store them in their own way.
"""
