"""Rows of rendering: differences against whole frames, in time and in the picture, and against what others take.

The scene is "standard" at 854x480. A film is rendered once in a process, whatever asks for it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
from skimage.metrics import structural_similarity

from convmotion.render import encode
from convmotion.render.doctor import cores
from convmotion.render.film import make
from convmotion.render.frames import CHUNK, FramePlan, Pictures
from convmotion.render.jobs import Job, Spent
from convmotion.render.pictures import Pixels, write
from convmotion.scenes import compose, find_scene
from convmotion.scenes.story import Storyboard

from .references import matplotlib_seconds
from .row import Sampler, row

SIZE = (854, 480)
SAMPLES = 20
"""So many whole frames, evenly chosen, stand for all of them."""
MATPLOTLIB_FRAMES = 10
NOISY = range(60, 84)
"""The frames of the GIFs that are compared, at 15 frames a second: a few steps."""


@dataclass(frozen=True)
class Film:
    """What came of rendering ``frames`` to an MP4 with an empty store: seconds that all of it took, and pictures."""

    board: Storyboard
    frames: tuple[int, ...]
    seconds: float
    spent: Spent
    pictures: dict[int, Pixels]
    folder: Any
    """Where the files are; they vanish with it."""


@cache
def film(quality: str, fps: float, chunk: int = CHUNK, workers: int = 0, samples: int | None = None) -> Film:
    """Render the scene, or only some frames of it."""
    folder = tempfile.TemporaryDirectory(prefix="convmotion-bench-")
    start = time.perf_counter()
    scene = find_scene("standard")
    board = compose(scene, SIZE, fps)
    frames = range(1, board.frames + 1)
    if samples is not None:
        moving = differing(board)
        frames = sorted({moving[i * len(moving) // samples] for i in range(samples)})
    plan = FramePlan(board, quality, "cycles", "cpu", chunk)
    log = Path(folder.name) / "blender.log"
    work = plan.work(frames)
    job = Job(scene, SIZE, fps, "en", None, quality, "cycles", "cpu", work, (), log, None, workers or cores())
    outputs = [(frames, log.with_name("film.mp4"))]
    spent, _ = make(job, plan, outputs, lambda count: None, lambda out, count: None)
    seconds = time.perf_counter() - start
    read = Pictures(plan, job.path)
    return Film(board, tuple(frames), seconds, spent, {f: read(plan.shots(f)) for f in frames}, folder)


def differing(board: Storyboard) -> list[int]:
    """The frames that do not look like the one before."""
    keys = [board.state_key(frame) for frame in range(1, board.frames + 1)]
    return [1, *(number for number, (a, b) in enumerate(pairwise(keys), start=2) if a != b)]


def whole() -> Film:
    return film("standard", 30.0, 1, samples=SAMPLES)


def likeness(ours: Pixels, theirs: Pixels) -> float:
    return float(structural_similarity(ours, theirs, channel_axis=2))


def losses(ours: dict[int, Pixels], theirs: dict[int, Pixels]) -> list[float]:
    """1 - SSIM (Wang et al. 2004) of each frame that both have."""
    return [1.0 - likeness(ours[frame], theirs[frame]) for frame in sorted(ours.keys() & theirs.keys())]


def through_mp4(made: Film) -> dict[int, Pixels]:
    """The frames as the MP4 shows them."""
    stream = imageio_ffmpeg.read_frames(str(Path(made.folder.name) / "film.mp4"))
    width, height = next(stream)["size"]
    pictures = (np.frombuffer(data, np.uint8).reshape(height, width, 3) for data in stream)
    return dict(zip(made.frames, pictures, strict=False))


@row("render differences", "standard, 30 fps", "whole frames", "s", ratio_limit=1 / 8, most=0)
def _differences() -> tuple[Sampler, Sampler]:
    """A frame that differs from the one before; starting the processes counts on both sides."""

    def ours() -> float:
        made = film("standard", 30.0)
        return made.seconds / len(differing(made.board))

    def theirs() -> float:
        made = whole()
        return made.seconds / len(made.frames)

    return ours, theirs


@row("picture on average", "1 - SSIM of them", "of the MP4", "", limit=0.005, most=0)
def _mean() -> tuple[Sampler, Sampler]:
    return (
        lambda: float(np.mean(losses(film("standard", 30.0).pictures, whole().pictures))),
        lambda: float(np.mean(losses(through_mp4(whole()), whole().pictures))),
    )


@row("picture at worst", "1 - SSIM of them", "of the MP4", "", limit=0.02, most=0)
def _worst() -> tuple[Sampler, Sampler]:
    return (
        lambda: max(losses(film("standard", 30.0).pictures, whole().pictures)),
        lambda: max(losses(through_mp4(whole()), whole().pictures)),
    )


@row("pixels rendered", "standard, 30 fps", "those that change", "Mpx", most=0)
def _pixels() -> tuple[Sampler, Sampler]:
    """How far it is to the limit: the first whole frame, then only pixels of which one can see that they change."""

    def changing() -> float:
        made = film("standard", 30.0)
        pictures = [made.pictures[frame] for frame in made.frames]
        changed = sum(int((a != b).any(axis=2).sum()) for a, b in pairwise(pictures))
        return (changed + SIZE[0] * SIZE[1]) / 1e6

    return lambda: film("standard", 30.0).spent.pixels / 1e6, changing


@row("whole command", "standard, 30 fps, one worker", "inside the renderer", "s", ratio_limit=1.15, most=0)
def _command() -> tuple[Sampler, Sampler]:
    return lambda: film("standard", 30.0, workers=1).seconds, lambda: film("standard", 30.0, workers=1).spent.seconds


@row("standard film", "15 fps, a frame", "Matplotlib voxels", "s", ratio_limit=0.25, most=0)
def _standard() -> tuple[Sampler, Sampler]:
    return lambda: a_frame(film("standard", 15.0)), lambda: matplotlib_seconds(MATPLOTLIB_FRAMES)


@row("draft film", "15 fps, a frame", "Matplotlib voxels", "s", ratio_limit=0.1, most=0)
def _draft() -> tuple[Sampler, Sampler]:
    return lambda: a_frame(film("draft", 15.0)), lambda: matplotlib_seconds(MATPLOTLIB_FRAMES)


def a_frame(made: Film) -> float:
    return made.seconds / len(made.frames)


@row("GIF", "of differences, 24 frames", "of noisy whole ones", "kB", ratio_limit=0.5, most=0)
def _gif() -> tuple[Sampler, Sampler]:
    """The noisy ones are what Cycles gives by default: a seed for every frame, no denoiser."""

    def ours() -> float:
        made = film("standard", 15.0)
        return gif_size([made.pictures[frame] for frame in NOISY])

    return ours, lambda: gif_size(list(noisy()))


def noisy() -> Iterator[Pixels]:
    from convmotion.render.blender import Studio

    board = compose(find_scene("standard"), SIZE, 15.0)
    with tempfile.TemporaryDirectory(prefix="convmotion-bench-") as folder:
        studio = Studio(board, "standard", "cycles", "cpu")
        take = studio.camera("all", Path(folder) / "frame.png")
        studio.scene.cycles.use_animated_seed, studio.scene.cycles.use_denoising = True, False
        for frame in NOISY:
            yield take(frame, (0, 0, *SIZE))


def gif_size(pictures: list[Pixels]) -> float:
    """Of a GIF at 15 frames a second: kB."""
    with tempfile.TemporaryDirectory(prefix="convmotion-bench-") as folder:
        paths = [Path(folder) / f"{number}.png" for number in range(len(pictures))]
        for path, picture in zip(paths, pictures, strict=True):
            write(picture, path)
        out = Path(folder) / "film.gif"
        encode.encode(paths, 15.0, out)
        return out.stat().st_size / 1000
