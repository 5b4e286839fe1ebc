"""Settings: which source wins, what is refused and in which words, and that no secret is ever shown."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystile.errors import SettingsError
from keystile.pepper import pepper_bytes
from keystile.settings import (
    Settings,
    decode,
    encode,
    load,
    load_with_origins,
    redacted,
    segment_path,
)

PEPPER = "ab" * 32


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No keystile.toml lies in the current folder."""
    monkeypatch.chdir(tmp_path)


def test_flags_win_over_environment_over_file_over_defaults(tmp_path: Path) -> None:
    (tmp_path / "keystile.toml").write_text("port = 1\nworkers = 2\ncapacity = 300\n")
    environ = {"KEYSTILE_PORT": "10", "KEYSTILE_WORKERS": "20"}
    loaded = load_with_origins(flags={"port": 100, "workers": None}, environ=environ)
    settings = loaded.settings
    assert (settings.port, settings.workers, settings.capacity, settings.host) == (100, 20, 300, "127.0.0.1")
    assert loaded.origins["port"] == "flag"
    assert loaded.origins["workers"] == "environment (KEYSTILE_WORKERS)"
    assert loaded.origins["capacity"] == "file (keystile.toml)"
    assert loaded.origins["host"] == "default"


def test_the_file_can_be_named_by_the_environment_or_by_argument(tmp_path: Path) -> None:
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    one.write_text("port = 1\n")
    two.write_text("port = 2\n")
    assert load(environ={"KEYSTILE_CONFIG": str(one)}).port == 1
    assert load(environ={"KEYSTILE_CONFIG": str(one)}, file=two).port == 2


def test_a_file_that_was_asked_for_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml"):
        load(environ={}, file=tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"KEYSTILE_PROT": "1"}, "KEYSTILE_PROT.*did you mean 'KEYSTILE_PORT'"),
        ({"KEYSTILE_port": "1"}, "KEYSTILE_port"),
        ({"KEYSTILE_NO_SUCH_FILE": "/x"}, "KEYSTILE_NO_SUCH_FILE"),
        ({"KEYSTILE_PORT": "http"}, r"port from environment \(KEYSTILE_PORT\)"),
        ({"KEYSTILE_PORT": "65536"}, "port must be 0 to 65535"),
        ({"KEYSTILE_WORKERS": "0"}, "workers must be 1"),
        ({"KEYSTILE_PREFIX": "Tos_"}, "prefix"),
        ({"KEYSTILE_DATABASE_URL": "mysql://x"}, "database_url"),
        ({"KEYSTILE_URL": "localhost:80"}, "url must start"),
        ({"KEYSTILE_TRUSTED_PROXIES": "10.0.0.0/33"}, "trusted_proxies"),
        ({"KEYSTILE_TRUSTED_PROXIES": "10.0.0.1/8"}, "trusted_proxies"),
        ({"KEYSTILE_OUTCOMES_LISTEN": "8514"}, "outcomes_listen must be an address and a port"),
        ({"KEYSTILE_OUTCOMES_LISTEN": ":8514"}, "outcomes_listen"),
        ({"KEYSTILE_OUTCOMES_LISTEN": "localhost:8514"}, "outcomes_listen"),
        ({"KEYSTILE_OUTCOMES_LISTEN": "::1:8514"}, "outcomes_listen"),
        ({"KEYSTILE_OUTCOMES_LISTEN": "[127.0.0.1]:8514"}, "outcomes_listen"),
        ({"KEYSTILE_OUTCOMES_LISTEN": "127.0.0.1:65536"}, "outcomes_listen"),
        ({"KEYSTILE_OUTCOMES_LISTEN": "127.0.0.1:-1"}, "outcomes_listen"),
        ({"KEYSTILE_STALE_AFTER_MS": "300"}, "stale_after_ms must be at least twice"),
        ({"KEYSTILE_FAILURE_RATE": "0"}, "failure_rate.*1 to 1000000000"),
        ({"KEYSTILE_STALE_POLICY": "maybe"}, "stale_policy"),
        ({"KEYSTILE_LOG_LEVEL": "loud"}, "log_level"),
        ({"KEYSTILE_PEPPER": "abc"}, "pepper: a pepper is 64 hex digits"),
        ({"KEYSTILE_RETIRED_PEPPERS": ",".join([PEPPER] * 4)}, "at most 3"),
        ({"KEYSTILE_TIERS": "[1"}, "KEYSTILE_TIERS: not a valid JSON list"),
        ({"KEYSTILE_PORT": "1", "KEYSTILE_PORT_FILE": "port"}, "KEYSTILE_PORT"),
        ({"KEYSTILE_PEPPER_FILE": "/no/such/file"}, "KEYSTILE_PEPPER_FILE: cannot read"),
    ],
)
def test_what_is_refused_and_in_which_words(environ: dict[str, str], words: str, tmp_path: Path) -> None:
    (tmp_path / "port").write_text("2")
    with pytest.raises(SettingsError, match=words):
        load(environ=environ)


def test_unknown_names_in_flags_and_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="unknown flag 'colour'"):
        load(flags={"colour": 1}, environ={})
    (tmp_path / "keystile.toml").write_text("is_admin = true\n")
    with pytest.raises(SettingsError, match="is_admin"):
        load(environ={})


def test_broken_toml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keystile.toml").write_text("port = \n")
    with pytest.raises(SettingsError, match="not valid TOML"):
        load(environ={})


def test_an_oversized_or_binary_file_is_refused(tmp_path: Path) -> None:
    big = tmp_path / "big.toml"
    big.write_bytes(b"#" * 1_048_577)
    with pytest.raises(SettingsError, match="larger than"):
        load(environ={}, file=big)
    big.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="UTF-8"):
        load(environ={}, file=big)


def test_a_value_can_be_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"  {PEPPER}\n")
    assert load(environ={"KEYSTILE_PEPPER_FILE": str(tmp_path / "secret")}).pepper == PEPPER


def test_an_empty_variable_counts_as_not_given() -> None:
    assert load(environ={"KEYSTILE_URL": "", "KEYSTILE_PORT": ""}) == load(environ={})


def test_lists_in_the_environment() -> None:
    environ = {
        "KEYSTILE_TRUSTED_PROXIES": "10.0.0.0/8, unix",
        "KEYSTILE_SCOPES": '[{"name":"Hub","grants":"all"},{"name":"A"}]',
        "KEYSTILE_TIERS": '[{"name":"Slow","rate":1,"burst":2}]',
    }
    settings = load(environ=environ)
    assert settings.trusted_proxies == ("10.0.0.0/8", "unix")
    assert [scope.name for scope in settings.scopes] == ["Hub", "A"]
    assert [(tier.name, tier.rate, tier.burst) for tier in settings.tiers] == [("Slow", 1, 2)]


def test_the_default_catalogue_is_the_one_of_the_first_use() -> None:
    settings = load(environ={})
    names = ["PSA", "CRM", "Books", "RMM", "Security", "Defend", "Backups", "Voice", "Portal", "Hub"]
    assert [scope.name for scope in settings.scopes] == names
    assert [(t.name, t.rate, t.burst) for t in settings.tiers] == [
        ("Standard", 60, 100),
        ("Professional", 300, 500),
        ("Enterprise", 1000, 2000),
    ]


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('[[scopes]]\nname = "A"\n', "'Hub' is missing"),
        ('[[scopes]]\nname = "Hub"\n[[scopes]]\nname = "hub"\n', "given twice"),
        ('[[scopes]]\nname = "Hub"\n[[scopes]]\nname = "a b"\n', "'a b' is no name"),
        ("scopes = []\n", "1 to 64"),
        ("tiers = []\n", "1 to 64"),
        ('[[tiers]]\nname = "T"\nrate = 0\nburst = 1\n', "T: rate must be 1 to 1000000000"),
        ('[[tiers]]\nname = "T"\nrate = 1\nburst = 1000000001\n', "T: burst must be 1 to 1000000000"),
        ('[[tiers]]\nname = "T"\nrate = 1\nburst = 60000000\n', "more than 100 years"),
        ('[[tiers]]\nname = "T"\nrate = 1\nburst = 1\ncolour = 1\n', "colour"),
        ('[[tiers]]\nname = "T"\nrate = 1.5\nburst = 1\n', "rate"),
    ],
)
def test_a_catalogue_that_breaks_a_rule_is_refused(toml: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "keystile.toml").write_text(toml)
    with pytest.raises(SettingsError, match=words):
        load(environ={})


def test_paths_become_absolute_and_those_in_a_file_lie_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "keystile.toml").write_text('data = "state"\n')
    assert load(environ={}, file=folder / "keystile.toml").data == folder / "state"
    assert load(flags={"data": "a/../b"}, environ={}).data == tmp_path / "b"
    assert load(environ={"KEYSTILE_DATA": "~/x"}).data == Path.home() / "x"
    (folder / "keystile.toml").write_text('outcomes_files = ["a.log", "/b.log"]\n')
    assert load(environ={}, file=folder / "keystile.toml").outcomes_files == (folder / "a.log", Path("/b.log"))
    assert load(environ={"KEYSTILE_OUTCOMES_FILES": "a.log"}).outcomes_files == (tmp_path / "a.log",)


@pytest.mark.parametrize("text", ["127.0.0.1:8514", "0.0.0.0:0", "[::1]:8514"])
def test_an_address_to_hear_outcomes_on(text: str) -> None:
    assert decode(encode(load(environ={"KEYSTILE_OUTCOMES_LISTEN": text}))).outcomes_listen == text


def test_the_segment_is_named_after_the_user_and_the_data_folder(tmp_path: Path) -> None:
    settings = load(flags={"data": tmp_path}, environ={})
    digest = hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]
    assert segment_path(settings) == Path(f"/dev/shm/keystile-{os.geteuid()}/{digest}.segment")
    assert segment_path(load(flags={"segment": "/x/y"}, environ={})) == Path("/x/y")


def test_no_secret_is_shown() -> None:
    secrets = {"pepper": PEPPER, "retired_peppers": ("cd" * 32,), "key": "tos_secret"}
    settings = Settings(database_url="postgresql://u:hunter2@h/db?password=hunter3", **secrets)  # type: ignore[arg-type]
    for text in (repr(settings), str(settings), str(redacted(settings))):
        for secret in (PEPPER, "cd" * 32, "tos_secret", "hunter2", "hunter3"):
            assert secret not in text
    assert "postgresql://u:(secret)@h/db" in repr(settings)


def test_errors_do_not_show_secrets() -> None:
    bad = "ef" * 31 + "zz"
    with pytest.raises(SettingsError) as refusal:
        load(environ={"KEYSTILE_PEPPER": bad})
    assert bad not in str(refusal.value)


def test_settings_survive_the_pipe_to_a_child() -> None:
    settings = Settings(data=Path("/d"), segment=Path("/s"), pepper=PEPPER, trusted_proxies=("unix",))
    assert decode(encode(settings)) == settings


def test_a_child_refuses_settings_that_it_does_not_know() -> None:
    with pytest.raises(SettingsError):
        decode(b'{"colour": 1}')


def test_the_pepper_is_made_once_readable_by_its_owner_alone(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    with pytest.raises(SettingsError, match="no pepper"):
        pepper_bytes(settings)
    first = pepper_bytes(settings, create=True)
    assert len(first) == 1
    assert len(first[0]) == 32
    assert pepper_bytes(settings, create=True) == first
    file = tmp_path / "pepper"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text() == first[0].hex() + "\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["pepper"]


def test_the_pepper_setting_comes_first_and_retired_ones_follow(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, pepper=PEPPER, retired_peppers=("cd" * 32,))
    assert pepper_bytes(settings) == [bytes.fromhex(PEPPER), bytes.fromhex("cd" * 32)]


def test_a_cut_pepper_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pepper").write_text("abcd\n")
    with pytest.raises(SettingsError, match="64 hex digits"):
        pepper_bytes(Settings(data=tmp_path), create=True)


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_environment_ends_in_anything_but_settings_or_a_settings_error(name: str, value: str) -> None:
    try:
        load(environ={f"KEYSTILE_{name}": value})
    except SettingsError:
        return


def test_each_setting_is_checked_when_one_is_replaced() -> None:
    with pytest.raises(SettingsError):
        msgspec.structs.replace(Settings(), port=-1)
