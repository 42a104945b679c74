"""Meshes from arrays: points that carry attributes, rounded cubes, boxes made of thin bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import bmesh
import bpy
import numpy as np
from numpy.typing import NDArray

from ..scenes.form import BEVEL, CUBE
from ..scenes.story import Cells, Vector

SEGMENTS = 3
"""Facets of the rounding of a cube's edges."""

TINT = "tint"
"""The attribute with the colour of a cell or line. One called "color" is black in Cycles on what nodes generate."""

_KINDS = {"FLOAT": ("value", 1), "FLOAT_VECTOR": ("vector", 3), "FLOAT_COLOR": ("color", 4)}


def points(name: str, position: NDArray[np.float32], attributes: Mapping[str, NDArray[np.float32]]) -> Any:
    """A mesh of loose points, ``(n, 3)``; attributes are ``(n,)`` numbers, ``(n, 3)`` vectors or ``(n, 4)`` colours."""
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(position))
    _fill(mesh.attributes["position"], position)
    for key, values in attributes.items():
        add_attribute(mesh, key, values)
    return mesh


def add_attribute(mesh: Any, name: str, values: NDArray[np.float32], domain: str = "POINT") -> None:
    """Store one value per point, or per face."""
    width = 1 if values.ndim == 1 else values.shape[1]
    kind = next(kind for kind, (_, size) in _KINDS.items() if size == width)
    _fill(mesh.attributes.new(name, kind, domain), values)


def _fill(attribute: Any, values: NDArray[np.float32]) -> None:
    """Blender copies float32 as a block; anything else, and what is no attribute, value by value."""
    attribute.data.foreach_set(_KINDS[attribute.data_type][0], np.ascontiguousarray(values, np.float32).ravel())


def opaque(color: NDArray[np.floating]) -> NDArray[np.float32]:
    """Linear RGB ``(n, 3)`` with alpha 1."""
    result = np.ones((len(color), 4), np.float32)
    result[:, :3] = color
    return result


def sharp_cube(name: str) -> Any:
    """A cube that fills its place."""
    mesh = bpy.data.meshes.new(name)
    shape = bmesh.new()
    bmesh.ops.create_cube(shape, size=1.0)
    shape.to_mesh(mesh)
    shape.free()
    return mesh


LARGE = "large cell"
"""The template of cells that are larger than a unit: these have gaps between them, however small the others are."""


BOX = "box"
"""The template of boxes, which is made as long as each of them is."""


def template_of(cells: Cells) -> str:
    """The template of cells at rest."""
    if cells.extent is not None:
        return BOX
    return LARGE if cells.scale > 1.0 else "cell"


def rounded_cube(name: str, bevel: float = BEVEL) -> Any:
    """A cube with rounded edges whose faces shade flat: normals are those of the exact rounded box."""
    mesh = bpy.data.meshes.new(name)
    shape = bmesh.new()
    bmesh.ops.create_cube(shape, size=CUBE)
    bmesh.ops.bevel(
        shape, geom=shape.edges[:], offset=bevel, offset_type="OFFSET", segments=SEGMENTS, profile=0.5, affect="EDGES"
    )
    shape.to_mesh(mesh)
    shape.free()
    vertices = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", vertices)
    vertices = vertices.reshape(-1, 3)
    core = CUBE / 2 - bevel
    normals = vertices - np.clip(vertices, -core, core)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    mesh.polygons.foreach_set("use_smooth", np.ones(len(mesh.polygons), bool))
    mesh.normals_split_custom_set_from_vertices(normals.tolist())
    return mesh


def bars(name: str, boxes: Sequence[tuple[Vector, Vector]], thickness: float | Sequence[float]) -> Any:
    """The edges of boxes (centre, size) as bars of square section, in one mesh; of one thickness or of each its own."""
    center = np.array([b[0] for b in boxes], float)
    half = np.array([b[1] for b in boxes], float) / 2.0
    low, high = [], []
    for axis in range(3):
        others = [a for a in range(3) if a != axis]
        for signs in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
            middle = center.copy()
            for a, sign in zip(others, signs, strict=True):
                middle[:, a] += sign * half[:, a]
            reach = np.zeros_like(center) + np.array(thickness).reshape(-1, 1) / 2.0
            reach[:, axis] += half[:, axis]
            low.append(middle - reach)
            high.append(middle + reach)
    lows, highs = np.concatenate(low), np.concatenate(high)
    corner = np.array([(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)], bool)
    vertices = np.where(corner[None], highs[:, None], lows[:, None]).reshape(-1, 3)
    quads = np.array([(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)])
    faces = (quads[None] + 8 * np.arange(len(lows))[:, None, None]).reshape(-1, 4)
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices.tolist(), [], faces.tolist())
    return mesh


def front(name: str, width: float) -> Any:
    """The front of a cube: a square that faces the viewer."""
    half = width / 2.0
    corners = [(x, -half, z) for x, z in ((-half, -half), (half, -half), (half, half), (-half, half))]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(corners, [], [range(4)])
    return mesh


def far_ends(mesh: Any, boxes: Sequence[tuple[Vector, Vector]], toward: Vector) -> NDArray[np.float32]:
    """For each vertex of the :func:`bars` of these boxes 1 along an axis if it is at the end ``toward`` its sign."""
    vertices = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", vertices)
    center = np.array([center for center, _ in boxes], np.float32)
    off = vertices.reshape(-1, len(boxes), 8, 3) - center[:, None]
    return (off * np.sign(np.array(toward, np.float32)) > 0).astype(np.float32).reshape(-1, 3)


def quads(mesh: Any, corners: NDArray[np.float32], attributes: Mapping[str, NDArray[np.float32]]) -> None:
    """Make a mesh four-cornered faces and nothing else: ``corners`` (4 n, 3), attributes of (n,) faces."""
    mesh.clear_geometry()
    mesh.vertices.add(len(corners))
    mesh.vertices.foreach_set("co", corners.ravel())
    mesh.loops.add(len(corners))
    mesh.loops.foreach_set("vertex_index", np.arange(len(corners), dtype=np.int32))
    mesh.polygons.add(len(corners) // 4)
    mesh.polygons.foreach_set("loop_start", np.arange(0, len(corners), 4, dtype=np.int32))
    for name, values in attributes.items():
        add_attribute(mesh, name, values, "FACE")
    mesh.update(calc_edges=True)


def triangles(name: str, vertices: NDArray[np.float32], corners: NDArray[np.int32]) -> Any:
    """A mesh of triangles: ``vertices`` (n, 3), and ``corners`` (m, 3), which are rows of them."""
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", vertices.ravel())
    mesh.loops.add(corners.size)
    mesh.loops.foreach_set("vertex_index", corners.ravel())
    mesh.polygons.add(len(corners))
    mesh.polygons.foreach_set("loop_start", np.arange(0, corners.size, 3, dtype=np.int32))
    mesh.update(calc_edges=True)
    return mesh
