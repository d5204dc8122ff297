"""A mirrored folder with many small files and a large one: time, memory, and a run that has nothing to do.

    put         the folder into an empty store, until all is uploaded and confirmed
    again       the same, with nothing to do
    get         the store into an empty folder of another device
    copy        the folder to another one, by `rsync -a` where it is installed, else by `shutil.copytree`

Everything is on this machine. Memory is the peak of resident memory of the whole process, as Linux counts it.
The number of small files (of 1 to 8 KiB) and the MiB of the large one may be given, as in
`build.py bench mirror 1000 64`; else they are 10,000 and 2,048.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.harness.server import ServerProcess
from tools.common import ROOT

MIB = 1 << 20
TOKEN = "dev-token-change-in-production"  # noqa: S105 - that of the development server


def make_folder(folder: Path, files: int, large: int) -> None:
    """So many small files in folders of a hundred, and one of `large` MiB."""
    rng = random.Random(0)  # noqa: S311 - nothing secret
    for number in range(files):
        path = folder / f"{number // 100:03}" / f"{number:05}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(rng.randbytes(rng.randint(1024, 8192)))
    with (folder / "large.bin").open("wb") as file:
        for _ in range(large):
            file.write(rng.randbytes(MIB))


def run(words: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Run a command to its end; returns seconds and MiB."""
    began = time.perf_counter()
    process = subprocess.Popen(words, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{words} failed with {process.returncode}")
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def copy(source: Path, target: Path) -> tuple[str, float]:
    """Copy a folder as the system would; returns by what, and the seconds."""
    began = time.perf_counter()
    if rsync := shutil.which("rsync"):
        subprocess.run([rsync, "-a", f"{source}/", str(target)], check=True)
    else:
        shutil.copytree(source, target)
    return "rsync -a" if rsync else "shutil.copytree", time.perf_counter() - began


def main(arguments: list[str]) -> None:
    files, large = (int(number) for number in (arguments or ["10000", "2048"]))
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        (home / "site").mkdir()
        (home / "site/index.html").write_text("nothing here")
        make_folder(home / "folder", files, large)
        by, seconds = copy(home / "folder", home / "copied")
        print(f"  {files:,} small files and {large:,} MiB")
        print(f"  {by:<18} {seconds:8.1f} s")
        shutil.rmtree(home / "copied")
        server = ServerProcess(home / "site", home / "server")
        server.start()
        try:
            for what, device, folder in (
                ("put", "one", "folder"),
                ("again", "one", "folder"),
                ("get", "two", "got"),
                ("again", "two", "got"),
            ):
                (home / folder).mkdir(exist_ok=True)
                own = {"URL": server.url, "TOKEN": TOKEN, "DATA_DIR": str(home / device), "STORE": "bench"}
                environment = {**os.environ, **{f"FILESYNC_{key}": value for key, value in own.items()}}
                words = [sys.executable, "-m", "filesync_web.command.main", "mirror", "--once"]
                took, peak = run([*words, str(home / folder)], environment)
                ratio = f"ratio {took / seconds:6.1f}"
                print(f"  {what:<18} {took:8.1f} s  {ratio}  peak {peak:6.0f} MiB", flush=True)
        finally:
            server.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
