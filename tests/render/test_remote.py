"""Parts of a job as a worker of a cluster does them: the same files, and one clear word for whatever goes wrong."""

import os
import pickle
import signal
import zlib
from dataclasses import replace

import pytest

from convmotion.render import doctor, jobs, remote
from convmotion.render.errors import RenderError
from convmotion.render.remote import Part, Refused, differing, house, packed, render_part
from convmotion.render.store import FrameStore
from tests.render.test_jobs import alive, finished, job, linux, wait_for


@pytest.fixture(autouse=True)
def nothing_left(tmp_path):
    yield
    for blender in list(remote._idle):
        remote._idle.remove(blender)
        blender.end()
    assert not list(tmp_path.glob("convmotion-*"))


def parts_of(one, have=None, shared=None, patience=120.0):
    return [Part(tuple(row), 0, have or {}, shared, patience) for row in one.shots]


@pytest.mark.blender
@pytest.mark.parametrize("quality", ["draft", "standard"])
def test_the_files_are_those_of_local_processes(tmp_path, quality):
    one = job(tmp_path / "local", range(1, 7), quality=quality, chunk=3)
    jobs.run(one, lambda _: None)
    made = [render_part(packed(one), part, tmp_path) for part in parts_of(one)]
    assert {name: data for result in made for name, data in result.files.items()} == finished(tmp_path / "local")
    assert len(made) > 1 and len(remote._idle) == 1  # one Blender has done them all
    assert all(result.seconds > result.spent.seconds > 0 and not result.stored for result in made)


@pytest.mark.blender
def test_what_was_there_is_built_upon_and_not_made_again(tmp_path):
    one = job(tmp_path / "local", range(1, 7), quality="standard", chunk=6)
    jobs.run(one, lambda _: None)
    files, row = finished(tmp_path / "local"), next(row for row in one.shots if row[0].layer == "cells")
    have = {shot.key: files[f"{shot.key}.patch"] for shot in row[:-1]}
    made = render_part(packed(one), Part(tuple(row), 0, have, None, 120.0), tmp_path)
    last = f"{row[-1].key}.patch"
    assert len(row) > 2 and made.files == {last: files[last]}


@pytest.mark.blender
def test_a_store_that_both_see_takes_the_place_of_bytes(tmp_path):
    store = FrameStore(tmp_path / "store")
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "sign").touch()
    one = job(tmp_path / "local", range(1, 4), chunk=3)
    for sign, stored in (("another", False), ("sign", True), ("sign", True)):
        (part,) = parts_of(one, shared=(store, sign))
        made = render_part(packed(one), part, tmp_path)
        assert len(made.stored if stored else made.files) == len(part.shots)
        assert not (made.files if stored else made.stored)
        assert all(store.path(key).exists() for key in made.stored)
    assert made.spent.pixels == 0  # the last time all was there


@linux
@pytest.mark.blender
def test_a_blender_that_hangs_is_given_up_with_its_frame(tmp_path, monkeypatch):
    one = job(tmp_path / "job", range(1, 13), chunk=12)
    (part,) = (replace(part, patience=2.0) for part in parts_of(one)[:1])
    started = remote.Child.__init__

    def stopped(self, *arguments):
        started(self, *arguments)
        os.kill(self._process.pid, signal.SIGSTOP)
        pids.append(self._process.pid)

    pids = []
    monkeypatch.setattr(remote.Child, "__init__", stopped)
    with pytest.raises(RenderError, match=r"^frame 1: Blender has made no picture for 2 seconds$"):
        render_part(packed(one), part, tmp_path)
    assert pids and not alive(pids[0])


@linux
@pytest.mark.blender
def test_a_blender_that_dies_is_told_with_its_frame_and_its_last_words(tmp_path, monkeypatch):
    one = job(tmp_path / "job", range(1, 13), chunk=12)
    watched = remote.Blender._watched

    def kill(self, future, inner, part, wanted):
        wait_for(lambda: inner.path(part.shots[0].key).exists(), 120)
        inner.log.write_text("a\nthe last word\n")
        self.child.kill()
        return watched(self, future, inner, part, wanted)

    monkeypatch.setattr(remote.Blender, "_watched", kill)
    with pytest.raises(RenderError) as caught:
        render_part(packed(one), parts_of(one)[0], tmp_path)
    told = str(caught.value)
    assert told.startswith("frame ") and not told.startswith("frame 1:")
    assert "Blender ended unexpectedly; the last it said was: " in told and pickle.loads(pickle.dumps(caught.value))


@pytest.mark.blender
def test_what_nobody_wants_any_more_is_ended(tmp_path):
    one = job(tmp_path / "job", range(1, 3))
    with pytest.raises(RenderError, match="nobody wants it any more"):
        render_part(packed(one), parts_of(one)[0], tmp_path, lambda: False)
    assert remote._idle == []


@pytest.mark.blender
def test_an_idle_blender_ends_with_its_job(tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "LOOK_SECONDS", 0.05)
    one, goes_on = job(tmp_path / "job", range(1, 2)), [True]
    render_part(packed(one), parts_of(one)[0], tmp_path, goes_on=lambda: goes_on[0])
    (blender,) = remote._idle
    assert blender.folder.exists()
    goes_on[0] = False
    wait_for(lambda: not blender.folder.exists(), 10)
    assert remote._idle == [] and blender.child._process.poll() is not None


@pytest.mark.parametrize("name", ["convmotion", "Blender", "Python", "NumPy", "processor"])
def test_any_difference_that_makes_other_pictures_is_refused(name):
    assert differing(house()) is None
    refused = differing({**house(), name: "9.9"})
    assert f"{name} is 9.9 here and {house()[name]} on the worker" in refused.reason
    assert name in differing({key: value for key, value in house().items() if key != name}).reason


def test_a_worker_that_cannot_start_blender_says_so(tmp_path, monkeypatch):
    missing = [doctor.Library("libX11.so.6", "libx11-6")]
    monkeypatch.setattr(doctor, "missing_libraries", lambda: missing)
    refused = render_part(packed(job(tmp_path / "job", range(1, 2))), Part((), 0, {}, None, 1.0), tmp_path)
    assert isinstance(refused, Refused) and "libX11.so.6" in refused.reason and not refused.wrong_request


def test_a_packed_job_names_no_place_of_its_client(tmp_path):
    one = job(tmp_path / "job", range(1, 2), (tmp_path / "a.blend",), store=FrameStore(tmp_path / "store"))
    assert str(tmp_path).encode() not in zlib.decompress(packed(one))
    other = job(tmp_path / "other", range(1, 2))
    assert packed(one) == packed(other)  # equal content, equal hash
