"""Encodings: how a pack stores pixels. One file per encoding; `table.py` lists them."""
