"""Workers that are Blenders of their own: they make what processes make, and none outlives its parent."""

import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest

from convmotion.render import doctor, encode, inside, jobs
from convmotion.render.errors import RenderError
from convmotion.render.inside import BlenderPool
from tests.render.test_jobs import finished, job

pytestmark = pytest.mark.blender


@pytest.fixture
def in_blender(monkeypatch):
    monkeypatch.setattr(jobs, "inside_blender", lambda: True)


def test_they_make_the_same_files(tmp_path, in_blender, monkeypatch):
    one = job(tmp_path / "blenders", range(1, 7), chunk=2, workers=2)
    jobs.run(one, lambda _: None)
    monkeypatch.undo()
    jobs.run(job(tmp_path / "processes", range(1, 7), chunk=2), lambda _: None)
    assert finished(tmp_path / "blenders") == finished(tmp_path / "processes") != {}


def test_what_a_call_returns_or_raises_comes_back(tmp_path):
    pool = BlenderPool(1, 1, tmp_path)
    try:
        assert pool.submit(sorted, [3, 1, 2], reverse=True).result() == [3, 2, 1]
        with pytest.raises(ZeroDivisionError):
            pool.submit(divmod, 1, 0).result()
        assert pool.submit(len, "same process").result() == 12 and len(pool._started) == 1
        pool._started[0].kill()
        with pytest.raises(BrokenProcessPool):
            pool.submit(len, "").result()
    finally:
        pool.shutdown(wait=False)
        pool.kill()


def test_a_worker_ends_when_nothing_more_can_come(tmp_path):
    pool = BlenderPool(1, 1, tmp_path)
    pool.submit(len, "").result()
    asleep = pool.submit(time.sleep, 60)
    time.sleep(0.5)
    pool._started[0]._process.stdin.close()  # as when its parent ends
    assert pool._started[0]._process.wait(timeout=20) == 1
    with pytest.raises(BrokenProcessPool):
        asleep.result()
    pool.shutdown()


def test_a_workers_error_is_told_in_one_line(tmp_path, in_blender):
    one = job(tmp_path / "job", range(1, 3))
    object.__setattr__(one, "theme", "nowhere")
    with pytest.raises(RenderError, match=r"^Blender failed: KeyError: 'nowhere'$"):
        jobs.run(one, lambda _: None)


def test_a_frames_key_names_the_blender_that_renders(monkeypatch):
    import bpy

    from convmotion.blender_addon import compat

    outside = doctor.blender_version()
    monkeypatch.setattr(doctor, "inside_blender", lambda: True)
    assert doctor.blender_version() == bpy.app.version_string
    monkeypatch.setattr(compat, "can_denoise", lambda: False)
    assert doctor.blender_version() == f"{bpy.app.version_string} without a denoiser"
    assert outside.split(".")[:2] == bpy.app.version_string.split(".")[:2]


def test_a_blender_without_a_denoiser_takes_more_samples(tmp_path):
    code = (
        "import sys; from pathlib import Path; import convmotion.blender_addon.compat as compat\n"
        "compat.can_denoise = lambda: False\n"
        "from convmotion.render.blender import QUALITIES, Studio; from convmotion.scenes import compose, find_scene\n"
        "studio = Studio(compose(find_scene('pointwise'), (96, 64)), 'standard', 'cycles', 'cpu')\n"
        "studio.camera('cells', Path(sys.argv[1]))(1, (0, 0, 96, 64))\n"
        "print('told', studio.scene.cycles.use_denoising, studio.scene.cycles.samples // QUALITIES['standard'].samples)"
    )
    line = [sys.executable, "-c", code, str(tmp_path / "a.png")]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert "told False 6" in done.stdout, done.stderr


def test_ffmpeg_may_be_run_again(tmp_path, monkeypatch):
    program = tmp_path / "binaries" / "ffmpeg-linux"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o644)
    monkeypatch.setattr(encode.imageio_ffmpeg, "__file__", str(tmp_path / "__init__.py"))
    encode.let_run()
    assert program.stat().st_mode & 0o777 == 0o755


def test_that_there_is_no_ffmpeg_is_told_in_one_line(tmp_path, monkeypatch):
    def none():
        raise RuntimeError("No ffmpeg exe could be found.")

    monkeypatch.setattr(encode.imageio_ffmpeg, "get_ffmpeg_exe", none)
    black = np.zeros((16, 16, 3), np.uint8)
    with pytest.raises(RenderError, match="there is no ffmpeg to encode with: No ffmpeg exe"):
        encode.encode(["a", "b"], 2.0, tmp_path / "a.gif", read=lambda _: black)


def test_lines_carry_anything():
    for value in (None, b"\n\r\x00", {"a": [1.5, "中"]}):
        line = inside._line(value)
        assert line.startswith(inside.MARK) and line.count(b"\n") == 1 and inside._read(line) == value
