"""All checks, from the machine up to the Hub."""

from __future__ import annotations

from keystile.cli.database import running_url
from keystile.cli.doctor.database import check_database
from keystile.cli.doctor.finding import Finding
from keystile.cli.doctor.folder import check_folder
from keystile.cli.doctor.gate import check_gate
from keystile.cli.doctor.hub import check_hub
from keystile.cli.doctor.machine import check_machine
from keystile.settings import Settings


async def examine(settings: Settings) -> list[Finding]:
    """Every finding, in the order in which causes come before their effects."""
    findings = [*check_machine(settings), *check_folder(settings)]
    findings += [finding async for finding in check_database(running_url(settings))]
    return [*findings, *check_gate(settings), *check_hub(settings)]
