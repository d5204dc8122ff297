"""The wheel for browsers: this package without what only CPython, tests and builds use.

It has the name and version of the full wheel, so that micropip and PyScript's `packages` take it in its
place. It is made from the package that runs this, installed or in a checkout; the same files give the same
bytes. Used at build time, on CPython; `python -m filesync_web browser-wheel` is its command line.
"""

from __future__ import annotations

import hashlib
import zipfile
from base64 import urlsafe_b64encode
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from filesync_web.errors import FileSyncError

LEFT_OUT = (
    "command",
    "mirror",
    "native",
    "testing",
    "sw",
    "__main__.py",
    "browser_wheel.py",
    "check_host.py",
)
"""The folders and modules of `filesync_web` that no page imports. Packages beside it are left out as well."""

_PACKAGE = Path(__file__).parent
_METADATA = (
    "Metadata-Version",
    "Name",
    "Version",
    "Summary",
    "License-Expression",
    "License-File",
    "Requires-Python",
)
"""What is taken over. The extras are not: each is for something that this wheel does not have."""
_WHEEL = """\
Wheel-Version: 1.0
Generator: filesync_web browser-wheel
Root-Is-Purelib: true
Tag: py3-none-any
"""
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_browser_wheel(out: str | Path) -> Path:
    """Write the wheel into the folder `out` (made if missing) and return its path.

    Raises `FileSyncError` when Python has no metadata of the package, since it is imported but not installed.
    """
    try:
        installed = distribution("filesync-web")
    except PackageNotFoundError:
        raise FileSyncError("filesync-web is not installed; install it, or its checkout, with pip") from None
    name = f"filesync_web-{installed.version}"
    files = _modules() | _dist_info(installed, f"{name}.dist-info")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    wheel = out / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, content in (files | _record(files, f"{name}.dist-info/RECORD")).items():
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.external_attr = 0o644 << 16  # readable by everyone, wherever it is unpacked
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED, compresslevel=9)
    return wheel


def _modules() -> dict[str, bytes]:
    """The files that pages import, by their path in the wheel."""
    found: dict[str, bytes] = {}
    for file in sorted(_PACKAGE.rglob("*")):
        parts = file.relative_to(_PACKAGE).parts
        if file.is_file() and parts[0] not in LEFT_OUT and "__pycache__" not in parts:
            found["/".join((_PACKAGE.name, *parts))] = file.read_bytes()
    return found


def _dist_info(installed: Distribution, folder: str) -> dict[str, bytes]:
    """Metadata, entry points and license; of the full wheel's only what is true of this one."""
    fields = [(name, value) for name in _METADATA for value in installed.metadata.get_all(name, [])]
    texts = {
        f"{folder}/METADATA": "".join(f"{name}: {value}\n" for name, value in fields),
        f"{folder}/WHEEL": _WHEEL,
        f"{folder}/entry_points.txt": "".join(
            f"[{point.group}]\n{point.name} = {point.value}\n"
            for point in sorted(installed.entry_points)
            if point.group != "console_scripts"
        ),
    }
    for name in installed.metadata.get_all("License-File", []):
        texts[f"{folder}/licenses/{name}"] = installed.read_text(f"licenses/{name}") or ""
    return {path: text.encode() for path, text in texts.items()}


def _record(files: dict[str, bytes], path: str) -> dict[str, bytes]:
    """The list of all files with their hashes, by which an installer checks them; itself it has no hash."""
    lines = [f"{name},sha256={_base64_sha256(content)},{len(content)}\n" for name, content in files.items()]
    return {path: "".join([*lines, f"{path},,\n"]).encode()}


def _base64_sha256(content: bytes) -> str:
    return urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
