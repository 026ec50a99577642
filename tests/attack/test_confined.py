"""A file is opened in a child that may use little, knows nothing, and whose end is not the
service's.
"""

from __future__ import annotations

import json
import threading

import pytest

from services.kit import confined, confined_job
from services.kit.errors import Refused
from tests.attack.watch import watched

MEGABYTE = 1 << 20


def _read(job: str, content: bytes = b"") -> bytes:
    return confined.read(f"tests.attack.jobs:{job}", content)


def test_what_the_child_made_comes_back():
    assert _read("echo", b"abc") == b"cba"
    assert _read("echo", b"x" * 8 * MEGABYTE) == b"x" * 8 * MEGABYTE


def test_what_the_child_refuses_is_refused_in_its_words():
    with pytest.raises(Refused) as refused:
        _read("refuse")
    told = refused.value
    assert (told.status, told.code, told.words.zh, told.words.en) == (422, "so-it-is", "不行", "no")
    assert told.extra == {"field": "file"}


@pytest.mark.parametrize("job", ["fail", "crash", "grow", "spin", "flood", "no_such_job"])
def test_whatever_the_child_dies_of_is_told_as_one_thing_and_the_next_file_is_read(job):
    with watched() as watch, pytest.raises(confined.Exhausted):
        _read(job)
    assert watch.peak_bytes < 300 * MEGABYTE
    assert _read("echo", b"ab") == b"ba"


def test_a_child_that_only_waits_is_ended(monkeypatch):
    monkeypatch.setattr(confined, "WALL_SECONDS_MAX", 0.5)
    with pytest.raises(confined.Exhausted):
        _read("sleep")


def test_a_child_has_no_environment_no_files_of_ours_and_writes_none(monkeypatch):
    monkeypatch.setenv("GUIDUI_SECRET", "not for a child")
    found = json.loads(_read("look_round"))
    assert set(found["environment"]) <= {"LANG", "LC_CTYPE", "MALLOC_ARENA_MAX", "LD_LIBRARY_PATH"}
    assert found["handles"] == [0, 1, 2] and not found["wrote"]


def test_at_most_two_are_read_at_once_and_whoever_comes_too_late_is_told(monkeypatch):
    monkeypatch.setattr(confined, "WALL_SECONDS_MAX", 1.0)
    monkeypatch.setattr(confined, "WAIT_SECONDS_MAX", 0.2)
    outcomes: list[object] = []

    def sleep() -> None:
        try:
            _read("sleep")
        except (confined.Exhausted, Refused) as failure:
            outcomes.append(failure)

    threads = [threading.Thread(target=sleep) for _ in range(4)]
    with watched() as watch:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    refused = [one for one in outcomes if isinstance(one, Refused)]
    assert watch.children == 2 and [one.status for one in refused] == [503, 503]
    assert _read("echo", b"ab") == b"ba"


def test_the_bounds_are_those_that_are_promised():
    assert confined_job.MEMORY_BYTES_MAX < 300 * MEGABYTE and confined_job.CPU_SECONDS_MAX < 2
