"""What the gallery shows: keys, figures, and text that means harm."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from keystile.catalogue_settings import DEFAULT_SCOPES
from keystile.console import charts
from keystile.console.shell import Link, Message, Shell, Theme

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
HOSTILE = "<img src=x onerror=\"console.error('ran')\">"
REORDERED = "report\u202efdp.exe"
NAMES = (
    "Zapier Integration",
    HOSTILE,
    "</script><script>console.error('ran')</script>",
    REORDERED,
    "\x1b[31mred\x1b[0m \x9b2J bell\x07",
    "مفتاح المستودع",
    "Nightly export of all invoices to the data warehouse, second attempt, do not delete",
    '=HYPERLINK("http://example.com")',
)
_STATUSES = ("active", "active", "active", "disabled", "expired", "active", "active", "revoked")


def listed_keys() -> list[dict[str, Any]]:
    """Rows of the list."""
    rng = random.Random(4)
    made = []
    for index, name in enumerate(NAMES):
        daily = [0] * 30 if index == 3 else [rng.randrange(20, 900) for _ in range(30)]
        made.append(
            {
                "name": name,
                "start": "tos_4fG7",
                "last4": "2Kph",
                "status": _STATUSES[index],
                "scopes": [scope.name for scope in DEFAULT_SCOPES[: 1 + index % 4]],
                "tier": "Standard",
                "requests": sum(daily),
                "daily": daily,
                "error_rate": None if index == 3 else rng.random() * 9,
                "used": None if index == 3 else NOW - timedelta(minutes=7**index % 90_000),
                "expires": None if index % 2 else NOW + timedelta(days=20 * index + 3),
                "advice": "unused for 90 days" if index == 4 else "",
            }
        )
    return made


def _counts(at: datetime, rng: random.Random) -> charts.Counts:
    ok = int(3000 + 1800 * rng.random()) if at.weekday() < 5 else int(700 * rng.random())
    return charts.Counts(at, ok, ok // 14, ok // 9 if at.day % 6 == 0 else 0, ok // 40 if at.day != 12 else ok // 3)


def days() -> charts.Chart:
    """Thirty days."""
    rng = random.Random(1)
    return charts.daily_bars([_counts(NOW - timedelta(days=29 - index), rng) for index in range(30)])


def hours() -> charts.Chart:
    """Forty-eight hours."""
    rng = random.Random(2)
    newest = NOW.replace(minute=0)
    return charts.hourly_bars([_counts(newest - timedelta(hours=47 - index), rng) for index in range(48)])


def shell(theme: Theme = "system") -> Shell:
    """The frame, with a hostile tenant and operator in it."""
    names = ("API Keys", "Tiers", "Audit", "Operators", "Tenants")
    return Shell(
        operator="ada@example.com",
        role="Owner",
        tenant=REORDERED,
        home_href="/",
        sign_out_href="/sign-out",
        nav=[
            Link(name, f"/{'' if index == 0 else name.lower()}", current=index == 0) for index, name in enumerate(names)
        ],
        tenants=[
            Link("Northwind", "/?tenant=1"),
            Link(REORDERED, "/?tenant=2", current=True),
            Link(HOSTILE, "/?tenant=3"),
        ],
        account=[Link("Password and sign-ins", "/account")],
        messages=[Message("“Zapier Integration” was created.")],
        theme=theme,
    )
