"""The templates escape everything, and a page that lacks something does not pass for whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import TemplateNotFound, UndefinedError

import keystile.console
from keystile.console.environment import environment, render

TEMPLATES = Path(keystile.console.__file__).with_name("templates")
ALL = sorted(path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html"))
ERROR = {"title": "T", "detail": "D", "request_id": "", "back_href": "/", "back_text": "Back"}


def test_what_is_put_out_is_escaped_and_visible_in_attributes_too() -> None:
    template = environment().from_string('<p title="{{ text }}">{{ text }}</p>')
    made = template.render(text='"><script>\u202e\x1b')
    assert made == '<p title="&#34;&gt;&lt;script&gt;\\u202e\\u001b">&#34;&gt;&lt;script&gt;\\u202e\\u001b</p>'


def test_what_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("error.html", **{name: value for name, value in ERROR.items() if name != "detail"})
    with pytest.raises(TemplateNotFound):
        render("none.html")


def test_a_page_is_rendered() -> None:
    assert "<h1>T</h1>" in render("error.html", **ERROR)


@pytest.mark.parametrize("name", ALL)
def test_a_template_compiles_and_has_nothing_inline(name: str) -> None:
    environment().get_template(name)
    source = (TEMPLATES / name).read_text("utf-8")
    assert not re.search(r"\sstyle=|<style|<script(?! src=)|\son\w+=|javascript:|\|\s*safe\b", source)
