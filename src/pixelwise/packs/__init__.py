"""Packs: a dataset as one folder of Arrow files, read at the speed of memory. docs/pack.md describes the format."""
