"""The frame plan: which pictures an animation needs, under which keys, and which of them are made from which.

A *chunk* is a run of frames of which only the first is rendered whole; of each other one, only what differs from the
frame before. The key of a picture names all that decides its pixels. Lines are no part of it: they are drawn, and kept
under keys of their own, when the layers are laid over each other.
"""

from __future__ import annotations

import hashlib
import platform
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..scenes import strokes
from ..scenes.changes import Layer, Rectangle
from ..scenes.story import Storyboard
from . import patches, pictures
from .doctor import blender_version
from .pictures import Pixels
from .store import FrameStore

HOUSE = Path(__file__).parents[1]

CHUNK = 100
"""The most frames from one that is rendered whole to the next, unless told otherwise."""
WORTH_TWO = 15
"""So many frames for each of two processes are worth one more whole frame."""
PIECE = 12
"""How many shots a worker takes at a time, if each can be made without the one before it."""

CODE = (
    *(f"render/{name}" for name in ("blender", "frames", "jobs", "patches", "pictures")),
    *(f"scenes/{name}" for name in ("changes", "form", "layout", "palette", "pose", "screen")),
)
"""What decides, beside the whole of blender_addon, how a storyboard becomes pixels."""
LINES_CODE = (
    "render/frames",
    *(f"scenes/{name}" for name in ("form", "layout", "palette", "pose", "screen", "strokes", "viewpoint")),
)
"""What decides how its lines do."""


@dataclass(frozen=True)
class Shot:
    """A layer of a frame: rendered whole, or as what differs from it ``before``, in that frame or an empty picture."""

    frame: int
    layer: Layer
    key: str
    before: int | None
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
            self.layers = ("plain",) if quality == "draft" else ("cells", "notes")
        self.draws_lines = engine == "cycles"
        built = [file for file in sorted((HOUSE / "blender_addon").glob("*.py")) if not file.name.startswith("ui")]
        addon = [f"blender_addon/{file.stem}" for file in built]
        blender = blender_version()
        self.settings = repr((quality, engine, device, platform.machine(), blender, _sources(*addon, *CODE)))

    def shots(self, frame: int) -> tuple[Shot, ...]:
        """A frame's layers: a later one lies over an earlier one. Frames of equal shots look the same."""
        return tuple(self._shots[layer][frame - 1] for layer in self.layers)

    def lines_key(self, frame: int) -> str:
        """The key of a frame's lines."""
        parts = (platform.machine(), np.__version__, _sources(*LINES_CODE), self._state(frame, "all"))
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    def chain(self, shot: Shot) -> list[Shot]:
        """The shots that a picture is made of: the first one of its chunk, all that follow, itself at last."""
        if shot.whole:
            return [shot]
        start = self._starts[bisect_right(self._starts, shot.frame) - 1]
        return list(dict.fromkeys(self._shots[shot.layer][start - 1 : shot.frame]))

    def work(self, frames: Iterable[int]) -> list[list[Shot]]:
        """All that these frames are made of, as pieces of work: some shots of one layer, in order.

        What is denoised is fitted to what is there before it: of that, a chunk is one piece.
        """
        result: list[list[Shot]] = []
        for wanted in self._divided(frames):
            group = [self.shots(frame) for frame in wanted]
            for row in zip(*(group if self.chunk == 1 else group[-1:]), strict=True):
                needed = list(dict.fromkeys(link for shot in row for link in self.chain(shot)))
                most = len(needed) if row[0].layer == "cells" else PIECE
                result += [needed[i : i + most] for i in range(0, len(needed), most)]
        return result

    def ranges(self, frames: Iterable[int]) -> list[tuple[int, int]]:
        """The first and the last of these frames in each chunk: who renders them need not know of the others."""
        return [(wanted[0], wanted[-1]) for wanted in self._divided(frames)]

    def _divided(self, frames: Iterable[int]) -> list[list[int]]:
        """Frames by chunk, or by what a worker takes at a time where there are none."""
        first = self._starts if self.chunk > 1 else self._starts[::PIECE]
        return [list(wanted) for _, wanted in groupby(sorted(frames), lambda frame: bisect_right(first, frame))]

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
                    row.append(Shot(frame, layer, self._key(layer, state), None, self.chunk == 1))
                elif state == before:
                    row.append(row[-1])
                else:
                    row.append(Shot(frame, layer, self._key(layer, state, row[-1].key), row[-1].frame, False))
            result[layer] = row
        return result

    @cached_property
    def _starts(self) -> list[int]:
        """The frames that are rendered whole: they divide those that differ from the one before evenly."""
        frames = range(1, self.board.frames + 1)
        differing = [f for f in frames if f == 1 or self._state(f, "all") != self._state(f - 1, "all")]
        if self.chunk == 1:
            return differing
        count = max(-(-len(differing) // self.chunk), min(2, len(differing) // WORTH_TWO), 1)
        return [differing[i * len(differing) // count] for i in range(count)]

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


@cache
def _sources(*names: str) -> str:
    """A short stable name of what these modules say."""
    return hashlib.sha256(b"".join((HOUSE / f"{name}.py").read_bytes() for name in names)).hexdigest()


class Pictures:
    """The finished pictures of a plan, quickest in the order of the frames.

    ``path`` tells where a key's patch is; ``wait``, called with that, returns once it is there. Lines are drawn here,
    and kept in the ``store``, if there is one, as patches too.
    """

    def __init__(
        self,
        plan: FramePlan,
        path: Callable[[str], Path],
        wait: Callable[[Path], object] = lambda path: None,
        store: FrameStore | None = None,
    ) -> None:
        self.plan, self.path, self.wait, self.store = plan, path, wait, store
        size = plan.board.size
        through = plan.board.transparent
        self._layers = [pictures.empty(size, pictures.channels_of(layer, through)) for layer in plan.layers]
        self._held: list[Shot | None] = [None] * len(plan.layers)
        self._beneath = pictures.empty(size, 4 if through else 3)

    def __call__(self, shots: tuple[Shot, ...]) -> Pixels:
        """The picture of a frame's shots: (height, width, 3), or 4 if it is transparent."""
        for number, shot in enumerate(shots):
            for left, top, right, bottom in self._advance(number, shot):
                ground, *over = (layer[top:bottom, left:right] for layer in self._layers)
                self._beneath[top:bottom, left:right] = pictures.laid_over(ground, over)
        picture = self._beneath.copy()
        if self.plan.draws_lines:
            at, lines = self._lines(shots[-1].frame)
            flat = picture.reshape(-1, picture.shape[2])
            flat[at] = pictures.laid_over(flat[at], [lines])
        return picture

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

    def _lines(self, frame: int) -> tuple[NDArray[np.int64], Pixels]:
        """What :func:`strokes.drawn` says of a frame.

        Its patch is a single row: how many pixels it is from each one to the next (4 bytes), its colour and alpha.
        """
        path = self.path(key := self.plan.lines_key(frame))
        if not path.exists() and not (self.store and self.store.take(key, path)):
            at, pixels = strokes.drawn(self.plan.board, frame)
            steps = np.diff(at, prepend=0).astype("<u4").view(np.uint8).reshape(-1, 4)
            patches.write([((0, 0, len(at), 1), np.concatenate([steps, pixels], axis=1)[None])], path)
            if self.store:
                self.store.put(key, path)
        ((_, row),) = patches.read(path)
        steps, pixels = np.split(row[0], [4], axis=1)
        return np.ascontiguousarray(steps).view("<u4")[:, 0].cumsum(dtype=np.int64), pixels
