"""What others take for the same work, made the way that a practised user of theirs would."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convmotion.scenes.form import CUBE

SIZE = (854, 480)
CHANNELS, SIDE, KERNEL, FILTERS, RESULT = 8, 7, 3, 8, 5
"""The scene "standard": an input of 8x7x7 cubes, 8 filters of 8x3x3 and an output of 8x5x5."""
BLUE, LIT, TEAL, ORANGE = "#7da7d9", "#ffd54f", "#6fbf9f", "#e8955a"
Grid = NDArray[np.bool_]


def matplotlib_seconds(frames: int) -> float:
    """Seconds a frame of the scene "standard" as an animation of Matplotlib's ``voxels``, saved as PNG files.

    One figure of cubes that stand apart; a frame recolours those of the input and draws the output's anew. The
    frames are spread evenly over the steps. Starting up and drawing the first picture do not count.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure = plt.figure(figsize=(SIZE[0] / 100, SIZE[1] / 100), dpi=100)
    try:
        with tempfile.TemporaryDirectory(prefix="convmotion-bench-") as folder:
            film = _Film(figure)
            film.save(0, Path(folder) / "first.png")
            start = time.perf_counter()
            for number in range(frames):
                film.save(number * RESULT**2 // frames, Path(folder) / f"{number}.png")
            return (time.perf_counter() - start) / frames
    finally:
        plt.close(figure)


class _Film:
    """The figure: x runs right, y away from the viewer, z up."""

    def __init__(self, figure: Any) -> None:
        self.figure = figure
        self.axes = figure.add_axes((0, 0, 1, 1), projection="3d", proj_type="ortho")
        self.axes.view_init(elev=25, azim=-65)
        self.axes.set_axis_off()
        width, height = 2 * SIDE + 4 * (KERNEL + 1), 2 * (CHANNELS + 1)
        self.shape = (width, CHANNELS, height)
        self.axes.set(xlim=(0, width), ylim=(0, CHANNELS), zlim=(0, height))
        self.axes.set_aspect("equal")
        self.input = self._draw(self._block((0, 0, SIDE), (SIDE, CHANNELS, SIDE)), BLUE)
        for number in range(FILTERS):
            column, row = number % 4, number // 4
            corner = (SIDE + 1 + column * (KERNEL + 1), 0, SIDE + row * (KERNEL + 1))
            self._draw(self._block(corner, (KERNEL, CHANNELS, KERNEL)), TEAL)
        self.output: dict[Any, Any] = {}

    def save(self, step: int, path: Path) -> None:
        """The picture while this step is done."""
        row, column = divmod(step, RESULT)
        for (x, _, z), cube in self.input.items():
            inside = column <= x < column + KERNEL and row <= 2 * SIDE - 1 - z < row + KERNEL
            cube.set_facecolor(LIT if inside else BLUE)
        for cube in self.output.values():
            cube.remove()
        rows, columns = np.divmod(np.arange(RESULT**2), RESULT)
        written = np.zeros((RESULT, RESULT), bool)
        written[columns[: step + 1], RESULT - 1 - rows[: step + 1]] = True
        filled = np.zeros(self.shape, bool)
        right = self.shape[0] - RESULT
        filled[right:, :, SIDE : SIDE + RESULT] = written[:, np.newaxis]
        self.output = self._draw(filled, ORANGE)
        self.figure.savefig(path)

    def _block(self, corner: tuple[int, int, int], size: tuple[int, int, int]) -> Grid:
        filled = np.zeros(self.shape, bool)
        filled[tuple(slice(at, at + length) for at, length in zip(corner, size, strict=True))] = True
        return filled

    def _draw(self, filled: Grid, color: str) -> dict[Any, Any]:
        """Cubes that stand apart as ours do, so that each shows all its faces; by where they stand."""
        apart = np.zeros([2 * side - 1 for side in filled.shape], bool)
        apart[::2, ::2, ::2] = filled
        gap = (1.0 - CUBE) / 2.0
        at = [
            (i // 2) + np.where(i % 2 == 0, gap, 1.0 - gap) for i in np.indices(tuple(side + 1 for side in apart.shape))
        ]
        cubes = self.axes.voxels(*at, apart, facecolors=color, edgecolor="#404040", linewidth=0.3)
        return {tuple(index // 2 for index in place): cube for place, cube in cubes.items()}
