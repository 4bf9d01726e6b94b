"""A torch module as a model for `pixelwise.predict`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..arguments import as_array
from ..errors import UsageError
from ..hints import answering, briefly, hinted


@answering
class TorchModel:
    """A torch module as `pixelwise.predict` takes it. Made by `as_model`."""

    def __init__(self, module: torch.nn.Module, device: torch.device, dtype: torch.dtype | None) -> None:
        self.module = module
        self.device = device
        self.dtype = dtype

    def __repr__(self) -> str:
        dtype = "" if self.dtype is None else f", {str(self.dtype)[6:]}"
        return f"TorchModel({type(self.module).__name__} on {self.device}{dtype})"

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """(B, 3, H, W) float32 to (B, C, h, w) float32 logits."""
        was_training = self.module.training
        self.module.eval()
        try:
            with torch.inference_mode(), torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not None):
                found = self.module(torch.from_numpy(images).to(self.device))
        finally:
            self.module.train(was_training)
        return as_array("what the module gives", _logits_of(found)).astype(np.float32, copy=False)


def _logits_of(found: Any) -> torch.Tensor:
    # torchvision gives {"out": ...}; Transformers an object with .logits, which is an OrderedDict as well, or a tuple.
    kind = type(found).__name__
    if isinstance(found, dict):
        found = found.get("out", found.get("logits", getattr(found, "logits", None)))
    elif isinstance(found, tuple):
        found = found[0] if found else None
    elif not isinstance(found, torch.Tensor):
        found = getattr(found, "logits", None)
    if isinstance(found, torch.Tensor):
        return found
    what = f"the module gave a {kind}, expected a tensor, a dict with 'out' or 'logits', a tuple that begins with one, "
    what += "or an object with .logits"
    raise UsageError(what, code="bad-model", fix="wrap it so that it returns its logits")


@hinted
def as_model(module: torch.nn.Module, device: Any = "cpu", dtype: torch.dtype | None = None) -> TorchModel:
    """A torch module as a model for `pixelwise.predict`: from arrays to arrays, without gradients, in eval mode.

    device: where it runs; the module is moved there. dtype: of autocast, such as torch.bfloat16, or None for none.
    Its training mode is as before after each call. UsageError `bad-model` unless it gives a tensor, a dict with "out"
    (torchvision) or "logits", a tuple that begins with the logits, or an object with `.logits` (Transformers).
    """
    if not isinstance(module, torch.nn.Module):
        fix = "predict takes a function of arrays as it is"
        raise UsageError(f"as_model() takes a torch.nn.Module, got {briefly(module)}", code="bad-model", fix=fix)
    device = torch.device(device)
    return TorchModel(module.to(device), device, dtype)
