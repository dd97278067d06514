"""The form of keys, and the pepper that they are hashed with."""

from __future__ import annotations

import re
import stat
import threading
from pathlib import Path

import pytest

from memscore import keys
from memscore.errors import InvalidInput, StoreError
from memscore.settings import Settings
from memscore.store.pepper import FILE, pepper_of
from tests.command_line import Outcome


def test_a_key_says_what_it_is_and_has_160_random_bits():
    made = [keys.generate() for _ in range(50)]
    for key, identifier in made:
        assert re.fullmatch(r"memscore_[0-9A-Za-z]{10}_[0-9A-Za-z]{33}", key)
        assert keys.id_of(key) == identifier
    assert 62**keys.SECRET_LENGTH > 2**160
    assert len({key for key, _ in made}) == len({identifier for _, identifier in made}) == 50


def test_every_slip_of_one_letter_and_every_swap_of_neighbours_is_noticed():
    key, _ = keys.generate()
    for place, letter in enumerate(key):
        wrong = "x" if letter != "x" else "y"
        assert keys.id_of(key[:place] + wrong + key[place + 1 :]) is None
        assert keys.id_of(key[:place]) is None
        swapped = key[:place] + key[place : place + 2][::-1] + key[place + 2 :]
        assert swapped == key or keys.id_of(swapped) is None
    for wrong in ("", " " + key, key + "\n", key + "0", key.replace("memscore", "m\N{CYRILLIC SMALL LETTER IE}mscore")):
        assert keys.id_of(wrong) is None


def test_scopes_include_those_before_them():
    assert keys.included("read") == ("read",)
    assert keys.included("admin") == ("read", "write", "admin")


@pytest.mark.parametrize(("text", "seconds"), [("90d", 7_776_000), ("12h", 43_200), ("30m", 1800), ("2w", 1_209_600)])
def test_times_to_live_are_read(text: str, seconds: int):
    assert keys.seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "d", "90", "-1d", "0d", "1.5d", "1y", "999999999d", "٣d "])
def test_other_times_to_live_are_refused(text: str):
    with pytest.raises(InvalidInput, match="write 90d, 12h, 30m or 2w"):
        keys.seconds_of(text)


def test_the_pepper_is_made_once_for_its_user_alone(settings_of_sqlite: Settings):
    found: list[keys.Pepper] = []
    threads = [threading.Thread(target=lambda: found.append(pepper_of(settings_of_sqlite))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert stat.S_IMODE((settings_of_sqlite.home / FILE).stat().st_mode) == 0o600
    assert len(found[0].value) == 64
    assert [path.name for path in settings_of_sqlite.home.iterdir() if "pepper" in path.name] == [FILE]


def test_a_pepper_that_is_given_counts_and_short_ones_are_refused(settings_of_sqlite: Settings):
    given = Settings.model_validate({**settings_of_sqlite.model_dump(), "key_pepper": "the same on every host"})
    assert pepper_of(given).value == b"the same on every host"
    assert not (given.home / FILE).exists()
    (given.home / FILE).write_text("short\n")
    with pytest.raises(InvalidInput, match="at least 16 characters"):
        pepper_of(settings_of_sqlite)


def test_a_pepper_that_cannot_be_read_is_one_sentence(settings_of_sqlite: Settings):
    (settings_of_sqlite.home / FILE).mkdir()
    with pytest.raises(StoreError, match="set MEMSCORE_KEY_PEPPER"):
        pepper_of(settings_of_sqlite)


def test_commands_make_list_and_revoke_keys(memscore, tmp_path: Path):
    made: Outcome = memscore("keys", "create", "trainer", "--scope", "read", "--expires", "90d")
    assert made.status == 0
    key = made.out.strip()
    identifier = keys.id_of(key)
    assert identifier is not None
    assert "it is not shown again" in made.err
    assert key not in made.err
    listed: Outcome = memscore("keys", "list")
    assert identifier in listed.out
    assert key not in listed.out
    (one,) = memscore("keys", "list", "--json").json["keys"]
    assert one.items() >= {"name": "trainer", "scope": "read", "state": "live"}.items()
    assert memscore("keys", "revoke", identifier, "--json").json["state"] == "revoked"
    refused: Outcome = memscore("keys", "revoke", "nobody")
    assert refused.status == 1
    assert "There is no key 'nobody'; memscore keys list shows all." in refused.err
    assert memscore("keys", "create", "x", "--scope", "read", "--expires", "soon").status == 1
    assert keys.id_of(memscore("keys", "create", "x", "--scope", "admin", "--json").json["key"]) is not None
