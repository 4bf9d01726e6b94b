"""The core without its extras: the main flows run where no package of an extra can be imported, and every door that
needs one says in a line which extra that is.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.support.places import REPOSITORY
from tests.support.two_splits import WRITERS

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
IMPORTED_AS = {"opencv-python-headless": "cv2"}
"""Where a package is not imported by its own name."""


def packages(requirements: list[str]) -> set[str]:
    names = {re.split(r"[^\w-]", r)[0] for r in requirements}
    return {IMPORTED_AS.get(n, n.replace("-", "_")) for n in names} - {"pixelwise"}


EXTRAS = {name for extra in PROJECT["optional-dependencies"].values() for name in packages(extra)}
BLOCK = f"""
import sys
from importlib.machinery import PathFinder
class Finder:
    def find_spec(self, name, path=None, target=None):
        known = name.partition(".")[0] not in {sorted(EXTRAS | {"pandas"})}
        return PathFinder.find_spec(name, path, target) if known else None
sys.meta_path[sys.meta_path.index(PathFinder)] = Finder()
import pixelwise as pw
"""


def without_extras(code: str, folder: Path) -> str:
    done = subprocess.run([sys.executable, "-c", BLOCK + code], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_the_main_flows_need_no_extra(tmp_path: Path) -> None:
    assert {"torch", "pyarrow", "cv2", "matplotlib", "starlette", "obstore", "scipy"} <= EXTRAS
    out = without_extras(
        """
root = pw.sample("voc", count=8, seed=0)
data = pw.open(root)
assert not [f for f in pw.check(data) if f.severity == "error"]
pw.stats(data)
pw.show(data["train"], n=2).save("sheet.png")
crop = [pw.RandomCrop(64, 96), pw.GaussianBlur(), pw.Normalize()]
for encoding in ("raw", "original"):
    pack = pw.pack(root, f"{encoding}.pack", encoding=encoding)
    assert not pw.verify(f"{encoding}.pack")
    for one in (data, pack):
        next(iter(pw.Loader(one["train"], 2, crop, shuffle=True, small="pad")))
def model(images):
    import numpy
    return numpy.zeros((len(images), 21, *images.shape[2:]), numpy.float32)
pw.predict(model, data, "predictions", splits="val")
pw.score("predictions", data, splits="val")
pw.convert(root, "index", to="index")
pw.open("index")
from pixelwise.cli import main
for words in (["--help"], ["formats"], ["info", str(root)], ["demo", "demo"]):
    sys.argv = ["pixelwise", *words]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code, words
""",
        tmp_path,
    )
    assert "images/s" in out


DOORS = {
    "import pixelwise.torch": "torch",
    "import pixelwise.jax": "jax",
    "import pixelwise.keras": "keras",
    "from pixelwise.ray import RayPool; RayPool()": "ray",
    "pw.view('voc', port=0)": "view",
    "pw.open('s3://bucket/voc.pack')": "remote",
    "pw.to_huggingface('voc')": "hf",
    "pw.convert('voc', 'parquet', to='huggingface')": "parquet",
    "pw.open('rows')": "parquet",
    "pw.open('rows', format='hf_parquet')": "parquet",
    "pw.Loader(pw.open('voc')['train'], 2, output='bfloat16')": "bfloat16",
    "from pixelwise import d2l; d2l.show_images([[[0]]], 1, 1)": "plot",
}
"""What needs an extra, and which."""


def test_every_door_names_the_extra_that_it_needs(tmp_path: Path) -> None:
    WRITERS["hf_parquet"](tmp_path / "rows")
    code = f"""
import json
pw.sample("voc", count=4)
said = {{}}
for door in {[*DOORS]}:
    try:
        exec(door)
    except (pw.PixelwiseError, ImportError) as error:
        said[door] = [type(error).__name__, str(error)]
print(json.dumps(said))
"""
    said = json.loads(without_extras(code, tmp_path).splitlines()[-1])
    for door, extra in DOORS.items():
        kind, message = said[door]
        assert kind in ("MissingExtraError", "UsageError"), (door, message)
        assert f"pip install 'pixelwise[{extra}]'" in message, (door, message)
        assert "\n" not in message
    assert set(DOORS.values()) <= set(PROJECT["optional-dependencies"])


def test_parquet_files_of_something_else_do_not_ask_for_an_extra(tmp_path: Path) -> None:
    code = """
pw.sample("voc", count=4)
from pathlib import Path
Path("voc/tables").mkdir()
Path("voc/tables/train-00000-of-00001.parquet").write_bytes(b"PAR1 prices of houses PAR1")
print(pw.open("voc").format)
"""
    assert without_extras(code, tmp_path).splitlines()[-1] == "voc"
