"""Blender works in a process of its own: it may die, be interrupted or lose its parent, and nothing is left over."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from convmotion.render import jobs, patches
from convmotion.render.errors import FrameError, RenderError
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


def command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


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
    while process.poll() is None:
        for pid in children(process.pid):
            if b"spawn_main" in command(pid):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    code, err = ended(process)
    assert code == 1
    assert err.startswith("convmotion: ") and "Blender ended unexpectedly 3 times; " in err and err.count("\n") == 1
    assert_untouched(out, temporary, processes)


@linux
@pytest.mark.blender
def test_blender_ends_when_its_parent_is_killed(rendering):
    process, out, _, processes = rendering
    process.kill()
    wait_for(lambda: not any(map(alive, processes)), 10)
    assert [p.name for p in out.iterdir()] == ["old.gif"]


@linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_stops_the_start_of_a_process_in_the_middle(number):
    def stop(number, _):
        raise KeyboardInterrupt

    before, free, went = signal.signal(number, stop), threading.Event(), []
    other = threading.Thread(target=free.wait)  # as NumPy has them: it may catch any signal
    other.start()
    try:
        with pytest.raises(KeyboardInterrupt), jobs._undisturbed():
            os.kill(os.getpid(), number)
            went.extend(range(1000))
            time.sleep(0.05)
            went.append("on")
        assert went[-1:] == ["on"] and signal.getsignal(number) is stop
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    finally:
        signal.signal(number, before)
        free.set()
        other.join()


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
def test_what_a_dead_worker_leaves_undone_is_rendered_by_others(tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "POLL_SECONDS", 0.01)
    broken = job(tmp_path / "broken", range(1, 25), chunk=1, workers=2)
    before, counted, lost = multiprocessing.active_children(), [], []

    def lose(done):
        counted.append(done)
        if sum(counted) > 8 and not lost:
            lost.extend(child for child in multiprocessing.active_children() if child not in before)
            lost[0].kill()
            times.update({path: path.stat().st_mtime_ns for path in (tmp_path / "broken").glob("*.patch")})

    times = {}
    run(broken, lose)
    assert len(lost) == 2 and not any(child.is_alive() for child in lost)
    assert sum(counted) == len(shots(broken)) and 8 <= len(times) < len(shots(broken))
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())
    (tmp_path / "calm").mkdir()
    run(replace(broken, log=tmp_path / "calm" / "blender.log"), lambda _: None)
    assert finished(tmp_path / "broken") == finished(tmp_path / "calm")
    assert not list((tmp_path / "broken").glob("*.begun"))


class Dying(Executor):
    """A place of work where ``fatal`` shots end the process that works on them, and all wait for it."""

    def __init__(self, fatal=(), patient=()):
        self.fatal, self.patient, self.workers, self.over = set(fatal), set(patient), [], False

    @contextmanager
    def processes(self, job, parts):
        self.workers.append(job.workers)
        self.over = False
        yield self, 1

    def submit(self, fn, part, threads):
        """All parts begin at once, unless there is one worker only."""
        future = Future()
        for shot in (shot for row in part.shots for shot in row):
            if self.over and self.workers[-1] == 1:
                break
            if not part.path(shot.key).exists():
                part.begun(shot.key).touch()
                if shot in self.fatal or (shot in self.patient and self.workers[-1] > 1):
                    self.over = True
                    break
                patches.write([], part.path(shot.key))
                part.begun(shot.key).unlink()
        else:
            future.set_result(Spent(1.0, 1))
            return future
        future.set_exception(BrokenProcessPool())
        return future


def test_a_picture_that_no_process_survives_is_named_after_three_attempts(tmp_path):
    one = job(tmp_path / "job", range(1, 25), chunk=1, workers=2)
    first, second = one.shots
    place = Dying(fatal=[second[1]], patient=[first[0]])
    with pytest.raises(FrameError) as caught:
        run(replace(one, place=place), lambda _: None)
    assert str(caught.value) == f"frame {second[1].frame}: Blender ended unexpectedly 3 times"
    assert caught.value.frame == second[1].frame
    assert place.workers == [2, 2, 1]  # by itself, so that the other that was begun each time is not blamed
    assert one.path(first[0].key).exists() and one.path(second[0].key).exists()


def test_one_that_dies_twice_is_no_reason_to_give_up(tmp_path):
    one = job(tmp_path / "job", range(1, 25), chunk=1, workers=2)
    fatal = {row[0] for row in one.shots}
    place = Dying(patient=fatal)
    assert run(replace(one, place=place), lambda _: None).seconds
    assert place.workers == [2, 2, 1] and not one.missing()


def test_processes_that_hang_are_left_for_others(tmp_path, monkeypatch):
    class Hanging(Dying):
        def submit(self, fn, part, threads):
            if len(self.workers) > 1:
                return super().submit(fn, part, threads)
            part.begun(part.shots[0][0].key).touch()
            return Future()

    monkeypatch.setattr(jobs, "POLL_SECONDS", 0.01)
    one = job(tmp_path / "job", range(1, 25), chunk=1, workers=2, patience=0.2)
    run(replace(one, place=(place := Hanging())), lambda _: None)
    assert place.workers == [2, 2] and not one.missing()


def test_a_picture_at_which_all_processes_hang_is_named(tmp_path, monkeypatch):
    class Hanging(Dying):
        def submit(self, fn, part, threads):
            part.begun(part.shots[0][0].key).touch()
            return Future()

    monkeypatch.setattr(jobs, "POLL_SECONDS", 0.01)
    one = job(tmp_path / "job", range(1, 5), chunk=1, patience=0.2, place=Hanging())
    with pytest.raises(FrameError, match=r"^frame 1: Blender made nothing for 0\.2 s 3 times$"):
        run(replace(one, shots=one.shots[:1]), lambda _: None)


def test_processes_that_die_before_their_first_picture_are_told(tmp_path):
    class Stillborn(Dying):
        def submit(self, fn, part, threads):
            future = Future()
            future.set_exception(BrokenProcessPool())
            return future

    one = job(tmp_path / "job", range(1, 9), place=(place := Stillborn()))
    (tmp_path / "job" / "blender.log").write_text("Blender 1.0\nno light\n\n")
    with pytest.raises(RenderError, match=r"^Blender ended unexpectedly 3 times; the last it said was: no light$"):
        run(one, lambda _: None)
    assert len(place.workers) == 3


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
