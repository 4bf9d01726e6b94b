"""The chapter's downloads: archives by name, unpacked into `../data`."""

from __future__ import annotations

from pathlib import Path

from ..downloads.archives import Archive
from ..downloads.getting import download
from ..errors import MissingError, UnknownNameError, UsageError
from ..hints import hinted

DATA_URL = "http://d2l-data.s3-accelerate.amazonaws.com/"
"""Where the book keeps its archives."""
DATA_HUB: dict[str, tuple[str, str]] = {
    "voc2012": (DATA_URL + "VOCtrainval_11-May-2012.tar", "4e443f8a2eca6b1dac8a6c57641b67dd40621a49")
}
"""Name -> (URL, SHA-1) of an archive. Others may be put in: trees of VOC's kind, as tar."""
_SHIPPED = dict(DATA_HUB)


@hinted
def download_extract(name: str, folder: str | None = None, *, directory: str | Path = "../data") -> str:
    """Get the archive `name` of DATA_HUB into `directory` and unpack all of it; the path of `folder` there.

    What is there already is used as it is. `pixelwise.download`, which this calls, resumes, verifies the archive by
    its hash, tries further mirrors for VOC2012 (2 GB), and can leave out what segmentation does not need.

    Raises UnknownNameError for a name that is not in DATA_HUB, MissingError if the archive has no such folder, and
    what `pixelwise.download` raises.
    """
    if name not in DATA_HUB:
        fix = f"the names are: {', '.join(DATA_HUB)}; put others into DATA_HUB"
        raise UnknownNameError(f"DATA_HUB has no archive named {name!r}", code="unknown-dataset", fix=fix)
    home = Path(directory) / (folder or "")
    if folder and home.is_dir() and any(home.iterdir()):
        return str(home)
    if DATA_HUB[name] == _SHIPPED.get(name):
        made = download(name, directory, everything=True, say=print)
    else:
        if not folder:
            raise UsageError(f"folder must name the folder in the archive {name!r}", fix="such as 'VOCdevkit/VOC2012'")
        url, sha1 = DATA_HUB[name]
        archive = Archive(name, (url,), folder, folder, {"sha1": (sha1,)} if sha1 else {})
        made = download(archive, directory, everything=True, say=print)
    if folder and not home.is_dir():
        raise MissingError("no such folder in the archive", code="missing-file", where=home, fix=f"it has {made}")
    return str(home if folder else made)
