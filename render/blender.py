"""Drives Blender's renderer: builds a storyboard and renders frames of it. Runs in a process of its own.

The only module of this folder that imports bpy; nothing but :mod:`.jobs` imports it, and only in that process.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Blender puts the user's extension folder first on sys.path when it is imported, where anything may lie.
os.environ["BLENDER_USER_RESOURCES"] = tempfile.mkdtemp(prefix="convmotion-blender-")

import bpy

from ..blender_addon.build import build
from ..blender_addon.compat import eevee, set_image_output
from ..blender_addon.looks import set_flat, set_solid
from ..scenes.story import Storyboard
from .errors import RequestError, cut_short
from .png import bare

GPU_BACKENDS = ("OPTIX", "CUDA", "HIP", "METAL", "ONEAPI")


@dataclass(frozen=True)
class Quality:
    """How much work a pixel is worth: samples, whether colours are plain, whether the rest of the noise is removed."""

    samples: int
    flat: bool
    denoise: bool
    bounces: int


QUALITIES = {
    "draft": Quality(samples=4, flat=True, denoise=False, bounces=0),
    "standard": Quality(samples=6, flat=False, denoise=True, bounces=1),
    "final": Quality(samples=64, flat=False, denoise=True, bounces=3),
}


def open_scene(board: Storyboard, quality: str, engine: str, device: str, threads: int = 0) -> Any:
    """An empty Blender with the animation built in it, ready to render with so many threads (0: all cores).

    RequestError where there is no GPU to use.
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    collection = build(board, scene)
    set_image_output(scene, "PNG")
    settings = scene.render.image_settings
    settings.color_mode, settings.color_depth, settings.compression = "RGB", "8", 30
    scene.render.use_persistent_data = True
    scene.render.threads_mode, scene.render.threads = ("FIXED", threads) if threads else ("AUTO", 1)
    {"cycles": _use_cycles, "eevee": _use_eevee, "workbench": _use_workbench}[engine](scene, QUALITIES[quality])
    set_flat(collection, engine != "workbench" and QUALITIES[quality].flat)
    set_solid(collection, engine == "workbench")
    if engine == "cycles":
        scene.cycles.device = _cycles_device(device)
    return scene


def render_frame(scene: Any, number: int, path: Path) -> None:
    """Render a frame to a PNG of nothing but the picture. The file appears under its name only once it is whole.

    RenderError if it was cut short, as on a full disk: Blender does not say so.
    """
    scene.frame_set(number)
    partial = path.with_name(f".{path.name}.partial.png")
    scene.render.filepath = str(partial)
    bpy.ops.render.render(write_still=True)
    data = bare(partial.read_bytes())
    if data is None:
        raise cut_short(path)
    partial.write_bytes(data)
    os.replace(partial, path)


def save(scene: Any, path: Path) -> None:
    """Save the scene as a .blend that stands alone: it holds all it needs, and no script."""
    scene.frame_set(1)
    scene.render.filepath = "//"
    bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=True, check_existing=False)


def _use_cycles(scene: Any, quality: Quality) -> None:
    scene.render.engine = "CYCLES"
    cycles = scene.cycles
    cycles.samples = quality.samples
    cycles.seed = 0
    cycles.use_animated_seed = False
    cycles.use_adaptive_sampling = False  # on flat scenes it costs more than it saves
    cycles.use_light_tree = False  # two lights need none
    cycles.use_denoising = quality.denoise
    cycles.denoising_prefilter = "FAST"
    cycles.denoising_quality = "BALANCED"
    cycles.max_bounces = quality.bounces
    cycles.diffuse_bounces = cycles.glossy_bounces = quality.bounces
    cycles.transmission_bounces = cycles.transparent_max_bounces = 0
    cycles.caustics_reflective = cycles.caustics_refractive = False


def _use_eevee(scene: Any, quality: Quality) -> None:
    scene.render.engine = eevee()
    scene.eevee.taa_render_samples = 2 * quality.samples


def _use_workbench(scene: Any, quality: Quality) -> None:
    scene.render.engine = "BLENDER_WORKBENCH"
    shading = scene.display.shading
    shading.light = "STUDIO"
    shading.color_type = "VERTEX"
    shading.show_shadows = False
    shading.show_cavity = True
    scene.display.render_aa = "8" if quality.denoise else "FXAA"


def _cycles_device(wanted: str) -> str:
    """ "CPU" or "GPU": "auto" takes a GPU where Blender finds one, "gpu" insists on it."""
    if wanted == "cpu":
        return "CPU"
    preferences = bpy.context.preferences.addons["cycles"].preferences
    for backend in GPU_BACKENDS:
        try:
            preferences.compute_device_type = backend
        except TypeError:  # this Blender was built without it
            continue
        preferences.get_devices()
        devices = [d for d in preferences.devices if d.type == backend]
        if devices:
            for device in preferences.devices:
                device.use = device in devices
            return "GPU"
    if wanted == "gpu":
        raise RequestError("--device is gpu, but Blender finds no GPU here; allowed: auto, cpu")
    return "CPU"
