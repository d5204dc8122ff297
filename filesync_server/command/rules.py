"""What must hold for the settings of paths, pages and watching, and what to say when it does not."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import TYPE_CHECKING

from ..shared.tokens import MIN_LENGTH

if TYPE_CHECKING:
    from .config import Settings

PROBES = ("/healthz", "/readyz")
METRICS_PATH = "/metrics"

_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+", re.ASCII)


def rules_of_parts(new: Settings) -> list[tuple[bool, str]]:
    paths = {name: getattr(new, name) for name in ("api_path", "files_path", "sync_path")}
    taken = [*paths.values(), *PROBES, METRICS_PATH]
    return [
        *(
            (bool(_PATH.fullmatch(path)), f"the setting {name} is a path like /api, and ends without a slash")
            for name, path in paths.items()
        ),
        (len(set(taken)) == len(taken), f"the paths of the parts differ: {', '.join(taken)}"),
        (
            new.cross_origin_isolation in {"off", "require-corp", "credentialless"},
            "the setting cross_origin_isolation must be off, require-corp or credentialless",
        ),
        (
            new.metrics_token is None or len(new.metrics_token) >= MIN_LENGTH,
            f"the setting metrics_token must have at least {MIN_LENGTH} characters",
        ),
        (
            new.metrics_token is None or find_spec("prometheus_client") is not None,
            "the setting metrics_token needs prometheus-client: pip install 'filesync-web[server,metrics]'",
        ),
        (new.log_format in {"text", "json"}, "the setting log_format must be text or json"),
    ]
