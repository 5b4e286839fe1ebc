"""What `keystile serve` prints once it can answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from keystile.cli.serve.welcome import Welcome
from keystile.settings import Settings

URL = "http://127.0.0.1:8080"


@pytest.mark.parametrize("link", ["/console/link/abc", None])
def test_the_link_is_a_whole_url_for_people_and_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], link: str | None
) -> None:
    settings = Settings(data=tmp_path)
    Welcome(as_json=True).show(settings, URL, link)
    assert json.loads(capsys.readouterr().out)["console_link"] == (link and URL + link)
    Welcome().show(settings, URL, link)
    lines = capsys.readouterr().out.splitlines()
    assert [line.strip() for line in lines if "/console/link/" in line] == ([] if link is None else [URL + link])
