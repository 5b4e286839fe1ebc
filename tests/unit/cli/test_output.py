"""What is printed cannot drive a terminal, and no secret slips into a message."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystile.cli.output import print_json, print_record, print_table
from keystile.safe_text import safe, without_secrets

HOSTILE = [
    ("\x1b[31mred\x1b[0m", r"\u001b[31mred\u001b[0m"),
    ("invoice\u202ecod.exe", r"invoice\u202ecod.exe"),
    ("a\x00b\x7fc\x9bd", r"a\u0000b\u007fc\u009bd"),
    ("two\nlines\r\t", r"two\u000alines\u000d\u0009"),
    ("zero\u200bwidth\u2066\U000e0041", r"zero\u200bwidth\u2066\udb40\udc41"),
    ("lone\ud800", r"lone\ud800"),
]


@pytest.mark.parametrize(("text", "shown"), HOSTILE)
def test_control_and_format_characters_are_escaped(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_ordinary_text_of_any_script_stays() -> None:
    text = "Müller & Söhne, 株式会社, שלום, <img onerror=x> 🙂 [bold]"
    assert safe(text) == text


@pytest.mark.parametrize(("text", "shown"), HOSTILE)
def test_tables_and_records_escape(text: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["NAME"], [[text], [[text]]])
    print_record([("name", text)])
    out = capsys.readouterr().out
    assert out.count(shown) == 3
    assert text not in out


def test_rich_markup_in_data_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["NAME"], [["[bold red]x[/]"]])
    assert "[bold red]x[/]" in capsys.readouterr().out


def test_lines_into_a_pipe_are_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["A", "B"], [["x" * 500, None]])
    assert "x" * 500 in capsys.readouterr().out


@given(st.dictionaries(st.text(), st.text()))
def test_json_says_the_same_whatever_is_escaped(document: dict[str, str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        printed: list[str] = []
        patch.setattr("keystile.cli.output.click.echo", printed.append)
        print_json(document)
    assert json.loads(printed[0]) == document
    assert safe(printed[0].replace("\n", "")) == printed[0].replace("\n", "")


def test_secrets_are_taken_out_of_messages_and_ids_are_not() -> None:
    assert without_secrets("no such command 'tos_4fG7hJ2kLmN9pQrStUvWxY1F2Kph'") == "no such command '(secret)'"
    id_ = "key_01h455vb4pex5vsknk084sn02q"
    assert without_secrets(id_) == id_
