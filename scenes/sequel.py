"""One storyboard after another: the camera comes to a place where all of the second one stands, small and complete."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from .layout import View
from .story import (
    ALWAYS,
    Camera,
    Caption,
    Cells,
    Line,
    Lines,
    Mover,
    Numbers,
    Outline,
    Storyboard,
    Track,
    Vector,
    vector,
)


@dataclass(frozen=True)
class Dive:
    """Where in the picture's plane, in units, the middle of the second storyboard's first picture is."""

    x: float
    y: float


def followed(first: Storyboard, second: Storyboard, dive: Dive) -> Storyboard:
    """Both as one. In the last frame of the first, its camera has come to where the second begins.

    The second one's things stand on the first one's floor, and are there from the beginning. Both are seen along the
    same direction, from infinitely far.
    """
    return _Sequel(first, second, dive).board()


class _Sequel:
    def __init__(self, first: Storyboard, second: Storyboard, dive: Dive) -> None:
        self.first, self.second = first, second
        self.view = view = View.along(first.camera.direction)
        assert second.camera.direction == first.camera.direction and second.camera.distance is None
        seen = view.project(np.array(second.camera.target))
        rise = first.floor - second.floor
        away = np.cross((0.0, 0.0, 1.0), view.right)
        far = (dive.y - float(seen[1]) - rise * view.up[2]) / float(away @ view.up)
        self.offset = view.right * (dive.x - float(seen[0])) + away * far + np.array([0.0, 0.0, rise])
        self.middle = np.array([dive.x, dive.y]) - view.project(np.array(first.camera.target))
        """Where the second one's first picture is, from the middle of the first one's first."""
        self.frames, self.steps = first.frames, first.steps
        self.zoom = first.camera.width / second.camera.width

    def board(self) -> Storyboard:
        one, two = self.first, self.second
        step = Track(
            np.concatenate([one.step.frames, two.step.frames + self.frames]),
            np.concatenate([one.step.values, two.step.values + self.steps]),
            (*one.step.eases, *two.step.eases),
        )
        return replace(
            one,
            title=two.title,
            frames=one.frames + two.frames,
            steps=one.steps + two.steps,
            step=step,
            cells=(*one.cells, *map(self._cells, two.cells)),
            movers=(*one.movers, *map(self._mover, two.movers)),
            lines=(*one.lines, *map(self._lines, two.lines)),
            captions=(*one.captions, *map(self._caption, two.captions)),
            outlines=(*one.outlines, *(Outline(self._moved(o.center), o.size) for o in two.outlines)),
            camera=self._camera(),
            settled=np.concatenate([one.settled, two.settled + self.frames]),
        )

    def _moved(self, point: Vector) -> Vector:
        return vector(np.array(point) + self.offset)

    def _later(self, step: float) -> float:
        return step if step == ALWAYS else step + self.steps

    def _ends(self, step: float | None) -> float | None:
        return None if step is None else step + self.steps

    def _cells(self, cells: Cells) -> Cells:
        offset = self.offset.astype(np.float32)
        begun = cells.start == ALWAYS
        via = None if cells.via is None else cells.via + offset
        reached, left = cells.rest
        return replace(
            cells,
            name=self._named(cells.name),
            position=cells.position + offset,
            origin=cells.origin + offset,
            anchor=cells.anchor + offset,
            via=via,
            start=np.where(begun, cells.start, cells.start + np.float32(self.steps)),
            arrive=np.where(begun, cells.arrive, cells.arrive + np.float32(self.steps)),
            lit_by=None if cells.lit_by is None else self._named(cells.lit_by),
            rest=(reached + self.steps, left + self.steps),
            end=self._ends(cells.end),
            numbers=tuple(map(self._numbers, cells.numbers)),
        )

    def _numbers(self, numbers: Numbers) -> Numbers:
        until = None if numbers.until is None else numbers.until + np.float32(self.steps)
        return replace(numbers, first=self._later(numbers.first), last=self._ends(numbers.last), until=until)

    def _mover(self, mover: Mover) -> Mover:
        track = replace(mover.track, frames=mover.track.frames + self.frames, values=mover.track.values + self.offset)
        taps = None if mover.taps is None else replace(mover.taps, frames=mover.taps.frames + self.frames)
        spell = {"first": mover.first + self.frames, "last": mover.last + self.frames}
        return replace(mover, name=self._named(mover.name), track=track, taps=taps, **spell)

    def _lines(self, lines: Lines) -> Lines:
        moved: Callable[[Vector, str | None], Vector] = lambda at, on: self._moved(at) if on is None else at  # noqa: E731
        on: Callable[[str | None], str | None] = lambda name: None if name is None else self._named(name)  # noqa: E731
        parts = tuple(
            Line(moved(l.start, l.start_on), on(l.start_on), moved(l.end, l.end_on), on(l.end_on), l.color)
            for l in lines.lines  # noqa: E741
        )
        first, last = lines.first + self.steps, lines.last + self.steps
        return replace(lines, name=self._named(lines.name), lines=parts, first=first, last=last)

    def _caption(self, caption: Caption) -> Caption:
        at, zoom = np.array(caption.at), self.zoom
        x, y = at + self.middle if caption.in_world else at * zoom
        large = 1.0 if caption.in_world else zoom
        return replace(
            caption,
            name=self._named(caption.name),
            at=(float(x), float(y)),
            size=caption.size * large,
            halo=caption.halo * large,
            first=caption.first + self.frames,
            last=caption.last + self.frames,
            first_step=caption.first_step + self.steps,
        )

    @staticmethod
    def _named(name: str) -> str:
        """Names are unique in both together."""
        return f"{name} inside"

    def _camera(self) -> Camera:
        one, two, view = self.first.camera, self.second.camera, self.view
        assert one.travel is not None
        if two.travel is None:
            two = replace(two, travel=Track(np.array([1.0]), np.array([[*two.target, two.width]]), ("constant",)))
        assert two.travel is not None
        frames, values, eases = two.travel.frames, two.travel.values, two.travel.eases
        flat = view.project(values[:, :3] - np.array(two.target)) + self.middle
        at = np.array(one.target) + flat @ np.stack([view.right, view.up])
        travel = Track(
            np.concatenate([one.travel.frames, frames + self.frames]),
            np.concatenate([one.travel.values, np.column_stack([at, values[:, 3]])]),
            (*one.travel.eases, *eases),
        )
        low, high = two.band or (0.0, 0.0)
        band = None if two.band is None else (low * self.zoom, high * self.zoom)
        until = None if two.band_until is None else self.frames + two.band_until
        return replace(one, travel=travel, band=band, band_from=self.frames + 1, band_until=until)
