"""Work for Blender goes to a process of its own: it may crash, and wants the main thread for itself."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..scenes import Scene, compose
from .doctor import cores
from .errors import RenderError, RequestError, cut_short
from .store import FrameStore

POLL_SECONDS = 0.2
PARTS = 4
"""Into how many parts the frames of a worker are cut."""
LAST_BYTES = b"\xb1\xea\x92\x8f"
"""How a whole .blend ends: the mark of its table, as it is compressed (seekable Zstandard)."""


@dataclass(frozen=True)
class Job:
    """What the processes do: compose and build a scene, save ``blends``, render ``frames`` (number, file, key or None).

    A finished picture goes to the ``store``, if there is one, under its key. ``workers`` processes share the frames.
    Beside ``log`` they put whatever else they write, so that nothing is left once their caller removes that folder.
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
    frames: tuple[tuple[int, Path, str | None], ...]
    blends: tuple[Path, ...]
    log: Path
    store: FrameStore | None = None
    workers: int = 1
    all_cells: bool = False


def run(job: Job, progress: Callable[[int], object]) -> None:
    """Run a job and wait. ``progress`` gets the number of frames finished since the last call.

    Raises RenderError if Blender fails or dies, RequestError if it lacks what was asked for. However it ends, the
    processes have ended before.
    """
    if not job.frames and not job.blends:
        return
    parts = _parts(job)
    workers = min(job.workers, len(parts))
    threads = max(1, cores() // workers)
    others = multiprocessing.active_children()
    executor = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        with _deaf_to_interrupts():
            futures = [executor.submit(_work, part, threads) for part in parts]
        _watch(futures, [path for _, path, _ in job.frames], progress)
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


def _parts(job: Job) -> list[Job]:
    """The job in pieces of neighbouring frames, several for each worker, so that none waits long for the last."""
    count = max(1, -(-len(job.frames) // (job.workers * PARTS))) if job.workers > 1 else max(1, len(job.frames))
    pieces = [job.frames[start : start + count] for start in range(0, len(job.frames), count)] or [()]
    return [replace(job, frames=piece, blends=job.blends if n == 0 else ()) for n, piece in enumerate(pieces)]


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


def _watch(futures: list[Future[None]], paths: list[Path], progress: Callable[[int], object]) -> None:
    """Count the files that have appeared: that needs no line to the processes, wherever they run.

    Raises what the first of them that fails raises.
    """
    awaited = list(paths)
    while True:
        done, running = wait(futures, POLL_SECONDS, FIRST_EXCEPTION)
        still = [path for path in awaited if not path.exists()]
        progress(len(awaited) - len(still))
        awaited = still
        for future in done:
            future.result()
        if not running:
            return


def _check_whole(path: Path) -> None:
    """RenderError if a .blend was cut short: Blender does not say so when the disk is full."""
    with path.open("rb") as file:
        file.seek(-min(len(LAST_BYTES), path.stat().st_size), os.SEEK_END)
        if file.read() != LAST_BYTES:
            raise cut_short(path)


_opened: list[Any] = []
"""The scene of a worker, which renders several parts of one job."""


def _work(job: Job, threads: int) -> None:
    """Runs in a worker."""
    if not _opened:
        _opened.append(_open(job, threads))
    from . import blender

    for path in job.blends:
        blender.save(_opened[0], path)
    for number, path, key in job.frames:
        blender.render_frame(_opened[0], number, path)
        if key and job.store:
            job.store.put(key, path)


def _open(job: Job, threads: int) -> Any:
    """Make this process a worker, with the job's scene built."""
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

    board = compose(job.scene, job.size, job.fps, job.language, job.theme, job.all_cells)
    return blender.open_scene(board, job.quality, job.engine, job.device, threads)


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
