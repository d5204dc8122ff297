"""What every benchmark does: alternate the things compared, and print medians and their ratio."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping


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
        spread = f"{min(values):.1f} to {max(values):.1f}"
        print(f"  {name:<28} {median:9.1f} {unit}  ({spread})  ratio {median / base:.2f}", flush=True)
