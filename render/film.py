"""From a job to files: pictures are rendered, and written out as soon as they are there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from ..scenes.palette import THEMES, srgb_codes
from . import encode, loop
from .errors import RenderError
from .frames import FramePlan, Pictures
from .jobs import Job, Spent, run
from .sheet import laid_out

POLL_SECONDS = 0.05


def make(
    job: Job,
    plan: FramePlan,
    outputs: Sequence[tuple[Sequence[int], Path]],
    rendered: Callable[[int], object],
    encoded: Callable[[Path, int], object],
    sheets: Sequence[tuple[Sequence[int], Path]] = (),
    max_bytes: int | None = None,
    codec: str = "vp9",
) -> tuple[Spent, list[str]]:
    """Do the job, and write each output's frames, those of ``sheets`` side by side, animations of no more than
    ``max_bytes``, a WebM in this ``codec``; what rendering took, and notes for the user.

    ``rendered`` gets the number of pictures finished since its last call, ``encoded`` how many frames of an output are
    written. Raises what :func:`.jobs.run` and :func:`.encode.encode` raise; then nothing is left under the names of
    outputs that are not done.
    """
    patience = _Patience()
    matte = tuple(srgb_codes(np.array(THEMES[plan.board.theme].floor)).tolist())

    def write() -> list[str]:
        notes: list[str] = []
        for frames, out in outputs:
            names = [plan.shots(frame) for frame in frames]
            read = Pictures(plan, job.path, patience, job.store)
            if out.suffix.lower() in loop.LOOPS:
                names, read = loop.returning(names, job.fps), loop.reader(read)
            notes += encode.encode(
                names,
                job.fps,
                out,
                read=read,
                on_frame=partial(encoded, out),
                matte=matte,
                max_bytes=max_bytes,
                codec=codec,
            )
        for frames, out in sheets:
            shots = tuple(plan.shots(frame) for frame in frames)
            read = Pictures(plan, job.path, patience, job.store)
            encode.encode([shots], job.fps, out, read=lambda moments, read=read: laid_out([*map(read, moments)]))
        return notes

    def count(finished: int) -> None:
        rendered(finished)
        if writing.done():  # it has failed, or all was there before
            writing.result()

    with ThreadPoolExecutor(1) as aside:
        writing = aside.submit(write)
        try:
            spent = run(job, count)
            return spent, writing.result()
        except BaseException:
            patience.lost.set()
            raise


class _Patience:
    """Waits for patches, until they are not to be expected any more."""

    def __init__(self) -> None:
        self.lost = threading.Event()

    def __call__(self, path: Path) -> None:
        while not path.exists() or self.lost.is_set():
            if self.lost.wait(POLL_SECONDS):
                raise RenderError("the rest was not rendered")
