"""Work for Blender goes to a process of its own: it may crash, and wants the main thread for itself."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from ..scenes import Scene, compose
from .errors import RenderError, RequestError

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Job:
    """What one process does: compose and build a scene, render ``frames`` (number, file), save ``blends``.

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


def run(job: Job, progress: Callable[[int], None]) -> None:
    """Run a job and wait. ``progress`` gets the number of frames finished since the last call.

    Raises RenderError if Blender fails or dies, RequestError if it lacks what was asked for; on KeyboardInterrupt the
    process is ended before it goes on.
    """
    executor = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    try:
        future = executor.submit(_work, job)
        _watch(future, [path for _, path in job.frames], progress)
        future.result()
    except BrokenProcessPool:
        raise RenderError(f"Blender ended unexpectedly{_last_words(job.log)}") from None
    except (RequestError, RenderError):
        raise
    except Exception as error:
        raise RenderError(f"Blender failed: {type(error).__name__}: {' '.join(str(error).split())}") from error
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        if sys.exc_info()[0] is not None:
            for child in multiprocessing.active_children():
                child.terminate()


def _watch(future: Future[None], paths: list[Path], progress: Callable[[int], None]) -> None:
    """Count the files that have appeared: that needs no line to the process, wherever it runs."""
    done = 0
    while True:
        finished = future.done()
        before = done
        while done < len(paths) and paths[done].exists():
            done += 1
        progress(done - before)
        if finished:
            return
        time.sleep(POLL_SECONDS)


def _work(job: Job) -> None:
    """Runs in the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    log = os.open(job.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):  # Blender talks below Python
        os.dup2(log, stream)
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
        os.kill(os.getpid(), signal.SIGTERM)


def _last_words(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").split("\n")
    except OSError:
        return ""
    told = [line.strip() for line in lines if line.strip()]
    return f"; the last it said was: {told[-1][:200]}" if told else ""
