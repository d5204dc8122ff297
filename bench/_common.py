"""What benchmarks share: alternate the things compared, print medians and their ratio; open a browser."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.harness import PageErrors, Profile, ServerProcess
from tests.harness.engines import CHROMIUM
from tests.harness.site import build_test_site


def compare(unit: str, variants: Mapping[str, Callable[[], float]], rounds: int) -> None:
    """Measure each variant once per round, in turn, and print each median and its ratio to the first.

    On a machine with other work to do the ratios say more than the numbers.
    """
    readings: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, measure in variants.items():
            readings[name].append(measure())
    medians = {name: statistics.median(values) for name, values in readings.items()}
    base = next(iter(medians.values()))
    for name, median in medians.items():
        values = readings[name]
        spread = f"{min(values):.2f} to {max(values):.2f}"
        ratio = f"{median / base:.2f}" if base else "-"
        print(f"  {name:<28} {median:9.2f} {unit}  ({spread})  ratio {ratio}", flush=True)


def new_profile(stack: ExitStack, folder: Path) -> Profile:
    """A browser's profile on a server of its own; what is opened ends with the stack."""
    server = ServerProcess(build_test_site(folder / "site"), folder / "data")
    server.start()
    stack.callback(server.stop)
    playwright = stack.enter_context(sync_playwright())
    profile = Profile(CHROMIUM, playwright, folder / "profile", PageErrors(), server.url)
    stack.callback(profile.close)
    return profile
