"""What is shown: a scene file and conv_math become a Storyboard, the animation as plain arrays, without Blender."""

from .catalog import catalog_names, find_scene, load_catalog, write_new
from .compose import compose
from .errors import SceneError
from .explain import explain
from .module import from_module
from .paste import scene_from_lines
from .photo import photo_of, with_photo
from .scenefile import Scene, load_scene, parse_scene
from .story import Storyboard

__all__ = [
    "Scene",
    "SceneError",
    "Storyboard",
    "catalog_names",
    "compose",
    "explain",
    "find_scene",
    "from_module",
    "load_catalog",
    "load_scene",
    "parse_scene",
    "photo_of",
    "scene_from_lines",
    "with_photo",
    "write_new",
]
