"""Numbers on cells: a mesh per glyph, and a point per character that says which one stands there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..scenes.form import CUBE, PRINT
from ..scenes.numerals import GLYPHS, shorts
from ..scenes.story import Numbers
from .words import Face, filled

BOLDER = 0.014
"""By how much the strokes of digits are bolder to each side than those of words, at size 1: they are smaller, and stand
on colours."""


@dataclass(frozen=True)
class Glyph:
    """A character as a mesh, upright and facing the viewer, and how far the next one is from it.

    Lengths are in heights of a digit; the mesh's origin is the middle of that height, at the left.
    """

    mesh: Any
    advance: float


def glyphs(face: Face, material: Any) -> list[Glyph]:
    """Those of :data:`GLYPHS`, in that order; by their names, too."""
    return [_glyph(f"glyph {i:02}", character, face, material) for i, character in enumerate(GLYPHS)]


def _glyph(name: str, character: str, face: Face, material: Any) -> Glyph:
    mesh, twice = filled(character, face.font, BOLDER), filled(2 * character, face.font, BOLDER)
    corners, both, height = _corners(mesh), _corners(twice), face.capital + 2 * BOLDER
    bpy.data.meshes.remove(twice)
    upright = np.stack([corners[:, 0], np.zeros(len(corners)), corners[:, 1] - face.capital / 2], axis=1)
    mesh.vertices.foreach_set("co", np.ascontiguousarray(upright / height, np.float32).ravel())
    mesh.update()
    mesh.name = name
    mesh.materials.clear()
    mesh.materials.append(material)
    return Glyph(mesh, float(both[:, 0].max() - corners[:, 0].max()) / height)


def _corners(mesh: Any) -> NDArray[np.float64]:
    return np.array([vertex.co for vertex in mesh.vertices])


def characters(numbers: Numbers, advances: NDArray[np.float64]) -> tuple[NDArray[np.int64], dict[str, Any]]:
    """The row in ``numbers`` of every character (k,), and its attributes: its glyph, its offset from the cell,
    and how wide, deep and high digits are, in cells."""
    row, glyph, across = [], [], []
    number = {character: i for i, character in enumerate(GLYPHS)}
    for i, text in enumerate(shorts(numbers.value)):
        which = [number[character] for character in text]
        ends = np.cumsum(advances[which])
        row += [i] * len(which)
        glyph += which
        across += (ends - advances[which] - ends[-1] / 2).tolist()
    of, offset = np.array(row, np.int64), np.zeros((len(row), 3), np.float32)
    digit = numbers.size * np.stack([numbers.narrow, *np.ones((2, len(numbers)), np.float32)], axis=1)[of]
    offset[:, 0], offset[:, 1] = np.array(across) * digit[:, 0], -(CUBE / 2 + PRINT)
    return of, {"glyph": np.array(glyph, np.float32), "offset": offset, "digit": digit.astype(np.float32)}
