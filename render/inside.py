"""Workers inside Blender, whose Python cannot start processes that know Blender: each is a second Blender.

Both sides talk in lines, as all else that Blender says comes on the same way.
"""

from __future__ import annotations

import base64
import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

MARK = b"convmotion: "
"""How a line begins that is meant for the other side."""


class Child:
    """A process started with this command line, which calls :func:`serve`: it does one call after another."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )

    def call(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What a call in the process returns or raises; BrokenProcessPool if that dies meanwhile."""
        to: Any = self._process.stdin
        back: Any = self._process.stdout
        try:
            to.write(_line((fn, args, kwargs)))
            to.flush()
        except OSError:
            raise BrokenProcessPool("a worker has ended") from None
        for line in back:
            if line.startswith(MARK):
                result, error = _read(line)
                if error is not None:
                    raise error
                return result
        raise BrokenProcessPool("a worker has ended")

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()


class BlenderPool(ThreadPoolExecutor):
    """An Executor like ProcessPoolExecutor, whose processes are Blenders of so many threads.

    What they leave behind when they are killed lies in ``folder``.
    """

    def __init__(self, workers: int, threads: int, folder: Path) -> None:
        super().__init__(workers)
        self._threads_each = threads
        self._environment = {**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))}
        self._here = threading.local()
        self._started: list[Child] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """The future result of a call in one of the processes; BrokenProcessPool if that dies meanwhile."""
        return super().submit(self._call, fn, *args, **kwargs)

    def kill(self) -> None:
        """End all processes at once."""
        for child in self._started:
            child.kill()

    def _call(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if not hasattr(self._here, "child"):
            self._here.child = self._start()
        return self._here.child.call(fn, *args, **kwargs)

    def _start(self) -> Child:
        from ..blender_addon.child import command

        child = Child(command(".render.inside", "serve", threads=self._threads_each), self._environment)
        self._started.append(child)
        return child


def serve() -> int:
    """Runs in a worker: do what comes in until nothing more can come, as the first Blender has ended."""
    tasks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(tasks,), daemon=True).start()
    with os.fdopen(os.dup(sys.__stdout__.fileno() if sys.__stdout__ else 1), "wb") as answers:
        while True:
            fn, args, kwargs = _read(tasks.get())
            try:
                told = _line((fn(*args, **kwargs), None))
            except Exception as error:
                told = _line((None, error))
            answers.write(told)
            answers.flush()


def _listen(tasks: queue.SimpleQueue[bytes]) -> None:
    with os.fdopen(0, "rb", closefd=False) as lines:
        for line in lines:
            tasks.put(line)
    os._exit(1)


def _line(value: Any) -> bytes:
    return MARK + base64.b64encode(pickle.dumps(value)) + b"\n"


def _read(line: bytes) -> Any:
    return pickle.loads(base64.b64decode(line.removeprefix(MARK)))
