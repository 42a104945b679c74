"""The catalog: the scene files that come along, and how a SCENE on the command line is found."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from .errors import SceneError
from .scenefile import Scene, load_scene, shown

FOLDER = Path(__file__).parent / "catalog"
NEW = Path(__file__).parent / "new.toml"
"""A scene file to start from."""


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
