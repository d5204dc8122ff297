"""The kit's wheel for browsers as a later version has it: another number, and a newer format if wanted."""

from __future__ import annotations

import zipfile
from pathlib import Path

from filesync_web import __version__
from tools.packages import ensure_browser_wheel

_UPGRADES = "    if (oldVersion === 1) "
_NEWER_FORMAT = {
    "const FORMAT = 2;": "const FORMAT = 3;",
    _UPGRADES: f'    if (oldVersion === 2) database.createObjectStore("later");\n{_UPGRADES}',
}


def make_later_wheel(folder: Path, version: str, *, newer_format: bool) -> str:
    """Write it into the folder, and return its name there. `newer_format`: its event log is one that the
    version of today cannot use."""
    changes = {"filesync_web/version.py": {f'"{__version__}"': f'"{version}"'}}
    if newer_format:
        changes["filesync_web/browser/event_log.js"] = _NEWER_FORMAT
    about = f"filesync_web-{__version__}.dist-info/"
    changes[f"{about}METADATA"] = {f"\nVersion: {__version__}\n": f"\nVersion: {version}\n"}
    wheel = folder / f"filesync_web-{version}-py3-none-any.whl"
    with zipfile.ZipFile(ensure_browser_wheel()) as source, zipfile.ZipFile(wheel, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            for old, new in changes.pop(name, {}).items():
                assert content.count(old.encode()) == 1, f"{name} does not have {old!r} once"
                content = content.replace(old.encode(), new.encode())
            target.writestr(name.replace(about, about.replace(__version__, version)), content)
    assert not changes, f"the wheel has no {list(changes)}"
    return wheel.name
