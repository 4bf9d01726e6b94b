"""Other people's packages that tests compare with, if they are installed."""

from __future__ import annotations

import importlib.util
import pickle
import subprocess
import sys
from typing import Any

import pytest

# PyPI's wheel of torchvision beside torch for CPUs: its operators, which transforms do not use, do not load.
_PROGRAM = """
import pickle, sys, warnings
warnings.simplefilter("ignore")
import torch
try:
    from torchvision.transforms.v2 import functional
except RuntimeError:
    for name in [n for n in sys.modules if n.startswith("torchvision")]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    from torchvision.transforms.v2 import functional
calls = pickle.load(sys.stdin.buffer)
found = [getattr(functional, name)(torch.from_numpy(image), **options).numpy() for name, image, options in calls]
pickle.dump(found, sys.stdout.buffer)
"""


def torchvision(calls: list[tuple[str, Any, dict[str, Any]]]) -> list[Any]:
    """What functions of torchvision.transforms.v2.functional make of arrays, in a process of its own; or a skip."""
    if not all(map(importlib.util.find_spec, ("torch", "torchvision"))):
        pytest.skip("torchvision is not installed")
    done = subprocess.run([sys.executable, "-c", _PROGRAM], input=pickle.dumps(calls), capture_output=True, check=False)
    assert not done.returncode, done.stderr.decode()
    found: list[Any] = pickle.loads(done.stdout)
    return found
