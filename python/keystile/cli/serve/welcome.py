"""What `serve` prints once it can answer: where it is, and a line to paste."""

from __future__ import annotations

import shlex

import msgspec
import rich_click as click

from keystile.cli.output import print_json
from keystile.settings import Settings, segment_path


class Welcome(msgspec.Struct, frozen=True):
    """Prints the welcome; `as_json` as one document on stdout."""

    as_json: bool = False

    def show(self, settings: Settings, url: str, link: str | None) -> None:
        """Say where things are; `link` is a path in the console that is good once.

        The key itself is never printed, only the file that holds it.
        """
        key_file = settings.data / "operator.key"
        if self.as_json:
            first = None if link is None else url + link
            print_json({"url": url, "docs": f"{url}/docs", "operator_key_file": str(key_file), "console_link": first})
            return
        lines = [
            "Keystile is ready.",
            "",
            f"  Hub            {url}",
            f"  Console        {url}/console",
            f"  API docs       {url}/docs",
            f"  Gate           {segment_path(settings)}",
            f"  Operator's key {key_file}" + ("" if key_file.exists() else " is missing; restore or rotate it"),
            *([] if link is None else ["", "Become its owner (once, within 15 minutes):", "", f"  {url}{link}"]),
            "",
            "Try it:",
            "",
            f"  {_curl(settings, f'{url}/v1/keys')}",
        ]
        if settings.demo:
            lines.append(f"  {_curl(settings, f'{url}/api/tickets')}")
        click.echo("\n".join([*lines, "", "Ctrl-C stops it."]))


def _curl(settings: Settings, url: str) -> str:
    path = shlex.quote(str(settings.data / "operator.key"))
    return f'curl -i -H "Authorization: Bearer $(cat {path})" {shlex.quote(url)}'
