"""Sizes as readers want them."""

from __future__ import annotations


def shown_size(number_of_bytes: float) -> str:
    """So many bytes in decimal units: `999 B`, `1.5 kB`, `2.1 GB`."""
    if number_of_bytes < 1000:
        return f"{number_of_bytes:.0f} B"
    value = number_of_bytes / 1000
    for unit in ("kB", "MB", "GB"):
        if value < 999.95:
            return f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
