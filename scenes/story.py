"""The Storyboard: an animation as plain arrays and tuples, before any of it is a Blender object.

Space: x runs right, y away from the viewer, z up; the pitch of the cells is 1. Time: frames count from 1. The *step*
is a number that grows from 0 to ``steps``: at ``t + 1`` step ``t`` is done. A cell is visible while
``step > start``, and travels from ``origin`` to ``position`` until ``step == arrive``.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .form import CUBE, FEWEST_PIXELS, LEAST_OUTLINE, LINE_RADIUS, OUTLINE_BAR, RIPENING, WINDOW_BAR

Vector = tuple[float, float, float]
Ease = Literal["constant", "linear", "cubic"]


def vector(array: NDArray[np.floating]) -> Vector:
    """Three numbers as plain floats."""
    x, y, z = (float(v) for v in array)
    return x, y, z


ALWAYS = -1.0
"""``start`` of a cell that is there from the first frame."""
MASS = 4000
"""So many small cells are rendered as their outer faces."""
AT_ONCE = 0.1
"""Steps in which the cells under a window begin to glow if it has landed before its first step."""


def ease(kind: Ease, u: float) -> float:
    """Progress 0..1 after easing; "cubic" is Penner's ease-in-out, as Blender's CUBIC, EASE_IN_OUT keyframes."""
    if kind == "constant":
        return 0.0
    if kind == "linear":
        return u
    return 4.0 * u**3 if u < 0.5 else 1.0 - (2.0 - 2.0 * u) ** 3 / 2.0


def ripened(reached: float, leaves: float) -> float:
    """When travellers that rest for this time have turned into what they are multiplied to."""
    return reached + RIPENING * (leaves - reached)


@dataclass(frozen=True)
class Track:
    """An animated value: key ``i`` holds at ``frames[i]`` and leads to the next one by ``eases[i]``.

    ``frames`` is ``(k,)`` and strictly increasing, ``values`` ``(k, d)``.
    """

    frames: NDArray[np.float64]
    values: NDArray[np.float64]
    eases: tuple[Ease, ...]

    def at(self, frame: float) -> NDArray[np.float64]:
        """The value ``(d,)`` at a frame; before the first key and after the last one the curve is level."""
        i = int(np.searchsorted(self.frames, frame, side="right")) - 1
        if i < 0:
            return self.values[0]
        if i == len(self.frames) - 1:
            return self.values[-1]
        u = (frame - self.frames[i]) / (self.frames[i + 1] - self.frames[i])
        return self.values[i] + (self.values[i + 1] - self.values[i]) * ease(self.eases[i], float(u))


@dataclass(frozen=True)
class Numbers:
    """What is written on the fronts of some cells: row ``i`` of every array is one number.

    It stands on row ``cell[i]`` of the cells as long as that is seen, on its way to its place, too. ``value`` is the
    cell's own or, where digits would be small, rounded. ``color``
    ``(m, 3)`` is linear RGB, ``size`` a digit's height in widths of the cells; it is as ``narrow`` (m,) as that, 1
    being its own width.
    """

    cell: NDArray[np.int64]
    value: NDArray[np.float64]
    color: NDArray[np.float32]
    size: float
    narrow: NDArray[np.float32]
    first: float = ALWAYS
    last: float | None = None
    """They are seen while ``first < step <= last``."""
    until: NDArray[np.float32] | None = None
    """And each while ``step <= until[i]``."""

    def __len__(self) -> int:
        return len(self.cell)


Role = Literal["input", "filter", "output", "ghost", "copy", "traveller", "gap"]


@dataclass(frozen=True)
class Cells:
    """A tensor, or a part of one, as cubes: row ``i`` of every array is one cell.

    ``index`` ``(n, rank)`` is the cell's index in the tensor of ``shape``; ``color`` linear RGB; ``anchor`` is
    the position as the mover ``lit_by`` sees it: where the cell would stand were its block the mover's first one.
    Of a big tensor the rows are the cells that are drawn; those of role "gap" mark where others are left out.
    """

    name: str
    role: Role
    shape: tuple[int, ...]
    index: NDArray[np.int64]
    position: NDArray[np.float32]
    color: NDArray[np.float32]
    origin: NDArray[np.float32]
    start: NDArray[np.float32]
    arrive: NDArray[np.float32]
    anchor: NDArray[np.float32]
    lit_by: str | None = None
    via: NDArray[np.float32] | None = None
    """Travellers stop here on their way."""
    bow: NDArray[np.float32] | None = None
    """How far from the straight way they are in the middle of the way (of travellers: to that stop); None: it is
    straight."""
    becomes: NDArray[np.float32] | None = None
    """The colour that travellers take on at that stop."""
    rest: tuple[float, float] = (0.0, 0.0)
    """The steps at which they reach that stop and leave it."""
    swells: float = 1.0
    """How much larger they are at that stop."""
    end: float | None = None
    """The step after which the cells are gone again."""
    scale: float = 1.0
    """How large they are at rest: what is no whole cell is smaller."""
    extent: NDArray[np.float32] | None = None
    """How long their boxes are along x, y, z, (n, 3), if they are boxes, which stand still; None: they are cubes."""
    numbers: tuple[Numbers, ...] = ()

    @property
    def ripens(self) -> tuple[float, float]:
        """The steps between which travellers take on the other colour: soon after they have come to their stop."""
        return self.rest[0], ripened(*self.rest)

    def __len__(self) -> int:
        return len(self.position)

    @property
    def half(self) -> NDArray[np.float64]:
        """Half of how long they are along x, y, z where their size is 1: (n, 3)."""
        return np.full((len(self), 3), 0.5 * CUBE) if self.extent is None else 0.5 * self.extent.astype(float)

    def visible(self, step: float) -> NDArray[np.bool_]:
        """Which cells are to be seen at a step, ``(n,)``."""
        gone = self.end is not None and step >= self.end
        return (self.start < np.float32(step)) & (not gone)


def cells_at(
    position: NDArray[np.floating],
    name: str,
    role: Role,
    shape: tuple[int, ...],
    index: NDArray[np.int64],
    color: ArrayLike,
    *,
    origin: NDArray[np.floating] | None = None,
    start: ArrayLike = ALWAYS,
    arrive: ArrayLike | None = None,
    anchor: NDArray[np.floating] | None = None,
    via: NDArray[np.floating] | None = None,
    bow: NDArray[np.floating] | None = None,
    becomes: NDArray[np.floating] | None = None,
    **more: Any,
) -> Cells:
    """Cells at these places ``(n, 3)``: there from the first frame on, unless they have an origin and times.

    A colour or a time may be one for all of them. ``more`` are the other fields of :class:`Cells`.
    """
    times = (np.broadcast_to(time, len(index)) for time in (start, start if arrive is None else arrive))
    begin, end = map(_f32, times)
    return Cells(
        name,
        role,
        shape,
        index,
        position=_f32(position),
        color=_f32(np.broadcast_to(color, position.shape)),
        origin=_f32(position if origin is None else origin),
        start=begin,
        arrive=end,
        anchor=_f32(position if anchor is None else anchor),
        via=None if via is None else _f32(via),
        bow=None if bow is None else _f32(bow),
        becomes=None if becomes is None else _f32(becomes),
        **more,
    )


def _f32(array: NDArray[Any]) -> NDArray[np.float32]:
    return np.ascontiguousarray(array, np.float32)


@dataclass(frozen=True)
class Mover:
    """Something keyframed that goes where a step goes: its location over the frames ``first..last``.

    ``name`` is unique. ``boxes`` are outlined (centre and size relative to the location, one per block that it stands
    on): then the mover is a window. It touches ``counts`` cells along x, y and z, ``spacing`` apart, the first at
    its location. Where there are gaps between these, ``parts`` are thinner boxes around them, in the boxes. Of windows
    that differ in size these are the largest: ``taps`` is how many cells they touch over the frames, ``(k, 3)``, and
    their boxes are as much smaller, the first cell staying where it is.
    """

    name: str
    track: Track
    first: int
    last: int
    boxes: tuple[tuple[Vector, Vector], ...] = ()
    counts: tuple[int, int, int] = (1, 1, 1)
    spacing: Vector = (1.0, 1.0, -1.0)
    taps: Track | None = None
    parts: tuple[tuple[Vector, Vector], ...] = ()
    bar: float = WINDOW_BAR
    """How thick the bars of its boxes are; those of its parts are as much thinner as TAP_BAR is than WINDOW_BAR."""
    opens: bool = False
    """Whether the cells before it shrink, so that it is seen deep in a volume."""
    samples: tuple[str, ...] = ()
    """The movers that light cells in its place: where offsets have moved what it touches, mostly between cells. Its
    boxes are faint then: they are where it would be."""

    def counts_at(self, frame: float) -> NDArray[np.float64]:
        """How many cells it touches along x, y and z, (3,); not whole while it changes."""
        return np.array(self.counts, float) if self.taps is None else self.taps.at(frame)

    def boxes_at(self, frame: float) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Centre and size of its boxes, relative to the location."""
        grown = (self.counts_at(frame) - self.counts) * self.spacing
        return [(np.array(center) + grown / 2.0, size + np.sign(self.spacing) * grown) for center, size in self.boxes]


@dataclass(frozen=True)
class Line:
    """A straight line between two ends, each fixed or carried by a mover (then the point is relative to it)."""

    start: Vector
    start_on: str | None
    end: Vector
    end_on: str | None
    color: Vector


@dataclass(frozen=True)
class Lines:
    """Lines that are seen while the step lies in ``first < step < last``."""

    name: str
    lines: tuple[Line, ...]
    first: float
    last: float
    over_cells: float | None = None
    """How much of them is left where a cell is behind them: 1 of those that tell of cells; None: a little."""
    radius: float = LINE_RADIUS


@dataclass(frozen=True)
class Caption:
    """A text in the picture's plane: ``at`` in units from the frame's centre, ``size`` a capital's height in units.

    The units are the first picture's, where a travelling camera's are not all of one width.

    ``{step}`` in the body counts up with the animation, from 1 at step ``first_step`` to ``steps``.
    """

    name: str
    body: str
    at: tuple[float, float]
    size: float
    align: Literal["left", "center", "right"]
    color: Vector
    first: int
    last: int
    first_step: int = 0
    steps: int = 0
    in_world: bool = False
    """Whether it stays behind when the camera travels: ``at`` is where it stands in the first picture's plane."""
    anchor: Vector | None = None
    """What it stands beside, in the world: ``at`` counts from where that is seen."""
    halo: float = 0.0
    """How far around it, in units, what passes behind it is hidden."""


@dataclass(frozen=True)
class Outline:
    """A fixed box of thin bars: where a tensor will be."""

    center: Vector
    size: Vector


def turned(direction: Vector, angle: float) -> Vector:
    """A direction after a turn about the upright axis, anticlockwise as seen from above, by so many radians."""
    x, y, z = direction
    return x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle), z


@dataclass(frozen=True)
class Camera:
    """Looks along ``direction`` at ``target``; there, the picture is ``width`` x ``height`` units.

    That is how it begins. One that travels looks later to where ``travel`` leads, in a plane parallel to the picture,
    and its picture is as wide as that says: x, y, z, width. One on a turntable goes round the upright axis through the
    target by the angle, in radians, that ``turn`` says.
    """

    direction: Vector
    target: Vector
    width: float
    height: float
    travel: Track | None = None
    band: tuple[float, float] | None = None
    """What is seen of the world, from and to a height in units from the first picture's centre; None: all of it."""
    distance: float | None = None
    """From the target to the eye, of a perspective; None: the projection is orthographic."""
    turn: Track | None = None
    band_from: int = 1
    """The first frame on which there is a band."""
    band_until: int | None = None
    """The last one, if not that of the film."""

    @property
    def widths(self) -> tuple[float, float]:
        """Of its narrowest and its widest picture."""
        widths = [self.width] if self.travel is None else self.travel.values[:, 3].tolist()
        return min(widths), max(widths)

    def at(self, frame: float) -> tuple[Vector, float]:
        """What it looks at, and the picture's width."""
        if self.travel is None:
            return self.target, self.width
        framing = self.travel.at(frame)
        return vector(framing[:3]), float(framing[3])

    def angle(self, frame: float) -> float:
        """How far it has turned."""
        return 0.0 if self.turn is None else float(self.turn.at(frame)[0])

    def looks(self, frame: float) -> Vector:
        """Along which direction it looks."""
        angle = self.angle(frame)
        return turned(self.direction, angle) if angle else self.direction

    def stands(self, frame: float) -> tuple[float, ...]:
        """All that differs between frames: the target, the width, the angle."""
        target, width = self.at(frame)
        return *target, width, self.angle(frame)


@dataclass(frozen=True)
class Storyboard:
    """The whole animation; see the module's docstring for space and time."""

    title: str
    theme: str
    language: str
    size: tuple[int, int]
    fps: float
    frames: int
    steps: int
    step: Track
    cells: tuple[Cells, ...]
    movers: tuple[Mover, ...]
    lines: tuple[Lines, ...]
    captions: tuple[Caption, ...]
    outlines: tuple[Outline, ...]
    camera: Camera
    floor: float
    poster: int
    """The frame that tells most, for a still."""
    settled: NDArray[np.float64] = field(repr=False)
    """``settled[t]`` is the frame at which step ``t`` is done and nothing moves, ``(steps,)``; not whole where
    steps are swept faster than the frames."""
    slow: int = 0
    """The step that tells most in slow motion."""
    transparent: bool = False
    """Whether whatever the picture is laid on is seen behind it, and no floor."""

    def state(self, frame: int, notes: bool = True) -> tuple[Any, ...]:
        """All that decides the picture at a frame: frames of equal state look the same.

        Of two storyboards, too: what is seen at the frame is named by its content, and all else is left out, so that a
        change to one caption leaves the frames without it as they were. Without ``notes``: what decides how the cells
        look, and the floor, where no lines and words are drawn before them.
        """
        step = float(self.step.at(frame)[0])
        moving = tuple(
            (m.name, *np.round([*m.track.at(frame), *(m.counts_at(frame) if m.taps else ())], 6).tolist())
            for m in self.movers
            if m.first <= frame <= m.last
        )
        digests = self._digests
        seen: list[Any] = [c for c in self.cells if (c.end is None or step < c.end) and self._begins[c.name] < step]
        if notes:
            seen += [c for c in self.lines if c.first < step < c.last]
            seen += [c for c in self.captions if c.first <= frame <= c.last]
        view = tuple(round(number, 6) for number in self.camera.stands(frame))
        return (
            digests[""],
            round(step, 6),
            view,
            moving,
            tuple(digests[f"{type(t).__name__} {t.name}"] for t in seen),
        )

    def state_key(self, frame: int, notes: bool = True) -> str:
        """A short stable name of :meth:`state`."""
        return hashlib.sha256(json.dumps(self.state(frame, notes)).encode()).hexdigest()

    @cached_property
    def _begins(self) -> dict[str, float]:
        """The step after which the first of some cells is seen."""
        return {c.name: float(c.start.min(initial=np.inf)) for c in self.cells}

    @cached_property
    def _digests(self) -> dict[str, str]:
        """The content of each thing that is not always seen, by its name; under "" that of what always is."""
        windows = tuple(
            (
                *(m.boxes, m.parts, m.bar, m.opens, m.counts, m.spacing, *self.glows(m), *self.step.at(m.last)),
                tuple((name, self.mover(name).counts) for name in m.samples),
            )
            for m in self.movers
            if m.boxes or m.opens
        )
        camera = replace(self.camera, travel=None, turn=None)
        things = {"": (self.theme, self.transparent, self.size, self.outlines, camera, self.floor, windows)}
        things |= {f"{type(t).__name__} {t.name}": t for t in (*self.cells, *self.lines, *self.captions)}
        return {name: _digest(thing) for name, thing in things.items()}

    @property
    def small(self) -> bool:
        """Whether the cells are so small, wherever the camera is, that they stand without gaps."""
        return self.size[0] < FEWEST_PIXELS * self.camera.widths[0]

    @property
    def outline_bar(self) -> float:
        """How thick the bars of outlines are."""
        return max(OUTLINE_BAR, LEAST_OUTLINE * min(self.size) / 480.0 * self.camera.widths[0] / self.size[0])

    def massed(self, cells: Cells) -> bool:
        """Whether cells are so small and many, and stay where they are in one size, that only their outer faces are
        rendered."""
        opens = cells.lit_by is not None and self.mover(cells.lit_by).opens
        plain = cells.role in ("input", "output", "ghost") and cells.scale == 1.0 and cells.via is None and not opens
        return self.small and plain and cells.becomes is None is cells.extent and len(cells) >= MASS

    def mover_lands(self, mover: Mover) -> float:
        """The step at which a mover stands at its first place."""
        return float(self.step.at(mover.track.frames[1])[0])

    def glows(self, mover: Mover) -> tuple[float, float]:
        """Between which steps the cells that it touches first begin to glow: at once where the step waits for it."""
        first = float(self.step.at(mover.first)[0])
        return first, max(self.mover_lands(mover), first + AT_ONCE)

    def leaves(self, mover: Mover) -> float:
        """The step with which nothing is lit by a mover any more."""
        return float(np.ceil(self.step.at(mover.last)[0]))

    def mover(self, name: str) -> Mover:
        return next(m for m in self.movers if m.name == name)

    def lights(self, mover: Mover) -> list[Mover]:
        """What lights cells, as this mover says when: the mover itself or its samples."""
        return [*map(self.mover, mover.samples)] or [mover]

    def to_json(self) -> str:
        """The storyboard as JSON, arrays as nested lists."""
        return json.dumps(_plain(self), ensure_ascii=False, sort_keys=True)

    @property
    def content_hash(self) -> str:
        """SHA-256 over every field, array by array: equal for equal storyboards, in any process."""
        return _digest(self)


def _digest(value: Any) -> str:
    digest = hashlib.sha256()
    for chunk in _leaves(value, ""):
        digest.update(chunk)
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return value


def _leaves(value: Any, path: str) -> Iterator[bytes]:
    if isinstance(value, np.ndarray):
        yield f"{path}:{value.dtype.str}{value.shape}".encode()
        yield np.ascontiguousarray(value).tobytes()
    elif is_dataclass(value):
        for f in fields(value):
            yield from _leaves(getattr(value, f.name), f"{path}.{f.name}")
    elif isinstance(value, tuple):
        for i, v in enumerate(value):
            yield from _leaves(v, f"{path}[{i}]")
    else:
        yield f"{path}={value!r}".encode()
