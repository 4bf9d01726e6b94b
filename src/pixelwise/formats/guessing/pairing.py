"""Which group of a tree's files are the images and which their labels: every reading that fits, the best first."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Final, NamedTuple

from ...types import Bool
from .content import Look, look
from .inventory import MOST_FILES, FileGroup, groups_of, is_label_word, role_of, walk
from .matching import ImageSet, Key, Matched, Parts, match, named, parts_of

CLEAR: Final = 100
"""A reading that is better than the next by less than this is not clear."""
_SAME_LAYER: Final = 0.5
"""Masks that share more than this of their pixels (intersection over union) are versions of one mask, not layers."""


class LabelSet(NamedTuple):
    """The labels of a reading: their template, their files of each sample, and what {class} stands for, if anything.

    layers: whether several files make one label. texts: of {class}, sorted.
    """

    template: str
    files: dict[Key, list[str]]
    layers: bool = False
    texts: tuple[str, ...] = ()


@dataclass(slots=True)
class TreeReading:
    """Images and their labels. points: how well it fits; more is better. problem: why the labels cannot be read."""

    images: ImageSet
    labels: LabelSet
    points: float
    look: Look
    problem: str = ""
    by_order: bool = False
    strays: int = 0

    @property
    def pairs(self) -> int:
        """How many images have a label."""
        if self.by_order:
            return len(self.labels.files)
        return sum(key in self.images.paths for key in self.labels.files)

    @property
    def example(self) -> str:
        """One image and its label."""
        key = min(self.labels.files.keys() & self.images.paths.keys() or self.labels.files)
        files = self.labels.files[key]
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        image = self.images.paths[key] if not self.by_order else min(self.images.paths.values())
        return f"{image} with {files[0]}{more}"

    def __str__(self) -> str:
        count = f"{self.pairs} pair" + "s" * (self.pairs != 1)
        return f"{self.images.template} with {self.labels.template} ({count}, such as {self.example})"


@dataclass(slots=True)
class TreeSurvey:
    """What a tree holds. readings: the best first; groups: all groups of files; others: the readable rest."""

    root: Path
    groups: list[FileGroup]
    readings: list[TreeReading] = field(default_factory=list)
    problems: list[TreeReading] = field(default_factory=list)
    looks: dict[str, Look] = field(default_factory=dict)

    def look(self, path: str) -> Look:
        """A file, looked at once."""
        if path not in self.looks:
            self.looks[path] = look(self.root, path)
        return self.looks[path]

    @property
    def rivals(self) -> list[TreeReading]:
        """The readings that fit about as well as the best, the best included."""
        return [r for r in self.readings if r.points > self.readings[0].points - CLEAR]


def survey(root: Path, most: int = MOST_FILES) -> TreeSurvey:
    """The readings of the tree at `root`."""
    found = TreeSurvey(root, groups_of(list(walk(root, most))))
    groups = [group for group in found.groups if not group.part]
    candidates = [(n, group, _image_points(found, n, group)) for group in groups for n in named(group)]
    readings = []
    for images, _, points in candidates:
        if points > 0:
            matched = [m for group in groups if (m := match(images, group)) is not None]
            readings += [*_readings(found, images, points, matched)]
    if not any(not r.problem for r in readings):
        readings += [r for images, own, points in candidates if points > 0
                     for r in _by_order(found, images, points, own)]  # fmt: skip
    readings.sort(key=lambda r: (-r.points, r.images.template, r.labels.template))
    kept: list[TreeReading] = []
    files = {id(r): {p for paths in r.labels.files.values() for p in paths} for r in readings}
    pictures = {id(r): set(r.images.paths.values()) for r in readings}
    for k, r in enumerate(readings):
        same = any(files[id(r)] <= files[id(other)] and bool(r.problem) >= bool(other.problem)
                   and not pictures[id(r)].isdisjoint(pictures[id(other)]) for other in kept)  # fmt: skip
        if not same and not any(_is_part(r, other, files) for other in readings[k + 1 :]):
            kept.append(r)
    found.readings = [r for r in kept if not r.problem]
    found.problems = [r for r in kept if r.problem]
    return found


def _is_part(reading: TreeReading, other: TreeReading, files: dict[int, set[str]]) -> bool:
    """Whether another reading has all of a reading's files and more."""
    images, others = (set(r.images.paths.values()) for r in (reading, other))
    return files[id(reading)] < files[id(other)] and images <= others and not other.problem


def _image_points(found: TreeSurvey, images: ImageSet, group: FileGroup) -> float:
    """How much a group looks like images: 0 or less if it does not."""
    paths = sorted(images.paths.values())
    looks = [found.look(p) for p in (paths[0], paths[len(paths) // 2])]
    seen = [s for s in looks if s.what != "too-large"] or looks
    role = role_of(images.template)
    points = {"images": 300, "": 100, "labels": -200, "instances": -400, "other": -400}[role]
    points += 300 if all(s.is_picture for s in seen) else -50 if seen[0].what in ("label", "too-large") else -250
    # A flat picture may look like a label, but not like a mask, which has an inside and an outside.
    points -= 400 * all(s.inside is not None and not s.inside.all() for s in seen)
    points += 100 * (seen[0].kind == "jpeg")
    points -= 60 * group.deep + 150 * images.number + 20 * (not re.search(r"(^|/)\{(name|path)\}\.", images.template))
    return points


def _label_points(found: TreeSurvey, paths: Sequence[str], template: str) -> tuple[float, Look, str]:
    """How much files look like labels, what one of them looks like, and why they cannot be read."""
    looks = [found.look(p) for p in paths]
    # Of files over the limit is said where they are read, unless all are: then by what it has to be raised.
    judged = [s for s in looks if s.what != "too-large"] or [max(looks, key=lambda s: s.size)]
    seen = next((s for s in judged if s.what != "label"), judged[0])
    role = role_of(template)
    points = {"labels": 300, "": 0, "images": -200, "instances": -300, "other": -500}[role]
    points += {"palette": 250, "values": 100}.get(seen.mode, 0)
    if seen.what == "label":
        return points + 300, seen, ""
    reason = seen.reason or f"{seen.colors:,} colors, as pictures have"
    return points, seen, reason


# -- readings of one group of images ------------------------------------------------------------------------


def _readings(found: TreeSurvey, images: ImageSet, points: float, matched: Sequence[Matched]) -> Iterator[TreeReading]:
    singles: list[tuple[Matched, str]] = []
    for m in matched:
        if len(m.rests) == 1:
            singles.append((m, next(iter(m.rests))))
            continue
        parts = parts_of(m.rests)
        if parts.template and _are_layers(found, m, parts):
            yield from _layered(found, images, points, m, parts)
        elif len(m.rests) <= 24:
            singles += [(m, rest) for rest in m.rests]
    yield from _in_folders(found, images, points, singles)
    for m, rest in singles:
        files = {key: [path] for key, path in m.rests[rest].items()}
        yield _reading(found, images, points, LabelSet(_template(images, m, rest), files), m.strays)


def _template(images: ImageSet, m: Matched, rest: str) -> str:
    name = "{number}" if m.number else "{path}" if "{path}" in images.template else "{name}"
    if m.group.own_folder:
        rest = re.sub(r"(?<=/)[^/]*$", rest.rpartition("/")[2], rest)
    return f"{m.before}{name}{rest}{m.group.ending}"


def _reading(
    found: TreeSurvey, images: ImageSet, points: float, labels: LabelSet, strays: int = 0, by_order: bool = False
) -> TreeReading:
    paths = sorted(p for files in labels.files.values() for p in files)
    some = [paths[k * (len(paths) - 1) // 3] for k in range(4)] if len(paths) > 4 else paths
    own, seen, problem = _label_points(found, some, labels.template)
    share = len(labels.files) / max(1, len(images.paths))
    covered = sum(map(len, labels.files.values()))
    own += 400 * min(1.0, share) + 200 * covered / (covered + strays)
    return TreeReading(images, labels, points + own, seen, problem, by_order, strays)


def _layered(found: TreeSurvey, images: ImageSet, points: float, m: Matched, parts: Parts) -> Iterator[TreeReading]:
    files: dict[Key, list[str]] = defaultdict(list)
    for rest in sorted(parts.texts):
        for key, path in m.rests[rest].items():
            files[key].append(path)
    strays = m.strays + sum(len(own) for rest, own in m.rests.items() if rest not in parts.texts)
    texts = tuple(sorted(set(parts.texts.values()) - {""}))
    template = _template(images, m, parts.template)
    yield _reading(found, images, points, LabelSet(template, dict(files), True, texts), strays)


def _are_layers(found: TreeSurvey, m: Matched, parts: Parts) -> bool:
    """Whether the files of a sample are masks of one value that do not show the same."""
    if "{class}" not in parts.template and "{object}" not in parts.template:
        return False
    of: dict[Key, list[str]] = defaultdict(list)
    for rest in sorted(parts.texts):
        for key, path in m.rests[rest].items():
            of[key].append(path)
    most = sorted(of, key=lambda key: (-len(of[key]), key))[:3]
    return _show_layers(found, [of[key][:12] for key in most])


def _show_layers(found: TreeSurvey, sets: Sequence[Sequence[str]]) -> bool:
    """Whether each set of files, those of one sample, holds masks of one value that differ from each other."""
    seen = [[found.look(p) for p in paths] for paths in sets]
    judged = [looks for looks in seen if not any(s.what == "too-large" for s in looks)]
    for looks in judged:
        if not all(s.is_layer for s in looks):
            return False
        for a, b in combinations([s.inside for s in looks], 2):
            if a is not None and b is not None and a.shape == b.shape and _are_alike(a, b):
                return False
    return bool(judged)


def _are_alike(a: Bool, b: Bool) -> bool:
    return bool((a & b).sum() > _SAME_LAYER * (a | b).sum())


def _in_folders(
    found: TreeSurvey, images: ImageSet, points: float, singles: list[tuple[Matched, str]]
) -> Iterator[TreeReading]:  # fmt: skip
    """Readings of folders side by side, one per class: masks/bolt/7.png, masks/nut/7.png. They leave `singles`."""
    beside: dict[tuple[str, str, str, str], list[tuple[Matched, str]]] = defaultdict(list)
    for m, rest in singles:
        above, folder = re.fullmatch(r"(.*?)([^/]*)/?", m.group.before).groups()  # type: ignore[union-attr]
        plain = folder and "{split}" not in folder and not m.group.deep and not m.group.own_folder
        if plain and not is_label_word(folder):  # gt/ and mask/ are two sets of labels
            beside[above, m.group.kind, m.before[len(m.group.before) :], m.group.ending].append((m, rest))
    for (above, _, prefix, ending), own in beside.items():
        if len(own) < 2:
            continue
        of: dict[Key, list[str]] = defaultdict(list)
        for m, rest in own:
            for key, path in m.rests[rest].items():
                of[key].append(path)
        several = sorted((k for k in of if len(of[k]) > 1), key=lambda key: (-len(of[key]), key))[:3]
        if not several or not _show_layers(found, [of[key] for key in several]):
            continue
        rests = {rest for _, rest in own}
        rest = rests.pop() if len(rests) == 1 else _star(rests | {own[0][1]})
        texts = tuple(sorted(m.group.before[len(above) :].rstrip("/") for m, _ in own))
        name = "{number}" if images.number else "{name}"
        template = f"{above}{{class}}/{prefix}{name}{rest}{ending}"
        strays = sum(m.strays for m, _ in own)
        for single in own:
            singles.remove(single)
        yield _reading(found, images, points, LabelSet(template, dict(of), True, texts), strays)


def _star(rests: set[str]) -> str:
    return re.sub(r"\{class\}|\{object\}", "*", parts_of({r: {("", ""): ""} for r in rests}).template)


def _by_order(found: TreeSurvey, images: ImageSet, points: float, own: FileGroup) -> Iterator[TreeReading]:
    """Labels that are as many as the images, numbered, and have nothing else in common with their names."""
    if images.number or len(images.paths) < 2 or own.part or "/" in own.entries[0].split:
        return  # sorted names of several sequences would mix them
    for group in found.groups:
        if group is own or group.deep or group.own_folder or "/" in group.entries[0].split:
            continue
        split = [(e, n) for e in group.entries if (n := re.fullmatch(r"(\D*)0*(\d+)(.*)", e.text))]
        keys = {(e.split, n[2]) for e, n in split}
        if len(split) < len(group.entries) or len(keys) != len(images.paths) or len({n[1] for _, n in split}) > 1:
            continue
        m = Matched(group, group.before + split[0][1][1], number=True)
        for e, part in split:
            m.rests[part[3]][e.split, part[2]] = e.path
        parts = parts_of(m.rests)
        if sum(map(len, m.rests.values())) == len(m.samples):  # a file for each
            rest = next(iter(m.rests)) if len(m.rests) == 1 else _star(set(m.rests))
            files = {key: [path] for paths in m.rests.values() for key, path in paths.items()}
            made = [_reading(found, images, points - 200, LabelSet(_template(images, m, rest), files))]
        elif _are_layers(found, m, parts):
            made = list(_layered(found, images, points - 200, m, parts))
        else:
            continue
        for reading in made:
            if not reading.problem:
                reading.by_order = True
                yield reading
