"""Checks of the splits: shared images, absent classes, duplicates, and values over all labels."""

from __future__ import annotations

import re
from itertools import combinations
from typing import Final

import numpy as np

from ..dataset.sources import image_file_of
from ..types import Finding, Severity
from .findings import Found, Subject
from .similar import close_pairs, equal_groups
from .survey import Survey

_ROLES: Final = {"train": r"train|trn", "val": r"val|dev", "test": r"test|tst"}


def roles(name: str) -> frozenset[str]:
    """What a split is used for, by its name: trainval for training and validation, train_aug for training."""
    return frozenset(role for role, words in _ROLES.items() if re.search(words, name.lower()))


def exclusive(a: str, b: str) -> bool:
    """Whether two splits must not share images: train and val, but not train and trainval."""
    return bool(roles(a)) and bool(roles(b)) and not roles(a) & roles(b)


def _leak(a: list[str], b: list[str]) -> tuple[str, str] | None:
    """The names of two splits, one of each list, that must not share images."""
    return next(((x, y) for x in a for y in b if exclusive(x, y)), None)


def ids_in_several_splits(survey: Survey) -> Found:
    """`id-in-several-splits`: an image is in two splits that must not share any (train and val), or in two whose names
    do not tell and that overlap in part.
    """
    for a, b in combinations(range(len(survey.splits)), 2):
        first, second = survey.splits[a], survey.splits[b]
        both, at, other = np.intersect1d(survey.image_keys[a], survey.image_keys[b], return_indices=True)
        if not len(both):
            continue
        wrong = exclusive(first.name, second.name)
        whole = len(both) == min(len(np.unique(survey.image_keys[k])) for k in (a, b))
        if not wrong and (roles(first.name) & roles(second.name) or whole):
            continue
        fix = f"take it out of {first.name}" if wrong else "keep each image in one of them"
        if wrong and re.search("aug|sbd", first.name + second.name):
            fix = ("SBD's own split contains images of VOC's val: use the augmented list of 10,582 names, which leaves "
                   "them out")  # fmt: skip
        for k in np.argsort(at):
            item = int(survey.items[a][at[k]])
            what = f"is in {_line(survey, a, int(at[k]))} and in {_line(survey, b, int(other[k]))}"
            severity: Severity = "error" if wrong else "warning"
            yield Finding("id-in-several-splits", severity, survey.image_where(item), what, fix), survey.subject(item)


def _line(survey: Survey, split: int, position: int) -> str:
    chosen = survey.splits[split]
    of = image_file_of(chosen.source, chosen.position(position))
    line = "" if of is None or of[0].listed is None else of[0].listed(of[1]).rpartition(":")[2]
    return f"{chosen.name} (line {line})" if line.isdigit() else chosen.name


def class_absent(survey: Survey) -> Found:
    """`class-absent`: a class of other splits has no pixel in this one."""
    labeled = survey.classes_in.any(axis=1)
    anywhere = survey.classes_in.any(axis=0)
    for k in np.flatnonzero(labeled):
        absent = np.flatnonzero(anywhere & ~survey.classes_in[k])
        if len(absent):
            names = ", ".join(survey.classes.names[i] for i in absent[:10])
            more = f" and {len(absent) - 10} more" * (len(absent) > 10)
            what = f"no pixel of {names}{more}, which other splits have"
            fix = "choose another split, or leave these classes out of its score"
            yield Finding("class-absent", "warning", survey.splits[k].name, what, fix), Subject()


def nothing_drawn(survey: Survey) -> Found:
    """`no-regions`: annotations have regions, and none of them is in any label of the split."""
    for k in np.flatnonzero(survey.undrawn).tolist():
        if survey.classes_in[k].sum() <= 1:
            what = f"every label is {_only_class(survey, k)}: the regions of {survey.undrawn[k]} images are not in them"
            fix = "see that images and annotations belong together, and that coordinates are in their unit"
            yield Finding("no-regions", "error", survey.splits[k].name, what, fix), Subject()


def _only_class(survey: Survey, split: int) -> str:
    names = [survey.classes.names[i] for i in np.flatnonzero(survey.classes_in[split])]
    return names[0] if names else "void"


def exact_duplicates(survey: Survey) -> Found:
    """`duplicate-image`: the decoded pixels of two files are the same. An error if one is for training and the other
    for validation or test.
    """
    for group in equal_groups(survey.exact, survey.has_image):
        first = int(group[0])
        for other in map(int, group[1:]):
            if survey.image_of[other] == survey.image_of[first]:
                continue  # one image with two labels: reported by the check of the lists
            leak = _leak(survey.splits_of(first), survey.splits_of(other))
            what = f"the same pixels as {survey.image_where(first)}" + _between(leak)
            labels = survey.label_hash[first], survey.label_hash[other]
            if all(labels) and labels[0] != labels[1]:
                what += ", with another label"
            severity: Severity = "error" if leak else "warning"
            where, fix = survey.image_where(other), "keep one of them"
            yield Finding("duplicate-image", severity, where, what, fix), survey.pair(other, first)


def _between(leak: tuple[str, str] | None) -> str:
    return f", which is in {leak[0]} and this in {leak[1]}" if leak else ""


def near_duplicates(survey: Survey) -> Found:
    """`near-duplicate`: two images are equal up to size, compression or brightness, or are frames of one scene.
    A warning if one is for training and the other for validation or test, else a note. One finding for each image, with
    the closest other one; see `similar` for the thresholds.
    """
    pairs = close_pairs(survey.coarse, survey.fine, survey.has_image)
    pairs = pairs[survey.exact[pairs[:, 0]] != survey.exact[pairs[:, 1]]]
    best: dict[int, tuple[bool, int, int, tuple[str, str] | None]] = {}
    for first, other, distance in pairs.tolist():
        leak = _leak(survey.splits_of(first), survey.splits_of(other))
        candidate = (leak is None, distance, first, leak)
        if other not in best or candidate[:3] < best[other][:3]:
            best[other] = candidate
    for other in sorted(best):
        _, distance, first, leak = best[other]
        what = f"looks like {survey.image_where(first)} ({distance} of 64 bits differ)" + _between(leak)
        severity: Severity = "warning" if leak else "note"
        fix = "look at both, and keep one of them" if leak else ""
        yield Finding("near-duplicate", severity, survey.image_where(other), what, fix), survey.pair(other, first)


def mixed_label_kinds(survey: Survey) -> Found:
    """`mixed-label-kinds`: labels of one dataset are stored in different ways: they may not mean the same.

    Only a note if all are values of up to 8 bits, with a palette or without.
    """
    if len(survey.kinds) < 2:
        return
    most = sorted(survey.kinds.items(), key=lambda kind: -kind[1][0])
    shown = ", ".join(f"{count:,} {kind} (such as {survey.label_where(item)})" for kind, (count, item) in most)
    alike = all(kind in ("gray", "palette") for kind in survey.kinds)
    fix = "" if alike else "see that they follow one coding, and store all of them in one way"
    item = most[-1][1][1]
    what = f"labels are stored in {len(most)} ways: {shown}"
    severity: Severity = "note" if alike else "warning"
    yield Finding("mixed-label-kinds", severity, survey.label_where(item), what, fix), survey.subject(item)


def off_by_one(survey: Survey) -> Found:
    """`off-by-one`: no label has the lowest value, and some have one more than the highest: all are shifted."""
    table = survey.classes
    values = [v for v in np.flatnonzero(table.value_ids >= 0).tolist() if table.value_ids[v] != table.ignore_index]
    void = -1 if table.ignore_index is None else int(table.id_values[table.ignore_index])
    seen = {v for v in np.flatnonzero(survey.seen_values).tolist() if v != void}
    if seen and values and values[0] not in seen and values[-1] + 1 in seen and all(v - 1 in values for v in seen):
        what = (f"no label has {values[0]}, and some have {values[-1] + 1}: all values are one too high "
                f"(classes are {values[0]}..{values[-1]})")  # fmt: skip
        fix = "subtract 1 from every label, or give the class table the values 1 to N"
        yield Finding("off-by-one", "error", "labels", what, fix), Subject()


def inverted_masks(survey: Survey) -> Found:
    """`inverted-mask`, for a table of two classes: a label with class 1 in the place of class 0.

    At least 98 % of its frame is class 1, and class 0 is inside; the median label, of at least five, has less than a
    tenth of class 1 on its frame. An object that fills the image leaves class 0 in the corners, if anywhere.
    """
    with np.errstate(invalid="ignore"):
        known = np.flatnonzero(~np.isnan(survey.ones[:, 0]))
        if len(known) < 5 or np.median(survey.ones[known, 1]) >= 0.1:
            return
    name = survey.classes.names[1]
    for item in known.tolist():
        share, frame = survey.ones[item]
        if frame > 0.98 and share < 0.99:
            where = survey.label_where(item)
            what = f"{name} covers {share:.0%} of it and {frame:.0%} of its frame, unlike other labels"
            yield Finding("inverted-mask", "warning", where, what, "swap 0 and 1"), survey.subject(item)


CHECKS = (
    ids_in_several_splits, class_absent, nothing_drawn, exact_duplicates, near_duplicates, mixed_label_kinds,
    off_by_one, inverted_masks,
)  # fmt: skip
