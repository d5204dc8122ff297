"""The small things every build step shares: paths, progress lines, failures, stamps and a lock.

A *stamp* is a file that holds the hash of the inputs of a step as they were when it last succeeded. A step is
*fresh* when its output exists and its stamp holds the hash of the inputs of today; it is then skipped.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
STAMPS = BUILD / "stamps"


class BuildError(Exception):
    """A step that cannot go on. The message says what is wrong and what to do; no traceback is shown."""


def say(message: str) -> None:
    """Print one progress line at once, also into a pipe."""
    print(f"[build] {message}", flush=True)


@contextlib.contextmanager
def step(title: str) -> Iterator[None]:
    """Announce a step that takes a while, and say how long it took."""
    say(f"{title} ...")
    started = time.monotonic()
    yield
    say(f"{title}: done in {time.monotonic() - started:.1f} s")


def run(command: list[str | Path], *, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> None:
    """Run a command to its end, without standard input.

    Its output is kept back and shown only when it fails, so that progress lines stay readable.

    Raises:
        BuildError: the program is missing, or it ended with another code than 0.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError as error:
        raise BuildError(f"{words[0]!r} was not found; install it and start again") from error
    if done.returncode:
        sys.stdout.write(done.stdout)
        raise BuildError(f"{' '.join(words)} ended with code {done.returncode}; its output is above")


def files_under(*paths: Path) -> list[Path]:
    """Every file in the given files and folders, sorted, without caches."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += [file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
        elif path.is_file():
            found.append(path)
    return sorted(found)


def size_of(file: Path) -> str:
    """A file's size for a progress line."""
    return f"{file.stat().st_size / 1000:,.0f} kB"


def digest(*inputs: Path | str) -> str:
    """One hash over strings and the names and contents of files and folders."""
    sha = hashlib.sha256()
    for item in inputs:
        if isinstance(item, str):
            sha.update(b"text\0" + item.encode() + b"\0")
            continue
        for file in files_under(item):
            name = file.relative_to(ROOT) if file.is_relative_to(ROOT) else file
            sha.update(f"file\0{name}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return sha.hexdigest()


def is_fresh(stamp: Path, key: str, outputs: Iterable[Path] = ()) -> bool:
    """Whether the step that left `stamp` ran with these inputs and its outputs are still there."""
    return stamp.is_file() and stamp.read_text() == key and all(output.exists() for output in outputs)


def write_stamp(stamp: Path, key: str) -> None:
    """Remember that the step succeeded with these inputs."""
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(key)


@contextlib.contextmanager
def build_lock() -> Iterator[None]:
    """Let one build at a time change `.venv` and `build/`; another one waits here."""
    BUILD.mkdir(exist_ok=True)
    with (BUILD / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another build in this folder to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
