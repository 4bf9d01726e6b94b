"""Any bytes, given to every parser: nothing but a PixelwiseError may come out, soon, and within little memory.

targets     a function per parser          seeds     good inputs and known kinds of bad ones; writes corpus/
mutating    seeded damage, without atheris  cost      how much work an input makes, without a clock
running     `python -m fuzz.running TARGET`, by atheris if it is installed (pixelwise[fuzz]), else by `mutating`

`.ci/fuzz` runs every target for a minute; tests/test_fuzz.py runs the committed corpus and a few mutants of it.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT / "fuzz" / "corpus"
