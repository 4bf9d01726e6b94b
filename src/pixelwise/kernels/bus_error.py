"""What happens when mapped memory is touched whose file was cut or cannot be read: the signal SIGBUS, Linux only.

The handler is machine code that makes system calls and touches one table, so it may run in any thread at any instant,
with or without the GIL. A thread that is in the table gets a page of zeros and continues: whoever put it there looks at
the counts of faults afterwards. For any other thread the handler says which file it was and lets the signal end the
process, as it would without a handler.
"""

from __future__ import annotations

import ctypes
import mmap
import platform
import signal
import sys
from typing import Any, Final

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import carray, cfunc, types
from numba.core import cgutils
from numba.extending import intrinsic

# The table, in words of 8 bytes. A range: its first byte, the byte after its last, faults in it, address and length of
# the text to print. THREADS: as pthread_self names them, 0 for a free place.
FAULTS: Final = 0
PAGE: Final = 1
BEFORE: Final = 2  # the action that was there before, a struct sigaction
THREADS: Final = 32
MOST_THREADS: Final = 256
RANGES: Final = THREADS + MOST_THREADS
MOST_RANGES: Final = 1024
START, END, TOUCHED, TEXT, LENGTH, RANGE_WORDS = range(6)
WORDS: Final = RANGES + MOST_RANGES * RANGE_WORDS

_SYMBOL = "pixelwise_bus_error_table"
_ACTION_WORDS = 19  # struct sigaction of x86-64 and ARM64: handler, mask of 128 bytes, flags, restorer
_SA_SIGINFO, _SA_ONSTACK = 4, 0x08000000

_POINTER = types.CPointer(types.uint64)
_mmap = types.ExternalFunction(
    "mmap", types.uint64(types.uint64, types.uint64, types.int32, types.int32, types.int32, types.int64)
)
_write = types.ExternalFunction("write", types.int64(types.int32, types.uint64, types.uint64))
_pthread_self = types.ExternalFunction("pthread_self", types.uint64())
_sigaction = types.ExternalFunction("sigaction", types.int32(types.int32, types.uint64, types.uint64))


def possible() -> bool:
    """Whether this system has the layout that the handler is written for."""
    return sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64") and sys.maxsize > 1 << 32


@intrinsic
def _table(_context: Any) -> Any:
    """The address of the table, by a symbol: as a number it would be wrong in the cached code of another process."""

    def generate(_target: Any, builder: Any, _signature: Any, _args: Any) -> Any:
        word = ir.IntType(64)
        known = builder.module.globals.get(_SYMBOL)
        return builder.ptrtoint(known or cgutils.add_global_variable(builder.module, word, _SYMBOL), word)

    return types.uint64(), generate


@intrinsic
def _words(_context: Any, address: Any) -> Any:
    """An address as a pointer to words."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

    return _POINTER(types.uint64), generate


def _handle(number: Any, info: Any, _context: Any) -> None:
    table = carray(_words(_table()), (WORDS,), types.uint64)
    address = carray(_words(info), (3,), types.uint64)[2]  # si_addr
    found = -1
    for k in range(RANGES, WORDS, RANGE_WORDS):
        if table[k + START] <= address and address < table[k + END]:
            found = k
            break
    if found >= 0:
        me = _pthread_self()
        for k in range(THREADS, THREADS + MOST_THREADS):
            if table[k] == me:
                table[found + TOUCHED] += np.uint64(1)
                table[FAULTS] += np.uint64(1)
                page = table[PAGE]
                # PROT_READ; MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS
                made = _mmap(address // page * page, page, np.int32(1), np.int32(0x32), np.int32(-1), np.int64(0))
                if made != np.uint64(0xFFFFFFFFFFFFFFFF):
                    return
                break
        _write(np.int32(2), table[found + TEXT], table[found + LENGTH])
    _sigaction(number, _table() + np.uint64(8 * BEFORE), np.uint64(0))  # on return the fault repeats


_handler: Any = None


def install(table: Any) -> None:
    """Make `table`, (WORDS,) uint64 that is never freed, the handler's, unless it is already."""
    global _handler
    if _handler is None:
        table[PAGE] = mmap.PAGESIZE
        llvmlite.binding.add_symbol(_SYMBOL, table.ctypes.data)
        compiled = cfunc("void(int32, uint64, uint64)", nopython=True, error_model="numpy", cache=True)
        _handler = compiled(_handle)
    change = ctypes.CDLL(None, use_errno=True).sigaction
    there = (ctypes.c_uint64 * _ACTION_WORDS)()
    change(int(signal.SIGBUS), None, there)
    if there[0] == _handler.address:
        return
    table[BEFORE : BEFORE + _ACTION_WORDS] = np.array(there[:], np.uint64)
    action = (ctypes.c_uint64 * _ACTION_WORDS)()
    action[0] = _handler.address
    ctypes.c_int.from_buffer(action, 8 * 17).value = _SA_SIGINFO | _SA_ONSTACK
    change(int(signal.SIGBUS), action, None)
