"""The command `keystile doctor`."""

from __future__ import annotations

import asyncio

import msgspec
import rich_click as click

from keystile.cli.context import Context, HubCommand, pass_context
from keystile.cli.doctor.finding import Finding
from keystile.cli.failure import Exit
from keystile.cli.output import print_json
from keystile.safe_text import safe

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command(cls=HubCommand)
@pass_context
def doctor(context: Context) -> None:
    """Look at everything that Keystile needs here. Ends with 1 when something fails."""
    # Imported late: the database driver and the HTTP client are not needed to explain this command.
    from keystile.cli.doctor.examine import examine  # noqa: PLC0415

    findings = asyncio.run(examine(context.settings()))
    failed = any(finding.level == "fail" for finding in findings)
    if context.json:
        print_json({"ok": not failed, "findings": [msgspec.to_builtins(finding) for finding in findings]})
    else:
        for finding in findings:
            _print(finding)
    if failed:
        raise SystemExit(Exit.ERROR)


def _print(finding: Finding) -> None:
    level = click.style(f"{finding.level:4}", fg=_COLOURS[finding.level])
    click.echo(f"{level}  {finding.check}: {safe(finding.detail)}")
    if finding.advice is not None:
        click.echo(f"      {safe(finding.advice)}")
