"""The confusion of all processes of a torch.distributed group, summed exactly."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch

from ..errors import ScoreError, UsageError
from ..hints import hinted
from ..metrics.confusion import Confusion


@hinted
def all_reduce(confusion: Confusion, group: Any = None) -> Confusion:
    """The sum of the confusions of all processes of a torch.distributed group, the same in each; a new Confusion.

    Every process must call it, with a confusion of the same options. The integers are summed exactly, so scores equal
    those of one process, given that no image is counted twice: drop what only fills a batch, `update(ids[real],
    labels[real])` with `real` of the Batch. With `per_image=True` and names a repeated image is found: ScoreError
    `counted-twice`, in every process; images come in the order of their names. UsageError `confusions-differ`.
    """
    world = torch.distributed.get_world_size(group)
    mine: Any = confusion.images if confusion.per_image else ((), ())
    of_all = "num_classes", "ignore_index", "class_names", "per_image", "threshold"
    options = tuple(getattr(confusion, name) for name in of_all)
    everyone: list[Any] = [None] * world
    torch.distributed.all_gather_object(everyone, (options, *mine, int(confusion.counts.sum())), group=group)
    if any(theirs != options for theirs, *_ in everyone):
        seen = sorted({str(theirs) for theirs, *_ in everyone})
        raise UsageError(f"the processes have different confusions: {seen}", code="confusions-differ")
    # NCCL transfers only GPU memory.
    device = "cuda" if torch.distributed.get_backend(group) == "nccl" else "cpu"
    if (pixels := sum(theirs for _, _, _, theirs in everyone)) >= 1 << 63:
        raise ScoreError(f"{pixels} pixels are more than a 64-bit integer holds", code="too-many-pixels")
    counts = torch.from_numpy(confusion.counts).to(device)
    torch.distributed.all_reduce(counts, group=group)
    images = [image for _, n, totals, _ in everyone for image in zip(n or [""] * len(totals), totals, strict=True)]
    named = sorted(images, key=lambda image: image[0])
    if twice := [a for (a, _), (b, _) in pairwise(named) if a == b and a]:
        what = f"{len(twice)} images are counted in two processes, first {twice[0]!r}"
        fix = "update with only those samples of a batch that are `real`"
        raise ScoreError(what, code="counted-twice", where=twice[0], fix=fix)
    names, totals = [name for name, _ in named if name], [rows for _, rows in named]
    summed = {"counts": counts.cpu().numpy(), "image_names": names, "image_totals": totals}
    return Confusion.from_dict({**confusion.to_dict(), **summed})
