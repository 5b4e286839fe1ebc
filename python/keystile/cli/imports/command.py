"""`keystile keys import`: brings keys in whose secrets were made elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

import rich_click as click

from keystile.cli.context import Context, pass_context
from keystile.cli.failure import CommandError, Exit
from keystile.cli.imports.lines import BadLine, Lines
from keystile.cli.imports.progress import Bar
from keystile.cli.imports.records import Record, csv_header, csv_records, ndjson_records
from keystile.cli.imports.report import Report
from keystile.cli.imports.rows import FIELDS, Refused, Rows
from keystile.cli.imports.sender import Sender
from keystile.cli.keys.group import keys, tenant_option
from keystile.cli.output import note, print_json, print_record

STDIN = "-"
_FORMATS = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson"}
_LINES_PER_TELL = 200


@keys.command("import")
@click.argument("file", metavar="FILE")
@click.option("--format", "kind", type=click.Choice(["csv", "ndjson"]), help="Of FILE; else by its name.")
@click.option(
    "--map", "pairs", multiple=True, metavar="FIELD=NAME", help="What a field is called in FILE; may be repeated."
)
@click.option("--ignore-unknown", "ignoring", is_flag=True, help="Leave out what is not known; else it is an error.")
@click.option("--tier", metavar="TIER", help="The tier where a line names none.")
@click.option("--scopes", metavar="A,B", help="The scopes where a line names none.")
@tenant_option
@click.option("--send-secrets", is_flag=True, help="Send secrets, not their SHA-256: needed outside the home tenant.")
@click.option("--dry-run", is_flag=True, help="Look at every line, here and at the Hub, and store nothing.")
@click.option(
    "--report", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Name refused lines here."
)
@click.option("--from-line", type=click.IntRange(min=1), default=1, metavar="N", help="Pass over the lines before it.")
@pass_context
def import_keys(
    context: Context,
    /,
    *,
    file: str,
    kind: str | None,
    pairs: tuple[str, ...],
    ignoring: bool,
    tier: str | None,
    scopes: str | None,
    tenant: str | None,
    send_secrets: bool,
    dry_run: bool,
    report: Path | None,
    from_line: int,
) -> None:
    """Import keys from FILE (`-`: stdin), CSV with a header or one JSON object a line, with their old secrets.

    Fields: name, scopes, tier, expires_at, note, tenant, and secret or sha256 (then start and last4 too).
    Secrets are hashed here and not sent, unless you say so. Run it again after an interruption: no key comes
    twice. Ends with 1 if a line was refused; the others are imported.
    """
    rows = Rows(
        _columns(pairs),
        ignoring=ignoring,
        tier=tier,
        scopes=None if scopes is None else scopes.split(","),
        prefix=context.settings().prefix,
        sending=send_secrets,
    )
    kind = kind or _FORMATS.get(Path(file).suffix.lower())
    if kind is None:
        raise click.UsageError("Say with --format whether it is csv or ndjson.")
    query: dict[str, object] = {"tenant": tenant, "dry_run": "true" if dry_run else None}
    with _opened(file, report) as stream, Report(report) as told, Bar(_size(stream)) as bar:
        lines = Lines(stream)
        records = _csv(lines, rows) if kind == "csv" else ndjson_records(lines)
        try:
            with context.client() as client, Sender(client, told, query) as sender:
                for count, record in enumerate(records):
                    if record.line >= from_line:
                        _send(record, rows, sender, told)
                    if count % _LINES_PER_TELL == 0:
                        bar.tell(lines.bytes_read, told)
                sender.finish()
        except (CommandError, KeyboardInterrupt):
            note(f"every line up to {told.done} was answered; run it again, perhaps with --from-line {told.done + 1}")
            raise
    _summarise(context, told, dry_run=dry_run)
    if told.refused:
        raise SystemExit(Exit.ERROR)


def _columns(pairs: tuple[str, ...]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for pair in (one for many in pairs for one in many.split(",")):
        field, _, name = pair.partition("=")
        if field not in FIELDS or not name:
            raise click.UsageError(f"--map takes FIELD=NAME; the fields are {', '.join(FIELDS)}.")
        columns[field] = name
    return columns


def _opened(file: str, report: Path | None) -> AbstractContextManager[BinaryIO]:
    if file == STDIN:
        return nullcontext(sys.stdin.buffer)
    path = Path(file)
    # Not click's own messages, which would repeat what may well be a secret given where none belongs.
    if not path.is_file():
        raise click.UsageError("FILE: there is no such file. Secrets are never given as arguments.")
    if report is not None and report.exists() and report.samefile(path):
        raise click.UsageError("--report would overwrite FILE.")
    try:
        return path.open("rb")
    except OSError as error:
        raise CommandError(f"FILE cannot be read: {error.strerror}") from None


def _size(stream: BinaryIO) -> int | None:
    path = getattr(stream, "name", None)
    return Path(path).stat().st_size if isinstance(path, str) and Path(path).is_file() else None


def _csv(lines: Lines, rows: Rows) -> Iterator[Record]:
    """The records of a CSV whose header makes sense. Its names are not repeated: without a header they are a key."""
    try:
        header = csv_header(lines)
    except BadLine as error:
        raise CommandError(f"line 1: {error}") from None
    if header is None:
        raise CommandError("FILE is empty: a CSV begins with a header")
    known = f"A CSV begins with a header. The columns are {', '.join(FIELDS)}."
    unknown = [str(header.index(name) + 1) for name in rows.unknown(header)]
    if unknown:
        ways = "Use --map, or leave it out with --ignore-unknown."
        raise CommandError(f"line 1: column {', '.join(unknown)} is not known. {known} {ways}")
    if len(set(header)) != len(header):
        raise CommandError("line 1: two columns have the same name")
    if not rows.knows(header, "name"):
        raise CommandError(f"line 1: there is no column for the name. {known}")
    if not rows.knows(header, "secret", "sha256"):
        raise CommandError(f"line 1: there is no column for the secret, nor for its sha256. {known}")
    return csv_records(lines, header)


def _send(record: Record, rows: Rows, sender: Sender, told: Report) -> None:
    if record.fields is None:
        told.refuse(record.line, [{"field": "", "message": record.fault}])
        return
    try:
        sender.add(record.line, rows.line(record.fields))
    except Refused as fault:
        told.refuse(record.line, [{"field": fault.field, "message": str(fault)}])


def _summarise(context: Context, told: Report, *, dry_run: bool) -> None:
    figures = {"imported": told.imported, "existed": told.existed, "refused": told.refused}
    if context.json:
        print_json({"dry_run": dry_run, **figures})
        return
    print_record(figures.items())
    if dry_run:
        note("this was a dry run: nothing is stored")
