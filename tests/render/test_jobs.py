"""Blender works in a process of its own: it may die, be interrupted or lose its parent, and nothing is left over."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from convmotion.render import jobs, patches
from convmotion.render.errors import RenderError
from convmotion.render.frames import FramePlan
from convmotion.render.jobs import Job, Spent, run
from convmotion.render.store import FrameStore
from convmotion.scenes import find_scene

linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")


def job(folder, frames=(), blends=(), *, quality="draft", fps=2.0, chunk=5, **other):
    """To render these frames of a small scene."""
    folder.mkdir(exist_ok=True)
    scene, log = find_scene("pointwise"), folder / "blender.log"
    made = Job(scene, (96, 64), fps, "en", None, quality, "cycles", "cpu", (), blends, log, **other)
    return replace(made, shots=FramePlan(made.compose(), quality, "cycles", "cpu", chunk).work(frames))


def finished(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.patch")}


def shots(job):
    return [shot for row in job.shots for shot in row]


def taken(job):
    """The same in another folder, with what the store has."""
    found = [shot.key for shot in shots(job) if job.store and job.store.take(shot.key, job.path(shot.key))]
    return len(found)


def children(pid):
    """Processes below this one, the deepest last."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == pid and state != "Z":
            found += [int(stat.parent.name), *children(int(stat.parent.name))]
    return found


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(what, seconds=30.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come true")


@pytest.fixture
def rendering(tmp_path):
    """A render that takes long, up to its first picture, in a session and a temporary folder of its own."""
    out, temporary = tmp_path / "out", tmp_path / "tmp"
    out.mkdir()
    temporary.mkdir()
    (out / "old.gif").write_bytes(b"older")
    arguments = ["render", "standard", "-o", "old.gif", "-o", "new.blend", "--size", "640x480", "--quality", "final"]
    process = subprocess.Popen(
        [sys.executable, "-m", "convmotion.render.cli", *arguments],
        cwd=out,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    processes = []
    try:
        wait_for(lambda: any(p.name == "0.blend" for p in temporary.rglob("*")))  # saved: now it renders
        processes = children(process.pid)
        yield process, out, temporary, processes
    finally:
        for pid in filter(alive, [process.pid, *processes]):
            os.kill(pid, signal.SIGKILL)
        process.communicate()


def ended(process, seconds=10):
    """The exit code and stderr; stdout is always empty."""
    out, err = process.communicate(timeout=seconds)
    assert out == ""
    return process.returncode, err


def assert_untouched(out, temporary, processes):
    wait_for(lambda: not any(map(alive, processes)), 5)
    assert [p.name for p in out.iterdir()] == ["old.gif"] and (out / "old.gif").read_bytes() == b"older"
    assert list(temporary.iterdir()) == []


@linux
@pytest.mark.blender
@pytest.mark.parametrize(("number", "whole_terminal", "code"), [("SIGINT", True, 130), ("SIGTERM", False, 143)])
def test_stopping_ends_blender_and_leaves_nothing(rendering, number, whole_terminal, code):
    process, out, temporary, processes = rendering
    (os.killpg if whole_terminal else os.kill)(process.pid, getattr(signal, number))
    assert ended(process) == (code, "convmotion: interrupted\n")
    assert_untouched(out, temporary, processes)


@linux
@pytest.mark.blender
def test_blenders_death_is_told_in_one_line(rendering):
    process, out, temporary, processes = rendering
    os.kill(processes[-1], signal.SIGKILL)
    code, err = ended(process)
    assert code == 1
    assert err.startswith("convmotion: Blender ended unexpectedly; ") and err.count("\n") == 1
    assert_untouched(out, temporary, processes)


@linux
@pytest.mark.blender
def test_blender_ends_when_its_parent_is_killed(rendering):
    process, out, _, processes = rendering
    process.kill()
    wait_for(lambda: not any(map(alive, processes)), 10)
    assert [p.name for p in out.iterdir()] == ["old.gif"]


@linux
def test_ctrl_c_while_blender_starts_says_one_line(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "convmotion.render.cli", "render", "standard", "-o", "a.gif"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    processes = wait_for(lambda: children(process.pid))
    os.killpg(process.pid, signal.SIGINT)
    assert ended(process) == (130, "convmotion: interrupted\n")
    wait_for(lambda: not any(map(alive, processes)), 5)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.blender
def test_a_job_counts_its_shots_and_writes_beside_its_log_only(tmp_path, capfd):
    one, counted = job(tmp_path, range(1, 4), (tmp_path / "scene.blend",)), []
    spent = run(one, counted.append)
    assert sum(counted) == len(shots(one)) and spent.seconds > 0
    beside = {path.name for path in tmp_path.iterdir() if path.suffix in (".patch", ".blend", ".partial")}
    assert beside == {"scene.blend", *(one.path(shot.key).name for shot in shots(one))}
    assert (tmp_path / "scene.blend").stat().st_size and None not in map(patches.unpacked, finished(tmp_path).values())
    assert tuple(capfd.readouterr()) == ("", "")  # what Blender says is in the log
    assert (tmp_path / "blender.log").stat().st_size
    assert not [p for p in tmp_path.rglob("*.partial*")]


@pytest.mark.blender
def test_frames_after_the_first_cost_less(tmp_path):
    whole = run(job(tmp_path / "whole", range(1, 13), chunk=1), lambda _: None)
    differences = run(job(tmp_path / "chunk", range(1, 13), chunk=99), lambda _: None)
    assert whole.pixels == 96 * 64 * len(list((tmp_path / "whole").glob("*.patch")))
    assert differences.pixels < 0.8 * whole.pixels


@pytest.mark.blender
def test_what_fails_inside_is_one_line(tmp_path):
    with pytest.raises(RenderError) as caught:
        run(job(tmp_path, blends=(tmp_path / "absent" / "scene.blend",)), lambda _: None)
    assert str(caught.value).startswith("Blender failed: ") and len(str(caught.value).splitlines()) == 1


def test_a_blend_cut_short_is_noticed(tmp_path):
    path = tmp_path / "a.blend"
    for data in (b"", b"x", b"a" * 100, jobs.LAST_BYTES[:-1]):
        path.write_bytes(data)
        with pytest.raises(RenderError, match="is the disk full"):
            jobs._check_whole(path)
    path.write_bytes(b"a" * 100 + jobs.LAST_BYTES)
    jobs._check_whole(path)


@pytest.mark.blender
@pytest.mark.parametrize("quality", ["draft", "standard"])
def test_workers_share_the_chunks_and_make_the_same_files(tmp_path, quality):
    made = []
    for workers in (1, 3):
        one, counted = job(tmp_path / str(workers), range(1, 13), quality=quality, chunk=4, workers=workers), []
        run(one, counted.append)
        assert len(one.shots) >= 3 and sum(counted) == len(shots(one))
        made.append(finished(tmp_path / str(workers)))
    assert made[0] == made[1] and len(made[0]) == len(shots(one))


@pytest.mark.blender
def test_a_finished_shot_is_in_the_store_though_the_job_fails(tmp_path):
    store = FrameStore(tmp_path / "store")
    one = job(tmp_path / "job", (8,), store=store)
    first, second, *_ = (shot.key for shot in shots(one) if shot.layer == "plain")
    (one.path(second).parent / f".{one.path(second).name}.partial").mkdir()
    with pytest.raises(RenderError):
        run(one, lambda _: None)
    assert store.take(first, tmp_path / "again") and not store.take(second, tmp_path / "never")


@pytest.mark.blender
def test_after_a_workers_death_only_what_is_missing_is_rendered(tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "POLL_SECONDS", 0.01)
    broken = job(tmp_path / "broken", range(1, 25), chunk=1, store=FrameStore(tmp_path / "store"), workers=2)
    before, counted = multiprocessing.active_children(), []

    def kill(done):
        counted.append(done)
        if sum(counted) > 8:
            for child in [child for child in multiprocessing.active_children() if child not in before][:1]:
                child.kill()  # there may be none any more: this is called again before the end is noticed

    with pytest.raises(RenderError, match=r"^Blender ended unexpectedly"):
        run(broken, kill)
    for name in ("again", "calm"):
        (tmp_path / name).mkdir()
    again = replace(broken, log=tmp_path / "again" / "blender.log")
    kept, counted = taken(again), []
    assert 8 <= kept < len(shots(again))
    first = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "again").glob("*.patch")}
    run(again, counted.append)
    assert sum(counted) == len(shots(again)) - kept
    assert all((tmp_path / "again" / name).stat().st_mtime_ns == time for name, time in first.items())
    run(replace(broken, log=tmp_path / "calm" / "blender.log"), lambda _: None)
    assert finished(tmp_path / "again") == finished(tmp_path / "calm")


@pytest.mark.blender
@pytest.mark.parametrize("quality", ["draft", "standard"])
def test_any_shots_that_are_missing_are_made_as_they_were(tmp_path, quality):
    one = job(tmp_path / "job", range(1, 13), quality=quality, chunk=6)
    run(one, lambda _: None)
    made = finished(tmp_path / "job")
    for shot in shots(one)[2::3]:
        one.path(shot.key).unlink()
    counted = []
    run(one, counted.append)
    assert sum(counted) == len(shots(one)[2::3]) and finished(tmp_path / "job") == made


def test_what_is_there_needs_no_blender(tmp_path, monkeypatch):
    one = job(tmp_path, range(1, 4))
    for shot in shots(one):
        one.path(shot.key).touch()
    monkeypatch.setattr(jobs, "ProcessPoolExecutor", None)
    assert run(one, lambda _: None) == Spent()
