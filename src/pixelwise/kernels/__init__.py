"""The numba kernels: array in, array out, `out=` given by the caller, no checks, no Python objects.

Every kernel releases the GIL and is cached on disk, so that only the first run ever compiles it. Callers check shapes
and dtypes; a kernel that is handed wrong ones reads or writes foreign memory. There is one module per subject. A module
is imported, and numba with it, when it is first used: write `from .. import kernels` at the top of a file, and
`kernels.values.outside(...)` at the call.
"""
