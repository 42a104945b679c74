"""Drives Blender's renderer: builds a storyboard and renders parts of its frames. Runs in a process of its own.

The only module of this folder that imports bpy; nothing but :mod:`.jobs` imports it, and only in that process.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

# Blender puts the user's extension folder first on sys.path when it is imported, where anything may lie.
if "bpy" not in sys.modules:
    os.environ["BLENDER_USER_RESOURCES"] = tempfile.mkdtemp(prefix="convmotion-blender-")

import bpy

from ..blender_addon.build import build
from ..blender_addon.compat import can_denoise, eevee, set_image_output
from ..blender_addon.looks import set_flat, set_layer, set_solid
from ..blender_addon.still import freeze
from ..scenes.changes import Layer, Rectangle
from ..scenes.story import Storyboard
from . import pictures
from .errors import RequestError, cut_short
from .pictures import Pixels
from .png import bare

GPU_BACKENDS = ("OPTIX", "CUDA", "HIP", "METAL", "ONEAPI")
MORE_SAMPLES = 6
"""So many for one, where there is no denoiser: what is left of the noise is seen, but not disturbing."""
OFF = 0.25
"""How far a border lies beyond where two pixels meet, in pixels: Blender rounds down, whatever the last digit."""


@dataclass(frozen=True)
class Quality:
    """How much work a pixel is worth.

    ``samples`` of cells in light, with ``denoise`` to remove the rest of the noise; ``notes`` of what glows by itself
    and has no noise. A ``flat`` picture of plain colours has none either.
    """

    samples: int
    notes: int
    flat: bool
    denoise: bool
    bounces: int

    def without_denoiser(self) -> Quality:
        """The same, as far as more samples can do it."""
        return replace(self, denoise=False, samples=self.samples * MORE_SAMPLES) if self.denoise else self


QUALITIES = {
    "draft": Quality(samples=3, notes=3, flat=True, denoise=False, bounces=0),
    "standard": Quality(samples=6, notes=12, flat=False, denoise=True, bounces=1),
    "final": Quality(samples=64, notes=32, flat=False, denoise=True, bounces=3),
}


class Studio:
    """An empty Blender with one animation built in it, ready to render with so many threads (0: all cores).

    ``seconds`` and ``pixels`` add up what the renderer itself has taken and made. RequestError where there is no GPU
    to use.
    """

    def __init__(self, board: Storyboard, quality: str, engine: str, device: str, threads: int = 0) -> None:
        # Not read_factory_settings, which would take the wheels of extensions off the path.
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
        self.scene = scene = bpy.context.scene
        self.board, self.size = board, board.size
        self.quality = QUALITIES[quality] if can_denoise() else QUALITIES[quality].without_denoiser()
        self.seconds, self.pixels = 0.0, 0
        self.collection = build(board, scene)
        set_image_output(scene, "PNG")
        scene.render.image_settings.color_depth = "8"
        scene.render.image_settings.compression = 0
        scene.render.dither_intensity = 0.0  # equal light, equal pixels, wherever the rendered part begins
        scene.render.use_persistent_data = True
        scene.render.threads_mode, scene.render.threads = ("FIXED", threads) if threads else ("AUTO", 1)
        {"cycles": _use_cycles, "eevee": _use_eevee, "workbench": _use_workbench}[engine](scene, self.quality)
        set_flat(self.collection, engine != "workbench" and self.quality.flat)
        if engine == "cycles":
            scene.cycles.device = _cycles_device(device)
        self._prepare: Callable[[int], None] | None = None
        self._layer: Layer | None = None
        self._set_layer("all")
        set_solid(self.collection, engine == "workbench")  # hides the floor that the layer shows

    def save(self, path: Path) -> None:
        """Save the scene as a .blend that stands alone: it holds all it needs, and no script."""
        self._set_layer("all")
        self.scene.frame_set(1)
        self.scene.render.filepath = "//"
        self.scene.render.use_border = False
        bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=True, check_existing=False)

    def camera(self, layer: Layer, path: Path) -> Callable[[int, Rectangle], Pixels]:
        """What renders parts of a layer's frames, by way of a file: RGBA of "notes" or what is transparent, else RGB.

        RenderError if the file was cut short, as on a full disk: Blender does not say so.
        """
        if layer != "all" and self._prepare is None:  # only now: what is saved keeps its texts
            self._prepare = freeze(self.board, self.collection)
        self._set_layer(layer)

        def shoot(frame: int, part: Rectangle) -> Pixels:
            if self.scene.frame_current != frame:
                self.scene.frame_current = frame  # rendering evaluates it by itself
            if self._prepare is not None:
                self._prepare(frame)
            self._frame(part)
            self.scene.render.filepath = str(path)
            started = time.perf_counter()
            bpy.ops.render.render(write_still=True)
            self.seconds += time.perf_counter() - started
            self.pixels += (part[2] - part[0]) * (part[3] - part[1])
            if bare(path.read_bytes()) is None:
                raise cut_short(path)
            return pictures.read(path)

        return shoot

    def _frame(self, part: Rectangle) -> None:
        """Render this part of the picture, and no more."""
        render, (width, height), (left, top, right, bottom) = self.scene.render, self.size, part
        render.use_border = render.use_crop_to_border = part != (0, 0, width, height)
        low, high = height - bottom, height - top
        render.border_min_x, render.border_max_x = (left + OFF) / width, min(1.0, (right + OFF) / width)
        render.border_min_y, render.border_max_y = (low + OFF) / height, min(1.0, (high + OFF) / height)

    def _set_layer(self, layer: Layer) -> None:
        """See set_layer; the notes are seen through to the ground that they are laid on later."""
        if layer == self._layer:
            return
        self._layer = layer
        set_layer(self.collection, layer)
        scene, notes = self.scene, layer == "notes"
        scene.render.film_transparent = seen_through = pictures.channels_of(layer, self.board.transparent) == 4
        scene.render.image_settings.color_mode = "RGBA" if seen_through else "RGB"
        scene.cycles.samples = self.quality.notes if notes else self.quality.samples
        scene.cycles.use_denoising = self.quality.denoise and not notes


VEILS = 6
"""Through so many fronts of padding one sees: behind them nothing is left of what is there (see VEILED)."""


def _use_cycles(scene: Any, quality: Quality) -> None:
    scene.render.engine = "CYCLES"
    cycles = scene.cycles
    cycles.seed = 0
    cycles.use_animated_seed = False
    cycles.sampling_pattern = "TABULATED_SOBOL"  # others remember how many samples the layer before had
    cycles.use_adaptive_sampling = False  # on flat scenes it costs more than it saves
    cycles.use_light_tree = False  # two lights need none
    cycles.denoising_prefilter = "FAST"
    cycles.denoising_quality = "BALANCED"
    cycles.max_bounces = quality.bounces
    cycles.diffuse_bounces = cycles.glossy_bounces = quality.bounces
    cycles.transmission_bounces = 0
    cycles.transparent_max_bounces = VEILS
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
