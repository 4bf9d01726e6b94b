"""Install the peers of the race, each group in a virtual environment of its own, outside the repository.

    python benchmarks/install_peers.py DIR [--only torch,dali,...] [-- OPTIONS OF PIP]

Writes DIR/peers.toml, which race.py takes by --peers (or in the variable PIXELWISE_PEERS). Takes about 12 GB, half of
it for torchvision: its image decoders come only with the CUDA build of torch. FFCV compiles against OpenCV and
libjpeg-turbo; on Debian: apt-get install libopencv-dev libturbojpeg0-dev pkg-config g++
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import venv
from pathlib import Path

# Packages, one list a call of pip. FFCV's build imports torch and numpy, so they come first.
GROUPS: dict[str, list[list[str]]] = {
    "torch": [
        ["torch", "pillow", "simplejpeg", "opencv-python-headless", "albumentations", "spdl", "spdl-io", "grain"],
    ],
    "torchvision": [["torch", "torchvision", "pillow"]],
    "dali": [["nvidia-dali-cuda120", "numpy"]],
    "tf": [["tensorflow-cpu"]],
    "ffcv": [["torch", "numpy", "numba", "pillow", "opencv-python-headless"], ["ffcv"]],
}


def install(group: str, folder: Path, options: list[str]) -> Path:
    """The environment's interpreter; subprocess.CalledProcessError where pip fails."""
    if not folder.exists():
        venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    for packages in GROUPS[group]:
        subprocess.run([python, "-m", "pip", "install", "--quiet", *options, *packages], check=True)
    return python


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default=",".join(GROUPS), help="groups, with commas")
    parser.add_argument("pip", nargs="*", help="options for pip, after --, such as an index with CPU builds of torch")
    args = parser.parse_args()
    folder: Path = args.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    failed = []
    for group in args.only.split(","):
        try:
            install(group, folder / group, args.pip)
        except subprocess.CalledProcessError as error:
            failed.append(f"{group}: pip ended with exit code {error.returncode}")
    pythons = {g: folder / g / "bin/python" for g in GROUPS if (folder / g / "bin/python").exists()}
    lines = [f'{group} = "{python}"' for group, python in pythons.items()]
    (folder / "peers.toml").write_text("\n".join(["[python]", *lines]) + "\n")
    print(f"wrote {folder / 'peers.toml'}")
    if failed:
        sys.exit("not installed: " + "; ".join(failed))


if __name__ == "__main__":
    main()
