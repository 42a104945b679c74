"""The frame plan: which pictures an animation needs, under which keys, and which of them are made from which.

A *chunk* is a run of frames of which only the first is rendered whole; of each other one, only what differs from the
frame before. The key of a picture names all that decides its pixels.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..scenes.changes import Changes, Layer, Rectangle
from ..scenes.story import Storyboard
from . import patches, pictures
from .pictures import Pixels

CHUNK = 100
"""The most frames from one that is rendered whole to the next, unless told otherwise."""
LOOKS, MOST_LOOKED_AT = 60, 50_000
"""How many frames are looked at to see how much changes; of more cells than these, none."""
CALL_COST = 0.04
"""What a frame costs at least, as a share of the picture."""
WORTH_TWO = 15
"""So many frames for each of two processes are worth one more whole frame."""
WHOLE_CHUNK = 8
"""How many frames a worker takes at a time where all are rendered whole."""

CODE = (
    *(f"render/{name}" for name in ("blender", "frames", "jobs", "patches", "pictures")),
    *(f"scenes/{name}" for name in ("changes", "form", "layout", "palette", "pose", "screen", "strokes")),
)
"""What decides, beside the whole of blender_addon, how a storyboard becomes pixels."""


@dataclass(frozen=True)
class Shot:
    """A layer of a frame: rendered whole, or as what differs from the shot before it, be that an empty picture."""

    frame: int
    layer: Layer
    key: str
    whole: bool


class FramePlan:
    """The pictures of a storyboard in this quality on this engine.

    ``chunk`` is the most frames from one rendered whole to the next; 1 renders all of them whole, as do all engines
    but Cycles, whose noise cannot be held still.
    """

    def __init__(self, board: Storyboard, quality: str, engine: str, device: str, chunk: int = CHUNK) -> None:
        self.board = board
        self.chunk = chunk if engine == "cycles" else 1
        self.layers: tuple[Layer, ...] = ("all",)
        if engine == "cycles":
            self.layers = ("plain", "lines") if quality == "draft" else ("cells", "notes", "lines")
        house = Path(__file__).parents[1]
        code = [*sorted((house / "blender_addon").glob("*.py")), *(house / f"{name}.py" for name in CODE)]
        sources = [hashlib.sha256(file.read_bytes()).hexdigest() for file in code]
        blender = importlib.metadata.version("bpy")
        self.settings = repr((quality, engine, device, platform.machine(), blender, sources))

    def shots(self, frame: int) -> tuple[Shot, ...]:
        """A frame's layers: a later one lies over an earlier one. Frames of equal shots look the same."""
        return tuple(self._shots[layer][frame - 1] for layer in self.layers)

    def chain(self, shot: Shot) -> list[Shot]:
        """The shots that a picture is made of: the first one of its chunk, all that follow, itself at last."""
        if shot.whole:
            return [shot]
        start = self._starts[bisect_right(self._starts, shot.frame) - 1]
        return list(dict.fromkeys(self._shots[shot.layer][start - 1 : shot.frame]))

    def work(self, frames: Iterable[int]) -> list[list[Shot]]:
        """All that these frames are made of: a list for each process, layer by layer, of what a chunk's frames need."""
        result: list[list[Shot]] = []
        first = self._starts if self.chunk > 1 else self._starts[::WHOLE_CHUNK]
        for _, wanted in groupby(sorted(frames), lambda frame: bisect_right(first, frame)):
            group = [self.shots(frame) for frame in wanted]
            rows = zip(*(group if self.chunk == 1 else group[-1:]), strict=True)
            result.append([s for row in rows for s in dict.fromkeys(s for shot in row for s in self.chain(shot))])
        return result

    @cached_property
    def _shots(self) -> dict[Layer, list[Shot]]:
        """Per layer, the shot of every frame: frames of equal state that follow each other share theirs."""
        starts = set(self._starts)
        result: dict[Layer, list[Shot]] = {}
        for layer in self.layers:
            row: list[Shot] = []
            state = None
            for frame in range(1, self.board.frames + 1):
                before, state = state, self._state(frame, layer)
                if frame in starts:
                    row.append(Shot(frame, layer, self._key(layer, state), self.chunk == 1))
                elif state == before:
                    row.append(row[-1])
                else:
                    row.append(Shot(frame, layer, self._key(layer, state, row[-1].key), False))
            result[layer] = row
        return result

    @cached_property
    def _starts(self) -> list[int]:
        """The frames that are rendered whole: they divide what changes evenly, so that chunks take equally long."""
        frames = range(1, self.board.frames + 1)
        differing = [f for f in frames if f == 1 or self._state(f, "all") != self._state(f - 1, "all")]
        if self.chunk == 1:
            return differing
        count = max(-(-len(differing) // self.chunk), min(2, len(differing) // WORTH_TWO), 1)
        done = np.cumsum(self._costs(differing))
        for firsts in (np.searchsorted(done, done[-1] * np.arange(n) / n, side="right") for n in (count, count + 1)):
            if np.diff([*firsts, len(differing)]).max() <= self.chunk:
                return [differing[first] for first in dict.fromkeys(firsts.tolist())]
        return [differing[i * len(differing) // count] for i in range(count)]

    def _costs(self, frames: list[int]) -> NDArray[np.float64]:
        """About how much there is to render of each frame: some are looked at, for all those up to the next one."""
        if sum(map(len, self.board.cells)) > MOST_LOOKED_AT:
            return np.ones(len(frames))
        changes, every = Changes(self.board, "plain", 0), max(1, len(frames) // LOOKS)
        areas = [float(changes.tiles(f - 1, f).mean()) if f > 1 else 0.0 for f in frames[::every]]
        return CALL_COST + np.repeat(areas, every)[: len(frames)]

    def _state(self, frame: int, layer: Layer) -> str:
        return self._states[layer == "cells"][frame - 1]

    @cached_property
    def _states(self) -> tuple[list[str], list[str]]:
        """The states of all frames with notes, and without."""
        frames = range(1, self.board.frames + 1)
        with_notes, without = ([self.board.state_key(frame, notes) for frame in frames] for notes in (True, False))
        return with_notes, without

    def _key(self, *parts: str) -> str:
        return hashlib.sha256("\n".join((self.settings, *parts)).encode()).hexdigest()


class Pictures:
    """The finished pictures of a plan, quickest in the order of the frames.

    ``path`` tells where a key's patch is; ``wait``, called with that, returns once it is there.
    """

    def __init__(
        self, plan: FramePlan, path: Callable[[str], Path], wait: Callable[[Path], object] = lambda path: None
    ) -> None:
        self.plan, self.path, self.wait = plan, path, wait
        size = plan.board.size
        self._layers = [pictures.empty(size, channels_of(layer)) for layer in plan.layers]
        self._held: list[Shot | None] = [None] * len(plan.layers)
        self._picture = pictures.empty(size, channels_of(plan.layers[0]))

    def __call__(self, shots: tuple[Shot, ...]) -> Pixels:
        """The picture of a frame's shots: (height, width, 3)."""
        changed: list[Rectangle] = []
        for number, shot in enumerate(shots):
            changed += self._advance(number, shot)
        for left, top, right, bottom in changed:
            part = np.s_[top:bottom, left:right]
            self._picture[part] = pictures.laid_over(self._layers[0][part], [layer[part] for layer in self._layers[1:]])
        return self._picture.copy()

    def _advance(self, number: int, shot: Shot) -> Iterator[Rectangle]:
        """Bring a layer to a shot; where it has changed."""
        held, chain = self._held[number], self.plan.chain(shot)
        if held in chain:
            chain = chain[chain.index(held) + 1 :]
        else:
            self._layers[number][:] = 0
            yield 0, 0, *self.plan.board.size
        for link in chain:
            self.wait(path := self.path(link.key))
            parts = patches.read(path)
            patches.apply(self._layers[number], parts)
            yield from (rectangle for rectangle, _ in parts)
        self._held[number] = shot


def channels_of(layer: Layer) -> int:
    """Some are seen through."""
    return 4 if layer in ("notes", "lines") else 3
