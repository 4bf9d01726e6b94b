"""Getting datasets: archives from mirrors, verified, unpacked safely, and put in place whole.

obtain      what a user calls: is it there, get it, put it in place
archives    the table: where archives lie, their sizes and hashes
mirrors     one file over HTTP: resumed, retried, timed out, verified
partial     a file that is still arriving, and whose it is
unpacking   what of an archive is accepted, and how it reaches the disk
tar         what the bytes of a tar say
staging     unfinished work on disk, and the rename that shows it
"""

from __future__ import annotations

from .archives import ARCHIVES, Archive
from .mirrors import Patience
from .obtain import download
from .tar import Limits
from .unpacking import unpack

__all__ = ["ARCHIVES", "Archive", "Limits", "Patience", "download", "unpack"]
