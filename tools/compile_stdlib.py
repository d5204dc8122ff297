"""Runs inside Pyodide: turn its standard library into a stored zip of compiled modules.

The interpreter then neither inflates nor compiles at start. Only the Python that will load the modules can
make them, so this is run by Pyodide itself, under Node. They keep their names in tracebacks.
"""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Callable
from importlib import _bootstrap_external, util

EPOCH = (1980, 1, 1, 0, 0, 0)


def compile_stdlib(stock: bytes) -> bytes:
    """The compiled zip for a stock `python_stdlib.zip`; the same input gives the same bytes."""
    folder = f"/lib/python{sys.version_info.major}{sys.version_info.minor}.zip"
    output = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(stock)) as source, zipfile.ZipFile(output, "w") as target:
        for name in sorted(name for name in source.namelist() if not name.endswith("/")):
            data = source.read(name)
            if name.endswith(".py"):
                target.writestr(zipfile.ZipInfo(f"{name}c", EPOCH), compile_module(data, f"{folder}/{name}"))
            else:
                target.writestr(zipfile.ZipInfo(name, EPOCH), data)
    return output.getvalue()


def compile_module(source: bytes, filename: str) -> bytes:
    """The content of a `.pyc` file that is never compared with its source, since that is not beside it."""
    code = compile(source, filename, "exec", dont_inherit=True)
    make_pyc: Callable[..., bytearray] = vars(_bootstrap_external)["_code_to_hash_pyc"]
    return bytes(make_pyc(code, util.source_hash(source), checked=False))
