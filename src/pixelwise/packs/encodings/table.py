"""ENCODINGS: every encoding by its name. A new one is a file beside this one and an entry here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .encoding import Encoding
from .original import ORIGINAL
from .raw import RAW

ENCODINGS: Final[Mapping[str, Encoding]] = {e.name: e for e in (RAW, ORIGINAL)}
