"""A storyboard as a binary glTF file: its cubes, windows and the places of results, with their motion baked in.

What a file may say, and how: the Khronos Group's glTF 2.0 specification. Animations there move, turn and scale nodes,
and nothing else. So a cell has a node for each colour that it wears, of which only the one that it wears has a size.
Numbers, words and lines are not in it.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..scenes import Storyboard, palette
from ..scenes.form import CUBE, GHOST, GHOST_BAR, TAP_BAR, WINDOW_BAR, WINDOW_MARGIN
from ..scenes.pose import pose
from ..scenes.story import Cells, Mover, Vector, vector
from .errors import RequestError

ENDING = ".glb"
MOST_CELLS = 5000
"""Each is a node or two, which viewers move one by one."""
TOLERANCE = 1e-3
"""How far, in cells, what moves may be from where the film has it."""
JUST_BEFORE = 0.02
"""A change at once takes that part of a frame's time: keys follow one another, and Blender sees one in those nearer."""
UPRIGHT = (-(0.5**0.5), 0.0, 0.0, 0.5**0.5)
"""A quarter turn about x: up is z here and y there."""

Curve = NDArray[np.float64]
"""Values (frames, 3)."""


def check(board: Storyboard, out: Path) -> None:
    """RequestError for a storyboard of more cells than a viewer can move."""
    cells = sum(map(len, board.cells))
    if cells > MOST_CELLS:
        raise RequestError(f"{out}: {cells:,} cells; allowed in a {ENDING}: at most {MOST_CELLS:,}")


def write(board: Storyboard, frames: range, out: Path) -> None:
    """Write these frames of a storyboard, the first at second 0. RequestError as of :func:`check`."""
    check(board, out)
    out.write_bytes(packed(board, frames))


def packed(board: Storyboard, frames: range) -> bytes:
    """The same as bytes."""
    file = _File(np.array([(frame - frames.start) / board.fps for frame in frames]))
    theme = palette.THEMES[board.theme]
    ghost = _bars([((0.0, 0.0, 0.0), (GHOST, GHOST, GHOST))], [GHOST_BAR])
    for cells in board.cells:
        wire = cells.role == "ghost"
        for look in _looks(board, cells, frames, theme.ghost if wire else None):
            for row in np.flatnonzero(look.seen.any(axis=0)):
                mesh = file.mesh("ghost" if wire else "cell", ghost if wire else _CUBE, look.color[row])
                name = f"{cells.name} {row} {cells.index[row]}{look.name}"
                size = look.size[:, row, None] * look.sides[row]
                file.moving(cells.name, name, mesh, look.place[:, row], size, look.seen[:, row])
    for mover in board.movers:
        _window(file, mover, frames, theme.window)
    if board.outlines:
        boxes = [(outline.center, outline.size) for outline in board.outlines]
        places = _bars(boxes, [board.outline_bar] * len(boxes))
        file.node("outlines", "places", file.mesh("places", places, theme.ghost))
    return file.bytes(board.title)


@dataclass(frozen=True)
class _Look:
    """Cells in one of the colours that they wear: (n, 3), linear RGB; ``seen`` (frames, n) where they do so."""

    name: str
    color: NDArray[Any]
    seen: NDArray[np.bool_]
    place: NDArray[np.float64]
    size: NDArray[np.float64]
    sides: NDArray[np.float64]
    """How long they are along x, y, z where their size is 1, in widths of a cube: (n, 3)."""


def _looks(board: Storyboard, cells: Cells, frames: range, color: Vector | None) -> Iterator[_Look]:
    """What cells look like over the frames; all in one ``color``, if there is one."""
    poses = [pose(board, cells, frame) for frame in frames]
    shown = np.array([each.shown for each in poses])
    place = np.array([np.broadcast_to(each.place, cells.position.shape) for each in poses], float)
    size = np.array([each.size for each in poses], float)
    sides = np.ones((len(cells), 3)) if cells.extent is None else cells.extent / CUBE
    own = cells.color if color is None else np.broadcast_to(color, cells.color.shape)
    lit = np.array([each.lit for each in poses]) >= 0.5
    ripe = np.array([[each.ripe >= 0.5] for each in poses]) & np.ones_like(shown)
    lit_up = palette.lit(own, palette.THEMES[board.theme]).clip(0.0, 1.0)
    yield _Look("", own, shown & ~lit & ~ripe, place, size, sides)
    yield _Look(" lit", lit_up, shown & lit & ~ripe, place, size, sides)
    if cells.becomes is not None:
        yield _Look(" ripe", cells.becomes, shown & ripe, place, size, sides)


def _window(file: _File, mover: Mover, frames: range, color: Vector) -> None:
    """The boxes of a mover, each a node of its own, as they may change their size."""
    location = np.array([mover.track.at(frame) for frame in frames])
    seen = np.array([mover.first <= frame <= mover.last for frame in frames])
    now = [mover.boxes_at(frame) for frame in frames]
    for number, (_, size) in enumerate(mover.boxes):
        grown = np.array(size) + 2.0 * WINDOW_MARGIN
        mesh = file.mesh(f"{mover.name} {number}", _bars([((0.0, 0.0, 0.0), vector(grown))], [mover.bar]), color)
        centers = np.array([boxes[number][0] for boxes in now])
        sizes = np.array([boxes[number][1] for boxes in now]) + 2.0 * WINDOW_MARGIN
        file.moving("windows", f"{mover.name} {number}", mesh, location + centers, sizes / grown, seen)
    if mover.parts:
        parts = [(center, vector(np.array(size) + 2.0 * WINDOW_MARGIN)) for center, size in mover.parts]
        mesh = file.mesh(f"{mover.name} parts", _bars(parts, [mover.bar * TAP_BAR / WINDOW_BAR] * len(parts)), color)
        file.moving("windows", f"{mover.name} parts", mesh, location, np.ones_like(location), seen)


# Forms: the corners (n, 3) and normals (n, 3) of faces, four for each

_FACES = [(axis, side) for axis in range(3) for side in (-1.0, 1.0)]


def _box(center: NDArray[np.float64], half: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    corners, normals = [], []
    for axis, side in _FACES:
        one, other = (np.eye(3)[(axis + turn) % 3] for turn in (1, 2))
        normal = np.eye(3)[axis] * side
        around = ((-1, -1), (1, -1), (1, 1), (-1, 1))[:: int(side)]  # anticlockwise, as seen from outside
        corners += [center + half * (normal + x * one + y * other) for x, y in around]
        normals += [normal] * 4
    return np.array(corners), np.array(normals)


_CUBE = _box(np.zeros(3), np.full(3, 0.5 * CUBE))


def _bars(
    boxes: Sequence[tuple[Vector, Vector]], thickness: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The edges of boxes (centre, size) as bars of square section."""
    made = []
    for (center, size), thick in zip(boxes, thickness, strict=True):
        for axis in range(3):
            across = [other for other in range(3) if other != axis]
            for signs in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
                middle, half = np.array(center, float), np.full(3, thick / 2.0)
                middle[across] += np.array(signs) * np.array(size)[across] / 2.0
                half[axis] += size[axis] / 2.0
                made.append(_box(middle, half))
    return np.concatenate([corners for corners, _ in made]), np.concatenate([normals for _, normals in made])


# The file


@dataclass
class _File:
    """glTF as it grows: what is said in JSON, and the numbers behind it. ``seconds`` are the frames' times."""

    seconds: NDArray[np.float64]
    nodes: list[dict[str, Any]] = field(default_factory=list)
    groups: dict[str, list[int]] = field(default_factory=dict)
    """Their nodes, by the name."""
    meshes: list[dict[str, Any]] = field(default_factory=list)
    materials: list[dict[str, Any]] = field(default_factory=list)
    accessors: list[dict[str, Any]] = field(default_factory=list)
    views: list[dict[str, Any]] = field(default_factory=list)
    samplers: list[dict[str, Any]] = field(default_factory=list)
    channels: list[dict[str, Any]] = field(default_factory=list)
    data: bytearray = field(default_factory=bytearray)
    known: dict[Any, int] = field(default_factory=dict)

    def node(self, group: str, name: str, mesh: int, **more: Any) -> int:
        """A node of a group."""
        self.nodes.append({"name": name, "mesh": mesh, **more})
        self.groups.setdefault(group, []).append(len(self.nodes) - 1)
        return len(self.nodes) - 1

    def moving(self, group: str, name: str, mesh: int, place: Curve, size: Curve, seen: NDArray[np.bool_]) -> None:
        """A node that is at these places in these sizes where it is ``seen`` (frames,), and has none elsewhere."""
        if not seen.any():
            return
        places = _held(place, seen)
        sizes = np.where(seen[:, None], size, 0.0)
        first = {"translation": _plain(places[0]), "scale": _plain(sizes[0])}
        made = self.node(group, name, mesh, **first)
        self._animate(made, "translation", places, np.zeros(len(seen), bool))
        self._animate(made, "scale", sizes, np.append(False, seen[1:] != seen[:-1]))

    def _animate(self, node: int, path: str, values: Curve, jumps: NDArray[np.bool_]) -> None:
        """Keys for a curve, if it is none that stays as it is; it is broken where it ``jumps`` to a frame's value."""
        if np.ptp(values, axis=0).max() <= TOLERANCE / 10.0:
            return
        times, keys = _keys(self.seconds, values, jumps)
        sampler = {
            "input": self._numbers(times[:, None], "SCALAR", bounds=True),
            "output": self._numbers(keys, "VEC3"),
            "interpolation": "LINEAR",
        }
        self.channels.append({"sampler": self._once(self.samplers, sampler), "target": {"node": node, "path": path}})

    def mesh(self, name: str, form: tuple[NDArray[np.float64], NDArray[np.float64]], color: Any) -> int:
        """A form in a colour."""
        corners, normals = form
        quads = 4 * np.arange(len(corners) // 4)[:, None] + np.array([0, 1, 2, 0, 2, 3])
        attributes = {
            "POSITION": self._numbers(corners, "VEC3", bounds=True, target=34962),
            "NORMAL": self._numbers(normals, "VEC3", target=34962),
        }
        indices = self._numbers(quads.reshape(-1, 1).astype(np.uint32), "SCALAR", target=34963)
        paint = {
            "baseColorFactor": [*_plain(np.clip(np.asarray(color, float), 0.0, 1.0)), 1.0],
            "metallicFactor": 0.0,
            "roughnessFactor": 0.45,
        }
        material = self._once(self.materials, {"pbrMetallicRoughness": paint})
        part = {"attributes": attributes, "indices": indices, "material": material}
        return self._once(self.meshes, {"name": name, "primitives": [part]})

    def _once(self, there: list[dict[str, Any]], new: dict[str, Any]) -> int:
        """The number of what is there, or is from now on."""
        key = id(there), json.dumps(new)
        if key not in self.known:
            self.known[key] = len(there)
            there.append(new)
        return self.known[key]

    def _numbers(self, array: NDArray[Any], kind: str, bounds: bool = False, target: int | None = None) -> int:
        """The accessor of numbers (n, 1 or 3). Of those that are no vertices' all have one view."""
        whole = array.dtype == np.uint32
        data = np.ascontiguousarray(array, "<u4" if whole else "<f4")
        key = data.tobytes(), kind, target
        if key in self.known:
            return self.known[key]
        if target is not None or not self.views or "target" in self.views[-1]:
            self.views.append({"buffer": 0, "byteOffset": len(self.data), "byteLength": 0})
            if target is not None:
                self.views[-1]["target"] = target
        view = self.views[-1]
        told = {"bufferView": len(self.views) - 1, "byteOffset": view["byteLength"], "count": len(data), "type": kind}
        told["componentType"] = 5125 if whole else 5126
        if bounds:
            told |= {"min": data.min(axis=0).tolist(), "max": data.max(axis=0).tolist()}
        self.data += key[0]
        view["byteLength"] += len(key[0])
        self.accessors.append(told)
        self.known[key] = len(self.accessors) - 1
        return self.known[key]

    def bytes(self, title: str) -> bytes:
        """The file: a header, a chunk of JSON and one of numbers, each of whole words."""
        groups = [{"name": name, "children": children} for name, children in self.groups.items()]
        beyond = len(self.nodes), len(self.nodes) + len(groups)
        root = {"name": title, "rotation": list(UPRIGHT), "children": list(range(*beyond))}
        told: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": "convmotion"},
            "scene": 0,
            "scenes": [{"name": title, "nodes": [beyond[1]]}],
            "nodes": [*self.nodes, *groups, root],
            "meshes": self.meshes,
            "materials": self.materials,
            "accessors": self.accessors,
            "bufferViews": self.views,
            "buffers": [{"byteLength": len(self.data)}],
        }
        if self.channels:
            told["animations"] = [{"name": title, "samplers": self.samplers, "channels": self.channels}]
        text = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        numbers = bytes(self.data)
        chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(numbers), b"BIN\0") + numbers
        return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def _plain(array: NDArray[np.floating]) -> list[float]:
    return [round(float(value), 6) for value in array]


def _held(values: Curve, seen: NDArray[np.bool_]) -> Curve:
    """The same where something is seen, and between that the last value that was, or the first that will be."""
    frames = np.flatnonzero(seen)
    last = np.searchsorted(frames, np.arange(len(seen)), side="right") - 1
    return values[frames[last.clip(0)]]


def _keys(seconds: NDArray[np.float64], values: Curve, jumps: NDArray[np.bool_]) -> tuple[NDArray[np.float64], Curve]:
    """Times (k,) and values (k, 3) between which straight lines are as near to the curve as TOLERANCE."""
    times, keys = [], []
    bounds = [0, *np.flatnonzero(jumps), len(seconds)]
    for start, end in pairwise(bounds):
        kept = start + _corners(seconds[start:end], values[start:end])
        times += seconds[kept].tolist()
        keys += values[kept].tolist()
        if end < len(seconds):  # held until just before it jumps
            times.append(seconds[end] - JUST_BEFORE * (seconds[end] - seconds[end - 1]))
            keys.append(values[end - 1].tolist())
    return np.array(times), np.array(keys)


def _corners(seconds: NDArray[np.float64], values: Curve) -> NDArray[np.int64]:
    """Which points of a curve to keep: the ends, and of each stretch the one farthest from a straight line between
    what is kept, until none is far (Ramer 1972; Douglas and Peucker 1973)."""
    kept, left = {0, len(seconds) - 1}, [(0, len(seconds) - 1)]
    while left:
        first, last = left.pop()
        if last - first < 2:
            continue
        share = (seconds[first + 1 : last] - seconds[first]) / (seconds[last] - seconds[first])
        straight = values[first] + share[:, None] * (values[last] - values[first])
        off = abs(values[first + 1 : last] - straight).max(axis=1)
        farthest = int(off.argmax())
        if off[farthest] > TOLERANCE:
            middle = first + 1 + farthest
            kept.add(middle)
            left += [(first, middle), (middle, last)]
    return np.array(sorted(kept))
