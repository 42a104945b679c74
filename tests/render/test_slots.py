"""Slots: no more than there are, whoever asks, in whatever order; and none is lost with a process that dies."""

import subprocess
import sys
import threading
import time

import pytest

from convmotion.render import slots as module
from convmotion.render.slots import Slots, share_of

HOLD = """
import sys, time
from pathlib import Path
from convmotion.render.slots import Slots
with Slots(Path(sys.argv[1]), int(sys.argv[2])).taken(1, int(sys.argv[3])) as got:
    print(got, flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(module, "POLL_SECONDS", 0.01)


@pytest.fixture
def holder(tmp_path):
    """Another process that holds slots."""
    started = []

    def hold(count, most):
        line = [sys.executable, "-c", HOLD, str(tmp_path), str(count), str(most)]
        process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process, int(process.stdout.readline())

    yield hold
    for process in started:
        process.kill()
        process.communicate()


def test_who_comes_takes_what_is_free(tmp_path):
    slots = Slots(tmp_path, 4)
    with slots.taken(1, 3) as first, slots.taken(1, 9) as second:
        assert (first, second) == (3, 1)
    with slots.taken(9, 9) as all_of_them:
        assert all_of_them == 4


def test_what_another_process_holds_is_waited_for_even_if_it_is_killed(tmp_path, holder):
    process, got = holder(2, 2)
    assert got == 2
    told, taken = [], []

    def take():
        with Slots(tmp_path, 2).taken(1, 2, lambda: told.append("waits")) as number:
            taken.append(number)

    waiting = threading.Thread(target=take)
    waiting.start()
    time.sleep(0.2)
    assert told == ["waits"] and taken == []
    process.kill()
    waiting.join(10)
    assert taken and not waiting.is_alive()


def test_never_more_than_there_are_and_nobody_waits_for_ever(tmp_path):
    slots, held, most, done = Slots(tmp_path, 3), [], [], []

    def work(least):
        with slots.taken(least, least) as got:
            held.append(got)
            most.append(sum(held))
            time.sleep(0.02)
            held.remove(got)
        done.append(got)

    threads = [threading.Thread(target=work, args=(1 + number % 3,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(done) == [1] * 8 + [2] * 8 + [3] * 8 and 2 <= max(most) <= 3


def test_where_files_cannot_be_locked_nobody_waits(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with Slots(tmp_path / "file" / "below", 2).taken(1, 2) as got:
        assert got == 2

    def unknown(_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(module, "_lock", unknown)
    with Slots(tmp_path / "slots", 2).taken(1, 2) as got, Slots(tmp_path / "slots", 2).taken(1, 2) as more:
        assert got == more == 2


@pytest.mark.parametrize(
    ("needed", "memory", "share"), [(1, 8, 1), (2, 8, 1), (3, 8, 2), (8, 8, 4), (99, 8, 4), (5, None, 1)]
)
def test_a_process_takes_the_slots_whose_memory_it_needs(needed, memory, share):
    assert share_of(needed, memory, 4) == share
