"""Who takes part in the race. One file a loader; each has

    PACKAGES                            distributions whose versions the table names
    prepare(job, data, variant)         optional: what it makes of the files beforehand, once, not in the race
    load(job, data, threads, variant)   -> a function that gives one epoch: an iterable of (images, labels)

Images are (B, 3, H, W) float32, normalized, or uint8 in either order; labels are (B, H, W) integers. A batch
is valid until the next one is taken, at least. Each loader is written in the best form that was found for it
on two cores; where a form was chosen over another the file says why.
"""

from __future__ import annotations

from dataclasses import dataclass, field

# glibc gives large blocks back to the kernel and takes them anew for every batch; told not to, PyTorch and
# TensorFlow spend much less time in page faults.
KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(4 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(4 << 30),
    "MALLOC_TOP_PAD_": str(64 << 20),
}


@dataclass(frozen=True, slots=True)
class Peer:
    """A loader in one of its forms. group: which interpreter runs it (install_peers.py makes one a group)."""

    name: str
    module: str
    variant: str
    group: str
    jobs: tuple[int, ...]
    environment: dict[str, str] = field(default_factory=dict)


ALL = (1, 2, 3, 4)
FILES, PACK, ORIGINAL = "pixelwise, files", "pixelwise, pack", "pixelwise, pack of original bytes"

PEERS = (
    Peer(FILES, "pixelwise_files", "", "pixelwise", (1, 2, 3, 4, 5, 6)),
    Peer(PACK, "pixelwise_pack", "raw", "pixelwise", (1, 2, 3, 4, 5, 6)),
    Peer(ORIGINAL, "pixelwise_pack", "original", "pixelwise", (1, 3, 4, 6)),
    Peer("chapter, no workers", "chapter", "0", "torch", (1, 5)),
    Peer("chapter, 2 workers", "chapter", "2", "torch", (1, 5)),
    Peer("torch + torchvision v2", "torch_torchvision", "", "torchvision", (*ALL, 6)),
    Peer("torch + albumentations", "torch_albumentations", "plain", "torch", (*ALL, 6)),
    Peer("torch + albumentations, tuned", "torch_albumentations", "tuned", "torch", (1, 3, 4, 6), KEEP_MEMORY),
    Peer("Grain", "grain_threads", "", "torch", ALL),
    Peer("SPDL", "spdl_threads", "", "torch", ALL),
    Peer("tf.data, gray labels", "tf_data", "", "tf", ALL, KEEP_MEMORY),
    Peer("DALI CPU, gray labels", "dali_cpu", "gray", "dali", (*ALL, 6)),
    Peer("DALI CPU, .npy labels", "dali_cpu", "npy", "dali", (*ALL, 6)),
    Peer("FFCV jpg", "ffcv_beton", "jpg", "ffcv", ALL),
    Peer("FFCV raw", "ffcv_beton", "raw", "ffcv", ALL),
    Peer("FFCV raw, fused by hand", "ffcv_beton", "fused", "ffcv", (1, 4)),
)
