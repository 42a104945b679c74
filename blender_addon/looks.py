"""What a built scene looks like to each renderer: traced light, plain colours, or Workbench's solid view."""

from __future__ import annotations

from typing import Any

import numpy as np

from .materials import CUT, FLAT, GLOW, VEIL

SOLID = "solid"
"""The name of the node that switches tensors from instances to meshes, in a group that their trees share."""
SHOWN = "shown"
"""The active colour attribute of realized cells, which is the only one that Workbench draws."""

FIXED, CUTTER = "fixed", "cutter"
"""The folders of cells that never change, and of what stands for them where there is no light: see still."""
NOTES = ("windows", "outlines", "captions", "ghosts", "moving", "numbers")
"""The folders of what needs no light."""

SOLID_GAIN = 1.9
"""Workbench's studio light takes about as much away."""


def set_flat(collection: Any, flat: bool) -> None:
    """Plain colours instead of light, shadows and reflections: no noise, so a few samples smooth the edges."""
    for material in _materials(collection):
        node = material.node_tree.nodes.get(FLAT)
        if node is not None:
            node.inputs[0].default_value = 1.0 if flat else 0.0


def set_layer(collection: Any, layer: str) -> None:
    """Show "all", or all but lines ("plain"), or only the "cells" in their light, or only the "notes", which need none.

    Of the cells, the notes have the glow of those that are lit; all of them cut out what is behind them.
    """
    for folder in collection.children:
        kind = folder.name.partition(" ")[2].partition(".")[0]
        if kind in NOTES:
            folder.hide_render = layer == "cells"
        elif kind == "lines":
            folder.hide_render = layer != "all"
        elif kind in (FIXED, CUTTER):
            folder.hide_render = (layer in ("plain", "notes")) == (kind == FIXED)
        elif kind == "stage" and (floor := next((o for o in folder.objects if o.type == "MESH"), None)):
            floor.hide_render = layer == "notes"
    for material in _materials(collection):
        nodes = material.node_tree.nodes
        if CUT in nodes:
            nodes[CUT].inputs[0].default_value = float(layer == "notes")
        if GLOW in nodes:
            nodes[GLOW].inputs[1].default_value = 0.0 if layer == "cells" else VEIL


def set_solid(collection: Any, solid: bool) -> None:
    """What Workbench needs: cells as meshes of their own, all else in its material's colour, the world for a floor."""
    for obj in list(collection.all_objects):  # what changes a collection ends its iterators
        for modifier in obj.modifiers:
            for node in modifier.node_group.nodes if modifier.type == "NODES" else ():
                switch = node.node_tree.nodes.get(SOLID) if node.bl_idname == "GeometryNodeGroup" else None
                if switch is not None and switch.inputs["Switch"].default_value != solid:
                    switch.inputs["Switch"].default_value = solid
        materials = [slot.material for slot in obj.material_slots if slot.material] or node_materials(obj)
        if solid and materials:
            obj.color = materials[0].diffuse_color
        if obj.name == "floor":
            obj.hide_render = solid


def let_light_pass(obj: Any) -> None:
    """It is seen, but casts no shadow and lights nothing: cells look the same with and without it."""
    obj.visible_shadow = obj.visible_diffuse = obj.visible_glossy = False


def make_paintable(mesh: Any) -> None:
    """Give what is instanced an active colour attribute, so that realized cells have one."""
    mesh.color_attributes.new(SHOWN, "FLOAT_COLOR", "POINT")
    mesh.color_attributes[SHOWN].data.foreach_set("color", np.ones(len(mesh.vertices) * 4, np.float32))
    mesh.color_attributes.active_color_name = SHOWN


def _materials(collection: Any) -> list[Any]:
    found = {}
    for obj in list(collection.all_objects):  # what changes a collection ends its iterators
        for slot in obj.material_slots:
            if slot.material:
                found[slot.material.name] = slot.material
    return list(found.values())


def node_materials(obj: Any) -> list[Any]:
    """The materials that an object's node trees set."""
    trees = [m.node_group for m in obj.modifiers if m.type == "NODES"]
    nodes = [n for tree in trees for n in tree.nodes if n.bl_idname == "GeometryNodeSetMaterial"]
    return [n.inputs["Material"].default_value for n in nodes if n.inputs["Material"].default_value]
