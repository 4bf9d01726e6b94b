"""Seeded damage to good inputs: what atheris does, without its knowledge of the branches that were taken."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

_EDGES = (
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    (1 << 63) - 1,
    (1 << 64) - 1,
)
_WORDS = (b"[", b"{", b"((", b'""', b"null", b"-1", b"1e999", b"NaN", b"9" * 400, b"../", b"\0", b"\n", b"\xff\xff\xff")


def mutants(seeds: Sequence[bytes], seed: int) -> Iterator[bytes]:
    """Damaged copies and mixtures of the seeds, without end; the same for the same `seed`."""
    rng = random.Random(seed)
    while True:
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
            rng.choice((_flip, _flip, _number, _cut, _repeat, _remove, _word, _splice))(data, rng, seeds)
        yield bytes(data)


def _at(data: bytearray, rng: random.Random) -> int:
    # Headers are at the beginning, and decide most.
    return rng.randrange(len(data) + 1) if rng.random() < 0.6 else rng.randrange(min(len(data), 64) + 1)


def _flip(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    at = _at(data, rng)
    data[at : at + 1] = bytes([rng.randrange(256)])


def _number(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    """A length, a count or an offset at the edge of what its bytes can say."""
    size, at = rng.choice((1, 2, 4, 8)), _at(data, rng)
    value = rng.choice((*_EDGES, len(data), rng.randrange(1 << 16))) % (1 << 8 * size)
    data[at : at + size] = value.to_bytes(size, rng.choice(("little", "big")))


def _cut(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    del data[_at(data, rng) :]


def _remove(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    at = _at(data, rng)
    del data[at : at + rng.choice((1, 2, 4, 12, 100))]


def _repeat(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    at = _at(data, rng)
    piece = data[at : at + rng.choice((1, 2, 4, 12, 100))]
    data[at:at] = piece * rng.choice((1, 2, 50))


def _word(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    at = _at(data, rng)
    data[at:at] = rng.choice(_WORDS)


def _splice(data: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> None:
    other = rng.choice(seeds)
    at, start = _at(data, rng), rng.randrange(len(other) + 1)
    data[at:] = other[start : start + rng.choice((8, 64, 4096))] + data[at:] * rng.randrange(2)
