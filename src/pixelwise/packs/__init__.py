"""Packs: a dataset as one folder of Arrow files, read at the speed of memory. docs/pack.md describes the format."""

from .caching import cached
from .verifying import verify
from .writing import pack

__all__ = ["cached", "pack", "verify"]
