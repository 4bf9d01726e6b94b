"""Loader: a split, transforms and a batch size make an iterable of batches.

The consumer's thread plans a batch at once and hands it to worker threads sample by sample; they read, decode and
render straight into the batch's arrays. At most `prefetch` batches are in progress besides the one that the consumer
holds, so memory is bounded by `prefetch + 2` batches. Order, pixels and randomness depend on addresses only, never on
threads.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic, perf_counter
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..arguments import check_choice, check_count, check_seed, check_whole
from ..classes import ClassTable
from ..dataset.splits import Split
from ..errors import LOG, DataError, SystemFault, UsageError, warn
from ..hints import hinted
from ..randomness import Draws
from ..threads import thread_count
from ..transforms.plans import Plans, Transform, check_transforms, make_plans
from ..types import I64, NO_CLOCK, U8, Clock, Displayed, MappedSource, Rows
from .ahead import ahead_of, is_in_lanes
from .batch import Batch
from .buffers import Buffers
from .holes import Holes
from .lanes import lanes_of
from .left_out import Small, check_batches, fitting, normalize_of, said_of
from .options import check_crops, check_fill, check_label_dtype, check_order, check_sampler, check_state, check_timeout
from .outputs import Output, check_output, image_array
from .ranks import Ranks, Shard, ranks_of, warn_of_other_ranks
from .render import FILL, Renderer, Slot
from .samplers import Order, Sampler
from .workers import Job, Workers


@dataclass(frozen=True, slots=True)
class Timing:
    """Where the time went, in seconds summed over threads, since the loader was made.

    reading, decoding, rendering: work of the threads. idle: threads without work, because the consumer was slower.
    planning: making plans, in the consumer's thread. waiting: the consumer waited for a batch.
    """

    reading: float
    decoding: float
    rendering: float
    idle: float
    planning: float
    waiting: float
    batches: int
    samples: int

    @property
    def slowest(self) -> str:
        """What training waits for: "reading", "decoding", "rendering", or "nothing" if the threads wait for it."""
        work = {"reading": self.reading, "decoding": self.decoding, "rendering": self.rendering}
        return "nothing" if self.idle > sum(work.values()) else max(work, key=lambda k: work[k])


@hinted
class Loader(Displayed):
    """Batches of a split, always the same for the same seed, whatever the number of threads.

        >>> train = pw.open("VOCdevkit/VOC2012")["train"]
        >>> loader = pw.Loader(train, 2, [pw.RandomCrop(240, 320), pw.Normalize()], shuffle=True, seed=0)
        >>> loader
        Loader(4 of 4 samples of 'train'; 2 batches of 2)
        >>> [batch.images.shape for batch in loader]
        [(2, 3, 240, 320), (2, 3, 240, 320)]

    split: what to load. batch_size: samples per batch (of this rank). transforms: applied in order to images and labels
    together.

    - shuffle: another order in each epoch. order: "shuffled", or "lanes" for packs that are larger than the memory: it
      reads each block of a pack once, within a few batches, and mixes samples as well. "auto": lanes for a pack in a
      store, else shuffled. sampler: chooses the samples,
      such as RareClassSampling; without one every sample comes once. drop_last: drop the last batch if it is not full.
      seed: 0..2^64-1.
    - small: images smaller than a crop without padding are left out, which a PixelwiseWarning says once ("warn", see
      `dropped`) or nothing does ("drop"), padded with the fill color and `ignore_index` ("pad"), or refused ("error").
      After a random scale, its smallest factor counts. fill: RGB color of padding, three whole numbers in 0..255.
    - output: "float32", "float16" or "bfloat16" (B, 3, H, W), or "float32-hwc" (B, H, W, 3), in 0..1 or normalized;
      "uint8" (B, 3, H, W) or "uint8-hwc" (B, H, W, 3), with normalization left to the device. NumPy's bfloat16 is of
      ml_dtypes: MissingExtraError without it.
    - label_dtype: None for the class table's own (uint8 up to 255 classes), or "int32", "int64".
    - threads: default: one per core. prefetch: batches in progress. timeout: seconds to wait for a batch; then
      SystemFault `timeout` names the sample whose reading or transform does not return. By default without end.
    - shard: (rank, world): this process gets its part of each global batch, every rank the same number of batches.
      "auto": those of torch.distributed or jax.distributed if it is initialized, else RANK and WORLD_SIZE of the
      environment, else (0, 1), which is all samples. `repr` says which; a state does not depend on it.
    - on_error: "raise" stops at the first sample that cannot be read exactly; "skip" fills its place with
      `ignore_index`, marks it not `real`, names it in `skipped`, and says at the end of an epoch how many there were.
      That holds for a sample whose size cannot be read either: it is planned with the size of another.

    Raises DataError `no-batches` if an epoch would have none: an empty split, all images smaller than the crop, or
    fewer samples than a batch with `drop_last`.

    Iterating starts the next epoch, or continues where `load_state_dict` says. Threads may share an iterator: each
    batch goes to one of them. A process that was forked needs an iterator of its own (UsageError `forked-iterator`).
    Images of different sizes are padded to the largest in the batch; `batch.sizes` has their own.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        transforms: Sequence[Transform] = (),
        *,
        shuffle: bool = False,
        order: Literal["auto", "shuffled", "lanes"] = "auto",
        drop_last: bool = False,
        seed: int = 0,
        small: Small = "warn",
        output: Output = "float32",
        label_dtype: str | None = None,
        threads: int | None = None,
        shard: Shard = "auto",
        on_error: Literal["raise", "skip"] = "raise",
        prefetch: int = 2,
        sampler: Sampler | None = None,
        fill: tuple[int, int, int] = FILL,
        timeout: float | None = None,
    ) -> None:
        if not isinstance(split, Split):
            raise UsageError(f"Loader() takes a Split, got {type(split).__name__}", fix='pass dataset["train"]')
        check_output(output)
        check_choice("on_error", on_error, ("raise", "skip"))
        check_count("prefetch", prefetch)
        check_order(order, shuffle, sampler)
        check_sampler(sampler, len(split), len(split.classes))
        self.split = split
        self.batch_size: int = check_count("batch_size", batch_size)
        self.transforms: tuple[Transform, ...] = check_crops(check_transforms(transforms), sampler)
        self.seed: int = check_seed(seed)
        self.output: Output = output
        self.threads: int = thread_count(threads)
        self.on_error = on_error
        self.prefetch = prefetch
        self.fill: tuple[int, int, int] = check_fill(fill)
        self.timeout: float | None = check_timeout(timeout)
        self.ignore_index: int = split.classes.padding_index
        self.label_dtype: np.dtype[Any] = check_label_dtype(label_dtype, split.classes)
        self._mapped = split.source if isinstance(split.source, MappedSource) and split.source.is_raw else None
        self._data: Split | Holes = Holes(split) if on_error == "skip" else split
        self._pad_small = small == "pad"
        self._kept = fitting(self._data, self.transforms, small)
        n, sampler = _choice(len(split), self._kept, sampler)
        self.ranks: Ranks = ranks_of(shard)
        in_lanes = n > 0 and is_in_lanes(order, split, shuffle, sampler)
        lanes = lanes_of(split, self._kept, batch_size * self.ranks.world, self.seed) if in_lanes else None
        self._order = Order(n, batch_size, shuffle, drop_last, self.seed, *self.ranks[:2], sampler, lanes)
        check_batches(split, self._order)
        self._ahead = ahead_of(split, self._kept, self._order, prefetch)
        self._will_need = getattr(split.source, "will_need", None) if self._ahead is None else None
        self.epoch: int = 0
        self.batch: int = 0
        self._resume = True  # the next iteration starts at (epoch, batch) instead of at the next epoch
        self._buffers = Buffers(keep=2 * (prefetch + 2))
        self._clocks: list[Clock] = []
        self._own = Clock()
        self._counts = [0, 0]
        self.skipped: list[tuple[str, str]] = []

    # -- what it will do --------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._order)

    def __repr__(self) -> str:
        order, kept = self._order, len(self.split) if self._kept is None else len(self._kept)
        small = f", {len(self.split) - kept} dropped as too small" if kept < len(self.split) else ""
        drawn = "" if order.sampler is None else f"{order.n} draws by {type(order.sampler).__name__} from "
        ranks = "" if order.world == 1 else f"; {self.ranks}"
        alone = "; each sample fetched by itself" if getattr(self._ahead, "is_alone", False) else ""
        return (
            f"Loader({drawn}{kept} of {len(self.split)} samples of {self.split.name!r}{small}; "
            f"{len(self)} batches of {self.batch_size}{said_of(order)}{ranks}{alone})"
        )

    def to_frame(self) -> Rows:
        """The transforms in order: step, transform."""
        return [{"step": k, "transform": repr(t)} for k, t in enumerate(self.transforms, 1)]

    @property
    def classes(self) -> ClassTable:
        """The class table of the labels: that of the split."""
        return self.split.classes

    @property
    def global_batches(self) -> tuple[int, ...]:
        """The sizes of the batches of all ranks together: of all but the last, and of the last if it is smaller."""
        return self._order.global_batches

    @property
    def normalize(self) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """(mean, std) of the Normalize in `transforms`: uint8 output leaves `(x / 255 - mean) / std` to the device."""
        return normalize_of(self.transforms)

    @property
    def dropped(self) -> list[str]:
        """Names of the samples dropped because they are smaller than a crop."""
        if self._kept is None:
            return []
        names = self.split.names
        return [names[i] for i in np.setdiff1d(np.arange(len(names)), self._kept).tolist()]

    def _warn_of_skipped(self, before: int) -> None:
        """Say how many samples an epoch skipped. before: how many had been skipped when it began."""
        if names := [name for name, _ in self.skipped[before:]]:
            shown = ", ".join(map(repr, names[:5])) + (", ..." if len(names) > 5 else "")
            of = f"{len(names)} of {self._order.n} samples of {self.split.name!r}"
            what = f"{of} could not be read and were skipped: {shown}"
            warn(what, code="samples-skipped", fix="`skipped` of the Loader has the reasons")

    # -- state ------------------------------------------------------------------------------------------------

    @property
    def fingerprint(self) -> str:
        """What a state belongs to: samples, seed, global batch size, transforms and the options of the order."""
        order = self._order
        shuffle = order.shuffle if order.lanes is None else order.lanes.fingerprint
        return (
            f"data {self.split.fingerprint}; samples {order.n}; seed {self.seed}; "
            f"global batch {order.batch_size * order.world}; shuffle {shuffle}; drop_last {order.drop_last}; "
            f"sampler {order.sampler and order.sampler.fingerprint}; transforms {list(self.transforms)!r}"
        )

    def state_dict(self) -> dict[str, Any]:
        """The position after the last batch returned: {"epoch", "batch", "fingerprint"}. JSON values."""
        done = self.batch >= len(self)
        return {"epoch": self.epoch + done, "batch": 0 if done else self.batch, "fingerprint": self.fingerprint}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue at `state`: the next iteration returns exactly the batches that would have followed.

        Holds for other numbers of threads, and for another world with the same global batch size. UsageError
        `other-state`, naming the difference, if the state belongs to other data or options; `bad-state` if its numbers
        are not a position.
        """
        self.epoch, self.batch = check_state(state, self.fingerprint, len(self))
        self._resume = True

    def timing(self) -> Timing:
        """Where the time went so far; `timing().slowest` names the stage that training waits for."""
        stages = ("reading", "decoding", "rendering", "idle", "planning", "waiting")
        clocks = (*self._clocks, self._own)
        total = {stage: sum(clock.seconds.get(stage, 0.0) for clock in clocks) for stage in stages}
        return Timing(**total, batches=self._counts[0], samples=self._counts[1])

    def use_memory(self, allocate: Callable[[int], U8]) -> None:
        """Take batch memory from `allocate(bytes)` from now on, such as pinned memory. It is still reused."""
        self._buffers = Buffers(2 * (self.prefetch + 2), allocate)

    # -- batches ----------------------------------------------------------------------------------------------

    def read(self, epoch: int, batch: int) -> Batch:
        """Batch number `batch` of an epoch, the same that iterating gives, made in the calling thread.

        The position of the Loader stays as it is. Thread-safe: for those who call from threads of their own, as Keras
        and Grain do.
        """
        check_whole("epoch", epoch, 0, (1 << 32) - 1)
        check_whole("batch", batch, 0, len(self) - 1)
        job = self._job(epoch, batch)
        for first, last in job.parts(1):
            job.run(first, last, NO_CLOCK)
        return self._finished(job)

    def _finished(self, job: Job) -> Batch:
        """What a job has made, or its error; what it skipped is listed."""
        if job.failed is not None and job.failed not in job.errors.values():
            raise job.failed
        names = self.split.names
        for k in sorted(job.errors):
            if not job.skip or not isinstance(job.errors[k], DataError):
                raise job.errors[k]
            self.skipped.append((names[int(job.indices[k])], str(job.errors[k])))
            LOG.warning("skipped: %s", job.errors[k])
        slot, plans = job.renderer.slot, job.renderer.plans
        return Batch(
            slot.images, slot.labels, tuple(names[i] for i in job.indices.tolist()), job.indices, plans.size, job.real,
            self.classes,
        )  # fmt: skip

    def __iter__(self) -> Iterator[Batch]:
        self._begin()
        return _Iteration(self, self.epoch, self.batch)

    def _begin(self) -> None:
        warn_of_other_ranks(self.ranks)
        if not self._resume or self.batch >= len(self):
            self.epoch, self.batch = self.epoch + 1, 0
        self._resume = False
        LOG.info("epoch %d of %s begins at batch %d of %d", self.epoch, self.split.name, self.batch, len(self))

    def plans(self) -> Iterator[tuple[I64, NDArray[np.bool_], Plans]]:
        """As iterating, but no pixel is read: (indices, real, plans) of each batch, for those who render themselves."""
        self._begin()
        while self.batch < len(self):
            planned = self._plan(self.epoch, self.batch)
            self.batch += 1
            yield planned

    def _plan(self, epoch: int, k: int) -> tuple[I64, NDArray[np.bool_], Plans]:
        indices, addresses, real = self._order.batch(epoch, k)
        if self._kept is not None:
            indices = self._kept[indices]
        draws = Draws(self.seed, epoch, addresses if self._order.sampler is not None else indices)
        drawn = self._order.drawn(addresses, epoch)
        plans = make_plans(self.transforms, self._data.sizes(indices), draws.uniform, indices, self._data, drawn)
        if plans.small.any() and not self._pad_small:
            raise UsageError(
                "a crop without padding follows a random change of size, so it does not always fit",
                code="bad-transforms", fix='give the crop pad_if_needed=True, or the Loader small="pad"',
            )  # fmt: skip
        return indices, real, plans

    def _job(self, epoch: int, k: int) -> Job:
        indices, real, plans = self._plan(epoch, k)
        height, width = plans.size.max(axis=0).tolist()
        n = len(indices)
        images = image_array(self.output, n, height, width, self._buffers.array)
        labels = self._buffers.array((n, height, width), self.label_dtype) if self.split.has_labels else None
        renderer = Renderer(plans, Slot(images, labels), self.output, self.ignore_index, self.fill)
        if self._will_need is not None:
            self._will_need(self._data.positions(indices), renderer.windows)
        return Job(self._data, self._mapped, indices, renderer, real, self.on_error == "skip")


def _choice(n: int, kept: NDArray[np.int64] | None, sampler: Sampler | None) -> tuple[int, Sampler | None]:
    """How many samples an epoch has, and the sampler among those kept: none where nothing is left to choose from."""
    n = n if kept is None else len(kept)
    if sampler is None or not n:
        return n, None
    sampler = sampler if kept is None else sampler.restrict(kept)
    return len(sampler), sampler


class _Iteration:
    """One epoch in progress. Its threads end with it: when it is exhausted, fails or is dropped."""

    def __init__(self, loader: Loader, epoch: int, batch: int) -> None:
        self._loader = loader
        self._epoch = epoch
        self._next = self._planned = batch
        self._skipped_before = len(loader.skipped)
        self._workers = Workers(loader.threads)
        self._lock = threading.Lock()
        loader._clocks = [c for c in loader._clocks if c.seconds] + self._workers.clocks
        self._finalizer = weakref.finalize(self, self._workers.close)

    def __iter__(self) -> _Iteration:
        return self

    def __next__(self) -> Batch:
        if os.getpid() != self._workers.process:  # its threads are in the other process
            what = "this iterator was made by another process, before this one was forked from it"
            raise UsageError(what, code="forked-iterator", fix="iterate over the Loader here: iter(loader)")
        with self._lock:
            return self._next_batch()

    def _next_batch(self) -> Batch:
        loader, workers = self._loader, self._workers
        if self._next >= len(loader) or not self._finalizer.alive:
            if self._finalizer.alive:
                loader._warn_of_skipped(self._skipped_before)
            self.close()
            raise StopIteration
        try:
            started = perf_counter()
            while self._planned < len(loader) and len(workers.pending) <= loader.prefetch:
                if loader._ahead is not None:
                    loader._ahead.announce(self._epoch, self._planned)
                workers.submit(loader._job(self._epoch, self._planned))
                self._planned += 1
            loader._own.seconds["planning"] = loader._own.seconds.get("planning", 0.0) + perf_counter() - started
            loader._own.start()
            self._wait_for(workers.pending[0])
            loader._own.lap("waiting")
            return self._hand_out(workers.pending.popleft())
        except BaseException:
            self.close()
            raise

    def _wait_for(self, job: Job) -> None:
        timeout = self._loader.timeout
        end = None if timeout is None else monotonic() + timeout
        # With a limit, so that Ctrl-C gets through on every system.
        while not job.done.wait(0.5 if end is None else min(0.5, max(0.0, end - monotonic()))):
            if end is not None and monotonic() >= end:
                stuck, seconds = job.slowest()
                all_names = self._loader.split.names
                names = ", ".join(repr(all_names[i]) for i in stuck[:3]) or "a sample that waits for others"
                more = f" and {len(stuck) - 3} more" if len(stuck) > 3 else ""
                self._workers.abandon()  # the thread that hangs cannot be ended
                what = f"no batch within {timeout:g} s: reading or transforming {names}{more} has taken {seconds:.1f} s"
                fix = "look at the disk and at your functions, or raise timeout"
                raise SystemFault(what, code="timeout", where=self._loader.split.name, fix=fix)

    def _hand_out(self, job: Job) -> Batch:
        loader = self._loader
        batch = loader._finished(job)
        self._next += 1
        loader.epoch, loader.batch = self._epoch, self._next
        loader._counts[0] += 1
        loader._counts[1] += len(job.indices)
        return batch

    def close(self) -> None:
        """End the threads. Happens by itself when the iteration ends or is dropped."""
        self._finalizer()
