"""`python -m filesync_web`: what a build needs of the kit, from the installed package."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from filesync_web.browser_wheel import write_browser_wheel
from filesync_web.check_host import check_host
from filesync_web.errors import FileSyncError
from filesync_web.sw import SCRIPT_NAME, ServiceWorkerOptions, precache_entries, write_service_worker


def _service_worker(args: argparse.Namespace) -> int:
    precache: dict[str, str] = {}
    if args.precache_dir:
        precache |= precache_entries(args.precache_dir, exclude=args.exclude, script_name=args.name)
    if args.precache_list:
        precache |= dict(json.loads(args.precache_list.read_text(encoding="utf-8")))
    fallback = args.navigation_fallback
    if fallback is None and "./" in precache:
        fallback = "./"
    options = ServiceWorkerOptions(
        prefix=args.prefix,
        signer=args.signer,
        remote_url=args.remote_url,
        cache_remote=args.cache_remote,
        precache=tuple(sorted(precache.items())),
        navigation_fallback=fallback or None,
        timeout=args.timeout,
    )
    script = write_service_worker(args.out, options, script_name=args.name)
    sys.stdout.write(f"{script}\n")
    return 0


def _add_service_worker(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    defaults = ServiceWorkerOptions()
    command = commands.add_parser("service-worker", help="write the service worker that serves files")
    add = command.add_argument
    add("--out", type=Path, required=True, metavar="DIR", help="where to write it: the root of the site")
    add("--name", default=SCRIPT_NAME, help="its file name (%(default)s)")
    add("--prefix", default=defaults.prefix, help="the URL path of the files (%(default)s)")
    add("--signer", metavar="URL", help="the signer's base URL, unless each page names it when it registers")
    add("--remote-url", metavar="TEMPLATE", help="instead of a signer: a public URL with {key}")
    add("--cache-remote", action="store_true", help="keep verified files from the remote on the device")
    add("--precache-dir", type=Path, metavar="DIR", help="the built site: all of it opens offline")
    add("--precache-list", type=Path, metavar="FILE", help="JSON list of [url, revision] to precache as well")
    add(
        "--exclude",
        action="append",
        default=[],
        metavar="GLOB",
        help="leave out of --precache-dir; repeatable",
    )
    add(
        "--navigation-fallback",
        metavar="URL",
        help="the precached page for pages that cannot be loaded; default ./ when precached, empty for none",
    )
    add(
        "--timeout", type=float, default=defaults.timeout, help="seconds to wait for the remote (%(default)s)"
    )
    command.set_defaults(action=_service_worker)


def _browser_wheel(args: argparse.Namespace) -> int:
    sys.stdout.write(f"{write_browser_wheel(args.out)}\n")
    return 0


def _add_browser_wheel(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    about = "write a wheel of this package that has only what pages need"
    command = commands.add_parser("browser-wheel", help=about, description=about)
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to write it")
    command.set_defaults(action=_browser_wheel)


def _check_host(args: argparse.Namespace) -> int:
    report = check_host(args.url)
    for answer in report.answers:
        size, encoding = f"{answer.size:,}", answer.encoding or "not compressed"
        sys.stdout.write(f"{answer.status} {size:>11} bytes  {encoding:<14}  {answer.url}\n")
    sys.stdout.write(f"{report.size / 1e6:.1f} MB in all\n")
    for problem in report.problems:
        sys.stdout.write(f"problem: {problem}\n")
    return 1 if report.problems else 0


def _add_check_host(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    about = "say whether a deployed site arrives compressed, with the right types and policy"
    command = commands.add_parser("check-host", help=about, description=about)
    command.add_argument("url", metavar="URL", help="the page, such as https://gallery.example/")
    command.set_defaults(action=_check_host)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, or 1 after a message on standard error."""
    parser = argparse.ArgumentParser(prog="python -m filesync_web", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    _add_service_worker(commands)
    _add_browser_wheel(commands)
    _add_check_host(commands)
    args = parser.parse_args(arguments)
    try:
        code: int = args.action(args)
    except (FileSyncError, OSError, ValueError) as error:
        sys.stderr.write(f"{parser.prog}: {error}\n")
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
