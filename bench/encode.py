"""Rows of the encoder: a film from PNG files against ffmpeg fed the raw pictures."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from convmotion.render.encode import encode

from .row import Sampler, row

SIZE = (854, 480)
FPS, FRAMES = 30, 60
X264 = ["-c:v", "libx264", "-crf", "18", "-preset", "medium", "-pix_fmt", "yuv420p"]
PALETTE = ["-filter_complex", "split[a][b];[a]palettegen[p];[b][p]paletteuse"]
"""What is usually advised for a GIF."""


def pictures(count: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """What films of cubes are like: coloured squares on smooth grey, some of which change, ``(count, h, w, 3)``."""
    width, height = size
    rng = np.random.default_rng(0)
    floor = np.linspace(225, 245, height)[:, np.newaxis, np.newaxis] + rng.normal(0, 0.5, (height, width, 1))
    still = np.broadcast_to(floor.round(), (height, width, 3)).astype(np.uint8)
    pitch = height // 20
    frames = np.repeat(still[np.newaxis], count, axis=0)
    for y, x in np.ndindex(8, 16):
        square = np.s_[(y + 6) * pitch : (y + 7) * pitch - 2, (x + 4) * pitch : (x + 5) * pitch - 2]
        color = rng.integers(80, 220, 3)
        born = rng.integers(-count, count)
        frames[max(0, born) :, *square] = color
    for number, frame in enumerate(frames):
        left, side = (4 * count + 12 * number) * pitch // count, 3 * pitch
        window = frame[8 * pitch : 8 * pitch + side, left : left + side]
        window[:: side - 1] = window[:, :: side - 1] = (250, 190, 40)
    return frames


def samplers(ending: str, options: Sequence[str], count: int, size: tuple[int, int]) -> tuple[Sampler, Sampler]:
    """Milliseconds a frame: of `encode`, and of ffmpeg with these options, both writing a file with this ending."""
    frames = pictures(count, size)
    folder = tempfile.TemporaryDirectory(prefix="convmotion-bench-")
    paths = [Path(folder.name) / f"{number}.png" for number in range(count)]
    for path, frame in zip(paths, frames, strict=True):
        imageio.imwrite(path, frame)
    raw = frames.tobytes()
    given = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}", "-r", str(FPS), "-i", "pipe:0"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", *given, *options]

    def timed(work: Any) -> float:
        start = time.perf_counter()
        work()
        return 1000 * (time.perf_counter() - start) / count

    def ours() -> float:
        return timed(lambda: encode(paths, FPS, Path(folder.name) / f"ours{ending}"))

    def theirs() -> float:
        target = str(Path(folder.name) / f"theirs{ending}")
        return timed(lambda: subprocess.run([*command, target], input=raw, check=True))

    return ours, theirs


@row("encode mp4", "a frame of 854x480, PNG to MP4", "ffmpeg fed the raw pictures", "ms", most=5)
def mp4() -> tuple[Sampler, Sampler]:
    return samplers(".mp4", X264, FRAMES, SIZE)


@row("encode gif", "a frame of 854x480, PNG to GIF", "ffmpeg fed the raw pictures", "ms", most=5)
def gif() -> tuple[Sampler, Sampler]:
    return samplers(".gif", PALETTE, FRAMES, SIZE)
