"""The catalog: the scene files that come along, and how a SCENE on the command line is found."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from .errors import SceneError
from .scenefile import Scene, Text, load_scene, shown

FOLDER = Path(__file__).parent / "catalog"
NEW = Path(__file__).parent / "new.toml"
"""A scene file to start from."""

SECTIONS = {
    1: Text("Kinds of convolution", "卷积的种类"),
    10: Text("A course on CNNs", "CNN 课程"),
    31: Text("Depth and dilation", "深度与空洞"),
    33: Text("Advanced layers", "进阶层"),
    39: Text("Transposed and dilated", "转置与空洞卷积"),
    46: Text("Beyond the articles", "更多内容"),
}
"""What the scenes are about, by the first ``place`` of each part of the list."""


def section_of(scene: Scene) -> Text:
    """The part of the list that a scene stands in."""
    return SECTIONS[max(first for first in SECTIONS if first <= scene.place)]


@cache
def load_catalog() -> dict[str, Scene]:
    """Every scene of the catalog by name, in the order of their ``place``."""
    scenes = {path.stem: load_scene(path) for path in FOLDER.glob("*.toml")}
    return dict(sorted(scenes.items(), key=lambda entry: (entry[1].place, entry[0])))


def catalog_names() -> list[str]:
    """The names of the catalog's scenes, in its order."""
    return list(load_catalog())


def find_scene(name: str) -> Scene:
    """A scene by its catalog name, or by the path of a file. SceneError if it is neither."""
    for path in FOLDER.glob("*.toml"):
        if path.stem == name:
            return load_scene(path)
    if not os.path.exists(name) and not name.endswith(".toml"):
        raise SceneError(
            f"{shown(name)} is no scene of the catalog and no file; allowed: a file or {', '.join(catalog_names())}"
        )
    return load_scene(name)


def write_new(name: str) -> Path:
    """A scene file to start from under this name, to which .toml is added if it is not there; its path.

    SceneError if there is such a file, or if it cannot be written.
    """
    path = Path(name if name.endswith(".toml") else f"{name}.toml")
    if not name.isprintable() or path.name == ".toml":
        raise SceneError(f"{shown(name)} is no name for a scene file; allowed: one such as mine")
    text = NEW.read_text(encoding="utf-8").replace("THIS", path.stem)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise SceneError(f"{shown(str(path))} is there already; allowed: a new name") from None
    except OSError as error:
        raise SceneError(f"{shown(str(path))} cannot be written: {error.strerror}; allowed: another place") from None
    return path
