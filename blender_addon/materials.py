"""Materials: one for all cells, which wear their own colour, and a few plain ones."""

from __future__ import annotations

from typing import Any

import bpy

from ..scenes.story import Vector
from .compat import enable_nodes
from .meshes import TINT

FADE = 5.0
"""Over how many cells the lit floor turns into the backdrop."""


def _material(name: str) -> Any:
    """A new material that, though it may glow, is no lamp: glowing words and floors would be sampled as lights."""
    material = bpy.data.materials.new(name)
    if hasattr(material, "cycles"):  # not if that engine is switched off
        material.cycles.emission_sampling = "NONE"
    return material


def cell_material(name: str) -> Any:
    """Each instance wears its attribute ``tint``; ``lit`` (0..1) makes it glow."""
    material = _material(name)
    tree = enable_nodes(material)
    shader = tree.nodes["Principled BSDF"]
    shader.inputs["Roughness"].default_value = 0.45
    shader.inputs["Specular IOR Level"].default_value = 0.35
    color = _attribute(tree, TINT, "INSTANCER").outputs["Color"]
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
    """Shows its colour (None: the geometry's attribute ``tint``) exactly, whatever the light."""
    material = _material(name)
    tree = enable_nodes(material)
    tree.nodes.clear()
    emission = tree.nodes.new("ShaderNodeEmission")
    tree.links.new(emission.outputs[0], tree.nodes.new("ShaderNodeOutputMaterial").inputs["Surface"])
    if color is None:
        tree.links.new(_attribute(tree, TINT, "GEOMETRY").outputs["Color"], emission.inputs["Color"])
    else:
        emission.inputs["Color"].default_value = (*color, 1.0)
        material.diffuse_color = (*color, 1.0)
    return material


def floor_material(
    name: str, color: Vector, gloss: float, backdrop: Vector, center: Vector, half: Vector, angle: float
) -> Any:
    """A floor that is lit inside a rectangle and fades into an even glow around it.

    The rectangle is turned by ``angle`` (radians) about ``center``; ``half`` is half its size. ``gloss`` is the part of
    light that is mirrored: two plain shaders take half the time of Blender's principled one.
    """
    material = _material(name)
    tree = enable_nodes(material)
    tree.nodes.clear()
    material.diffuse_color = (*backdrop, 1.0)
    diffuse, mirror = tree.nodes.new("ShaderNodeBsdfDiffuse"), tree.nodes.new("ShaderNodeBsdfGlossy")
    diffuse.inputs["Color"].default_value = (*color, 1.0)
    mirror.inputs["Roughness"].default_value = 0.35
    shader = tree.nodes.new("ShaderNodeMixShader")
    shader.inputs[0].default_value = gloss
    tree.links.new(diffuse.outputs[0], shader.inputs[1])
    tree.links.new(mirror.outputs[0], shader.inputs[2])

    def node(kind: str, operation: str, *inputs: Any) -> Any:
        made = tree.nodes.new(kind)
        made.operation = operation
        for socket, value in zip(made.inputs, inputs, strict=False):
            if isinstance(value, bpy.types.NodeSocket):
                tree.links.new(value, socket)
            else:
                socket.default_value = value
        return made.outputs[0]

    position = tree.nodes.new("ShaderNodeNewGeometry").outputs["Position"]
    turn = tree.nodes.new("ShaderNodeVectorRotate")
    turn.rotation_type = "Z_AXIS"
    tree.links.new(node("ShaderNodeVectorMath", "SUBTRACT", position, center), turn.inputs["Vector"])
    turn.inputs["Angle"].default_value = -angle
    offset = node("ShaderNodeVectorMath", "ABSOLUTE", turn.outputs[0])
    outside = node("ShaderNodeVectorMath", "SUBTRACT", offset, half)
    parts = tree.nodes.new("ShaderNodeSeparateXYZ")
    tree.links.new(outside, parts.inputs[0])
    x, y = (node("ShaderNodeMath", "MAXIMUM", parts.outputs[axis], 0.0) for axis in (0, 1))
    squares = node(
        "ShaderNodeMath", "ADD", node("ShaderNodeMath", "POWER", x, 2.0), node("ShaderNodeMath", "POWER", y, 2.0)
    )
    fade = tree.nodes.new("ShaderNodeMapRange")
    fade.interpolation_type = "SMOOTHSTEP"
    tree.links.new(node("ShaderNodeMath", "SQRT", squares), fade.inputs["Value"])
    fade.inputs["From Max"].default_value = FADE
    glow = tree.nodes.new("ShaderNodeEmission")
    glow.inputs["Color"].default_value = (*backdrop, 1.0)
    mix = tree.nodes.new("ShaderNodeMixShader")
    tree.links.new(fade.outputs["Result"], mix.inputs[0])
    tree.links.new(shader.outputs[0], mix.inputs[1])
    tree.links.new(glow.outputs[0], mix.inputs[2])
    tree.links.new(mix.outputs[0], tree.nodes.new("ShaderNodeOutputMaterial").inputs["Surface"])
    return material


def _attribute(tree: Any, name: str, kind: str) -> Any:
    node = tree.nodes.new("ShaderNodeAttribute")
    node.attribute_name, node.attribute_type = name, kind
    return node
