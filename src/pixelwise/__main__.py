"""`python -m pixelwise`, and the command `pixelwise`."""

import gc


def main() -> None:
    """Run the command line."""
    gc.disable()  # what is being imported stays, and looking through it would take a tenth of the time of --help
    from .cli import main as run

    gc.freeze()
    gc.enable()
    run()


if __name__ == "__main__":
    main()
