"""Runs inside Pyodide: turn a zip of Python modules into a stored zip of compiled ones.

The interpreter then neither inflates nor compiles at start. Only the Python that will load the modules can
make them, so this is run by Pyodide itself, under Node. They keep their names and lines in tracebacks.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from importlib import _bootstrap_external, util

EPOCH = (1980, 1, 1, 0, 0, 0)

ON_DEMAND = ("filesync_web/inspector/", "filesync_web/browser/inspector_panel.py")
"""What a page imports when a developer asks for it, if ever, stays source: that compresses to half the size
of compiled modules (18 kB in place of 41), every page loads it, and hardly any compiles it."""


def compile_zip(source: bytes, folder: str) -> bytes:
    """The compiled zip; the same input gives the same bytes. What is `ON_DEMAND` stays as it is.

    Args:
        source: the zip of sources; other files than modules are taken over.
        folder: what tracebacks show before the modules' paths; ends with a slash, or is empty.
    """
    output = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(source)) as modules, zipfile.ZipFile(output, "w") as target:
        for name in sorted(name for name in modules.namelist() if not name.endswith("/")):
            data = modules.read(name)
            if name.endswith(".py") and not name.startswith(ON_DEMAND):
                target.writestr(zipfile.ZipInfo(f"{name}c", EPOCH), compile_module(data, f"{folder}{name}"))
            else:
                target.writestr(zipfile.ZipInfo(name, EPOCH), data)
    return output.getvalue()


def compile_module(source: bytes, filename: str) -> bytes:
    """The content of a `.pyc` file that is never compared with its source, since that is not beside it."""
    code = compile(source, filename, "exec", dont_inherit=True)
    make_pyc: Callable[..., bytearray] = vars(_bootstrap_external)["_code_to_hash_pyc"]
    return bytes(make_pyc(code, util.source_hash(source), checked=False))
