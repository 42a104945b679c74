"""Materials: one for all cells, which wear their own colour, and a few plain ones."""

from __future__ import annotations

from typing import Any

import bpy

from ..scenes import palette
from ..scenes.form import FLAT_LIGHT, FLAT_SHADE
from ..scenes.story import Vector
from .compat import enable_nodes
from .meshes import TINT

FLAT = "flat"
"""The name of a material's mixing node that leads from traced light (0) to plain colours (1)."""
CUT, GLOW = "cut", "glow"
"""The names of a cell's nodes that cut it out of the picture (1) and that say how much of its glow is seen (VEIL)."""
VEIL, VEIL_STRENGTH = 0.65, 0.85
"""How much of a lit cell's own light and shade the glow over it hides, and how bright it is: its colour times that."""
FADE = 5.0
"""Over how many cells the lit floor turns into the backdrop."""


def _material(name: str) -> Any:
    """A new material that, though it may glow, is no lamp: glowing words and floors would be sampled as lights."""
    material = bpy.data.materials.new(name)
    if hasattr(material, "cycles"):  # not if that engine is switched off
        material.cycles.emission_sampling = "NONE"
    return material


def cell_material(name: str, theme: palette.Theme, wearer: str = "INSTANCER") -> Any:
    """Each instance, or each face of a "GEOMETRY", wears its attribute ``tint``; ``lit`` (0..1) lays a glow over it.
    See FLAT for the plain variant, and :func:`palette.lit` for the colour of both.

    The glow is a veil of its own, so that cells in their light (GLOW 0) and what glows (CUT 1, the cells themselves cut
    out of the picture) can be rendered apart, and laid over each other.
    """
    material = _material(name)
    tree = enable_nodes(material)
    shader = tree.nodes["Principled BSDF"]
    shader.inputs["Roughness"].default_value = 0.45
    shader.inputs["Specular IOR Level"].default_value = 0.35
    color = _attribute(tree, TINT, wearer).outputs["Color"]
    glowing, lit = _lit(tree, color, _attribute(tree, "lit", wearer).outputs["Fac"], theme)
    tree.links.new(color, shader.inputs["Base Color"])
    body = _switch(tree, CUT, shader.outputs[0], tree.nodes.new("ShaderNodeHoldout").outputs[0])
    veil = tree.nodes.new("ShaderNodeEmission")
    tree.links.new(glowing, veil.inputs["Color"])
    veil.inputs["Strength"].default_value = VEIL_STRENGTH
    glow = tree.nodes.new("ShaderNodeMath")
    glow.name, glow.operation = GLOW, "MULTIPLY"
    tree.links.new(lit, glow.inputs[0])
    glow.inputs[1].default_value = VEIL
    traced = tree.nodes.new("ShaderNodeMixShader")
    for socket, output in zip(traced.inputs, (glow.outputs[0], body, veil.outputs[0]), strict=True):
        tree.links.new(output, socket)

    look = _switch(tree, FLAT, traced.outputs[0], _plain(tree, glowing))
    tree.links.new(look, tree.nodes["Material Output"].inputs["Surface"])
    return material


def plain_material(name: str) -> Any:
    """Each instance wears its attribute ``tint``, brighter or darker by where a face looks, whatever the light."""
    material = _material(name)
    tree = enable_nodes(material)
    tree.nodes.clear()
    look = _plain(tree, _attribute(tree, TINT, "INSTANCER").outputs["Color"])
    tree.links.new(look, tree.nodes.new("ShaderNodeOutputMaterial").inputs["Surface"])
    return material


def cutter_material(name: str) -> Any:
    """The same for a geometry's own attribute; or a hole in the picture, see CUT."""
    material = _material(name)
    tree = enable_nodes(material)
    tree.nodes.clear()
    look = _plain(tree, _attribute(tree, TINT, "GEOMETRY").outputs["Color"])
    shown = _switch(tree, CUT, look, tree.nodes.new("ShaderNodeHoldout").outputs[0])
    tree.links.new(shown, tree.nodes.new("ShaderNodeOutputMaterial").inputs["Surface"])
    return material


def card_material(name: str, color: Vector | None) -> Any:
    """An even glow that hides what is behind it; or a hole in the picture, see CUT: without a colour always that."""
    material = glow_material(name, color or (0.0, 0.0, 0.0))
    tree = material.node_tree
    shown = hole = tree.nodes.new("ShaderNodeHoldout").outputs[0]
    if color is not None:
        shown = _switch(tree, CUT, tree.nodes["Emission"].outputs[0], hole)
    tree.links.new(shown, tree.nodes["Material Output"].inputs["Surface"])
    return material


def _lit(tree: Any, color: Any, share: Any, theme: palette.Theme) -> tuple[Any, Any]:
    """What :func:`palette.lit` makes of a colour, and how much it is that."""
    light = _node(tree, "ShaderNodeVectorMath", "DOT_PRODUCT", color, palette.LUMINANCE, output="Value")
    off = _node(tree, "ShaderNodeMath", "SUBTRACT", light, palette.INK_TURNS / theme.face)
    far = _node(tree, "ShaderNodeMath", "DIVIDE", _node(tree, "ShaderNodeMath", "ABSOLUTE", off), palette.LIT_ROOM)
    share = _node(tree, "ShaderNodeMath", "MULTIPLY", share, _node(tree, "ShaderNodeMath", "MINIMUM", far, 1.0))
    parts = tree.nodes.new("ShaderNodeSeparateColor")
    parts.mode = "HSV"
    tree.links.new(color, parts.inputs[0])
    pale = _node(tree, "ShaderNodeMath", "SUBTRACT", 1.0, parts.outputs[1])
    cubed = _node(tree, "ShaderNodeMath", "POWER", pale, 3.0)
    more = _node(tree, "ShaderNodeMath", "MULTIPLY", cubed, palette.LIT_STRONGER)
    made = tree.nodes.new("ShaderNodeHueSaturation")
    tree.links.new(color, made.inputs["Color"])
    for name, gain in (("Saturation", more), ("Value", palette.LIT_BRIGHTER)):
        tree.links.new(_node(tree, "ShaderNodeMath", "MULTIPLY_ADD", share, gain, 1.0), made.inputs[name])
    return made.outputs[0], share


def _plain(tree: Any, color: Any) -> Any:
    """A shader of plain colours."""
    normal = tree.nodes.new("ShaderNodeNewGeometry").outputs["Normal"]
    facing = _node(tree, "ShaderNodeVectorMath", "DOT_PRODUCT", normal, FLAT_LIGHT, output="Value")
    shade = _node(tree, "ShaderNodeMath", "MULTIPLY_ADD", facing, 1.0 - FLAT_SHADE, FLAT_SHADE)
    plain = tree.nodes.new("ShaderNodeEmission")
    tree.links.new(color, plain.inputs["Color"])
    tree.links.new(shade, plain.inputs["Strength"])
    return plain.outputs[0]


def _switch(tree: Any, name: str, off: Any, on: Any) -> Any:
    """One of two shaders, by the number (0 or 1) in the node of this name."""
    switch = tree.nodes.new("ShaderNodeMixShader")
    switch.name = name
    switch.inputs[0].default_value = 0.0
    tree.links.new(off, switch.inputs[1])
    tree.links.new(on, switch.inputs[2])
    return switch.outputs[0]


def _node(tree: Any, kind: str, operation: str, *inputs: Any, output: str | None = None) -> Any:
    """The output of a math node; inputs are sockets or values."""
    made = tree.nodes.new(kind)
    made.operation = operation
    for socket, value in zip(made.inputs, inputs, strict=False):
        if isinstance(value, bpy.types.NodeSocket):
            tree.links.new(value, socket)
        else:
            socket.default_value = value
    return made.outputs[output] if output else made.outputs[0]


def veil_material(name: str, color: Vector, share: float) -> Any:
    """An even glow that hides such a share of what is behind it."""
    material = glow_material(name, color)
    material.diffuse_color = (*color, share)
    material.surface_render_method = "BLENDED"  # of Eevee
    tree = material.node_tree
    mixed = tree.nodes.new("ShaderNodeMixShader")
    mixed.inputs[0].default_value = share
    for socket, kind in zip(mixed.inputs[1:], ("ShaderNodeBsdfTransparent", None), strict=True):
        shader = tree.nodes.new(kind) if kind else tree.nodes["Emission"]
        tree.links.new(shader.outputs[0], socket)
    tree.links.new(mixed.outputs[0], tree.nodes["Material Output"].inputs["Surface"])
    return material


def glow_material(name: str, color: Vector | None, worn_by: str = "GEOMETRY") -> Any:
    """Shows its colour (None: the attribute ``tint`` of the geometry, or INSTANCER) exactly, whatever the light."""
    material = _material(name)
    tree = enable_nodes(material)
    tree.nodes.clear()
    emission = tree.nodes.new("ShaderNodeEmission")
    tree.links.new(emission.outputs[0], tree.nodes.new("ShaderNodeOutputMaterial").inputs["Surface"])
    if color is None:
        material.diffuse_color = (0.25, 0.25, 0.25, 1.0)
        tree.links.new(_attribute(tree, TINT, worn_by).outputs["Color"], emission.inputs["Color"])
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

    position = tree.nodes.new("ShaderNodeNewGeometry").outputs["Position"]
    turn = tree.nodes.new("ShaderNodeVectorRotate")
    turn.rotation_type = "Z_AXIS"
    tree.links.new(_node(tree, "ShaderNodeVectorMath", "SUBTRACT", position, center), turn.inputs["Vector"])
    turn.inputs["Angle"].default_value = -angle
    offset = _node(tree, "ShaderNodeVectorMath", "ABSOLUTE", turn.outputs[0])
    outside = _node(tree, "ShaderNodeVectorMath", "SUBTRACT", offset, half)
    parts = tree.nodes.new("ShaderNodeSeparateXYZ")
    tree.links.new(outside, parts.inputs[0])
    x, y = (_node(tree, "ShaderNodeMath", "MAXIMUM", parts.outputs[axis], 0.0) for axis in (0, 1))
    x_squared, y_squared = (_node(tree, "ShaderNodeMath", "POWER", side, 2.0) for side in (x, y))
    squares = _node(tree, "ShaderNodeMath", "ADD", x_squared, y_squared)
    fade = tree.nodes.new("ShaderNodeMapRange")
    fade.interpolation_type = "SMOOTHSTEP"
    tree.links.new(_node(tree, "ShaderNodeMath", "SQRT", squares), fade.inputs["Value"])
    fade.inputs["From Max"].default_value = FADE
    glow = tree.nodes.new("ShaderNodeEmission")
    glow.inputs["Color"].default_value = (*backdrop, 1.0)
    mix = tree.nodes.new("ShaderNodeMixShader")
    tree.links.new(fade.outputs["Result"], mix.inputs[0])
    tree.links.new(shader.outputs[0], mix.inputs[1])
    tree.links.new(glow.outputs[0], mix.inputs[2])
    look = _switch(tree, FLAT, mix.outputs[0], glow.outputs[0])
    tree.links.new(look, tree.nodes.new("ShaderNodeOutputMaterial").inputs["Surface"])
    return material


def _attribute(tree: Any, name: str, kind: str) -> Any:
    node = tree.nodes.new("ShaderNodeAttribute")
    node.attribute_name, node.attribute_type = name, kind
    return node
