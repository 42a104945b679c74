"""Materials: one for all cells, which wear their own colour, and a few plain ones."""

from __future__ import annotations

from typing import Any

import bpy

from ..scenes.story import Vector
from .compat import enable_nodes


def cell_material(name: str) -> Any:
    """Each instance wears its attribute ``color``; ``lit`` (0..1) makes it glow."""
    material = bpy.data.materials.new(name)
    tree = enable_nodes(material)
    shader = tree.nodes["Principled BSDF"]
    shader.inputs["Roughness"].default_value = 0.45
    shader.inputs["Specular IOR Level"].default_value = 0.35
    color = _attribute(tree, "color", "INSTANCER").outputs["Color"]
    lit = _attribute(tree, "lit", "INSTANCER").outputs["Fac"]
    tree.links.new(color, shader.inputs["Base Color"])
    tree.links.new(color, shader.inputs["Emission Color"])
    glow = tree.nodes.new("ShaderNodeMath")
    glow.operation = "MULTIPLY"
    glow.inputs[1].default_value = 0.55
    tree.links.new(lit, glow.inputs[0])
    tree.links.new(glow.outputs[0], shader.inputs["Emission Strength"])
    return material


def glow_material(name: str, color: Vector | None) -> Any:
    """Shows its colour (None: the geometry's attribute ``color``) exactly, whatever the light."""
    material = bpy.data.materials.new(name)
    tree = enable_nodes(material)
    tree.nodes.clear()
    emission = tree.nodes.new("ShaderNodeEmission")
    tree.links.new(emission.outputs[0], tree.nodes.new("ShaderNodeOutputMaterial").inputs["Surface"])
    if color is None:
        tree.links.new(_attribute(tree, "color", "GEOMETRY").outputs["Color"], emission.inputs["Color"])
    else:
        emission.inputs["Color"].default_value = (*color, 1.0)
        material.diffuse_color = (*color, 1.0)
    return material


def matte_material(name: str, color: Vector, roughness: float) -> Any:
    """A plain surface."""
    material = bpy.data.materials.new(name)
    shader = enable_nodes(material).nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*color, 1.0)
    shader.inputs["Roughness"].default_value = roughness
    shader.inputs["Specular IOR Level"].default_value = 0.3
    material.diffuse_color = (*color, 1.0)
    return material


def _attribute(tree: Any, name: str, kind: str) -> Any:
    node = tree.nodes.new("ShaderNodeAttribute")
    node.attribute_name, node.attribute_type = name, kind
    return node
