"""Make the service worker: its source files, in order and in one scope, with the options.

The output depends on nothing but the source and the options: the same input gives the same bytes, and any
change of a precached file changes them, which is how a browser notices an update.

Vocabulary: the *app shell* is what an app needs to open (page, interpreter, wheel); the *precache list* names
it as pairs of URL and *revision*, a string that changes when the content does. A revision `sha256:<hex>` is
checked by the worker: a file that does not have it makes the installation fail, and the version before stays.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from urllib.parse import quote

from filesync_web.core.paths import FILES_ROOT
from filesync_web.core.scripts import join_scripts
from filesync_web.errors import InvalidArgumentError

SCRIPT_NAME = "filesync-sw.js"
DEFAULT_EXCLUDES = ("*.map", "*.br", "*.gz", ".*", "*/.*")
"""What a built site has beside the app: source maps, precompressed copies, hidden files."""

_REVISION_DIGITS = 16
_MAIN_SCRIPT = "listeners.js"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceWorkerOptions:
    """What is fixed when the worker is made. URLs may be relative to the place that their comment names.

    Raises `InvalidArgumentError` for options that cannot work together.
    """

    prefix: str = f"/{FILES_ROOT}/"
    """The URL path below which files are served; begins and ends with a slash."""
    signer: str | None = None
    """Base URL of the signer, relative to the worker's scope; a page may name another when it registers."""
    remote_url: str | None = None
    """Instead of a signer, where anyone may read: a URL with `{key}`, relative to the worker's scope."""
    cache_remote: bool = False
    """Keep files from the remote on the device once their hash is verified."""
    precache: tuple[tuple[str, str], ...] = ()
    """The app shell as (URL relative to the worker's script, revision)."""
    navigation_fallback: str | None = None
    """The precached page that opens when any other page of the scope cannot be loaded."""
    timeout: float = 30.0
    """Seconds that the signer or the object store may be silent before the answer is 504."""

    def __post_init__(self) -> None:
        if not (self.prefix.startswith("/") and self.prefix.endswith("/")) or self.prefix == "/":
            raise InvalidArgumentError(
                f"prefix {self.prefix!r} must begin and end with a slash and name a folder"
            )
        if self.signer and self.remote_url:
            raise InvalidArgumentError("give either a signer or a remote URL template, not both")
        if self.remote_url and "{key}" not in self.remote_url:
            raise InvalidArgumentError(f"remote URL template {self.remote_url!r} has no {{key}}")
        if self.navigation_fallback is not None and self.navigation_fallback not in dict(self.precache):
            raise InvalidArgumentError(
                f"navigation fallback {self.navigation_fallback!r} is not in the precache list; add it there"
            )
        if self.timeout <= 0:
            raise InvalidArgumentError("timeout must be more than 0 seconds")


def precache_entries(
    directory: str | Path, *, exclude: Iterable[str] = (), script_name: str = SCRIPT_NAME
) -> tuple[tuple[str, str], ...]:
    """Every file of a built site as (relative URL, revision), sorted; `index.html` stands as its folder.

    `exclude` adds shell patterns, matched with the path in `directory`, to `DEFAULT_EXCLUDES`; the worker
    itself, `script_name`, is left out always.

    Raises `InvalidArgumentError` when there is no such folder.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise InvalidArgumentError(f"{str(directory)!r} is not a folder; build the site first")
    patterns = (*DEFAULT_EXCLUDES, *exclude)
    found: dict[str, str] = {}
    for file in sorted(directory.rglob("*")):
        path = file.relative_to(directory).as_posix()
        if not file.is_file() or path == script_name or any(fnmatchcase(path, one) for one in patterns):
            continue
        folder, _, name = path.rpartition("/")
        shown = path if name != "index.html" else folder and f"{folder}/"
        revision = hashlib.sha256(file.read_bytes()).hexdigest()[:_REVISION_DIGITS]
        found[f"./{quote(shown)}"] = f"sha256:{revision}"
    return tuple(sorted(found.items()))


def render_service_worker(options: ServiceWorkerOptions) -> str:
    """The service worker's source text."""
    code = join_scripts(_MAIN_SCRIPT, _read)
    fixed = {
        "prefix": options.prefix,
        "signer": options.signer,
        "remoteUrl": options.remote_url,
        "cacheRemote": options.cache_remote,
        "precache": options.precache,
        "navigationFallback": options.navigation_fallback,
        "timeoutSeconds": options.timeout,
    }
    build = hashlib.sha256(json.dumps(fixed, sort_keys=True).encode() + code.encode()).hexdigest()[:12]
    # ASCII-only JSON is valid JavaScript, whatever the strings hold.
    constant = json.dumps({"build": build, **fixed}, indent=2)
    return (
        "// filesync service worker, generated by `python -m filesync_web service-worker`; do not edit.\n"
        f'(() => {{\n"use strict";\n\nconst OPTIONS = {constant};\n\n{code}}})();\n'
    )


def write_service_worker(
    out: str | Path, options: ServiceWorkerOptions, *, script_name: str = SCRIPT_NAME
) -> Path:
    """Write the worker into the folder `out` (made if missing) and return its path."""
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    script = out / script_name
    script.write_text(render_service_worker(options), encoding="utf-8", newline="\n")
    return script


def source_folder() -> Traversable:
    """Where the worker's own source is: inside the installed package, or at the top of a checkout."""
    package = resources.files("filesync_web")
    installed = package / "sw" / "source"
    return installed if (installed / _MAIN_SCRIPT).is_file() else Path(str(package)).parent / "sw"


def _read(name: str) -> str:
    """A file of the worker's own source, or one that it shares with the page's workers."""
    own = source_folder() / name
    shared = resources.files("filesync_web") / "browser" / name
    return (own if own.is_file() else shared).read_text(encoding="utf-8")
