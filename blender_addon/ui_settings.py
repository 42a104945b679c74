"""The panel's settings: a scene file's keys as typed properties, and the way from one to the other and back.

What a scene file may say and no property holds (weights, names, pictures, where a stage reads) stays as text, in
``more``, and counts above the properties. So nothing of a file is lost, whatever it says.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..conv_math import Operation
from ..scenes import Scene, SceneError, explain, parse_scene, photo_of, with_photo
from ..scenes.captions import count, size, size_formulas, torch_calls
from ..scenes.catalog import FOLDER, load_catalog, section_of
from ..scenes.compose import MAX_CELLS
from ..scenes.photo import Photo
from ..scenes.scenefile import CAMERAS, OPERATIONS, ORDERS, SHOW, THEMES, parameters_of, required, scene_from_table
from ..scenes.tomltext import toml_of, value_of
from . import compat, ui_words

SOURCE = "scene"
"""What errors call the scene of the panel."""
WHOLE = (
    *("out_channels", "out_features", "groups", "upscale_factor", "downscale_factor", "divisor_override"),
    *("start", "length"),
)
AXES = ("kernel_size", "stride", "padding", "dilation", "output_padding", "output_size", "size", "scale_factor")
"""Numbers for each axis: one, if all are equal."""
INDICES = ("start_dim", "end_dim", "dim")
SWITCHES = ("bias", "ceil_mode", "count_include_pad", "align_corners")
CHOICES = {
    "padding_mode": ("zeros", "reflect", "replicate", "circular"),
    "mode": ("nearest", "linear", "bilinear", "trilinear"),
    "approximate": ("none", "tanh"),
}
NAMED_PADDING = ("same", "valid")
SHOWN = (*WHOLE, *AXES, *INDICES, *SWITCHES, *CHOICES)
"""The parameters of operations that have a property. Others follow from the input, or change nothing that is drawn."""
LEAST = {"padding": 0, "output_padding": 0, "start": 0}
MOST = 100_000


def parameters(cls: type[Operation]) -> list[str]:
    """Those of an operation's parameters that have a property."""
    return [name for name in parameters_of(cls) if name in SHOWN]


def is_optional(cls: type[Operation], name: str) -> bool:
    """Whether it may be left out, and then follows from something else."""
    return default_of(cls, name) is None and name not in required(cls)


def default_of(cls: type[Operation], name: str) -> Any:
    """Its default; None where there is none, and False for ``bias``, which scene files leave out."""
    if name == "bias":
        return False
    (found,) = (field.default for field in fields(cls) if field.name == name)  # pyright: ignore[reportArgumentType]
    return None if found is MISSING else found


def axes_of(cls: type[Operation]) -> int:
    """How many numbers a parameter per axis has."""
    return cls.AXES or 1


def _changed(self: Any, context: Any) -> None:
    from . import ui_build  # here, as building needs the settings

    ui_build.touch(self.id_data)


def _items(names: Any) -> list[tuple[str, str, str]]:
    return [(name, name.replace("_", " "), "") for name in names]


class StageSettings(bpy.types.PropertyGroup):
    """One operation and its hyperparameters; those that it does not have rest."""

    op: bpy.props.EnumProperty(  # pyright: ignore
        name="Operation",
        description="As in torch.nn",
        items=[(name, name, (cls.__doc__ or "").split("\n")[0]) for name, cls in sorted(OPERATIONS.items())],
        default="Conv2d",
        update=_changed,
    )
    padding_name: bpy.props.EnumProperty(  # pyright: ignore
        name="Padding",
        items=[("numbers", "numbers", "A number for each axis"), *_items(NAMED_PADDING)],
        update=_changed,
    )
    more: bpy.props.StringProperty(  # pyright: ignore
        name="More",
        description='More keys of a scene file, such as weight = "sobel-x", view = "gather", from = "input"',
        update=_changed,
    )


def _add_parameters() -> None:
    """A property for every parameter, and one that says whether it is given where it may be left out."""
    made: dict[str, Any] = {}
    for name in WHOLE:
        least = LEAST.get(name, 1)
        made[name] = bpy.props.IntProperty(name=name, min=least, max=MOST, default=least, update=_changed)
    for name in INDICES:
        made[name] = bpy.props.IntProperty(name=name, min=-5, max=4, update=_changed)
    for name in AXES:
        least = LEAST.get(name, 1)
        made[name] = bpy.props.IntVectorProperty(
            name=name, size=3, min=least, max=MOST, default=(least,) * 3, update=_changed
        )
    for name in SWITCHES:
        made[name] = bpy.props.BoolProperty(name=name, update=_changed)
    for name, allowed in CHOICES.items():
        made[name] = bpy.props.EnumProperty(name=name, items=_items(allowed), update=_changed)
    for name in SHOWN:
        text = "Left out, it follows from the rest"
        made[f"use_{name}"] = bpy.props.BoolProperty(name=f"Give {name}", description=text, update=_changed)
    StageSettings.__annotations__.update(made)


_add_parameters()


class Settings(bpy.types.PropertyGroup):
    """A scene's input, stages, time and look, and how it is built and rendered."""

    stages: bpy.props.CollectionProperty(type=StageSettings)  # pyright: ignore
    active: bpy.props.IntProperty(name="Stage", min=0)  # pyright: ignore
    title_en: bpy.props.StringProperty(name="Title", maxlen=120, update=_changed)  # pyright: ignore
    title_zh: bpy.props.StringProperty(name="Title in Chinese", maxlen=120, update=_changed)  # pyright: ignore
    dims: bpy.props.IntProperty(  # pyright: ignore
        name="Dimensions", description="Of the input's shape", min=1, max=5, default=3, update=_changed
    )
    shape: bpy.props.IntVectorProperty(  # pyright: ignore
        name="Input shape", size=5, min=1, max=MOST, default=(8, 7, 7, 1, 1), update=_changed
    )
    more: bpy.props.StringProperty(  # pyright: ignore
        name="More",
        description='More keys of the input, such as values = "ramp", seed = 3',
        update=_changed,
    )
    order: bpy.props.EnumProperty(  # pyright: ignore
        name="Order",
        description="At each position all filters at once, or filter after filter",
        items=_items(ORDERS),
        update=_changed,
    )
    seconds: bpy.props.FloatProperty(  # pyright: ignore
        name="Seconds", min=1.0, max=3600.0, default=12.0, precision=1, update=_changed
    )
    camera: bpy.props.EnumProperty(name="Camera", items=_items(CAMERAS), update=_changed)  # pyright: ignore
    theme: bpy.props.EnumProperty(name="Theme", items=_items(THEMES), update=_changed)  # pyright: ignore
    show: bpy.props.EnumProperty(  # pyright: ignore
        name="Show",
        items=_items(SHOW),
        options={"ENUM_FLAG"},
        default={"lines", "ghosts", "formula", "table"},
        update=_changed,
    )
    apart: bpy.props.BoolProperty(  # pyright: ignore
        name="Channels side by side", description="Of the result", update=_changed
    )
    width: bpy.props.IntProperty(name="Width", min=64, max=7680, default=854, update=_changed)  # pyright: ignore
    height: bpy.props.IntProperty(name="Height", min=64, max=7680, default=480, update=_changed)  # pyright: ignore
    fps: bpy.props.IntProperty(name="Frames a second", min=1, max=120, default=30, update=_changed)  # pyright: ignore
    use_camera: bpy.props.BoolProperty(  # pyright: ignore
        name="Camera", description="Look through the animation's own camera", default=True, update=_changed
    )
    use_light: bpy.props.BoolProperty(  # pyright: ignore
        name="Light", description="The animation's own sun and world", default=True, update=_changed
    )
    live: bpy.props.BoolProperty(  # pyright: ignore
        name="Update on change", description="Build anew after every change, if the scene is small", update=_changed
    )
    output: bpy.props.StringProperty(  # pyright: ignore
        name="Output",
        description="A file: .mp4, .gif, .webm, .webp or .png; // is the folder of the .blend",
        default="//convolution.mp4",
        subtype="FILE_PATH",
        options=compat.BLEND_RELATIVE,
    )
    quality: bpy.props.EnumProperty(  # pyright: ignore
        name="Quality", items=_items(("draft", "standard", "final")), default="standard"
    )
    transparent: bpy.props.BoolProperty(  # pyright: ignore
        name="Transparent", description="With no floor and no backdrop (not .mp4)"
    )
    megabytes: bpy.props.FloatProperty(  # pyright: ignore
        name="Size limit (MB)",
        description="The most that an animation may weigh, in 1,000,000 bytes; 0: any size",
        min=0.0,
        soft_max=100.0,
        max=100_000.0,
        precision=1,
        step=50,
    )
    words: bpy.props.StringProperty(  # pyright: ignore
        name="Words", description='Of the whole scene, such as note = "a line below the result"', update=_changed
    )
    toml: bpy.props.StringProperty(  # pyright: ignore
        name="Scene file",
        description="All of it as the text of a scene file",
        get=lambda self: toml_of(table_of(self)),
        set=lambda self, text: _fill_quietly(self, text),
        options={"SKIP_SAVE"},
    )


# From a table to the properties


def _fill_quietly(settings: Any, text: str) -> None:
    """As :func:`fill`, for a preset: what is wrong with it is one line in the console, and changes nothing."""
    try:
        fill(settings, tomllib.loads(text), "preset")
    except ValueError as error:  # of TOML; SceneError is one, too
        print(f"convmotion: {error}")


WORDS = ("description", "about", "note", "place")
FILES = ("image", "file")
"""Keys whose values are names of files."""


def fill(settings: Any, table: Mapping[str, Any], source: str = SOURCE) -> None:
    """Set everything from a table as scene files say it. SceneError, and nothing is changed, if it is none.

    The names of files are relative to ``source``.
    """
    scene_from_table(table, source)
    table = _placed(table, source)
    for name in ("stages", "more", "order", "seconds", "camera", "theme", "show", "apart"):
        settings.property_unset(name)
    settings.stages.clear()
    settings.active = 0
    settings.words = _inline({name: table[name] for name in WORDS if name in table})
    title = table.get("title", "")
    settings.title_en = title if isinstance(title, str) else title["en"]
    settings.title_zh = "" if isinstance(title, str) else title.get("zh", "")
    shape = table["input"]["shape"]
    settings.dims = len(shape)
    settings.shape = (*shape, *(1,) * (5 - len(shape)))
    settings.more = _inline({name: value for name, value in table["input"].items() if name != "shape"})
    time, look = table.get("time", {}), table.get("look", {})
    for part in (time, look):
        for name, value in part.items():
            setattr(settings, name, set(value) if name == "show" else value)
    for row in table["stage"]:
        _fill_stage(settings.stages.add(), row)


def _placed(table: Any, source: str) -> Any:
    """A table in which the names of files beside ``source`` tell where they are."""
    if isinstance(table, list):
        return [_placed(entry, source) for entry in table]
    if not isinstance(table, Mapping):
        return table
    here = Path(source).parent
    return {
        name: str((here / value).absolute()) if name in FILES and isinstance(value, str) else _placed(value, source)
        for name, value in table.items()
    }


def _fill_stage(stage: Any, row: Mapping[str, Any]) -> None:
    stage.op = row["op"]
    cls, left = OPERATIONS[row["op"]], {}
    for name in parameters(cls):
        default = default_of(cls, name)
        if default is not None and not _set(stage, cls, name, default):
            raise AssertionError(f"{cls.__name__}: no property holds the default of {name}")
    for name, value in row.items():
        if name != "op" and not (name in parameters(cls) and _set(stage, cls, name, value)):
            left[name] = value
    stage.more = _inline(left)


def _inline(table: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value_of(value)}" for name, value in table.items())


def _set(stage: Any, cls: type[Operation], name: str, value: Any) -> bool:
    """Whether the property could take the value exactly, and has."""
    if name in AXES:
        axes = axes_of(cls)
        if name == "padding" and value in NAMED_PADDING:
            stage.padding_name = value
            return True
        several = list(value) if isinstance(value, list | tuple) else [value] * axes
        if len(several) != axes or not all(_whole(v) and LEAST.get(name, 1) <= v <= MOST for v in several):
            return False
        setattr(stage, name, (*map(int, several), *(LEAST.get(name, 1),) * (3 - axes)))
        if name == "padding":
            stage.padding_name = "numbers"
    elif name in SWITCHES:
        if not isinstance(value, bool):
            return False
        setattr(stage, name, value)
    elif name in CHOICES:
        setattr(stage, name, value)
    else:
        setattr(stage, name, value)
    if is_optional(cls, name):
        setattr(stage, f"use_{name}", True)
    return True


def _whole(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)


# From the properties to a table


def table_of(settings: Any) -> dict[str, Any]:
    """What a scene file would say; SceneError for ``more`` that is not TOML."""
    shape = list(settings.shape[: settings.dims])
    title = settings.title_en
    table: dict[str, Any] = {}
    if title:
        table["title"] = {"en": title, "zh": settings.title_zh} if settings.title_zh else title
    table |= more_of(settings.words, "words")
    table["input"] = {"shape": shape} | more_of(settings.more, "input")
    table["stage"] = [_row(stage, number) for number, stage in enumerate(settings.stages, start=1)]
    table["time"] = {"order": settings.order, "seconds": round(settings.seconds, 3)}
    table["look"] = {
        "camera": settings.camera,
        "theme": settings.theme,
        "show": [name for name in SHOW if name in settings.show],
        "apart": settings.apart,
    }
    return table


def _row(stage: Any, number: int) -> dict[str, Any]:
    cls = OPERATIONS[stage.op]
    row: dict[str, Any] = {"op": stage.op}
    for name in parameters(cls):
        if not is_optional(cls, name) or getattr(stage, f"use_{name}"):
            value = _value(stage, cls, name)
            if value != default_of(cls, name) or name in required(cls):
                row[name] = value
    return row | more_of(stage.more, f"stage {number}")


def _value(stage: Any, cls: type[Operation], name: str) -> Any:
    if name == "padding" and named_padding(cls) and stage.padding_name != "numbers":
        return stage.padding_name
    if name in AXES:
        several = list(getattr(stage, name))[: axes_of(cls)]
        return several[0] if len(set(several)) == 1 else several
    return getattr(stage, name)


def named_padding(cls: type[Operation]) -> bool:
    """Whether its padding may be a word instead of numbers."""
    return any(field.name == "padding" and "str" in str(field.type) for field in fields(cls))  # pyright: ignore


@lru_cache(256)
def more_of(text: str, key: str) -> dict[str, Any]:
    """The keys of a ``more``."""
    try:
        return tomllib.loads(f"more = {{ {text} }}")["more"]
    except (ValueError, RecursionError) as error:
        told = f'{SOURCE}: {key}: more is not TOML: {error}; allowed: such as weight = "sobel-x", seed = 3'
        raise SceneError(" ".join(told.split())) from None


# What there is to say


@dataclass(frozen=True)
class Verdict:
    """A scene and its numbers as lines, two of them ``short``; or in ``error`` what is wrong and what is allowed."""

    scene: Scene | None
    error: str
    lines: tuple[str, ...] = ()
    short: tuple[str, ...] = ()
    cells: int = 0


def judge(settings: Any) -> Verdict:
    """What is to be said about the settings. Quick the second time: panels are drawn often."""
    if not settings.stages:
        return Verdict(None, ui_words.translated("Choose a convolution, or open a scene file"))
    try:
        return _judge(toml_of(table_of(settings)), settings.fps, ui_words.language())
    except SceneError as error:
        return Verdict(None, bare(error))


@lru_cache(32)
def _judge(text: str, fps: int, language: str) -> Verdict:
    try:
        scene = parse_scene(text, SOURCE)
        told = explain(scene, fps, language)
        if told["cells"] > MAX_CELLS:
            raise SceneError(f"{SOURCE}: {count(told['cells'])} cells; allowed: at most {count(MAX_CELLS)}")
    except SceneError as error:
        return Verdict(None, bare(error))
    lines: list[str] = []
    for stage, call, numbers in zip(scene.stages, torch_calls(scene), told["stages"], strict=False):
        given = tuple(numbers["input"])
        lines += [call, f"{size(given)} → {size(tuple(numbers['output']))}"]
        if stage.reads is None:
            lines += size_formulas(stage.op, given)
    names = ("parameters", "macs", "steps", "frames", "cells")
    labels = ("Parameters", "MACs", "Steps", "Frames", "Cells")
    counts = [f"{ui_words.translated(label)}: {count(told[name])}" for label, name in zip(labels, names, strict=True)]
    given, made = (size(tuple(shape)) for shape in (told["stages"][0]["input"], told["stages"][-1]["output"]))
    return Verdict(scene, "", (*lines, *counts), (f"{given} → {made}", counts[0]), told["cells"])


def bare(error: Exception) -> str:
    """An error without the name of its source, which is the panel itself."""
    return str(error).removeprefix(f"{SOURCE}: ")


def complete(scene: Scene) -> Scene:
    """The scene with its picture, if it has one, in place. SceneError if that cannot be read."""
    photo = photo_of(scene)
    return scene if photo is None else with_photo(scene, _pixels(photo))


def _pixels(photo: Photo) -> np.ndarray[Any, Any]:
    """A picture's pixels (height, width, 3), as Blender decodes them. SceneError if it cannot."""
    try:
        image = bpy.data.images.load(str(photo.path))
    except RuntimeError:
        raise SceneError(f"{SOURCE}: input.values: {photo.path} cannot be read; allowed: a PNG, a JPEG") from None
    try:
        width, height = image.size
        pixels = np.empty(width * height * image.channels, np.float32)
        image.pixels.foreach_get(pixels)
        shaped = pixels.reshape(height, width, image.channels)[::-1]
        rgb = shaped[..., :3] if image.channels >= 3 else np.repeat(shaped[..., :1], 3, axis=2)
        return np.ascontiguousarray(np.round(rgb * 255.0).clip(0, 255).astype(np.uint8))
    finally:
        bpy.data.images.remove(image)


@cache
def catalog_items(language: str) -> list[tuple[str, str, str] | tuple[str, str, str, int]]:
    """The catalog for a menu: a heading for each part, and each scene's title with its line."""
    items: list[Any] = []
    heading = None
    for name, scene in load_catalog().items():
        section = section_of(scene).in_language(language)
        if section != heading:
            items.append(("", section, ""))
            heading = section
        items.append((name, scene.title.in_language(language), scene.description.in_language(language)))
    return items


def catalog_table(name: str) -> Mapping[str, Any]:
    """A scene of the catalog as a table, which is the same wherever it is read."""
    path = FOLDER / f"{name}.toml"
    return _placed(tomllib.loads(path.read_text(encoding="utf-8")), str(path))
