"""Tar archives made in memory."""

from __future__ import annotations

import io
import tarfile


def make_tar(files: dict[str, bytes], root: str = "", form: int = tarfile.DEFAULT_FORMAT) -> bytes:
    """A tar of regular files below the folder `root`, in the order of the dict."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(f"{root}/{name}" if root else name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()
