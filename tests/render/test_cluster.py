"""A Dask cluster makes the frames that this machine makes, though a worker dies; all that fails is told in one line."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError

import pytest
from small_scenes import TINY

from convmotion.render import cli, cluster, film
from convmotion.render.cli import main
from convmotion.render.cluster import Cluster
from convmotion.render.errors import FrameError, RenderError, RequestError
from convmotion.render.jobs import Spent
from convmotion.render.remote import Made, Refused
from tests.render.test_jobs import children, job, linux, shots, wait_for

distributed = pytest.importorskip("distributed")

SMALL = ["--size", "96x64", "--fps", "6", "--quality", "draft", "--chunk", "10"]


@pytest.fixture(scope="module")
def three_workers(tmp_path_factory):
    """A scheduler and three processes that work for it over TCP, each with folders of its own."""
    place = tmp_path_factory.mktemp("cluster")
    with distributed.LocalCluster(
        n_workers=3,
        threads_per_worker=1,
        processes=True,
        protocol="tcp://",
        dashboard_address=None,
        worker_dashboard_address=None,
        memory_limit=0,
        local_directory=str(place),
    ) as made:
        yield made


def rendered(folder, *more):
    """The code, and the frames."""
    folder.mkdir()
    line = ["render", "pointwise", "-o", str(folder / "f_%03d.png"), "--cache", str(folder / "kept"), *SMALL, *more]
    if more:  # else the workers, which are on this machine, would see the store
        line[4:6] = []
    return main(line), [path.read_bytes() for path in sorted(folder.glob("f_*.png"))]


@linux
@pytest.mark.blender
def test_a_cluster_makes_the_same_frames_though_a_worker_is_killed(three_workers, tmp_path, monkeypatch, capsys):
    pids = {address: worker.process.pid for address, worker in three_workers.workers.items()}
    done = []

    class Noted(Cluster):
        """Kills a worker that has work, as soon as another has done some."""

        def processes(self, job, parts):
            done.append(self.done)
            threading.Thread(target=kill, daemon=True).start()
            return super().processes(job, parts)

    def kill():
        wait_for(lambda: done[0], 120)
        busy = wait_for(lambda: [pid for pid in pids.values() if children(pid)], 60)
        os.kill(busy[0], signal.SIGKILL)
        done.append(busy[0])

    monkeypatch.setattr(cli, "Cluster", Noted)
    code, frames = rendered(tmp_path / "cluster", "--dask", three_workers.scheduler_address)
    assert code == 0 and capsys.readouterr().err == ""
    assert len(done) == 2 and len(done[0]) >= 5  # one was killed, and parts came back
    assert (0, frames) == rendered(tmp_path / "local") and len(frames) > 50
    wait_for(lambda: not [child for pid in pids.values() for child in children(pid)], 10)


@linux
@pytest.mark.blender
def test_a_client_that_is_interrupted_ends_the_blenders_of_its_workers(three_workers, tmp_path):
    pids = [worker.process.pid for worker in three_workers.workers.values()]
    line = ["render", "standard", "-o", "a.mp4", "--quality", "final", "--dask", three_workers.scheduler_address]
    for number, code in ((signal.SIGINT, 130), (signal.SIGKILL, -9)):
        process = subprocess.Popen(
            [sys.executable, "-m", "convmotion.render.cli", *line], cwd=tmp_path, stderr=subprocess.PIPE, text=True
        )
        try:
            wait_for(lambda: any(map(children, pids)), 60)
            process.send_signal(number)
            err = process.communicate(timeout=60)[1]
            assert process.returncode == code and err == ("convmotion: interrupted\n" if code > 0 else "")
            wait_for(lambda: not any(map(children, pids)), 30)
        finally:
            process.kill()
            process.communicate()
    assert [path for path in tmp_path.iterdir() if path.suffix != ".part"] == []


def test_nobody_imports_the_cluster_unless_asked():
    code = "import sys, convmotion.render.cli; print({'dask', 'distributed'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


def error_of(address, seconds=30.0):
    started = time.monotonic()
    with pytest.raises((RenderError, RequestError)) as caught, Cluster(address).processes(None, 1):
        raise AssertionError("there is no such cluster")
    assert time.monotonic() - started < seconds and len(str(caught.value).splitlines()) == 1
    return caught


def test_a_scheduler_that_does_not_answer_is_one_line(monkeypatch):
    monkeypatch.setattr(cluster, "SECONDS_TO_CONNECT", 1.0)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        caught = error_of(address, 10.0)
        assert caught.type is RenderError and "no scheduler answers there within 1 s" in str(caught.value)
    assert "no scheduler answers" in str(error_of(address, 10.0).value)


@pytest.mark.parametrize("address", ["carrier-pigeon://a:1", "absent.json", "tcp://a b:x"])
def test_what_is_no_address_is_one_line(address, monkeypatch):
    monkeypatch.setattr(cluster, "SECONDS_TO_CONNECT", 1.0)
    assert f"--dask {address}: " in str(error_of(address).value)


def test_without_the_package_the_line_that_mends_it_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert "pip install 'convmotion[dask]'" in str(error_of("tcp://a:1").value)


@pytest.mark.parametrize("flag", ["--workers", "--cores"])
def test_what_is_for_this_machine_is_refused(flag, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(film, "run", None)
    assert main(["render", "standard", "-o", "a.gif", "--dask", "tcp://a:1", flag, "2"]) == 2
    assert f"{flag} is for this machine" in capsys.readouterr().err


class Task:
    """A task that has ended."""

    def __init__(self, ends):
        self.ends = ends

    def result(self, timeout):
        if isinstance(self.ends, BaseException):
            raise self.ends
        return self.ends

    def add_done_callback(self, told):
        told(self)


class Client:
    """Has every task end as it is told to; notes what is cancelled."""

    def __init__(self, *ends):
        self.ends, self.asked, self.cancelled = list(ends), [], []

    def submit(self, *call, **how):
        self.asked.append((call, how))
        return "scene" if call[0] is bytes else Task(self.ends.pop(0))

    def cancel(self, tasks, force):
        self.cancelled += tasks


def ended(tmp_path, *ends):
    one = job(tmp_path / "job", range(1, 5), chunk=4)
    client = Client(*ends)
    pool = cluster._Pool(Cluster("tcp://a:1"), client, one, None)
    return one, client, pool, pool.submit(None, one, 1)


def test_files_that_come_back_lie_where_the_job_wants_them(tmp_path):
    one = job(tmp_path / "job", range(1, 5), chunk=4)
    files = {one.path(shot.key).name: shot.key.encode() for shot in shots(one)}
    _, client, pool, future = ended(tmp_path, Made(files, (), Spent(1.0, 2), 3.0))
    assert future.result(1) == Spent(1.0, 2)
    assert all(one.path(shot.key).read_bytes() == shot.key.encode() for shot in shots(one))
    assert not list((tmp_path / "job").glob(".*")) and pool._tasks == []
    pool.shutdown()
    assert client.cancelled == ["scene"]


class Died(distributed.KilledWorker):
    def __init__(self):
        super().__init__("key", None, 3)


@pytest.mark.parametrize(
    ("end", "kind", "words"),
    [
        (Refused("NumPy is 1.x here"), RenderError, ["NumPy is 1.x here"]),
        (Refused("--device is gpu", True), RequestError, ["--device is gpu"]),
        (Died(), FrameError, ["frame 1: ", "begins with it", "4 workers died"]),
        (
            FrameError(3, "Blender ended unexpectedly; the last it said was: ouch"),
            FrameError,
            ["frame 3: ", "said was: ouch", "tried 3 times"],
        ),
        (ModuleNotFoundError("No module named 'convmotion'"), RenderError, ["'convmotion'", "convmotion[dask]"]),
        (CancelledError("key"), RenderError, ["the scheduler is lost"]),
        (ValueError("odd\nthing"), FrameError, ["frame 1: ValueError: odd thing"]),
    ],
)
def test_what_ends_badly_is_one_line(tmp_path, end, kind, words):
    error = ended(tmp_path, end)[3].exception(1)
    assert type(error) is kind and all(word in str(error) for word in ["tcp://a:1", *words]), error
    assert len(str(error).splitlines()) == 1


def test_the_scene_travels_under_the_hash_of_its_content(tmp_path):
    names = [ended(tmp_path, ValueError())[1].asked[0][1]["key"] for _ in range(2)]
    assert names[0] == names[1] and names[0].startswith("convmotion-scene-")


def test_the_command_that_repeats_a_frame_says_all_that_was_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a b.toml").write_text(TINY)

    def stop(job, progress):
        raise FrameError(7, "ouch", "--dask tcp://a:1: ")

    monkeypatch.setattr(film, "run", stop)
    words = ["render", "a b.toml", "-o", "x.png", "--size", "96x64", "--frames", "2:9", "--dask", "tcp://a:1"]
    assert main(words) == 1
    said, _, again = capsys.readouterr().err.strip().partition("; again: ")
    assert said == "convmotion: --dask tcp://a:1: frame 7: ouch"
    assert again.startswith("convmotion render 'a b.toml' ") and again.count(".png") == 1
    assert all(f" {word} " in f"{again} " for word in ("--size 96x64", "--frames 7:7", "--dask tcp://a:1"))
