"""Do image, label and instance map belong together? Each check: a `Reading` to findings."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import PairError
from ..labels import check_pair
from ..types import Finding
from .findings import from_error
from .reading import Reading


def sizes_agree(got: Reading) -> Iterator[Finding]:
    """`size-mismatch`: label or instance map has another size than the image, with a hint where it was turned."""
    if got.image is None:
        return
    size = (got.image.shape[0], got.image.shape[1])
    parts = ((got.label if got.stored is None else got.stored.pixels, got.label_where),
             (got.instances, got.instances_where))  # fmt: skip
    for pixels, where in parts:
        if pixels is not None:
            try:
                check_pair(size, (pixels.shape[0], pixels.shape[1]), where)
            except PairError as error:
                yield from_error(error)


CHECKS = (sizes_agree,)
