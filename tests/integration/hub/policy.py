"""Who may do what, by the beginning of a path: the first rule that fits counts. The matrix holds every route to it."""

from __future__ import annotations

from typing import NamedTuple

OPEN, SIGNED_IN = "anybody", "signed in"
VIEWER, ADMIN, OWNER = "viewer", "admin", "owner"
RANKS = (VIEWER, ADMIN, OWNER)


class Rule(NamedTuple):
    """Who needs which role at least, and whether of the home tenant."""

    method: str
    path: str
    least: str
    home: bool = False


_TENANT = "/console/t/{tenant}"

POLICY = (
    # The API
    Rule("GET", "/v1/keys", VIEWER),
    Rule("POST", "/v1/keys", ADMIN),
    Rule("PATCH", "/v1/keys", ADMIN),
    Rule("GET", "/v1/usage", VIEWER),
    Rule("POST", "/v1/usage/outcomes", ADMIN),
    Rule("GET", "/v1/scopes", VIEWER),
    Rule("GET", "/v1/tiers", VIEWER),
    Rule("GET", "/v1/tenants", VIEWER),
    Rule("POST", "/v1/tenants", ADMIN, home=True),
    Rule("PATCH", "/v1/tenants", ADMIN, home=True),
    Rule("GET", "/v1/operators", VIEWER),
    Rule("POST", "/v1/operators", OWNER),
    Rule("PATCH", "/v1/operators", OWNER),
    Rule("GET", "/v1/audit", VIEWER),
    Rule("GET", "/v1/advice", VIEWER),
    Rule("GET", "/v1/webhooks", VIEWER),
    Rule("POST", "/v1/webhooks", ADMIN),
    Rule("PATCH", "/v1/webhooks", ADMIN),
    Rule("DELETE", "/v1/webhooks", ADMIN),
    # Signing in
    Rule("GET", "/console/sign-in", OPEN),
    Rule("POST", "/console/sign-in", OPEN),
    Rule("GET", "/console/link", OPEN),
    Rule("POST", "/console/link", OPEN),
    Rule("POST", "/console/sign-out-everywhere", SIGNED_IN),
    Rule("POST", "/console/sign-out", OPEN),
    Rule("GET", "/console/account", SIGNED_IN),
    Rule("POST", "/console/account", SIGNED_IN),
    # The pages of a tenant
    Rule("GET", f"{_TENANT}/keys/new", ADMIN),
    Rule("GET", f"{_TENANT}/keys/{{key_id}}/edit", ADMIN),
    Rule("GET", f"{_TENANT}/keys/{{key_id}}/revoke", ADMIN),
    Rule("GET", f"{_TENANT}/keys/{{key_id}}/rotate", ADMIN),
    Rule("GET", f"{_TENANT}/keys", VIEWER),
    Rule("POST", f"{_TENANT}/keys/figures", VIEWER),
    Rule("POST", f"{_TENANT}/keys", ADMIN),
    Rule("GET", f"{_TENANT}/operators/new", OWNER),
    Rule("GET", f"{_TENANT}/operators", VIEWER),
    Rule("POST", f"{_TENANT}/operators", OWNER),
    Rule("GET", f"{_TENANT}/tenants/new", ADMIN, home=True),
    Rule("GET", f"{_TENANT}/tenants/{{other}}/rename", ADMIN, home=True),
    Rule("GET", f"{_TENANT}/tenants", VIEWER, home=True),
    Rule("POST", f"{_TENANT}/tenants", ADMIN, home=True),
    Rule("GET", f"{_TENANT}/advice", VIEWER),
    Rule("POST", f"{_TENANT}/advice", ADMIN),
    Rule("GET", f"{_TENANT}/audit", VIEWER),
    Rule("GET", f"{_TENANT}/tiers", VIEWER),
    Rule("GET", "/console", SIGNED_IN),
)


def rule_for(method: str, path: str) -> Rule | None:
    """The rule for a route; None if nobody has thought of it."""
    return next((rule for rule in POLICY if rule.method == method and _begins(path, rule.path)), None)


def _begins(path: str, with_: str) -> bool:
    """By whole segments; the front page alone stands for itself only, or it would stand for everything."""
    return path == with_ or (with_ != "/console" and path.startswith(with_ + "/"))
