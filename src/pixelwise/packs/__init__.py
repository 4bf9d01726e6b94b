"""Packing: a dataset as one folder of Arrow files, read at the speed of memory. docs/pack.md describes the format."""

from .caching import cached
from .checking import verify
from .packing import pack

__all__ = ["cached", "pack", "verify"]
