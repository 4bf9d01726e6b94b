"""`python -m pixelwise.cli`."""

from . import main

main()
