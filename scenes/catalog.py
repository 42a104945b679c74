"""The catalog: the scene files that come along, and how a SCENE on the command line is found."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from .errors import SceneError
from .scenefile import Scene, load_scene, shown

FOLDER = Path(__file__).parent / "catalog"


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
