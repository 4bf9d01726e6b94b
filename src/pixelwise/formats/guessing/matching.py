"""Which names of two groups of files belong together: a label's name holds the name of its image."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .inventory import FileGroup, GroupedFile

Key = tuple[str, str]
"""The split and the name of a sample. Of sequences side by side, the split is followed by a slash and the sequence."""
_TAIL = re.compile(r"[_\-. ]([^\W\d_]+)$")
_TOKENS = re.compile(r"[^\W_]+|[\W_]")


class ImageSet(NamedTuple):
    """A group read as images: the template, and the path of each sample."""

    template: str
    paths: dict[Key, str]
    number: bool = False


@dataclass(slots=True)
class Matched:
    """The files of a group by what their names add to the sample's name.

    before: what the template has in front of the name. rests: text behind the name -> sample -> path. strays: files
    without an image. number: names agree as numbers only.
    """

    group: FileGroup
    before: str
    rests: dict[str, dict[Key, str]] = field(default_factory=lambda: defaultdict(dict))
    strays: int = 0
    number: bool = False

    @property
    def samples(self) -> set[Key]:
        """The samples that have a file."""
        return {key for found in self.rests.values() for key in found}


# -- images -------------------------------------------------------------------------------------------------


def named(group: FileGroup) -> Iterator[ImageSet]:
    """The ways of reading a group as images: by whole names, without what all names share, by tails such as _img."""
    field_ = "{path}" if group.deep else "{name}"
    if group.own_folder:
        yield from _named_by_folder(group)
        return
    paths = {(e.split, e.text): e.path for e in group.entries}
    plain = {key: path for key, path in paths.items() if not _has_tail(key, paths)}
    yield ImageSet(f"{group.before}{field_}{group.ending}", plain)
    tails: dict[str, dict[Key, str]] = defaultdict(dict)
    for entry in group.entries:
        if found := _TAIL.search(entry.text):
            tails[found[0]][entry.split, entry.text[: found.start()]] = entry.path
    for tail, own in sorted(tails.items()):
        if len(own) > 1 or len(group.entries) <= 4:
            yield ImageSet(f"{group.before}{field_}{tail}{group.ending}", own)
    if len(group.entries) < 2:
        return
    if group.deep:
        last = common(e.text.rpartition("/")[2] for e in group.entries)[1]
        kept = {(e.split, e.text[: len(e.text) - len(last)]): e.path for e in group.entries}
        if last and len(kept) == len(group.entries):
            yield ImageSet(f"{group.before}{field_}{last}{group.ending}", kept)
        return
    first, last = common(e.text for e in group.entries)
    if first or last:
        own = {(e.split, e.text[len(first) : len(e.text) - len(last)]): e.path for e in group.entries}
        if len(own) == len(group.entries):
            if first:
                yield ImageSet(f"{group.before}{first}{{name}}{last}{group.ending}", own)
            if last:
                kept = {(e.split, e.text[: len(e.text) - len(last)]): e.path for e in group.entries}
                yield ImageSet(f"{group.before}{{name}}{last}{group.ending}", kept)
    numbers = {(e.split, _number(e.text)): e.path for e in group.entries}
    if len(numbers) == len(group.entries) and all(n for _, n in numbers):
        texts = {re.sub(r"\d+(?=\D*$)", "{number}", e.text) for e in group.entries}
        template = texts.pop() if len(texts) == 1 else _with_star(texts)
        if template is not None:
            yield ImageSet(f"{group.before}{template}{group.ending}", numbers, True)


def _has_tail(key: Key, known: dict[Key, str]) -> bool:
    """Whether a name is that of another file and a word: x_mask beside x."""
    found = _TAIL.search(key[1])
    return found is not None and (key[0], key[1][: found.start()]) in known


def _with_star(texts: set[str]) -> str | None:
    """A template with * for the part before the number that differs, if what follows is the same."""
    rests = {t.partition("{number}")[2] for t in texts}
    end = _beginning([t.partition("{number}")[0][::-1] for t in texts])[::-1]
    return f"*{end}{{number}}{rests.pop()}" if len(rests) == 1 else None


def _number(text: str) -> str:
    """The last number of a name, without leading zeros; "" if there is none."""
    found = re.findall(r"\d+", text)
    return str(int(found[-1])) if found else ""


def _named_by_folder(group: FileGroup) -> Iterator[ImageSet]:
    rests: dict[str, dict[Key, str]] = defaultdict(dict)
    for e in group.entries:
        name, _, rest = e.text.partition("/")
        rests[rest.replace(name, "{name}") if rest.rpartition("/")[2] == name else rest][e.split, name] = e.path
    for rest, own in sorted(rests.items()):
        if len(own) > 1:
            yield ImageSet(f"{group.before}{{name}}/{rest}{group.ending}", own)


def common(texts: Iterable[str]) -> tuple[str, str]:
    """The beginning and the end that all texts share, cut at the ends of words and never inside a number."""
    listed = list(texts)
    first = _beginning(listed)
    # A letter that all names happen to begin with is not a word: a word ends at a separator or before numbers.
    numbered = all(t[len(first) :][:1].isdigit() for t in listed)
    first = first.rstrip("0123456789") if numbered else re.sub(r"[^_\-. ]+$", "", first)
    listed = [t[len(first) :] for t in listed]
    last = _beginning([t[::-1] for t in listed])[::-1]
    found = re.search(r"[_\-. ].*$", last)
    last = found[0] if found else ""
    if re.fullmatch(r"[_\-. \d]*", last) or any(t == last for t in listed):
        last = ""
    return first, last


def _beginning(texts: Sequence[str]) -> str:
    """The characters that all texts begin with."""
    low, high = min(texts), max(texts)
    return low[: next((k for k, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))]


# -- labels -------------------------------------------------------------------------------------------------


def match(images: ImageSet, group: FileGroup) -> Matched | None:
    """The files of a group whose names hold those of images; None if there are none."""
    known, own = images.paths, set(images.paths.values())
    entries = [e for e in group.entries if e.path not in own]
    if not entries or ("{path}" in images.template and not group.deep):
        return None
    first = "" if len(entries) < 2 or group.deep or group.own_folder else common(e.text for e in entries)[0]
    best: Matched | None = None
    for prefix in dict.fromkeys(("", first, *_prefixes(entries, known))):
        if images.number and prefix != first:
            continue
        sample = entries[:: max(1, len(entries) // 40)]
        if not any(_split_at(e, prefix, known, images.number) for e in sample):
            continue
        made = Matched(group, group.before + prefix, number=images.number)
        for e in entries:
            found = _split_at(e, prefix, known, images.number)
            if found is None:
                made.strays += 1
            else:
                made.rests[found[1]][found[0]] = e.path
        if best is None or len(made.samples) > len(best.samples):
            best = made
    return best


def _prefixes(entries: Sequence[GroupedFile], known: dict[Key, str]) -> list[str]:
    """Beginnings of label names that end where an image's name begins: mask_ of mask_7."""
    out = []
    for e in (entries[0], entries[-1]):
        cuts = [k for k in range(1, len(e.text)) if not e.text[k - 1].isalnum() or e.text[k].isdigit()]
        out += [e.text[:k] for k in cuts if (e.split, e.text[k:]) in known]
    return out


def _split_at(
    e: GroupedFile, prefix: str, known: dict[Key, str], number: bool
) -> tuple[Key, str] | None:  # fmt: skip
    """The sample that a label's name begins with, after `prefix`, and the rest: the longest name that ends a word."""
    if not e.text.startswith(prefix):
        return None
    text = e.text[len(prefix) :]
    if number:
        found = re.match(r"\d+", text)
        key = (e.split, str(int(found[0]))) if found else ("", "")
        return (key, text[found.end() :]) if found and key in known else None
    for k in range(len(text), 0, -1):
        if (k == len(text) or not (text[k].isalnum() and text[k - 1].isalnum())) and (e.split, text[:k]) in known:
            return (e.split, text[:k]), text[k:]
    return None


# -- what the rests have in common ---------------------------------------------------------------------------


class Parts(NamedTuple):
    """A template of rests: "_class_{class}". texts: what {class} stands for in each rest; objects: whether {object}."""

    template: str
    texts: dict[str, str]
    objects: bool


def parts_of(rests: dict[str, dict[Key, str]]) -> Parts:
    """The rests of names as one template: words that differ are classes, what else differs are objects."""
    pieces = _pieces([_TOKENS.findall(t) for t in sorted(rests)[:: max(1, len(rests) // 300)]])
    pattern = re.compile("".join("(.*?)" if p is None else re.escape(p) for p in pieces))
    fields = {t: m.groups() for t in rests if (m := pattern.fullmatch(t))}
    count = pieces.count(None)
    at = next((k for k in range(count) if _is_class(rests, fields, k)), None)
    texts = {t: "" if at is None else row[at] for t, row in fields.items()}
    counted, between = _counted(texts.values()) if at is not None else (False, "")
    if counted:  # cat_1, cat_2, dog_1
        texts = {t: text.rpartition(between)[0] for t, text in texts.items()}
    seen: Counter[tuple[Key, str]] = Counter((key, text) for t, text in texts.items() for key in rests[t])
    # Of what varies besides the class, one field is the object if a sample has several files of a class.
    several = any(n > 1 for n in seen.values())
    objects = next((k for k in range(count - 1, -1, -1) if k != at), None) if several and not counted else None
    own = "{class}" + between + ("{object}" if several else "*") * counted
    shown, k = [], -1
    for piece in pieces:
        k += piece is None
        shown.append(piece if piece is not None else own if k == at else "{object}" if k == objects else "*")
    return Parts("".join(shown), texts, objects is not None or (several and counted))


def _counted(texts: Iterable[str]) -> tuple[bool, str]:
    """Whether all texts end in a number that counts something, of which there are fewer, and what is in between."""
    listed = list(texts)
    found = [re.fullmatch(r"(.*[^\W\d_])([_\-. ])\d+", t) for t in listed]
    if not all(found) or len({m[2] for m in found if m}) > 1:
        return False, ""
    return len({m[1] for m in found if m}) < len(set(listed)), found[0][2] if found[0] else ""


def _is_class(rests: dict[str, dict[Key, str]], fields: dict[str, tuple[str, ...]], k: int) -> bool:
    """Whether field k names classes: words, not many, of which several samples have most."""
    samples: dict[str, set[Key]] = defaultdict(set)
    for text, row in fields.items():
        samples[row[k]] |= set(rests[text])
    if not 2 <= len(samples) <= 256 or not all(re.search(r"[^\W\d_]", text) for text in samples):
        return False
    every = set().union(*samples.values())
    hashes = sum(len(re.findall(r"\d+|[^\W\d_]+", text)) > 4 for text in samples) > len(samples) // 2
    return not hashes and (len(every) == 1 or 2 * sum(len(own) > 1 for own in samples.values()) >= len(samples))


def _pieces(rows: Sequence[Sequence[str]]) -> list[str | None]:
    """What all rows of tokens have, in order, and None for what differs in between."""
    if all(row == rows[0] for row in rows):
        return ["".join(rows[0])] if rows[0] else []
    if (run := _longest_run(rows)) is None:
        return [None]
    at = [_place(row, run, all(list(r[-len(run) :]) == run for r in rows)) for row in rows]
    left = _pieces([row[:k] for row, k in zip(rows, at, strict=True)])
    right = _pieces([row[k + len(run) :] for row, k in zip(rows, at, strict=True)])
    return [*left, "".join(run), *right]


def _longest_run(rows: Sequence[Sequence[str]]) -> list[str] | None:
    """The longest run of tokens that is in all rows. Separators alone count only at the beginning or the end."""
    first = min((list(row) for row in rows), key=len)
    for length in range(len(first), 0, -1):
        for k in range(len(first) - length + 1):
            run = first[k : k + length]
            if all(_place(row, run, False) >= 0 for row in rows) and (
                any(t.isalnum() for t in run)
                or all(list(row[:length]) == run for row in rows)
                or all(list(row[-length:]) == run for row in rows)
            ):
                return run
    return None


def _place(row: Sequence[str], run: Sequence[str], at_end: bool) -> int:
    places = range(len(row) - len(run), -1, -1) if at_end else range(len(row) - len(run) + 1)
    return next((k for k in places if list(row[k : k + len(run)]) == list(run)), -1)
