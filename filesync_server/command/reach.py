"""Who can reach a server with these settings: users of this machine only, or others."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches that address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def how_others_reach(
    host: str, public_url: str | None, allowed_hosts: Sequence[str], allowed_origins: Sequence[str]
) -> str | None:
    """Why a token that everybody knows or can guess would not do; None where only this machine's users
    come."""
    if not is_loopback(host):
        return f"{host} can be reached by others"
    if public_url is not None and not is_loopback(urlsplit(public_url).hostname or ""):
        return f"clients reach it as {public_url} (public_url)"
    if allowed_hosts:
        return f"it answers to {allowed_hosts[0]} (allowed_hosts)"
    if "*" in allowed_origins:
        return "pages of every site may use it (allowed_origins)"
    return None
