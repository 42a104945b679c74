"""What runs on a worker of a cluster: a part of a job, by a Blender of its own. It knows nothing of the cluster itself.

A Blender that has done a part is kept for others of the same job, as it has the scene built, until the job ends.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import platform
import shutil
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

from .doctor import blender_version, require_libraries
from .errors import FrameError, RenderError, RequestError
from .frames import HOUSE, Shot
from .inside import Child
from .jobs import Job, Spent, _last_words, _work
from .store import FrameStore

POLL_SECONDS = 0.1
IDLE_SECONDS = 60.0
"""How long a Blender is kept that nobody asks for, though its job goes on."""
LOOK_SECONDS = 0.5
"""How often it is looked whether the job does."""
COMMAND = (sys.executable, "-c", "import sys; from convmotion.render.inside import serve; sys.exit(serve())")


@dataclass(frozen=True)
class Part:
    """Some shots of one layer, in order, and how many .blend files; ``have`` are patches by key that were there before.

    ``shared`` is the store and a file in it that tells whether the worker sees
    that, too. Without a new picture for ``patience`` seconds it is given up.
    """

    shots: tuple[Shot, ...]
    blends: int
    have: Mapping[str, bytes]
    shared: tuple[FrameStore, str] | None
    patience: float


@dataclass(frozen=True)
class Made:
    """A part that is done: files by name, keys of patches that are in the shared store; and what it took, of which
    ``seconds`` in all."""

    files: Mapping[str, bytes]
    stored: tuple[str, ...]
    spent: Spent
    seconds: float


@dataclass(frozen=True)
class Refused:
    """Why this worker, or any, will not do a part: trying again is of no use."""

    reason: str
    wrong_request: bool = False


@cache
def house() -> dict[str, str]:
    """What has to be the same where frames are asked for and where they are made."""
    folders = ("conv_math", "scenes", "blender_addon", "render")
    sources = [path for folder in folders for path in sorted((HOUSE / folder).glob("*.py"))]
    code = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:8]
    return {
        "convmotion": f"{version('convmotion')} ({code})",
        "Blender": blender_version(),
        "Python": ".".join(map(str, sys.version_info[:2])),
        "NumPy": f"{np.__version__.split('.')[0]}.x",
        "processor": platform.machine(),
    }


def packed(job: Job) -> bytes:
    """All of a job but its shots and places, for `render_part`: no path of this machine is followed in it."""
    bare = replace(job, shots=(), blends=(), log=Path("blender.log"), store=None, place=None)
    return zlib.compress(pickle.dumps(bare), 1)


def differing(there: Mapping[str, str]) -> Refused | None:
    """Whether pictures of this house are none of the ``house`` of who asks for them."""
    for name, here in house().items():
        if there.get(name) != here:
            return Refused(
                f"{name} is {there.get(name)} here and {here} on the worker {platform.node()}; allowed: the same"
            )
    return None


def always() -> bool:
    return True


def render_part(
    data: bytes,
    part: Part,
    folder: Path | None = None,
    wanted: Callable[[], bool] = always,
    goes_on: Callable[[], bool] = always,
) -> Made | Refused:
    """Do a part of the job that was `packed`, in a folder of its own below ``folder``, while it is ``wanted``.

    The Blender stays while the job ``goes_on``. RenderError, with the frame, if it fails or dies.
    """
    started = time.monotonic()
    job: Job = pickle.loads(zlib.decompress(data))
    try:
        require_libraries(gl=job.engine != "cycles")
    except RenderError as error:
        return Refused(f"worker {platform.node()}: {error}")
    blender = _borrow(hashlib.sha256(data).hexdigest(), job, folder)
    try:
        files, stored, spent = blender.do(part, wanted)
    except RequestError as error:
        blender.end()
        return Refused(str(error), True)
    except BaseException:
        blender.end()
        raise
    _give_back(blender, goes_on)
    return Made(files, stored, spent, time.monotonic() - started)


class Blender:
    """A process that has a job's scene built, and a folder for what it writes."""

    def __init__(self, name: str, job: Job, folder: Path | None) -> None:
        self.name = name
        self.folder = Path(tempfile.mkdtemp(prefix="convmotion-", dir=folder))
        self.job = replace(job, log=self.folder / "blender.log")
        environment = {**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(self.folder))}
        self.child = Child(COMMAND, environment)

    def do(self, part: Part, wanted: Callable[[], bool]) -> tuple[dict[str, bytes], tuple[str, ...], Spent]:
        """Files by name, keys of those in the shared store instead, and what rendering took."""
        store = _seen(part.shared)
        blends = tuple(self.folder / f"{number}.blend" for number in range(part.blends))
        job = replace(self.job, shots=[part.shots] if part.shots else [], blends=blends, store=store)
        for shot in part.shots:
            if shot.key in part.have:
                job.path(shot.key).write_bytes(part.have[shot.key])
            elif store:
                store.take(shot.key, job.path(shot.key))
        with ThreadPoolExecutor(1) as aside:
            spent = self._watched(aside.submit(self.child.call, _work, job, 1), job, part, wanted)
        files: dict[str, bytes] = {path.name: path.read_bytes() for path in blends}
        stored: list[str] = []
        for shot in part.shots:
            path = job.path(shot.key)
            if store and store.path(shot.key).exists():
                stored.append(shot.key)
            elif shot.key not in part.have:
                files[path.name] = path.read_bytes()
            path.unlink()
        for path in blends:
            path.unlink()
        return files, tuple(stored), spent

    def _watched(self, future: Future[Spent], job: Job, part: Part, wanted: Callable[[], bool]) -> Spent:
        """Wait for Blender, but not for one that hangs, or that nobody wants any more."""
        missing, alive, reason = len(part.shots), time.monotonic(), ""
        while not wait([future], POLL_SECONDS).done:
            still = sum(not job.path(shot.key).exists() for shot in part.shots)
            if still != missing:
                missing, alive = still, time.monotonic()
            if not wanted():
                reason = "nobody wants it any more"
            elif time.monotonic() - alive > part.patience:
                reason = f"Blender has made no picture for {part.patience:g} seconds"
            if reason:
                self.child.kill()
                break
        try:
            return future.result()
        except RequestError:
            raise
        except BrokenProcessPool:
            why = reason or "Blender ended unexpectedly"
        except RenderError as error:
            why = str(error)
        except Exception as error:
            why = f"Blender failed: {type(error).__name__}: {' '.join(str(error).split())}"
        frame = next((shot.frame for shot in part.shots if not job.path(shot.key).exists()), 0)
        words = "" if why.startswith("Blender failed") else _last_words(job.log)
        raise FrameError(frame, why + words) if frame else RenderError(why + words)

    def end(self) -> None:
        """End the process, and remove its folder."""
        self.child.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def _seen(shared: tuple[FrameStore, str] | None) -> FrameStore | None:
    """The client's store, if this is it: a file of that name is in it."""
    if shared is not None:
        store, sign = shared
        with suppress(OSError):
            if (store.folder / sign).exists():
                return store
    return None


_idle: list[Blender] = []
_guard = threading.Lock()


def _borrow(name: str, job: Job, folder: Path | None) -> Blender:
    """An idle Blender of this job, or a new one, for which one of another job has to go."""
    with _guard:
        own = next((blender for blender in _idle if blender.name == name), None)
        old = own or next(iter(_idle), None)
        if old is not None:
            _idle.remove(old)
    if own is not None:
        return own
    if old is not None:
        old.end()
    return Blender(name, job, folder)


def _give_back(blender: Blender, goes_on: Callable[[], bool]) -> None:
    with _guard:
        _idle.append(blender)
    threading.Thread(target=_keep, args=(blender, goes_on), daemon=True).start()


def _keep(blender: Blender, goes_on: Callable[[], bool]) -> None:
    """End a Blender that stays idle for too long, or whose job is over."""
    until = time.monotonic() + IDLE_SECONDS
    while blender in _idle:
        time.sleep(LOOK_SECONDS)
        if time.monotonic() > until or not goes_on():
            with _guard:
                mine = blender in _idle
                if mine:
                    _idle.remove(blender)
            if mine:
                blender.end()
