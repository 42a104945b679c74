"""Work for Blender goes to a process of its own: it may crash, and wants the main thread for itself."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..scenes import Scene, compose
from .errors import RenderError, RequestError

POLL_SECONDS = 0.2
LAST_BYTES = {".png": b"IEND\xaeB`\x82", ".blend": b"\xb1\xea\x92\x8f"}
"""How a whole file ends: a PNG's last chunk, the mark of the compressed .blend's table (seekable Zstandard)."""


@dataclass(frozen=True)
class Job:
    """What one process does: compose and build a scene, render ``frames`` (number, file), save ``blends``.

    Beside ``log`` it puts whatever else it writes, so that nothing is left once its caller removes that folder.
    It carries the scene and not its storyboard: composing again is quicker than copying arrays between processes.
    """

    scene: Scene
    size: tuple[int, int]
    fps: float
    language: str
    theme: str | None
    quality: str
    engine: str
    device: str
    frames: tuple[tuple[int, Path], ...]
    blends: tuple[Path, ...]
    log: Path


def run(job: Job, progress: Callable[[int], object]) -> None:
    """Run a job and wait. ``progress`` gets the number of frames finished since the last call.

    Raises RenderError if Blender fails or dies, RequestError if it lacks what was asked for. However it ends, the
    process has ended before.
    """
    others = multiprocessing.active_children()
    executor = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    try:
        with _deaf_to_interrupts():
            future = executor.submit(_work, job)
        _watch(future, [path for _, path in job.frames], progress)
        future.result()
        for path in job.blends:
            _check_whole(path)
    except BrokenProcessPool:
        raise RenderError(f"Blender ended unexpectedly{_last_words(job.log)}") from None
    except (RequestError, RenderError):
        raise
    except Exception as error:
        raise RenderError(f"Blender failed: {type(error).__name__}: {' '.join(str(error).split())}") from error
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        for child in multiprocessing.active_children():
            if child not in others:
                child.kill()  # it has done its work, or nobody wants it any more
                child.join()


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """A process started inside never hears Ctrl-C, which reaches all of a terminal's: its parent decides.

    Ignoring it there would come too late, while Python starts. A Ctrl-C meanwhile is delivered here afterwards.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _watch(future: Future[None], paths: list[Path], progress: Callable[[int], object]) -> None:
    """Count the files that have appeared: that needs no line to the process, wherever it runs."""
    done = 0
    while True:
        finished = future.done()
        before = done
        while done < len(paths) and paths[done].exists():
            _check_whole(paths[done])
            done += 1
        progress(done - before)
        if finished:
            return
        time.sleep(POLL_SECONDS)


def _check_whole(path: Path) -> None:
    """RenderError if a file was cut short: Blender does not say so when the disk is full."""
    end = LAST_BYTES[path.suffix]
    with path.open("rb") as file:
        file.seek(-min(len(end), path.stat().st_size), os.SEEK_END)
        if file.read() != end:
            raise RenderError(f"Blender could not write all of {path}: is the disk full? TMPDIR may name another one")


def _work(job: Job) -> None:
    """Runs in the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for Windows, see above
    threading.Thread(target=_end_with_parent, daemon=True).start()
    log = os.open(job.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):  # Blender talks below Python
        os.dup2(log, stream)
    tempfile.tempdir = str(job.log.parent)
    os.environ.update(dict.fromkeys(("TMPDIR", "TEMP", "TMP"), tempfile.tempdir))  # where Blender looks
    # A parent that has imported bpy hands on its path, where Blender's own scripts hide the module.
    sys.path[:] = [folder for folder in sys.path if Path(folder).parts[-2:] != ("scripts", "modules")]
    from . import blender

    board = compose(job.scene, job.size, job.fps, job.language, job.theme)
    scene = blender.open_scene(board, job.quality, job.engine, job.device)
    for path in job.blends:
        blender.save(scene, path)
    blender.render_frames(scene, job.frames)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _last_words(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").split("\n")
    except OSError:
        return ""
    told = [line.strip() for line in lines if line.strip()]
    return f"; the last it said was: {told[-1][:200]}" if told else ""
