"""The scripts of docs/scale.md as they are copied, but for the places that they name, on a small machine."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.support.places import REPOSITORY


def scripts(with_ray: bool) -> list[str]:
    page = (REPOSITORY / "docs/scale.md").read_text("utf-8")
    return [code for code in re.findall(r"(?s)```python\n(.*?)```", page) if ("pixelwise.ray" in code) == with_ray]


def ran(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The script in a process of its own. folder: the current one, for /shared and /scratch, too; it has a VOC2012."""
    places = {"/shared": folder, "/scratch": folder, "VOCdevkit/VOC2012": "VOC2012"}
    small = {"(8,": "(2,", ".cuda()": "", "RayModel(make)": "RayModel(make, num_gpus=0)"}
    for said, value in {**places, **small}.items():
        code = code.replace(said, str(value))
    (folder / "script.py").write_text(code)
    return subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, check=False, cwd=folder)
