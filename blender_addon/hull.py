"""Tensors of many small cells, for a worker: meshes of the faces that can be seen, in the place of an instance a cell.

Small cells stand without gaps, so that no ray comes between two of them. For every rendered part Cycles looks at every
instance anew, and at a mesh only if it has changed: so there is one for every few rows.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import bpy
import numpy as np
from mathutils import Vector
from numpy.typing import NDArray

from ..scenes.pose import Pose, pose
from ..scenes.story import Cells, Storyboard
from . import meshes
from .looks import let_light_pass

BAND = 4
"""Rows in a mesh."""
SIDES = np.array([(0, -1, 0), (-1, 0, 0), (1, 0, 0), (0, 0, 1), (0, 0, -1)])
"""Where faces look. What looks away from the viewer is seen by nobody."""
GHOST = 0.6
"""How wide the front of a cell of padding is: of so small ones all edges together are about as much."""
_FINE = 64
"""Into how many parts of a unit places are divided to tell whether two cells touch."""


class Hull:
    """The resting cells of a tensor as meshes, in the place of the object that has them as instances."""

    def __init__(self, board: Storyboard, cells: Cells, material: Any, twins: Vector) -> None:
        self.board, self.cells = board, cells
        self.neighbours = neighbours(cells.position)
        instances = bpy.data.objects[cells.name]
        rows = cells.index[:, -2] // BAND
        order = np.argsort(rows, kind="stable")
        self.bands = np.split(order, np.flatnonzero(np.diff(rows[order])) + 1)
        self.known: list[bytes] = [b""] * len(self.bands)
        self.meshes = []
        for number, _ in enumerate(self.bands):
            mesh = bpy.data.meshes.new(f"{cells.name} {number + 1}")
            mesh.materials.append(material)
            self.meshes.append(mesh)
            solid, twin = (bpy.data.objects.new(mesh.name, mesh) for _ in range(2))
            twin.location = twins
            let_light_pass(twin)
            for obj, folder in product((solid, twin), instances.users_collection):
                folder.objects.link(obj)
        for folder in list(instances.users_collection):
            folder.objects.unlink(instances)

    def set(self, frame: int) -> None:
        """Bring those meshes to a frame that differ there."""
        state = pose(self.board, self.cells, frame)
        for number, band in enumerate(self.bands):
            told = state.resting[band].tobytes() + state.lit[band].tobytes()
            if told != self.known[number]:
                self.known[number] = told
                self._fill(self.meshes[number], band, state)

    def _fill(self, mesh: Any, band: NDArray[np.int64], state: Pose) -> None:
        shown = np.append(state.resting, False)  # the last one stands for no neighbour
        if self.cells.role == "ghost":
            cell = band[shown[band]]
            corners = self.cells.position[cell][:, None] + GHOST * _CORNERS[0]
        else:
            number, side = np.nonzero(shown[band][:, None] & ~shown[self.neighbours[band]])
            cell = band[number]
            corners = self.cells.position[cell][:, None] + _CORNERS[side]
        lit, tint = state.lit[cell], meshes.opaque(self.cells.color[cell])
        meshes.quads(mesh, corners.reshape(-1, 3).astype(np.float32), {"lit": lit, meshes.TINT: tint})


def neighbours(position: NDArray[np.floating]) -> NDArray[np.int64]:
    """For each cell (n, 3) and side the number of the cell that touches it there, n where there is none: (n, sides)."""
    place = np.rint((position - position.min(axis=0)) * _FINE).astype(np.int64) + _FINE
    span = place.max(axis=0) + 2 * _FINE
    keys = _keys(place, span)
    order = np.argsort(keys)
    found = np.empty((len(place), len(SIDES)), np.int64)
    for number, side in enumerate(SIDES):
        wanted = _keys(place + side * _FINE, span)
        at = np.searchsorted(keys, wanted, sorter=order).clip(0, len(keys) - 1)
        found[:, number] = np.where(keys[order[at]] == wanted, order[at], len(keys))
    return found


def _keys(place: NDArray[np.int64], span: NDArray[np.int64]) -> NDArray[np.int64]:
    """A number for each place (n, 3) within a span, as row-major order has it."""
    return (place[:, 0] * span[1] + place[:, 1]) * span[2] + place[:, 2]


def _corners_of(side: NDArray[np.int64]) -> NDArray[np.float64]:
    """The four corners of a unit cube's face, anticlockwise as seen from outside."""
    axis = int(np.flatnonzero(side)[0])
    one, other = np.roll(np.eye(3), axis, axis=1)[1:] / 2.0
    round_it = [-one - other, one - other, one + other, other - one]
    return side / 2.0 + np.array(round_it if side[axis] > 0 else round_it[::-1])


_CORNERS = np.array([_corners_of(side) for side in SIDES])
