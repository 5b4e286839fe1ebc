"""Checks of the Hub, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import httpx

from keystile.cli.client import hub_url
from keystile.cli.doctor.finding import Finding, fail, ok
from keystile.settings import Settings


def check_hub(settings: Settings) -> Iterator[Finding]:
    """Alive and ready."""
    url = hub_url(settings)
    try:
        with httpx.Client(base_url=url, timeout=5.0, trust_env=False) as http:
            alive, ready = http.get("/healthz"), http.get("/readyz")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        yield fail("hub", f"{url}: {error}", "Start `keystile serve`, or say where the Hub is with --url.")
        return
    if not alive.is_success:
        yield fail("hub", f"{url}/healthz: status {alive.status_code}", "See that this is a Keystile Hub.")
    elif not ready.is_success:
        yield fail("hub", f"{url}/readyz: status {ready.status_code}", "It cannot decide; see its log.")
    else:
        yield ok("hub", f"{url} answers and is ready")
