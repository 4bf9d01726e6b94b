"""`python -m pixelwise`."""

from .cli import main

main()
