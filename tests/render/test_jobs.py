"""Blender works in a process of its own: it may die, be interrupted or lose its parent, and nothing is left over."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from convmotion.render import jobs
from convmotion.render.errors import RenderError
from convmotion.render.jobs import Job, run
from convmotion.render.store import FrameStore
from convmotion.scenes import find_scene

linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")


def job(folder, frames=(), blends=()):
    scene = find_scene("pointwise")
    return Job(scene, (96, 64), 2.0, "en", None, "draft", "cycles", "cpu", frames, blends, folder / "blender.log")


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
def test_a_job_counts_its_frames_and_writes_beside_its_log_only(tmp_path, capfd):
    frames = tuple((number, tmp_path / f"{number}.png", None) for number in (1, 2))
    counted = []
    run(job(tmp_path, frames, (tmp_path / "scene.blend",)), counted.append)
    assert sum(counted) == 2 and all(path.stat().st_size for _, path, _ in frames)
    assert (tmp_path / "scene.blend").stat().st_size
    assert tuple(capfd.readouterr()) == ("", "")  # what Blender says is in the log
    assert (tmp_path / "blender.log").stat().st_size
    assert not [p for p in tmp_path.rglob("*.partial*")]


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
def test_workers_share_the_frames_and_make_the_same_files(tmp_path):
    made = []
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        folder.mkdir()
        frames = tuple((number, folder / f"{number}.png", None) for number in (1, 5, 9, 10))
        counted = []
        run(replace(job(folder, frames), quality="standard", workers=workers), counted.append)
        assert sum(counted) == 4
        made.append([path.read_bytes() for _, path, _ in frames])
    assert made[0] == made[1]


@pytest.mark.blender
def test_a_finished_frame_is_in_the_store_though_the_job_fails(tmp_path):
    store = FrameStore(tmp_path / "store")
    frames = ((1, tmp_path / "1.png", "aa"), (2, tmp_path / "2.png", "bb"))
    (tmp_path / "2.png").mkdir()
    with pytest.raises(RenderError):
        run(replace(job(tmp_path, frames), store=store), lambda _: None)
    assert store.take("aa", tmp_path / "again.png") and not store.take("bb", tmp_path / "never.png")
