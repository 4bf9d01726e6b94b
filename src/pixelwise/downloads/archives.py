"""The archives that can be downloaded: their URLs, sizes and hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..files.reading import open_regular
from ..types import Progress


@dataclass(frozen=True, slots=True)
class Archive:
    """One archive of the table. Raises UsageError `no-hash` without a hash: nothing is unpacked unverified.

    urls: in the order of trying. root: the dataset's folder inside the archive. home: its folder below the
    user's directory. hashes: algorithm of `hashlib` -> accepted hex digests; all algorithms are checked.
    size: in bytes, or None if unknown. images: in its segmentation lists, to estimate the disk space.
    """

    name: str
    urls: tuple[str, ...]
    root: str
    home: str
    hashes: Mapping[str, Collection[str]]
    size: int | None = None
    images: int = 0

    def __post_init__(self) -> None:
        if not self.hashes or not all(self.hashes.values()):
            raise UsageError("an archive needs a hash to verify it by", code="no-hash", where=self.name)
        if unknown := self.hashes.keys() - hashlib.algorithms_available:
            raise UsageError(f"hashlib has no algorithm {min(unknown)!r}", where=self.name)

    @property
    def filename(self) -> str:
        """The name of the archive file."""
        return self.urls[0].rsplit("/", 1)[-1]

    def mismatch(self, path: Path, progress: Progress) -> str | None:
        """What is wrong with the hashes of the file, as a sentence; None if all of them are accepted."""
        hashers = {name: hashlib.new(name, usedforsecurity=False) for name in self.hashes}
        size = path.stat().st_size
        with open_regular(path) as fd, open(fd, "rb", closefd=False) as file:
            while data := file.read(1 << 20):
                for hasher in hashers.values():
                    hasher.update(data)
                progress(file.tell(), size)
        for name, hasher in hashers.items():
            if hasher.hexdigest() not in self.hashes[name]:
                return f"the {name.upper()} is {hasher.hexdigest()}, expected {' or '.join(self.hashes[name])}"
        return None


def _voc(
    year: int, date: str, images: int, *, root: str = "", mirrors: Sequence[str] = (), size: int | None = None,
    **hashes: Collection[str],
) -> Archive:  # fmt: skip
    file, home = f"VOCtrainval_{date}.tar", f"VOCdevkit/VOC{year}"
    bases = (
        f"http://host.robots.ox.ac.uk/pascal/VOC/voc{year}",
        *mirrors,
        "https://huggingface.co/datasets/JimmyUnleashed/Pascal_VOC/resolve/main",
    )
    urls = tuple(f"{base}/{file}" for base in bases)
    return Archive(f"voc{year}", urls, root or home, home, hashes, size, images)


# MD5: torchvision/datasets/voc.py, found right for the official files in 2022 (pytorch/vision#5425). VOC2009 has
# two: the official file changed before then (pytorch/vision#5423), and mirrors have the older one. Size and SHA-256
# of 2007 and 2012: tensorflow_datasets/url_checksums/voc.txt; SHA-1 of both: gluon-cv, scripts/datasets/
# pascal_voc.py, and of 2012 also d2l. Exact sizes of the others are not published. Mirrors: d2l (2012), and the one
# that the R package torchvision uses. Images: the official pages' numbers for segmentation, train and val together.
ARCHIVES: Mapping[str, Archive] = {
    archive.name: archive
    for archive in (
        _voc(
            2012, "11-May-2012", 2913, size=1_999_639_040,
            mirrors=("http://d2l-data.s3-accelerate.amazonaws.com",),
            md5=("6cd6e144f989b92b3379bac3b3de84fd",),
            sha1=("4e443f8a2eca6b1dac8a6c57641b67dd40621a49",),
            sha256=("e14f763270cf193d0b5f74b169f44157a4b0c6efa708f4dd0ff78ee691763bcb",),
        ),
        _voc(2011, "25-May-2011", 2223, md5=("6c3384ef61512963050cb5d687e5bf1e",), root="TrainVal/VOCdevkit/VOC2011"),
        _voc(2010, "03-May-2010", 1928, md5=("da459979d0c395079b5c75ee67908abb",)),
        _voc(
            2009, "11-May-2009", 1499, md5=("a3e00b113cfcfebf17e343f59da3caa1", "59065e4b188729180974ef6572f6a212"),
        ),
        _voc(2008, "14-Jul-2008", 1023, md5=("2629fa636546599198acfcfbfcf1904a",)),
        _voc(
            2007, "06-Nov-2007", 422, size=460_032_000,
            md5=("c52e279531787c972589f7e41ab4ae64",),
            sha1=("34ed68851bce2a36e2a223fa52c661d592c66b3c",),
            sha256=("7d8cd951101b0957ddfd7a530bdc8a94f06121cfc1e511bb5937e973020c7508",),
        ),
    )
}  # fmt: skip
"""The archives that `download` knows, by name."""
