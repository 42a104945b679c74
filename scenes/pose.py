"""Where everything is at a frame: what Blender's nodes make of a storyboard, in NumPy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .form import CLOSING, COVER, NEWBORN, OPENED
from .story import ALWAYS, Cells, Lines, Mover, Numbers, Storyboard


@dataclass(frozen=True, eq=False)
class Pose:
    """Cells at a moment: ``shown`` (n,), ``place`` (n, 3), ``size`` (n,) in pitches, ``lit`` (n,) 0..1.

    ``resting`` (n,) tells which of those shown are where they belong; the others cast no shadow. ``ripe`` is how far,
    0..1, the colour has turned into ``becomes``.
    """

    shown: NDArray[np.bool_]
    resting: NDArray[np.bool_]
    place: NDArray[np.float32]
    size: NDArray[np.float32]
    ripe: float
    lit: NDArray[np.float32]
    written: tuple[NDArray[np.bool_], ...]
    """Of each of the cells' numbers (m,), which are seen."""


def progress(value: float, start: NDArray[np.float32] | float, end: NDArray[np.float32] | float) -> NDArray[np.float32]:
    """0 up to ``start``, 1 from ``end`` on, smooth between: Blender's smoothstep."""
    span = np.asarray(end, np.float32) - np.float32(start)
    with np.errstate(divide="ignore", invalid="ignore"):
        u = (np.float32(value) - np.float32(start)) / span
    u = np.where(span == 0, 0.0, u).clip(0.0, 1.0).astype(np.float32)
    return u * u * (3.0 - 2.0 * u)


def pose(board: Storyboard, cells: Cells, frame: float) -> Pose:
    """The cells of a tensor at a frame."""
    step = float(board.step.at(frame)[0])
    place, size, ripe = cells.position, np.ones(len(cells), np.float32), 0.0
    shown = resting = cells.visible(step)
    if (cells.start != ALWAYS).any():
        resting = shown & (cells.arrive <= np.float32(step)) & (cells.via is None)
        place, size = (_flight if cells.via is None else _detour)(cells, step)
    if cells.role == "copy":
        resting = np.zeros(len(cells), bool)
    if cells.scale != 1.0:
        size = size * np.float32(cells.scale)
    if cells.becomes is not None:
        ripe = float(progress(step, *cells.ripens))
    lit = np.zeros(len(cells), np.float32)
    if cells.lit_by is not None:
        mover = board.mover(cells.lit_by)
        lit = _lit(board, cells, mover, frame, step)
        if mover.opens:
            size = size * _opened(board, cells, mover, frame, step)
    written = tuple(shown[numbers.cell] & _legible(numbers, step) for numbers in cells.numbers)
    return Pose(shown, resting, place, size, ripe, lit, written)


def _legible(numbers: Numbers, step: float) -> NDArray[np.bool_]:
    at = np.float32(step)
    seen = at > np.float32(numbers.first) and (numbers.last is None or at <= np.float32(numbers.last))
    return np.full(len(numbers), seen) if numbers.until is None else seen & (at <= numbers.until)


def _flight(cells: Cells, step: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """From the origin to the place, growing."""
    arrived = cells.arrive <= np.float32(step)
    u = np.where(arrived, np.float32(1.0), progress(step, cells.start, cells.arrive))
    way = cells.origin + (cells.position - cells.origin) * u[:, None]
    if cells.bow is not None:
        way = way + cells.bow * (4.0 * u * (1.0 - u))[:, None]
    place = np.where(arrived[:, None], cells.position, way)
    return place, NEWBORN + u * (1.0 - NEWBORN)


def _detour(cells: Cells, step: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """From the origin to the stop on the way, small in between; a rest there; then to the place, shrinking."""
    assert cells.via is not None
    there = progress(step, cells.start, cells.rest[0])
    on = progress(step, cells.rest[1], cells.arrive)
    stop = cells.origin + (cells.via - cells.origin) * there[:, None]
    if cells.bow is not None:
        stop = stop + cells.bow * (4.0 * there * (1.0 - there))[:, None]
    size = COVER - (2.0 * there * (1.0 - there) + on * (COVER - NEWBORN))
    if cells.swells != 1.0:
        size = size * (1.0 + (cells.swells - 1.0) * there * (1.0 - on))
    return stop + (cells.position - stop) * on[:, None], size


def _lit(board: Storyboard, cells: Cells, mover: Mover, frame: float, step: float) -> NDArray[np.float32]:
    """1 on the cells that the window touches, falling to 0 one cell off; of its samples their shares, 1 at the most."""
    if step >= board.leaves(mover):
        return np.zeros(len(cells), np.float32)
    near = sum(_near(cells, each, frame) for each in board.lights(mover))
    return (np.minimum(near, 1.0) * progress(step, *board.glows(mover))).astype(np.float32)


def _near(cells: Cells, mover: Mover, frame: float) -> NDArray[np.float64]:
    offset = cells.anchor - mover.track.at(frame)
    spacing = np.array(mover.spacing)
    at = offset / spacing
    tap = np.round(at).clip(0.0, mover.counts_at(frame) - 1.0)
    return np.maximum(1.0 - abs((at - tap) * spacing), 0.0).prod(axis=1)


def _opened(board: Storyboard, cells: Cells, mover: Mover, frame: float, step: float) -> NDArray[np.float32]:
    """How much smaller the cells before the window are, falling to 1 in the first slice that it touches."""
    before = (mover.track.at(frame)[1] - cells.anchor[:, 1]).clip(0.0, 1.0)
    leaves = board.leaves(mover)
    there = progress(step, *board.glows(mover)) * (1.0 - progress(step, leaves - CLOSING, leaves))
    return (1.0 - (1.0 - OPENED) * before * there).astype(np.float32)


def lines_at(board: Storyboard, lines: Lines, frame: float) -> NDArray[np.float64]:
    """Both ends of the lines that are seen at a frame: (n, 2, 3); (0, 2, 3) if they are not."""
    step = float(board.step.at(frame)[0])
    if not lines.first < step < lines.last:
        return np.zeros((0, 2, 3))
    moved: dict[str | None, NDArray[np.float64]] = {None: np.zeros(3)}
    for name in {on for line in lines.lines for on in (line.start_on, line.end_on)} - {None}:
        moved[name] = board.mover(name or "").track.at(frame)
    ends = [(line.start + moved[line.start_on], line.end + moved[line.end_on]) for line in lines.lines]
    return np.array(ends).reshape(-1, 2, 3)
