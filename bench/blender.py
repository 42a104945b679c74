"""Rows of the Blender scene: how fast a big one is built and follows the frame, and its memory."""

from __future__ import annotations

import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convmotion.scenes import compose, parse_scene
from convmotion.scenes.story import Storyboard

from .row import Sampler, row

ROOT = Path(__file__).parents[1]
SIZE = (854, 480)
BIG, HUGE, SCRUBBED = (32, 39), (64, 88), (16, 15)
"""Channels and sides of inputs that make scenes of 102,842, 1,014,214 and 12,832 cells."""


@cache
def board_of(channels: int, side: int) -> Storyboard:
    """A convolution 3x3 with padding that keeps the input's shape."""
    text = f"""
    [input]
    shape = [{channels}, {side}, {side}]
    [[stage]]
    op = "Conv2d"
    out_channels = {channels}
    kernel_size = 3
    padding = 1
    """
    return compose(parse_scene(text, "bench"), SIZE, 30.0, all_cells=True)


def cells_of(board: Storyboard) -> int:
    return sum(len(cells) for cells in board.cells)


def emptied() -> Any:
    """Blender (the module bpy) with nothing in it."""
    from convmotion.render.blender import bpy  # keeps the user's extensions out of the way

    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy


def seconds_to_build(board: Storyboard) -> float:
    from convmotion.blender_addon.build import build

    emptied()
    start = time.perf_counter()
    build(board)
    return time.perf_counter() - start


def seconds_to_make_objects(board: Storyboard) -> float:
    """An object for each cell, the quick way: no operators, one mesh for all, names that are free and in order."""
    bpy = emptied()
    mesh = bpy.data.meshes.new("cube")
    corners = [(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)]
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    mesh.from_pydata(corners, [], faces)
    collection = bpy.data.collections.new("cubes")
    bpy.context.scene.collection.children.link(collection)
    places = np.concatenate([cells.position for cells in board.cells]).tolist()
    colors = np.concatenate([cells.color for cells in board.cells]).tolist()
    start = time.perf_counter()
    for number, (place, color) in enumerate(zip(places, colors, strict=True)):
        cube = bpy.data.objects.new(f"cell-{number:07}", mesh)
        cube.location = place
        cube.color = (*color, 1.0)
        collection.objects.link(cube)
    return time.perf_counter() - start


@row(
    "build 100k",
    "build() of 102,842 cells",
    "one object per cell, bpy.data, one mesh",
    "s",
    ratio_limit=0.01,
    most=2,
)
def building() -> tuple[Sampler, Sampler]:
    board = board_of(*BIG)
    return lambda: seconds_to_build(board), lambda: seconds_to_make_objects(board)


def arrays_of(board: Storyboard) -> list[NDArray[Any]]:
    """What a build has to hand over: the arrays of all cells that the scene shows by."""
    fields = ("position", "color", "origin", "start", "arrive", "anchor")
    return [getattr(cells, name) for cells in board.cells for name in fields]


def seconds_to_copy(board: Storyboard) -> float:
    start = time.perf_counter()
    for array in arrays_of(board):
        array.copy()
    return time.perf_counter() - start


@row("build 1M", "build() of 1,014,214 cells", "NumPy copying their arrays", "s", limit=3, most=5)
def building_huge() -> tuple[Sampler, Sampler]:
    board = board_of(*HUGE)
    return lambda: seconds_to_build(board), lambda: seconds_to_copy(board)


@row("memory 1M", "peak of a process that builds and shows 1,014,214 cells", "their arrays", "GB", limit=4, most=2)
def memory() -> tuple[Sampler, Sampler]:
    """From its start: Python, Blender, composing, building and the first frame."""
    size = sum(array.nbytes for array in arrays_of(board_of(*HUGE))) / 1e9
    return lambda: gigabytes_to_build(*HUGE), lambda: size


def gigabytes_to_build(channels: int, side: int) -> float:
    """The memory in use at the height of a process of its own."""
    code = f"from bench import blender; print(blender.gigabytes_here({channels}, {side}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout.splitlines()[-1])


def gigabytes_here(channels: int, side: int) -> float:
    board = board_of(channels, side)
    scene_of(board).frame_set(board.frames)
    return peak_gigabytes()


def scene_of(board: Storyboard) -> Any:
    """The scene with the board built in it, and nothing else."""
    from convmotion.blender_addon.build import build

    scene = emptied().context.scene
    build(board, scene)
    return scene


def peak_gigabytes() -> float:
    """Of this process. What `resource` tells of a process on Linux counts its parent's memory, too."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e9
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def milliseconds_a_frame(board: Storyboard) -> float:
    """The mean of frame_set over all frames of the animation, one after the other, from the second one on."""
    scene = scene_of(board)
    scene.frame_set(1)
    start = time.perf_counter()
    for frame in range(2, board.frames + 1):
        scene.frame_set(frame)
    return 1000 * (time.perf_counter() - start) / (board.frames - 1)


@row(
    "frame_set 10k",
    "frame_set of 12,832 cells, the mean over the frames",
    "the same of 87 cells",
    "ms",
    limit=15,
    most=5,
)
def scrubbing() -> tuple[Sampler, Sampler]:
    """What is left for few cells is words, lines and window."""
    many, few = board_of(*SCRUBBED), board_of(1, 5)
    return lambda: milliseconds_a_frame(many), lambda: milliseconds_a_frame(few)
