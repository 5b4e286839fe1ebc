"""`keystile check`: would this secret pass? The secret comes from stdin or a file, never as an argument."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import rich_click as click

from keystile.cli.context import Context, HubCommand, pass_context
from keystile.cli.failure import CommandError, Exit
from keystile.cli.output import note, print_json, print_record
from keystile.cli.secret_input import read_secret, secret_file_option
from keystile.errors import KeystileError
from keystile.settings import Settings, segment_path

FIELDS = (
    "allowed", "status", "code", "key_id", "tenant", "tier", "scopes",
    "limit", "remaining", "reset_at", "retry_after",
)  # fmt: skip

_EXITS = {429: Exit.RATE_LIMITED, 503: Exit.UNREACHABLE}


@click.command(cls=HubCommand)
@click.option("--scope", metavar="SCOPE", help="The scope that is needed; else any key passes.")
@secret_file_option
@click.argument("refused", nargs=-1, metavar="")
@pass_context
def check(context: Context, scope: str | None, secret_file: Path | None, refused: tuple[str, ...]) -> None:
    """Decide on a secret read from stdin, as a gate would: it costs a token and is counted.

    This machine's gate decides where there is one, else the Hub. Ends with 0 when allowed, 4 when
    denied, 5 when rate limited, 6 when nobody could decide.
    """
    if refused:
        # Not click's own message, which would repeat what may well be a secret.
        raise click.UsageError("A secret is read from stdin or --secret-file, never from an argument.")
    secret = read_secret(secret_file)
    decision = _decide_here(context, secret, scope) or _ask_hub(context, secret, scope)
    if context.json:
        print_json(decision)
    else:
        print_record((name.replace("_", " "), decision.get(name)) for name in FIELDS)
    if not decision["allowed"]:
        note(f"refused: {decision['code']}")
        raise SystemExit(_EXITS.get(decision["status"], Exit.DENIED))


def _decide_here(context: Context, secret: str, scope: str | None) -> dict[str, Any] | None:
    """This machine's gate's decision; None where there is no gate that can decide, or a Hub is named."""
    settings = context.settings()
    gate = None if settings.url is not None else _gate(settings)
    if gate is None or not gate.fresh:
        return None
    try:
        wanted = None if scope is None else gate.scope(scope)
    except KeyError:
        raise CommandError(f"there is no scope {scope!r}; see `keystile scopes`") from None
    decision = gate.check(secret, wanted)
    return {"decided_by": "gate", **{name: getattr(decision, name) for name in FIELDS}}


def _gate(settings: Settings) -> Any:
    path = segment_path(settings)
    if not path.exists():
        return None
    # Imported late: the gate's module is compiled code that no other command needs.
    core = importlib.import_module("keystile._core")
    try:
        return core.Gate.attach(path)
    except (KeystileError, OSError) as error:
        note(f"this machine's gate cannot be used ({error}); asking the Hub")
        return None


def _ask_hub(context: Context, secret: str, scope: str | None) -> dict[str, Any]:
    body = {"key": secret} | ({} if scope is None else {"scope": scope})
    with context.client(anonymous=True) as client:
        return {"decided_by": "hub", **client.decide(body)}
