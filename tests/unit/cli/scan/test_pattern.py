"""One pattern, here and in what other scanners are given; and no alarm without the checksum."""

from __future__ import annotations

import random
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keystile import mint
from keystile.cli.scan.pattern import Pattern, portable
from tests.unit.cli.scan.noise import candidate

ROOT = Path(__file__).parents[4]
MEANT = re.compile(r"(?<![0-9A-Za-z_])tos_[0-9A-Za-z]{28}(?![0-9A-Za-z])", re.ASCII)
BODY = "0" * 28


def found_in(data: bytes, prefix: str = "tos_") -> list[tuple[int, str]]:
    return list(Pattern(prefix).secrets(data, 0, len(data)))


@given(st.lists(st.sampled_from(["tos_", BODY, "_", "0", "t", " ", "\n", "é", "/", "tos_" + BODY]), max_size=12))
@example(["tos_" + BODY, "_"])
@example(["tos_" + BODY, " ", "tos_" + BODY])
def test_the_portable_pattern_means_what_lookarounds_would_say(words: list[str]) -> None:
    text = "".join(words)
    found = [match[1] for match in re.finditer(portable("tos_"), text, re.ASCII)]
    assert found == MEANT.findall(text)


def test_gitleaks_has_the_same_pattern() -> None:
    (rule,) = tomllib.loads((ROOT / "deploy/gitleaks.toml").read_text("utf-8"))["rules"]
    assert rule["regex"] == portable("tos_")
    assert re.compile(rule["regex"]).groups == rule["secretGroup"] == 1
    assert rule["keywords"] == ["tos_"]


def test_github_has_the_same_pattern_in_its_three_fields() -> None:
    told = (ROOT / "docs/leaks.md").read_text("utf-8")
    fields = dict(re.findall(r"^\* (Secret format|Before secret|After secret): `(.+)`$", told, re.MULTILINE))
    before, secret, after = (fields[name] for name in ("Before secret", "Secret format", "After secret"))
    assert secret in portable("tos_")
    # Python writes \z as \Z.
    whole = re.compile(f"(?:{before})({secret})(?={after})".replace(r"\z", r"\Z"), re.ASCII)
    for around in ("{}", " {} ", "_{}", "x{}", "{}x", "{}_", "é{}é", "{}\n"):
        text = around.format("tos_" + BODY)
        assert [match[1] for match in whole.finditer(text)] == MEANT.findall(text)


def test_random_candidates_give_no_alarm() -> None:
    chance = random.Random(1)
    text = "\n".join(candidate(chance) for _ in range(50_000))
    assert len(MEANT.findall(text)) == 50_000
    assert found_in(text.encode()) == []
    assert found_in(text.encode("utf-16-le")) == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(("before", "after"), [("'", "'"), ("é", "é"), ("š", "密"), ("=", "_"), ("\0", "\0")])
def test_a_secret_is_found_whatever_stands_around_it(encoding: str, before: str, after: str) -> None:
    secret = mint()
    for text in (secret, f"{before}{secret}{after}"):
        assert [found for _, found in found_in(text.encode(encoding))] == [secret]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(("before", "after"), [("x", ""), ("_", ""), ("7", ""), ("", "x"), ("", "0")])
def test_part_of_a_longer_word_is_no_secret(encoding: str, before: str, after: str) -> None:
    assert found_in(f" {before}{mint()}{after} ".encode(encoding)) == []


@pytest.mark.parametrize("prefix", ["a", "acme_live_", "z234567890123456"])
def test_other_prefixes(prefix: str) -> None:
    secret = mint(prefix)
    for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
        assert [text for _, text in found_in(f"- {secret}\n".encode(encoding), prefix)] == [secret]
    assert found_in(mint().encode(), prefix) == []
