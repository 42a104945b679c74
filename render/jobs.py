"""Work for Blender goes to a process of its own: it may crash, and wants the main thread for itself."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..scenes import Scene, Storyboard, compose
from ..scenes.changes import Changes, Rectangle
from ..scenes.overview import Overview
from . import patches, pictures
from .doctor import cores, inside_blender
from .errors import FrameError, RenderError, RequestError, cut_short
from .frames import Shot
from .inside import BlenderPool
from .pictures import Pixels
from .slots import Slots
from .stops import answered
from .store import FrameStore

if TYPE_CHECKING:
    from .blender import Studio

POLL_SECONDS = 0.2
ATTEMPTS = 3
"""How often a picture, or the start, is tried while processes die of it or hang."""
PATIENCE = 600.0
"""Seconds after which processes hang that have made no picture, unless told otherwise."""
MOST_PROCESSES = 99
"""Where nobody counts them."""
MARGIN = 6
"""By how many pixels a rectangle is rendered larger than it is: the denoiser looks at what is around a pixel."""
LAST_BYTES = b"\xb1\xea\x92\x8f"
"""How a whole .blend ends: the mark of its table, as it is compressed (seekable Zstandard)."""


@dataclass(frozen=True)
class Job:
    """What the processes do: compose and build a scene, save ``blends``, render what of the ``shots`` is not there.

    ``shots`` are those of FramePlan.work. A finished patch is ``path(key)``; it goes to the ``store``, too, if there is
    one. ``workers`` processes share the work at most, in a ``place`` (None: here). Beside ``log`` they put what else
    they write, so that nothing is left once their caller removes that folder. It carries the scene and not its
    storyboard: composing again is quicker than copying arrays between processes. If no shot is finished for
    ``patience`` seconds, they hang.
    """

    scene: Scene | Overview
    size: tuple[int, int]
    fps: float
    language: str
    theme: str | None
    quality: str
    engine: str
    device: str
    shots: Sequence[Sequence[Shot]]
    blends: tuple[Path, ...]
    log: Path
    store: FrameStore | None = None
    workers: int = 1
    all_cells: bool = False
    transparent: bool = False
    place: Place | None = None
    patience: float = PATIENCE

    def path(self, key: str) -> Path:
        """Where the patch of this key is put."""
        return self.log.parent / f"{key}{patches.ENDING}"

    def begun(self, key: str) -> Path:
        """The mark of a shot that is being rendered; it stays if that is its process's end."""
        return self.log.parent / f"{key}.begun"

    def missing(self) -> list[list[Shot]]:
        """The work that is not done yet."""
        return [row for row in map(list, self.shots) if not all(self.path(shot.key).exists() for shot in row)]

    def compose(self) -> Storyboard:
        return compose(
            self.scene,
            self.size,
            self.fps,
            self.language,
            self.theme,
            all_cells=self.all_cells,
            transparent=self.transparent,
        )


@dataclass(frozen=True)
class Spent:
    """What rendering took: seconds inside Blender's renderer, added up over the processes, and the pixels it made."""

    seconds: float = 0.0
    pixels: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.seconds + other.seconds, self.pixels + other.pixels)


class Place(Protocol):
    """Where the processes run."""

    def processes(self, job: Job, parts: int) -> AbstractContextManager[tuple[Executor, int]]:
        """What runs so many parts of a job, each call in a process; of how many threads. Afterwards none is left."""
        ...


@dataclass(frozen=True)
class Here:
    """This machine. A process takes ``share`` of its ``slots``, of which all together take ``most`` cores' worth;
    ``waiting`` is called if other renders hold them."""

    slots: Slots | None = None
    share: int = 1
    most: int | None = None
    waiting: Callable[[], object] = lambda: None

    @contextmanager
    def processes(self, job: Job, parts: int) -> Iterator[tuple[Executor, int]]:
        with self._turn() as (most, free):
            workers = min(job.workers, parts, most)
            threads = max(1, free // workers)
            with _processes(workers, threads, job.log.parent) as executor:
                yield executor, threads

    @contextmanager
    def _turn(self) -> Iterator[tuple[int, int]]:
        """Wait for slots; how many processes they are for, and how many cores."""
        there = cores()
        most = min(self.most or there, there)
        if self.slots is None:
            yield MOST_PROCESSES, most
            return
        count = self.slots.count
        with self.slots.taken(self.share, max(self.share, most * count // there), self.waiting) as taken:
            yield max(1, taken // self.share), max(1, min(most, taken * there // count))


class _Lost(Exception):
    """Processes have died, or hang: why."""


def run(job: Job, progress: Callable[[int], object]) -> Spent:
    """Run a job and wait. ``progress`` gets the number of shots finished since the last call.

    What processes leave undone that die or hang is tried again. Raises FrameError for the frame of a shot by which that
    happens ATTEMPTS times, RenderError if Blender fails or dies otherwise, RequestError if it lacks what was asked for.
    However it ends, the processes have ended before.
    """
    tried: Counter[Shot | None] = Counter()
    while missing := job.missing() or ([[]] if job.blends else []):
        parts = [replace(job, shots=[row] if row else [], blends=(), place=None) for row in missing]
        parts[0] = replace(parts[0], blends=job.blends)
        alone = max(tried.values(), default=0) == ATTEMPTS - 1  # then nobody dies of another one's shot
        try:
            with (job.place or Here()).processes(replace(job, workers=1) if alone else job, len(parts)) as pool:
                return _do(job, pool, parts, progress)
        except _Lost as lost:
            tried = Counter({each: tried[each] + 1 for each in _suspects(job)})
            worst, times = tried.most_common(1)[0]
            if times == ATTEMPTS:
                why = f"{lost} {times} times{_last_words(job.log)}"
                raise (FrameError(worst.frame, why) if worst else RenderError(why)) from None
    return Spent()


def _suspects(job: Job) -> set[Shot | None]:
    """What was being rendered when processes were lost, None if nothing was; their marks are taken away."""
    begun = {shot for row in job.missing() for shot in row if job.begun(shot.key).exists()}
    for shot in begun:
        job.begun(shot.key).unlink()
    return {*begun} or {None}


def _do(job: Job, pool: tuple[Executor, int], parts: Sequence[Job], progress: Callable[[int], object]) -> Spent:
    """Have all parts done by a pool of processes of so many threads."""
    executor, threads = pool
    try:
        with _undisturbed():
            futures = [executor.submit(_work, part, threads) for part in parts]
        awaited = {job.path(shot.key) for part in parts for row in part.shots for shot in row}
        _watch(futures, [path for path in awaited if not path.exists()], progress, job.patience)
        for path in job.blends:
            _check_whole(path)
        return sum((future.result() for future in futures), Spent())
    except BrokenProcessPool:
        raise _Lost("Blender ended unexpectedly") from None
    except (RequestError, RenderError, _Lost):
        raise
    except Exception as error:
        raise RenderError(f"Blender failed: {type(error).__name__}: {' '.join(str(error).split())}") from error


@contextmanager
def _processes(workers: int, threads: int, folder: Path) -> Iterator[Executor]:
    """So many processes, of which none is left afterwards, and nothing that is not in the folder."""
    others = multiprocessing.active_children()
    if inside_blender():
        executor = BlenderPool(workers, threads, folder)
    else:
        executor = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield executor
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        if isinstance(executor, BlenderPool):
            executor.kill()
        for child in multiprocessing.active_children():
            if child not in others:
                child.kill()  # it has done its work, or nobody wants it any more
                child.join()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait until the end of this, in which processes start; these never hear of Ctrl-C.

    It reaches all processes of a terminal: ignoring it in the new ones would come too late, while Python starts, and
    they say so at length if their parent leaves them before it has told them what they are. Blocking it here is not
    enough: NumPy's threads do not block it, and what they catch stops this one.
    """
    caught: list[int] = []
    try:
        with answered(lambda number, _: caught.append(number)), _blocking_interrupts():
            yield
    finally:
        for number in caught[:1]:
            signal.raise_signal(number)


@contextmanager
def _blocking_interrupts() -> Iterator[None]:
    """What starts meanwhile inherits it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _watch(futures: list[Future[Spent]], paths: list[Path], progress: Callable[[int], object], patience: float) -> None:
    """Count the files that have appeared: that needs no line to the processes, wherever they run.

    Raises what the first of them that fails raises, and _Lost if for so many seconds none appears and none ends.
    """
    awaited, ended, last = list(paths), 0, time.monotonic()
    while True:
        done, running = wait(futures, POLL_SECONDS, FIRST_EXCEPTION)
        still = [path for path in awaited if not path.exists()]
        progress(len(awaited) - len(still))
        if len(still) < len(awaited) or len(done) > ended:
            last = time.monotonic()
        awaited, ended = still, len(done)
        for future in done:
            future.result()
        if not running:
            return
        if time.monotonic() - last > patience:
            raise _Lost(f"Blender made nothing for {patience:g} s")


def _check_whole(path: Path) -> None:
    """RenderError if a .blend was cut short: Blender does not say so when the disk is full."""
    with path.open("rb") as file:
        file.seek(-min(len(LAST_BYTES), path.stat().st_size), os.SEEK_END)
        if file.read() != LAST_BYTES:
            raise cut_short(path)


_opened: list[tuple[Studio, Storyboard]] = []
"""The scene of a worker, which renders several parts of one job."""


def _work(job: Job, threads: int) -> Spent:
    """Runs in a worker."""
    if not _opened:
        _opened.append(_open(job, threads))
    studio, board = _opened[0]
    before = Spent(studio.seconds, studio.pixels)
    for path in job.blends:
        studio.save(path)
    for row in job.shots:
        layer = row[0].layer
        take = studio.camera(layer, job.log.with_name(f"{os.getpid()}.png"))
        _render(job, take, Changes(board, layer, MARGIN if layer == "cells" else 0), row)
    return Spent(studio.seconds - before.seconds, studio.pixels - before.pixels)


def _render(job: Job, take: Callable[[int, Rectangle], Pixels], changes: Changes, shots: Iterable[Shot]) -> None:
    """Make shots of one layer, by way of ``take``, which makes a part of a frame."""
    channels = pictures.channels_of(changes.layer, job.transparent)
    ground = pictures.empty(job.size, channels) if changes.margin else None
    for shot in shots:
        path = job.path(shot.key)
        if path.exists():
            parts = patches.read(path) if ground is not None else []
        else:
            job.begun(shot.key).touch()
            found = ((0, 0, *job.size),) if shot.whole else changes.rectangles(shot.before, shot.frame)
            parts: list[patches.Part] = []
            for rectangle in found:
                around = changes.grown(rectangle)
                pixels = take(shot.frame, around)
                (x, y, _, _), (left, top, right, bottom) = around, rectangle
                inner = left - x, top - y, right - x, bottom - y
                if ground is not None:
                    pixels = pictures.matched(pixels, ground[y : around[3], x : around[2]], inner)
                parts.append((rectangle, pixels[top - y : bottom - y, left - x : right - x]))
            patches.write(parts, path)
            job.begun(shot.key).unlink()
            if job.store:
                job.store.put(shot.key, path)
        if ground is not None:
            patches.apply(ground, parts)


def _open(job: Job, threads: int) -> tuple[Studio, Storyboard]:
    """Make this process a worker, with the job's scene built."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for Windows, see above
    threading.Thread(target=_end_with_parent, daemon=True).start()
    log = os.open(job.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):  # Blender talks below Python
        os.dup2(log, stream)
    tempfile.tempdir = str(job.log.parent)
    os.environ.update(dict.fromkeys(("TMPDIR", "TEMP", "TMP"), tempfile.tempdir))  # where Blender looks
    # A parent that has imported bpy hands on its path, where Blender's own scripts hide the module.
    if not inside_blender():
        sys.path[:] = [folder for folder in sys.path if Path(folder).parts[-2:] != ("scripts", "modules")]
    board = job.compose()
    with _seeing_one_core() if threads == 1 else nullcontext():
        from .blender import Studio

        return Studio(board, job.quality, job.engine, job.device, threads), board


@contextmanager
def _seeing_one_core() -> Iterator[None]:
    """Blender, if it starts in here, makes no helpers for cores that it is told not to use.

    They would wait for work by asking for it all the time, which takes as much of the machine as the work itself.
    """
    if not hasattr(os, "sched_setaffinity"):  # macOS, Windows
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(allowed)[os.getpid() % len(allowed)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


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
