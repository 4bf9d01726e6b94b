"""What image files a tree holds, in groups: the files of one folder (in all splits) and one kind."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from ...dataset.lists import IMAGE_SUFFIXES

MOST_FILES = 2_000_000
_WORD = r"(train[_-]?val|train(?:ing)?|valid(?:ation)?|val|testing|test|(?-i:TR|VD|TE))(?:20\d\d)?"
_SPLIT = re.compile(rf"(?i)^(?:.*?[_\-. ])??({_WORD})(?=$|[_\-. ]|annot|label|mask|image|img|gt|seg)")
_NUMBERED = re.compile(r"(?i)[a-z0-9]{1,2}[.)] ?.*")
_SAME_KIND = {".jpeg": ".jpg", ".tiff": ".tif"}
_SKIPPED = frozenset({"__macosx", "@eadir", "thumbs", "thumbnails"})


_ROLES = {
    "instances": r"inst(?:ance)?s?|instanceids?|objects?|panoptic|segmentationobject",
    "other": r"depth|disp(?:arity)?|flow|normals?|edges?|boundar(?:y|ies)|overlay|preview|vis|visuali[sz]ation|pred"
    r"(?:iction)?s?|results?|heatmaps?|thumb(?:nail)?s?|blend(?:ed)?|confidence|uncertainty",
    "labels": r"labels?|labelids?|labeltrainids?|masks?|annots?|annotations?|ann|anno|gts?|ground_?truths?|truths?|seg"
    r"s?|semantics?|sem|segmentations?|segmentationclass(?:aug)?|segment|matte|classes|class|targets?|manual\d?|annotated"
    r"|parsing|trimaps?|layers|matting|gtfine|gtcoarse|annot(?:ated)?|mask_png|masks_png",
    "images": r"images?|imgs?|img_dir|jpegimages|photos?|pics?|pictures?|rgbs?|color_?images?|image_\d|frames?|inputs?|"
    r"sat|leftimg8bit|raw|originals?|x|ortho|tiles?|scans?|stills?|data|color",
}


def role_of(text: str) -> str:
    """What the words of a path say its files are: "labels", "instances", "other", "images", or "" for nothing."""
    words = re.findall(r"[^\W\d_]+\d?|\d+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text.replace("{split}", " ")))
    words = [w.lower() for w in words]
    whole = {p.lower() for p in re.split(r"[/\s.]+", text)} | set(words)
    whole |= {re.sub(r"(?i)^(train|val|test)", "", w) for w in whole} | {f"{a}_{b}" for a, b in pairwise(words)}
    return next((role for role, pattern in _ROLES.items() if any(re.fullmatch(pattern, w) for w in whole)), "")


def is_label_word(name: str) -> bool:
    """Whether a name says only that it is labels."""
    return re.fullmatch(_ROLES["labels"], name.lower()) is not None


class GroupedFile(NamedTuple):
    """A file: the split that its folders name, its text (from where the sample's name begins to the ending), its path
    relative to the dataset. Of sequences side by side, `split` is the split, a slash, and the sequence.
    """

    split: str
    text: str
    path: str


@dataclass(slots=True)
class FileGroup:
    """Files of one kind in one folder, or in the same folder of every split or sample.

    before: the template up to the sample's name. suffixes: the endings as they are spelled. deep: texts have folders,
    those of {path}. own_folder: each sample has a folder, with which the texts begin. part: all its files are in the
    group of several sequences, which is read in its place.
    """

    before: str
    kind: str
    deep: bool = False
    own_folder: bool = False
    part: bool = False
    entries: list[GroupedFile] = field(default_factory=list)
    suffixes: Counter[str] = field(default_factory=Counter)

    @property
    def ending(self) -> str:
        """The ending of the template."""
        return next(iter(self.suffixes)) if len(self.suffixes) == 1 else ".{ext}"

    @property
    def shown(self) -> str:
        """The group in words."""
        folder = self.before or "./"
        if self.own_folder:
            folder += "{name}/"
            inside = {e.text.partition("/")[2].rpartition("/")[0] for e in self.entries[:50]}
            folder += f"{next(iter(inside))}/" if len(inside) == 1 and inside != {""} else ""
        return f"{folder}*{self.kind or ' (several kinds)'}"

    def some(self, count: int) -> list[str]:
        """The paths of at most `count` files, evenly spread."""
        paths = sorted(e.path for e in self.entries)
        return [paths[k * len(paths) // count] for k in range(count)] if len(paths) > count else paths


class FolderFiles(NamedTuple):
    """A folder relative to the dataset, "" or ending with a slash, and the names of its image files."""

    folder: str
    names: list[str]


def walk(root: Path, most: int = MOST_FILES) -> Iterator[FolderFiles]:
    """Every folder with image files, sorted; at most `most` files in all."""
    count = 0
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = sorted(s for s in subfolders if not s.startswith(".") and s.lower() not in _SKIPPED)
        relative = os.path.relpath(folder, root).replace(os.sep, "/")
        names = sorted(n for n in files if not n.startswith(".") and n.lower().endswith(IMAGE_SUFFIXES))
        if names:
            yield FolderFiles("" if relative == "." else relative + "/", names)
        count += len(files)
        if count > most:
            return


def groups_of(found: Sequence[FolderFiles]) -> list[FileGroup]:
    """The files in groups; files in deeper folders are also in a group that counts their folders to their names."""
    owned = _own_folders(found)
    groups: dict[tuple[str, str, bool, str], FileGroup] = {}
    for folder, names in found:
        places, mixed = _places(folder, owned), _are_mixed(names)
        of: dict[str, list[FileGroup]] = {}  # the groups of an ending, as the places are
        for name in names:
            stem, dot, ending = name.rpartition(".")
            suffix = dot + ending
            if suffix not in of:
                kind = "" if mixed else _SAME_KIND.get(suffix.lower(), suffix.lower())
                keys = [(place.before, kind, place.deep, place.inside) for place in places]
                of[suffix] = [groups.setdefault(key, FileGroup(*key[:3], bool(key[3]))) for key in keys]
            for place, group in zip(places, of[suffix], strict=True):
                group.entries.append(GroupedFile(place.split, place.prefix + stem, folder + name))
                group.suffixes[suffix] += 1
    for key in [key for key in groups if "*" in key[0]]:
        if len({e.split.partition("/")[2] for e in groups[key].entries}) < 2:
            del groups[key]
    sequences = list(_sequences(g for g in groups.values() if "*" not in g.before))
    if taken := {e.path for group in sequences for e in group.entries}:
        for group in groups.values():
            group.part |= all(e.path in taken for e in group.entries) and "{split}" not in group.before
    return [*groups.values(), *_sharded(groups.values()), *sequences]


class _Place(NamedTuple):
    """Where the files of a folder are counted. prefix: what comes before their names; inside: of a sample's own folder,
    what follows its name.
    """

    before: str
    split: str
    prefix: str = ""
    deep: bool = False
    inside: str = ""


def _places(folder: str, owned: Sequence[str]) -> list[_Place]:
    owner = next((o for o in owned if folder.startswith(o) and folder != o), None)
    if owner is not None:
        split, above = templated(owner)
        rest = folder[len(owner) :]
        return [_Place(above, split, rest, inside="/" + rest.partition("/")[2])]
    split, template = templated(folder)
    out = [_Place(template, split)]
    top, deeper = _top(template)
    if deeper:
        out.append(_Place(top, split, deeper, deep=True))
    above, between, *below = [*top.split("/"), ""]
    if below and "{split}" in below[0] and not role_of(between):  # gt/fog/train/ beside gt/night/train/
        out.append(_Place(f"{above}/*/{below[0]}/", f"{split}/{between}", deeper, bool(deeper)))
    return out


def _sequences(groups: Iterable[FileGroup]) -> Iterator[FileGroup]:
    """Folders side by side that hold the same, images and labels, such as seq1/Images/, seq1/Labels/, seq2/Images/ and
    so on: the same folder of all of them as one group.
    """
    beside: dict[str, dict[str, dict[str, list[FileGroup]]]] = defaultdict(lambda: defaultdict(dict))
    for group in groups:
        parts = [] if group.deep or group.own_folder else group.before.split("/")[:-1]
        for k, part in enumerate(parts):
            if "{split}" not in part:
                above, rest = ("/".join([*some, ""]) for some in (parts[:k], parts[k + 1 :]))
                beside[above][part].setdefault(rest, []).append(group)
    for above, inside in beside.items():
        often = Counter(rest for own in inside.values() for rest in own)
        alike = {name: own for name, own in inside.items() if _has_both({r: g for r, g in own.items() if often[r] > 1})}
        for rest in sorted({r for own in alike.values() for r in own if often[r] > 1}) if len(alike) > 1 else ():
            here = {name: own[rest] for name, own in sorted(alike.items()) if rest in own}
            kinds = {group.kind for own in here.values() for group in own}
            mixed = len(kinds) > 1 and all(len(own) == 1 for own in here.values())  # a kind in each folder: one set
            found: dict[str, FileGroup] = {}
            for name, group in ((name, group) for name, own in here.items() for group in own):
                kind = "" if mixed else group.kind
                of = found.setdefault(kind, FileGroup(f"{above}*/{rest}", kind))
                of.entries += [e._replace(split=f"{e.split}/{name}") for e in group.entries]
                of.suffixes += group.suffixes
                group.part = True
            yield from found.values()


def _has_both(own: Mapping[str, Sequence[FileGroup]]) -> bool:
    """Whether a folder holds labels by their names, and something else. own: its groups by the folders in it."""
    roles = set()
    for rest, groups in own.items():
        roles |= {role_of(rest)} if rest else {role_of(e.text) for group in groups for e in group.entries[:16]}
    return "labels" in roles and len(roles) > 1


def _sharded(groups: Iterable[FileGroup]) -> Iterator[FileGroup]:
    """Folders that differ in a number only and share no name, such as 0/ to 14/, as one group."""
    alike = defaultdict(list)
    for group in groups:
        above, name = re.fullmatch(r"(.*?)([^/]*)/?", group.before).groups()  # type: ignore[union-attr]
        if re.search(r"\d", name) and not group.deep and not group.own_folder:
            alike[above, re.sub(r"\d+", "", name), group.kind].append(group)
    for (above, _, kind), own in alike.items():
        entries = [e for group in own for e in group.entries]
        if len(own) > 1 and len({(e.split, e.text) for e in entries}) == len(entries):
            yield FileGroup(above + "*/", kind, entries=entries, suffixes=sum((g.suffixes for g in own), Counter()))


def _are_mixed(names: Sequence[str]) -> bool:
    """Whether a folder holds one set of files in several kinds: no name comes with two endings."""
    kinds = defaultdict(set)
    for name in names:
        stem, _, ending = name.rpartition(".")
        kinds[_SAME_KIND.get("." + ending.lower(), "." + ending.lower())].add(stem)
    if len(kinds) < 2:
        return False
    sets = [*kinds.values()]
    union = set().union(*sets)
    if len(union) < sum(map(len, sets)):
        return False
    # x.jpg and x_mask.png are two sets of files, however disjoint their names.
    return not any(_is_longer(stem, other) for k, own in enumerate(sets) for j, other in enumerate(sets) if j != k
                   for stem in sorted(own)[:20])  # fmt: skip


def _is_longer(stem: str, others: set[str]) -> bool:
    return any(stem[:k] in others for k in range(1, len(stem)) if not (stem[k].isalnum() and stem[k - 1].isalnum()))


def _own_folders(found: Sequence[FolderFiles]) -> list[str]:
    """The folders whose subfolders are samples: each holds a file of its own name, or all the same names of files."""
    below: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for folder, names in found:
        parts = folder.split("/")[:-1]
        for k in range(len(parts)):
            above, rest = "/".join(parts[:k]) + "/" * (k > 0), "/".join(parts[k + 1 :])
            below[above][parts[k]] |= {rest + "/" + n.rpartition(".")[0] for n in names}
    out = []
    for above, inside in below.items():
        if len(inside) < 2 or any(templated(name + "/")[0] for name in inside):
            continue
        named = sum(any(t.rpartition("/")[2] == name for t in texts) for name, texts in inside.items())
        same = len(inside) > 2 and len({frozenset(texts) for texts in inside.values()}) == 1
        texts = next(iter(inside.values()))
        if same and _is_sequence(texts):
            continue
        labels = sum(role_of(t) == "labels" for t in texts) if same and len(texts) <= 40 else 0
        if named > len(inside) // 2 or 0 < labels < len(texts):
            out.append(above)
    return sorted(out, key=len)


def _is_sequence(texts: Iterable[str]) -> bool:
    """Whether the files of a folder are many samples: as many labels in one place as other files in one place."""
    counts = Counter((t.rpartition("/")[0], role_of(t) == "labels") for t in texts)
    labels = {count for (_, label), count in counts.items() if label}
    return any(count > 1 and count in labels for (_, label), count in counts.items() if not label)


def _top(template: str) -> tuple[str, str]:
    """A folder's template up to the part with {split}, or its first part; and the rest."""
    parts = template.split("/")
    k = next((i for i, p in enumerate(parts) if "{split}" in p), 0) + 1
    return "/".join(parts[:k]) + "/" * (k < len(parts)), "/".join(parts[k:])


def templated(folder: str) -> tuple[str, str]:
    """The split that a folder's path names, and the path with {split} for it, wherever it comes."""
    parts = folder.split("/")
    for k in range(len(parts) - 1, -1, -1):
        if found := _SPLIT.match(parts[k]):
            if _NUMBERED.fullmatch(parts[k]):  # "a. Training Set": the whole is the split's name
                split = parts[k]
                return split, "/".join("{split}" if p == split else p for p in parts)
            split = found[1]
            swapped = ((m, p) for p in parts for m in [_SPLIT.match(p)])
            return split, "/".join(
                p[: m.start(1)] + "{split}" + p[m.end(1) :] if m and m[1] == split else p for m, p in swapped
            )
    return "", folder
