"""The packages that a site is made of: Pyodide and PyScript (npm), micropip (PyPI), and our own wheels.

And what checks our JavaScript (npm), which nobody fetches who only builds the site.
"""

from __future__ import annotations

import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

from tools.common import (
    BUILD,
    ROOT,
    STAMPS,
    BuildError,
    digest,
    is_fresh,
    run,
    say,
    size_of,
    step,
    write_stamp,
)
from tools.compile_zip import EPOCH
from tools.environment import PYTHON, require_node

PYODIDE = ROOT / "node_modules" / "pyodide"
PYSCRIPT = ROOT / "node_modules" / "@pyscript" / "core" / "dist"
ESLINT = ROOT / "node_modules" / "eslint" / "bin" / "eslint.js"
COMPILER = tuple(Path(__file__).with_name(f"compile_zip{suffix}") for suffix in (".mjs", ".py"))
WHEEL_SOURCES = ("filesync_web", "filesync_server", "sw", "pyproject.toml", "LICENSE", "README.md")


class Zipping(TypedDict, total=False):
    """Arguments of `ZipFile.writestr`."""

    compress_type: int
    compresslevel: int


def ensure_npm_packages(*, development: bool = False) -> None:
    """Install exactly what package-lock.json says; nothing in these packages is executed by npm.

    Args:
        development: with the packages that only checks and tests need.
    """
    key = digest(ROOT / "package.json", ROOT / "package-lock.json")
    stamp = STAMPS / "npm"
    wanted = [PYODIDE / "pyodide.mjs", PYSCRIPT / "core.js", *([ESLINT] if development else [])]
    if is_fresh(stamp, key, wanted):
        return
    require_node()
    with step(f"fetching Pyodide and PyScript{', ESLint and axe' if development else ''} from npm"):
        only_the_site = [] if development else ["--omit=dev"]
        run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", *only_the_site])
        write_stamp(stamp, key)


def pyodide_lock() -> dict[str, dict[str, dict[str, object]]]:
    """The lock that Pyodide comes with: the packages its release was tested with."""
    lock: dict[str, dict[str, dict[str, object]]] = json.loads((PYODIDE / "pyodide-lock.json").read_text())
    return lock


def fetch_wheels(into: Path, *requirements: str) -> list[Path]:
    """Download wheels that fit Pyodide, pure ones and those for its ABI, without their dependencies.

    Returns:
        Their paths in the order of the names.
    """
    info = pyodide_lock()["info"]
    python = str(info["python"]).rpartition(".")[0]
    platforms = ["any", f"pyemscripten_{info['abi_version']}_{info['arch']}"]
    key = digest(python, *platforms, *requirements)
    stamp = STAMPS / f"wheels-{into.name}"
    if not is_fresh(stamp, key, [into]):
        with step(f"fetching {', '.join(requirements)} from PyPI"):
            shutil.rmtree(into, ignore_errors=True)
            pip: list[str | Path] = [
                PYTHON,
                "-m",
                "pip",
                "download",
                "--disable-pip-version-check",
                "--quiet",
            ]
            pip += ["--no-deps", "--only-binary=:all:", "--python-version", python]
            pip += [option for platform in platforms for option in ("--platform", platform)]
            run([*pip, "--dest", into, *requirements])
            write_stamp(stamp, key)
    wheels = sorted(into.glob("*.whl"))
    if len(wheels) != len(requirements):
        raise BuildError(f"{into} should hold {len(requirements)} wheels; delete it and start again")
    return wheels


def compile_zip(sources: bytes, folder: str) -> bytes:
    """The zip with its modules compiled by Pyodide; `folder` is what tracebacks show before their paths."""
    require_node()
    with tempfile.TemporaryDirectory() as place:
        source, target = Path(place, "source.zip"), Path(place, "compiled.zip")
        source.write_bytes(sources)
        run(["node", COMPILER[0], PYODIDE, source, target, folder])
        return target.read_bytes()


def zip_of(members: Mapping[str, bytes], *, deflated: bool = False) -> bytes:
    """A zip of these files; the same files give the same bytes."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as target:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = 0o644 << 16  # readable by everyone, wherever it is unpacked
            target.writestr(entry, content, **compression(deflated))
    return output.getvalue()


def members_of(archive: bytes) -> dict[str, bytes]:
    """The files of a zip, by name."""
    with zipfile.ZipFile(io.BytesIO(archive)) as source:
        return {info.filename: source.read(info) for info in source.infolist()}


def compression(deflated: bool) -> Zipping:
    """How members are written into a zip that a site serves."""
    if deflated:
        return {"compress_type": zipfile.ZIP_DEFLATED, "compresslevel": 9}
    return {"compress_type": zipfile.ZIP_STORED}


def variant(name: str, deflated: bool) -> str:
    """The name of a build's output, or of its deflated variant."""
    return f"{name}-deflated" if deflated else name


def ensure_micropip() -> Path:
    """The micropip wheel, in the version that this Pyodide was released with."""
    version = pyodide_lock()["packages"]["micropip"]["version"]
    return fetch_wheels(BUILD / "micropip", f"micropip=={version}")[0]


def ensure_wheel() -> Path:
    """The project's wheel, with all of it: for servers, for CPython, and for tests in a browser."""
    build = ["hatchling", "build", "--target", "wheel", "--directory"]
    return _ensure_own_wheel("wheel", [ROOT / name for name in WHEEL_SOURCES], build)


def ensure_browser_wheel() -> Path:
    """The same without what pages do not need, under the same name."""
    sources = [ROOT / name for name in ("filesync_web", "pyproject.toml", "LICENSE")]
    return _ensure_own_wheel("browser-wheel", sources, ["filesync_web", "browser-wheel", "--out"])


def _ensure_own_wheel(name: str, sources: list[Path], command: list[str]) -> Path:
    """Make the wheel in the build folder of that name when a source has changed.

    The folder is the last word of the command.
    """
    folder, stamp = BUILD / name, STAMPS / name
    key = digest(*sources)
    if not is_fresh(stamp, key) or len(list(folder.glob("*.whl"))) != 1:
        with step(f"making the {name.replace('-', ' ')}"):
            shutil.rmtree(folder, ignore_errors=True)
            run([PYTHON, "-m", *command, folder])
            write_stamp(stamp, key)
        say(f"the {name.replace('-', ' ')} has {size_of(next(folder.glob('*.whl')))}")
    return next(folder.glob("*.whl"))
