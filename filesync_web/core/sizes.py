"""What is a small file, and what a large one: how many may travel at once depends on that."""

from __future__ import annotations

SMALL = 256 << 10
"""Bytes. Up to here the round trips take longer than the bytes on most connections."""
LARGE = 4 << 20
"""Bytes. From here on one transfer fills most connections by itself."""
