"""The lead among dispatchers: taken by one, renewed, run out, given up, and taken from the dead."""

import time
from concurrent.futures import ThreadPoolExecutor

from memscore.store import Database, leadership


def take(database: Database, owner: str, seconds: float = 60, dead: str | None = None) -> bool:
    with database.writing() as connection:
        return leadership.take(connection, "lead", owner, seconds, dead=dead)


def holder(database: Database) -> str | None:
    with database.reading() as connection:
        lease = leadership.current(connection, "lead")
        return None if lease is None else lease.owner


def test_one_takes_the_lead_and_keeps_it(database: Database):
    assert holder(database) is None
    assert take(database, "a")
    assert not take(database, "b")
    assert take(database, "a")
    assert holder(database) == "a"


def test_a_lease_that_ran_out_is_free(database: Database):
    assert take(database, "a", seconds=0.2)
    time.sleep(0.3)
    assert take(database, "b")
    assert not take(database, "a")


def test_the_lease_of_a_dead_owner_is_taken_at_once(database: Database):
    assert take(database, "a")
    assert not take(database, "b", dead="somebody")
    assert take(database, "b", dead="a")


def test_only_its_owner_gives_a_lease_up(database: Database):
    take(database, "a")
    with database.writing() as connection:
        leadership.release(connection, "lead", "b")
    assert holder(database) == "a"
    with database.writing() as connection:
        leadership.release(connection, "lead", "a")
    assert holder(database) is None


def test_of_many_at_once_one_leads(database: Database):
    with ThreadPoolExecutor(8) as pool:
        took = list(pool.map(lambda owner: take(database, owner), "abcdefgh"))
    assert sum(took) == 1


def test_the_note_says_why_the_owner_cannot_work(database: Database):
    with database.writing() as connection:
        leadership.take(connection, "lead", "a", 60, note="Ray does not answer")
        lease = leadership.current(connection, "lead")
    assert lease is not None
    assert lease.note == "Ray does not answer"
    assert 55 < lease.seconds_left <= 60
    take(database, "a")
    with database.reading() as connection:
        lease = leadership.current(connection, "lead")
    assert lease is not None
    assert lease.note is None
