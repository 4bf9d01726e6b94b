"""Prose and names are American English, in plain words. This finds the slips that are easily made."""

from __future__ import annotations

import re

import pytest

from tests.support.places import REPOSITORY

TEXTS = {
    str(path.relative_to(REPOSITORY)): path.read_text("utf-8").splitlines()
    for pattern in ("src/**/*.py", "src/**/*.pyi", "docs/*.md", "docs/site/*.py", "docs/gallery/*", "*.md")
    for path in sorted(REPOSITORY.glob(pattern))
}
FINE = re.compile(r'"Unlabelled"')
"""Names that others have given."""

BRITISH = r"""
colour|grey|centre(?!s?\w*_)|neighbour|behaviour|favour|honour|labell(?:ed|ing)|cancell(?:ed|ing)|modell|travell
|licence|artefact|programme\b|catalogue|defence|towards|analys(?:e[ds]?|ing)\b
|(?:normal|optim|recogn|quant|serial|initial|summar|visual|raster|organ|vector|synchron|final|util|general|special
|minim|maxim|anonym|categor|custom|local|memor|penal|random|standard|token|emphas)is(?:e[ds]?|ing|ation)s?\b
"""
ODD = {
    r"(?<!here )\b(?:is|are|was|were) no (?!longer|more|less|one)\w+": "say: is not a ..., has no ...",
    r"\b(?:one|default|bytes?|batches|samples?|threads|problem|number|line|function|calls?|curve) an? "
    r"(?:core|batch|sample|image|channel|thread|file|class|line|shape|row|second|command|split|record)\b(?! at)":
        "say: one per core, samples per batch",
    r"\b(?:files?|images?|labels?|folders?|source|data|datasets?|it|they|shall) (?:lies?|lay)\b": "files do not lie",
    r"\banew\b": "say: again, re...",
    r"\b[Aa]n own\b": "say: one of its own",
    r"\b(?:is|are|be) told\b": "say what is reported, and by what",
    r"\blets? go\b": "say: released",
    r"\bgoes on\b": "say: continues, resumes",
    r"\bto go on\b": "say: to continue, to resume",
    r"\bof like names\b": "say: with matching names",
    r"\bmeant so\b": "say: intended",
    r"\btaken for (?:class|train|void|an?)\b": "say: mistaken for",
    r"\bnothing that can be\b": "say: cannot be",
    r"\bor or\b|\bthe the\b|\ba a\b|\bis is\b": "a word is there twice",
}  # fmt: skip


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()}"
        for name, lines in TEXTS.items()
        for number, line in enumerate(lines, 1)
        if pattern.search(FINE.sub("", line))
    ]


def test_spelling_is_american() -> None:
    found = lines_with(re.compile(BRITISH, re.VERBOSE | re.IGNORECASE))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("odd", "instead"), ODD.items(), ids=range(len(ODD)))
def test_plain_words(odd: str, instead: str) -> None:
    found = lines_with(re.compile(odd))
    assert not found, "\n".join([instead, *found])
