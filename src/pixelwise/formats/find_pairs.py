"""Find which files of a tree are images and which are their labels, by their names and the content of one of each."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..codecs.decoding import UNCOMMON_KINDS, decode_stored, read_header
from ..dataset.lists import IMAGE_SUFFIXES
from ..errors import DataError
from ..files import read_bytes
from .paths import matches

MOST_FILES = 2_000_000
_SPLITS = re.compile(
    r"(?i)(train(?:ing)?|val(?:id|idation)?|test(?:ing)?|trainval)(?=$|[_-]|annot|label|mask|image|gt|seg)"
)


@dataclass(frozen=True, slots=True)
class Pairing:
    """Templates of the images and their labels, and how many images have a label."""

    images: str
    labels: str
    pairs: int


def pairing_of(root: Path, images: str, labels: str) -> Pairing:
    """The pairing of these templates, with its pairs counted."""
    there = {m.name for m in matches(root, labels)}
    return Pairing(images, labels, sum(m.name in there for m in matches(root, images)))


def find_pairing(root: Path) -> Pairing | None:
    """The two groups of files whose names match for the most images."""
    groups = _groups(root)
    best: Pairing | None = None
    for (place, suffix), stems in groups.items():
        for (other, kind), others in groups.items():
            if kind.lower() in (".jpg", ".jpeg") or place[-6:] != other[-6:]:  # {name} and {path}
                continue
            found = _affixes(stems, others, (place, suffix) == (other, kind))
            if found is not None:
                made = Pairing(place + found[0] + suffix, other + found[1] + kind, found[2])
                if _is_better(root, made, best):
                    best = made
    return best


def _groups(root: Path) -> dict[tuple[str, str], dict[str, set[str]]]:
    """(template without the ending, suffix) -> split -> stems. Files in deeper folders count for {path} as well."""
    out: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    count = 0
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = sorted(s for s in subfolders if not s.startswith("."))
        relative = os.path.relpath(folder, root).replace(os.sep, "/")
        relative = "" if relative == "." else relative + "/"
        split, template = _templated(relative)
        for name in files:
            stem, dot, suffix = name.rpartition(".")
            if stem and not name.startswith(".") and dot + suffix.lower() in IMAGE_SUFFIXES:
                out[template + "{name}", dot + suffix][split].add(stem)
                top, deeper = _top(template)
                if deeper:
                    out[top + "{path}", dot + suffix][split].add(deeper + stem)
                count += 1
        if count > MOST_FILES:
            break
    return out


def _top(template: str) -> tuple[str, str]:
    """A folder's template up to the part with {split}, or its first part; and the rest."""
    parts = template.split("/")
    k = next((i for i, p in enumerate(parts) if "{split}" in p), 0) + 1
    return "/".join(parts[:k]) + "/" * (k < len(parts)), "/".join(parts[k:])


def _templated(folder: str) -> tuple[str, str]:
    """The split that a folder's path names, and the path with {split} for it."""
    parts = folder.split("/")
    for k in range(len(parts) - 1, -1, -1):
        if found := _SPLITS.match(parts[k]):
            parts[k] = "{split}" + parts[k][found.end() :]
            return found[1], "/".join(parts)
    return "", folder


def _affixes(images: dict[str, set[str]], labels: dict[str, set[str]], same: bool) -> tuple[str, str, int] | None:
    """What images' and labels' names end with after a common beginning, and how many images have a label."""
    split = next((s for s in images if s in labels), None)
    if split is None:
        return None
    stem = min(images[split])
    tried: set[tuple[str, str]] = set()
    best: tuple[str, str, int] | None = None
    candidates = sorted((s for s in labels[split] if not (same and s == stem)), key=lambda s: -_common(stem, s))
    for other in candidates[:4]:
        k = _common(stem, other)
        if 0 < k < max(len(stem), len(other)) and stem[k - 1] in "_-.":
            k -= 1
        a, b = stem[k:], other[k:]
        if k == 0 or (a, b) in tried or (same and a == b) or any(e[:1].isalnum() for e in (a, b)):
            continue
        tried.add((a, b))
        count = sum(
            s.endswith(a) and s[: len(s) - len(a)] + b in labels.get(of, ()) for of, own in images.items() for s in own
        )
        if count and (best is None or count > best[2]):
            best = (a, b, count)
    return best


def _common(a: str, b: str) -> int:
    return next((k for k, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _is_better(root: Path, made: Pairing, best: Pairing | None) -> bool:
    """More pairs; of as many, those whose images look more like pictures and whose labels look more like labels."""
    if best is not None and made.pairs < best.pairs:
        return False
    score = _score(root, made)
    return score > 0 and (best is None or made.pairs > best.pairs or score > _score(root, best))


def _score(root: Path, pairing: Pairing) -> int:
    image = next(matches(root, pairing.images), None)
    label = next(matches(root, pairing.labels), None)
    if image is None or label is None:
        return 0
    try:
        stored = decode_stored(read_bytes(root / label.path), label.path, allow=UNCOMMON_KINDS)
    except DataError:
        return 0
    flat = stored.pixels.reshape(-1, 1 if stored.pixels.ndim == 2 else stored.pixels.shape[2])
    colors = len(np.unique(flat[:: max(1, len(flat) // 20_000)], axis=0))
    if colors > 300 or colors > max(64, len(flat) // 8):
        return 0
    score = 1000 - colors - 200 * ("{path}" in pairing.images)
    score += 500 * (stored.palette is not None) + 200 * (stored.pixels.ndim == 2)
    score += 400 * image.path.lower().endswith((".jpg", ".jpeg"))
    score += 300 * bool(re.search(r"(?i)label|mask|annot|gt|seg|ann", pairing.labels))
    try:
        return score + 300 * (read_header(root / image.path).channels >= 3)
    except DataError:
        return score
