"""What a worker makes of a built scene so that parts of its frames render quickly. Nothing of it is ever saved.

For every rendered part, Cycles looks at every object and instance anew, and builds what is there only once into one
tree with everything that moves. So there are to be few objects, and a twin, behind the camera, of what keeps its shape.
It builds that again, too, when something that comes before it in its lists has got more or fewer triangles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import bmesh
import bpy
import numpy as np
from mathutils import Matrix, Vector
from numpy.typing import NDArray

from ..scenes.form import CUBE
from ..scenes.palette import THEMES
from ..scenes.screen import said
from ..scenes.story import ALWAYS, Caption, Storyboard
from . import meshes
from .compat import copy_animation, fcurves_of
from .hull import Hull
from .looks import CUTTER, FIXED, let_light_pass, node_materials
from .materials import FLAT, cell_material, cutter_material
from .words import HALO, RESOLUTION, load_face, text_object

MOST_CUT = 5000
"""Up to so many cells are copied."""
BEHIND = 4.0
"""How much nearer to the viewer a twin is: behind the camera, however far before it words may stand."""


def freeze(board: Storyboard, collection: Any) -> Callable[[int], None]:
    """Texts become meshes, and cells that never change get a double that cuts them out of what needs no light.

    Returns what prepares them for a frame: it is to be called before each one is rendered.
    """
    camera = bpy.context.scene.camera
    _freeze_texts(collection)
    _cut_fixed(board, collection, camera)
    hulls = _hulls(board, camera)
    last = bpy.data.collections.new(f"{collection.name} captions")
    collection.children.link(last)
    counters = [_Counter(board, caption, last) for caption in board.captions if "{step}" in caption.body]
    hiding = [
        (obj, curve) for obj in collection.all_objects for curve in fcurves_of(obj) if curve.data_path == "hide_render"
    ]
    hidden: set[str] = set()

    def prepare(frame: int) -> None:
        for thing in (*counters, *hulls):
            thing.set(frame)
        before = hidden.copy()
        hidden.clear()
        for obj, curve in hiding:
            if curve.evaluate(frame) > 0.5:
                hidden.add(obj.name)
            elif obj.name in before:  # else Cycles may take it for a mesh that was in its place in memory before
                obj.data.update_tag()

    return prepare


class _Counter:
    """A mesh in the place of a caption that counts, for as long as it says the same."""

    def __init__(self, board: Storyboard, caption: Caption, folder: Any) -> None:
        self.board, self.caption, self.body = board, caption, ""
        self.face = load_face()
        text = bpy.data.objects[caption.name]
        (self.material,) = node_materials(text)
        self.mesh = bpy.data.meshes.new(caption.name)
        self.mesh.materials.append(self.material)
        _stand_in(text, self.mesh, folder)

    def set(self, frame: int) -> None:
        body = said(self.board, self.caption, frame)
        if body is not None and body != self.body:
            text = text_object(replace(self.caption, body=body), self.face, self.material)
            mesh, filled = _filled(text.data), bmesh.new()
            filled.from_mesh(mesh)
            filled.to_mesh(self.mesh)
            filled.free()
            bpy.data.meshes.remove(mesh)
            bpy.data.curves.remove(text.data)
            self.body = body


def _filled(curve: Any) -> Any:
    """A text as a new mesh."""
    curve.resolution_u = RESOLUTION
    shape = bpy.data.objects.new(curve.name, curve)  # never hidden, as the text may be at this frame
    mesh = bpy.data.meshes.new_from_object(shape)
    bpy.data.objects.remove(shape)
    return mesh


def _stand_in(text: Any, mesh: Any, folder: Any) -> None:
    """Put a mesh and its twin into a folder, in the place of a text and as long as that is shown."""
    solid = bpy.data.objects.new(text.name, mesh)
    solid.location = text.location
    _put(solid, folder, text.parent, text)
    bpy.data.objects.remove(text)


def _freeze_texts(collection: Any) -> None:
    """As texts they would be cut into triangles anew for every part. Those that are always shown become one mesh.

    Or two: those that are fixed to the camera, and those that stay behind when it travels.
    """
    joined: dict[Any, _Joined] = {}
    for text in [obj for obj in collection.all_objects if obj.type == "FONT" or obj.name.endswith(HALO)]:
        mesh = _filled(text.data) if text.type == "FONT" else text.data.copy()
        folder = text.users_collection[0]
        if text.animation_data is not None:
            _stand_in(text, mesh, folder)
            continue
        joined.setdefault(text.parent, _Joined(folder)).add(mesh, text)
    for parent, words in joined.items():
        _put(bpy.data.objects.new("captions", words.mesh()), words.folder, parent)


class _Joined:
    """Texts that become one mesh, in the folder of the first."""

    def __init__(self, folder: Any) -> None:
        self.folder, self.materials = folder, []
        self.shape = bmesh.new()

    def add(self, mesh: Any, text: Any) -> None:
        """Take a text's mesh in; both are removed."""
        mesh.transform(Matrix.Translation(text.location))
        if mesh.materials[0] not in self.materials:
            self.materials.append(mesh.materials[0])
        kind = np.full(len(mesh.polygons), self.materials.index(mesh.materials[0]), np.int32)
        mesh.polygons.foreach_set("material_index", kind)
        self.shape.from_mesh(mesh)
        bpy.data.meshes.remove(mesh)
        bpy.data.objects.remove(text)

    def mesh(self) -> Any:
        mesh = bpy.data.meshes.new("captions")
        self.shape.to_mesh(mesh)
        self.shape.free()
        for material in self.materials:
            mesh.materials.append(material)
        return mesh


def _cut_fixed(board: Storyboard, collection: Any, camera: Any) -> None:
    """One mesh of all cells that never change stands for them where there is no light."""
    fixed = [
        c for c in board.cells if c.role != "ghost" and c.lit_by is None and (c.start == ALWAYS).all() and c.end is None
    ]
    if not fixed or sum(map(len, fixed)) > MOST_CUT:
        return
    spots, triangles, colors, first = [], [], [], 0
    for cells in fixed:
        corners, faces = _triangulated(bpy.data.objects[meshes.template_of(cells)].data)
        large = np.float32(cells.scale) if cells.extent is None else cells.extent[:, None] / np.float32(CUBE)
        spots.append((cells.position[:, None] + large * corners).reshape(-1, 3))
        begin = first + np.arange(len(cells), dtype=np.int32)[:, None, None] * len(corners)
        triangles.append((begin + faces).reshape(-1, 3))
        colors.append(np.repeat(cells.color, len(corners), axis=0))
        first += len(spots[-1])
    mesh = meshes.triangles(CUTTER, np.concatenate(spots), np.concatenate(triangles))
    meshes.add_attribute(mesh, meshes.TINT, meshes.opaque(np.concatenate(colors)))
    mesh.materials.append(cutter_material(CUTTER))
    folders = {kind: bpy.data.collections.new(f"{collection.name} {kind}") for kind in (FIXED, CUTTER)}
    for folder in folders.values():
        collection.children.link(folder)
    for cells in fixed:
        obj = bpy.data.objects[cells.name]
        for folder in obj.users_collection:
            folder.objects.unlink(obj)
        folders[FIXED].objects.link(obj)
    cutter, twin = (bpy.data.objects.new(CUTTER, mesh) for _ in range(2))
    twin.location = _behind(camera)
    for obj in (cutter, twin):
        folders[CUTTER].objects.link(obj)


def _hulls(board: Storyboard, camera: Any) -> list[Hull]:
    """Stand-ins for tensors of many small cells."""
    many = [cells for cells in board.cells if board.massed(cells)]
    if not many:
        return []
    cell, ghost = (bpy.data.objects[name].data.materials[0] for name in ("cell", "ghost"))
    material = cell_material("hull", THEMES[board.theme], "GEOMETRY")
    material.node_tree.nodes[FLAT].inputs[0].default_value = cell.node_tree.nodes[FLAT].inputs[0].default_value
    kinds = [(cells, ghost if cells.role == "ghost" else material) for cells in many]
    return [Hull(board, cells, kind, _behind(camera)) for cells, kind in kinds]


def _behind(camera: Any) -> Vector:
    """How far a twin is moved, against the look, so as not to be seen."""
    return camera.matrix_world.to_3x3() @ Vector((0.0, 0.0, camera.data.clip_end))


def _triangulated(template: Any) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """A template's corners (n, 3), and triangles (m, 3) of them."""
    cube = bmesh.new()
    cube.from_mesh(template)
    bmesh.ops.triangulate(cube, faces=cube.faces[:])
    corners = np.array([vertex.co for vertex in cube.verts], np.float32)
    faces = np.array([[vertex.index for vertex in face.verts] for face in cube.faces], np.int32)
    cube.free()
    return corners, faces


def _put(obj: Any, folder: Any, parent: Any, shown_as: Any = None) -> None:
    """Put an object and its twin into a folder, fixed to the camera or to where that stood first.

    They are shown as long as another one is.
    """
    twin = bpy.data.objects.new(obj.name, obj.data)
    twin.location.z = BEHIND
    for each in (obj, twin):
        folder.objects.link(each)
        each.parent = parent
        let_light_pass(each)
        if shown_as is not None:
            copy_animation(shown_as, each)
