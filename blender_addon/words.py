"""Captions become text objects in the camera's plane; those that count become String to Curves nodes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ..scenes.screen import plate_corners
from ..scenes.story import Caption
from .compat import set_string_to_curves
from .nodes import Tree, add_modifier

FONT = "NotoSansHebrew-Regular.woff2"
"""Comes along with Blender: a Latin alphabet of even strokes in 18 kB. Blender's default draws 1 like I."""
RESOLUTION = 4
"""Into how many pieces a letter's curves are cut in a mesh: twelve, as Blender does it, cannot be told from that."""
HALO = " halo"
"""What a text's halo is called after the text."""
IN_FONT = frozenset(map(chr, range(32, 127))) | frozenset("×÷·−…°")
"""The characters that are taken from it; the default font has, by its fallbacks, every other one."""


@dataclass(frozen=True)
class Face:
    """A font (None: Blender's default) and how high its capitals are at size 1."""

    font: Any
    capital: float


def load_face() -> Face:
    """The font of all captions, packed into the file; Blender's default where it is not installed."""
    path = Path(bpy.utils.resource_path("LOCAL")) / "datafiles" / "fonts" / FONT
    font = None
    if path.is_file():
        font = bpy.data.fonts.load(str(path), check_existing=True)
        font.pack()
    return Face(font, _capital(font))


def _capital(font: Any) -> float:
    """Height of an H at size 1: fonts differ widely in how they fill their line."""
    mesh = filled("H", font)
    height = max(v.co.y for v in mesh.vertices) - min(v.co.y for v in mesh.vertices)
    bpy.data.meshes.remove(mesh)
    return height


def filled(text: str, font: Any, bolder: float = 0.0) -> Any:
    """A text at size 1 as a new mesh; its origin is the baseline's left end.

    A bevel makes its strokes ``bolder`` to each side; a curve's offset would tear figures with narrow corners, as a 4.
    """
    curve = bpy.data.curves.new(text, "FONT")
    curve.body, curve.resolution_u = text, RESOLUTION
    curve.bevel_depth, curve.bevel_resolution, curve.fill_mode = bolder, 0, "FRONT"
    if font is not None:
        curve.font = font
    obj = bpy.data.objects.new(text, curve)
    mesh = bpy.data.meshes.new_from_object(obj)
    bpy.data.objects.remove(obj)
    bpy.data.curves.remove(curve)
    return mesh


def text_object(caption: Caption, face: Face, material: Any) -> Any:
    """A text object; its origin is the baseline's left end, middle or right end.

    What the font lacks is set as bold, and the bold font is left at Blender's default.
    """
    curve = bpy.data.curves.new(caption.name, "FONT")
    curve.body = caption.body
    curve.size = caption.size / face.capital
    curve.align_x = caption.align.upper()
    if face.font is not None:
        curve.font = face.font
        for character, style in zip(caption.body, curve.body_format, strict=True):
            style.use_bold = character not in IN_FONT
    curve.materials.append(material)
    return bpy.data.objects.new(caption.name, curve)


def plate_object(caption: Caption, material: Any) -> Any:
    """What hides all that is behind a text, and as far around it as its halo reaches."""
    (left, top), (right, bottom) = plate_corners(caption)
    mesh = bpy.data.meshes.new(f"{caption.name}{HALO}")
    mesh.from_pydata(
        [(x, y, 0.0) for x, y in ((left, bottom), (right, bottom), (right, top), (left, top))], [], [range(4)]
    )
    mesh.materials.append(material)
    return bpy.data.objects.new(mesh.name, mesh)


def counter_object(caption: Caption, face: Face, material: Any, step_group: Any) -> Any:
    """The same for a caption with ``{step}``: the number follows the animation. All its characters must be IN_FONT."""
    tree = Tree(caption.name)
    step = tree.math("CEIL", tree.math("SUBTRACT", tree.step(step_group), float(caption.first_step)))
    number = tree.math("MINIMUM", tree.math("MAXIMUM", step, 1.0), float(caption.steps))
    body = _replaced(tree, caption.body, "{step}", digits(tree, number, caption.steps))
    curves = tree.node("GeometryNodeStringToCurves", {"String": body, "Size": caption.size / face.capital})
    set_string_to_curves(curves, face.font, caption.align)
    filled = tree.node("GeometryNodeFillCurve", {0: curves.outputs[0]}).outputs[0]
    painted = tree.node("GeometryNodeSetMaterial", {"Geometry": filled, "Material": material}).outputs[0]
    obj = bpy.data.objects.new(caption.name, bpy.data.meshes.new(caption.name))
    add_modifier(obj, tree.finish(painted))
    return obj


def digits(tree: Tree, number: Any, most: int) -> Any:
    """A whole number up to ``most`` as ``1,234``."""
    plain = tree.node("FunctionNodeValueToString", {"Value": number}).outputs[0]
    if most < 1000:
        return plain
    thousands = tree.math("FLOOR", tree.math("DIVIDE", number, 1000.0))
    rest = tree.math("SUBTRACT", number, tree.math("MULTIPLY", thousands, 1000.0))
    filled = tree.node("FunctionNodeValueToString", {"Value": tree.math("ADD", rest, 1000.0)}).outputs[0]
    last = tree.node("FunctionNodeSliceString", {"String": filled, "Position": 1, "Length": 3}).outputs[0]
    both = _replaced(tree, _replaced(tree, "A,B", "A", digits(tree, thousands, most // 1000)), "B", last)
    inputs = {"Switch": tree.greater(thousands, 0.5), "False": plain, "True": both}
    return tree.node("GeometryNodeSwitch", inputs, input_type="STRING").outputs[0]


def _replaced(tree: Tree, text: Any, find: str, by: Any) -> Any:
    return tree.node("FunctionNodeReplaceString", {"String": text, "Find": find, "Replace": by}).outputs[0]
