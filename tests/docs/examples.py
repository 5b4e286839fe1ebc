"""The programs of the documentation, as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

INTEGRATIONS = Path(__file__).parents[2] / "docs/integrations"

DEPLOY = Path(__file__).parents[2] / "deploy"
PROXIES = ("nginx", "caddy", "haproxy", "envoy", "traefik", "kubernetes")
"""The pages of proxies; each is called like its folder in `deploy`."""

_EXCERPT = re.compile(r"^```(?:nginx|caddyfile|haproxy|yaml|lua)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PROGRAM = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def programs(page: str) -> list[str]:
    """The Python of a page of docs/integrations, block by block."""
    return _PROGRAM.findall((INTEGRATIONS / page).read_text("utf-8"))


def excerpts(page: str) -> list[str]:
    """The configuration of a page about a proxy, block by block."""
    return _EXCERPT.findall((INTEGRATIONS / page).read_text("utf-8"))


def deployed(proxy: str) -> list[Path]:
    """The files that a proxy gets."""
    return sorted(path for path in (DEPLOY / proxy).rglob("*") if path.is_file())
