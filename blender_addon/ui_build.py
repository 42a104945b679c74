"""What Build does: the animation in a collection of its own, which carries the settings that it was built from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import bpy
from mathutils import Matrix

from ..scenes import SceneError, compose
from ..scenes.form import CUBE
from ..scenes.scenefile import scene_from_table, shown
from . import looks, meshes, ui_words
from .build import build
from .nodes import Tree, add_modifier
from .ui_settings import SOURCE, bare, complete, fill, judge, table_of

BLOCK = "convmotion"
"""The name of the collection's property with the settings, and of the scene's property that the panel shows."""
VERSION = 1
"""Of what is written into that block."""
SMALL = 3000
"""Scenes of no more cells are built anew while they are changed."""
PATIENCE = 0.4
"""Seconds after the last change."""
PLACE = ("width", "height", "fps", "use_camera", "use_light")
"""The settings that no scene file has."""

_pending: set[str] = set()
"""The names of the scenes that have changed."""


def built(scene: Any) -> Any:
    """The collection that was built into a scene; None if there is none."""
    return next((c for c in scene.collection.children_recursive if BLOCK in c), None)


def rebuild(scene: Any) -> Any:
    """Build what the scene's settings say in place of what was built before; the collection. SceneError if they are
    wrong: then nothing is changed."""
    settings = scene.convmotion
    verdict = judge(settings)
    if verdict.scene is None:
        raise SceneError(verdict.error)
    size = settings.width, settings.height
    try:
        board = compose(complete(verdict.scene), size, settings.fps, ui_words.language())
    except SceneError as error:
        raise SceneError(bare(error)) from None
    remove(scene)
    before = {"camera": scene.camera, "world": scene.world}
    root = build(board, scene)
    root[BLOCK] = json.dumps(
        {"version": VERSION, "scene": table_of(settings)} | {n: getattr(settings, n) for n in PLACE}
    )
    _show_in_viewports(root)
    for name, kept in before.items():
        root[f"own {name}"] = getattr(scene, name)
        if kept is not None:
            root[f"{name} before"] = kept
    if not settings.use_camera:
        scene.camera = before["camera"]
    if not settings.use_light:
        scene.world = before["world"]
        for obj in [*root.all_objects]:  # what changes a collection ends its iterators
            if obj.type == "LIGHT":
                obj.hide_render = obj.hide_viewport = True
    return root


def remove(scene: Any) -> None:
    """Remove what was built into a scene, and nothing else; camera and world are again what they were before."""
    root = built(scene)
    if root is None:
        return
    for name in ("camera", "world"):
        if getattr(scene, name) == root.get(f"own {name}"):
            setattr(scene, name, root.get(f"{name} before"))
    owned = [*_owned(root), root.get("own world")]
    bpy.data.batch_remove([*root.all_objects, *root.children_recursive, root])
    owned = [data for data in owned if data is not None]
    while unused := [data for data in owned if data.users == 0]:
        owned = [data for data in owned if data.users]
        bpy.data.batch_remove(unused)


def _owned(root: Any) -> Iterator[Any]:
    """All data that the objects of a collection use, each once: meshes, node trees, materials, actions, ..."""
    found: dict[Any, None] = {}
    left = [*root.all_objects]
    while left:
        data = left.pop()
        if data is None or data in found:
            continue
        found[data] = None
        if isinstance(data, bpy.types.Object):
            left += [data.data, *(m.node_group for m in data.modifiers if m.type == "NODES")]
            left += [slot.material for slot in data.material_slots]
        tree = data if isinstance(data, bpy.types.NodeTree) else None
        for node in tree.nodes if tree is not None else ():
            left.append(getattr(node, "node_tree", None))
            left += [s.default_value for s in node.inputs if s.type in ("MATERIAL", "OBJECT")]
        left += list(getattr(data, "materials", ()))
        left.append(data.animation_data.action if getattr(data, "animation_data", None) else None)
    yield from (data for data in found if not isinstance(data, bpy.types.Object))


def _show_in_viewports(root: Any) -> None:
    """Solid view shows no instance's colour, so that viewports get meshes with colours of their own; renders do not."""
    looks.set_solid(root, True)
    for template in [obj for obj in root.all_objects if obj.name.partition(".")[0] in ("cell", meshes.LARGE, "moving")]:
        if len(template.data.polygons) > 6:
            _lighten(template)
    for obj in [*root.all_objects]:
        obj.hide_render = obj.hide_render and obj.name != "floor"
    for tree in {d for d in _owned(root) if isinstance(d, bpy.types.NodeTree) and looks.SOLID in d.nodes}:
        viewport = tree.nodes.new("GeometryNodeIsViewport")
        tree.links.new(viewport.outputs[0], tree.nodes[looks.SOLID].inputs["Switch"])
    for material in {d for d in _owned(root) if isinstance(d, bpy.types.Material)}:
        if material.node_tree is not None:
            _read_both(material.node_tree)


def _lighten(template: Any) -> None:
    """Let viewports take a plain cube in the place of a rounded one: playing is twice as quick."""
    mesh = meshes.sharp_cube(f"{template.name} in viewports")
    mesh.transform(Matrix.Scale(CUBE, 4))
    looks.make_paintable(mesh)
    mesh.materials.append(template.data.materials[0])
    plain = bpy.data.objects.new(mesh.name, mesh)
    plain.hide_render = plain.hide_viewport = True
    template.users_collection[0].objects.link(plain)
    tree = Tree(mesh.name)
    shape = tree.node("GeometryNodeObjectInfo", {"Object": plain}).outputs["Geometry"]
    add_modifier(template, tree.finish(shape))
    template.modifiers[-1].show_render = False


def _read_both(tree: Any) -> None:
    """Let a material read its attributes from instances or from meshes: where one has none, it is 0."""
    for node in [n for n in tree.nodes if n.bl_idname == "ShaderNodeAttribute" and n.attribute_type == "INSTANCER"]:
        twin = tree.nodes.new("ShaderNodeAttribute")
        twin.attribute_name, twin.attribute_type = node.attribute_name, "GEOMETRY"
        for name, kind in (("Color", "ShaderNodeVectorMath"), ("Fac", "ShaderNodeMath")):
            ends = [link.to_socket for link in node.outputs[name].links]
            if ends:
                total = tree.nodes.new(kind)
                total.operation = "ADD"
                tree.links.new(node.outputs[name], total.inputs[0])
                tree.links.new(twin.outputs[name], total.inputs[1])
                for end in ends:
                    tree.links.new(total.outputs[0], end)


# While the settings change


def touch(scene: Any) -> None:
    """The settings of a scene have changed: build it anew soon, if it wants that and is small."""
    if scene.convmotion.live and built(scene) is not None:
        _pending.add(scene.name)
        if not bpy.app.timers.is_registered(_build_pending):
            bpy.app.timers.register(_build_pending, first_interval=PATIENCE)


def _build_pending() -> None:
    while _pending:
        scene = bpy.data.scenes.get(_pending.pop())
        if scene is None or built(scene) is None:
            continue
        verdict = judge(scene.convmotion)
        if verdict.scene is not None and verdict.cells <= SMALL:
            try:
                rebuild(scene)
            except SceneError:  # which the panel tells
                continue
            bpy.ops.ed.undo_push(message="Update Convolution")


def forget() -> None:
    """Nothing is to be built any more."""
    _pending.clear()
    if bpy.app.timers.is_registered(_build_pending):
        bpy.app.timers.unregister(_build_pending)


# Reading back


def read_back(scene: Any) -> str:
    """Fill the panel from the block of what was built; what is wrong with that, or ""."""
    root = built(scene)
    if root is None:
        return ""
    try:
        block = _block(root)
        fill(scene.convmotion, block["scene"])
    except SceneError as error:
        return str(error)
    for name in PLACE:
        if name in block:
            setattr(scene.convmotion, name, block[name])
    return ""


def unreadable(scene: Any) -> str:
    """What is wrong with the block of what was built, or ""."""
    root = built(scene)
    try:
        if root is not None:
            _block(root)
    except SceneError as error:
        return str(error)
    return ""


def _block(root: Any) -> dict[str, Any]:
    """The settings that a collection was built from. SceneError if this version cannot read them."""
    block, theirs = {}, VERSION
    try:
        block = json.loads(root[BLOCK])
        theirs = int(block["version"])
        reason = "" if theirs > VERSION else _wrong_in(json.dumps(block))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())
    if theirs > VERSION:
        wrong = "Built by a newer version of this extension: its settings are of version {theirs}, not {ours}"
        raise SceneError(ui_words.translated(wrong).format(theirs=theirs, ours=VERSION))
    if reason:
        wrong = "The settings of what was built cannot be read: {reason}"
        raise SceneError(ui_words.translated(wrong).format(reason=reason))
    return block


@lru_cache(8)
def _wrong_in(text: str) -> str:
    """What is wrong with a block of this version, or "". Quick the second time: panels are drawn often."""
    block = json.loads(text)
    for name in PLACE:
        if not isinstance(block.get(name, 0), int):
            return f"{name} is {shown(block[name])}"
    try:
        scene_from_table(block["scene"], SOURCE)
    except SceneError as error:
        return str(error)
    return ""
