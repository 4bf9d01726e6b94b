"""pixelwise where Python has nothing of POSIX, as far as Linux can play that: all is imported, a pack made and read.

Run as a script in an empty folder. What other packages import is loaded first: they look at the system themselves.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
import types

MODULES = ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "posix")
NAMES = (
    "fork forkpty getuid geteuid getgid sysconf sysconf_names sched_getaffinity posix_fadvise preadv pwritev pread "
    "pwrite readv writev mkfifo getloadavg register_at_fork killpg setsid uname fchmod fchown wait3 wait4"
).split()


def all_modules() -> int:
    """Import every module of pixelwise but those of packages that are not installed; how many there are."""
    import pixelwise
    from pixelwise.errors import MissingExtraError

    names = [m.name for m in pkgutil.walk_packages(pixelwise.__path__, "pixelwise.", onerror=lambda _: None)]
    done = 0
    for name in names:
        if name.endswith("__main__"):
            continue
        try:
            importlib.import_module(name)
            done += 1
        except (MissingExtraError, ModuleNotFoundError) as error:
            if isinstance(error, ModuleNotFoundError) and error.name in MODULES:
                raise
    return done


def main() -> None:
    """Load everything, take POSIX away, load pixelwise again and use it."""
    before = all_modules()
    for name in [n for n in sys.modules if n.split(".")[0] == "pixelwise"]:
        del sys.modules[name]
    system = sys.platform, importlib.import_module("fcntl")
    for name in MODULES:
        sys.modules[name] = None  # type: ignore[assignment]  # importing it fails now
    for name in NAMES:
        if hasattr(os, name):
            delattr(os, name)
    sys.modules["msvcrt"] = types.ModuleType("msvcrt")
    sys.platform = "win32"
    assert all_modules() == before, (all_modules(), before)

    sys.platform, sys.modules["fcntl"] = system  # kernels are compiled for what this says, and locks go by it
    import pixelwise as pw

    packed = pw.pack(pw.sample("demo", count=4), "demo.pack")
    assert not pw.verify("demo.pack").findings
    batches = list(pw.Loader(packed["train"], 1, threads=2))
    assert len(batches) == len(packed["train"]) > 0
    print(f"{before} modules, {len(batches)} batches")


if __name__ == "__main__":
    main()
