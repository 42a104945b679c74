"""Rows of moments stand below each other: what is at the same moment is at the same place."""

import numpy as np
import pytest

from convmotion.scenes import compose, find_scene, parse_scene

from .test_layout import SIZES, project

CHAIN = """
[input]
shape = [1, 12]
[[stage]]
op = "Pad"
padding = [[{before}, {after}]]
[[stage]]
op = "Conv1d"
out_channels = {filters}
kernel_size = 3
stride = {stride}
[[stage]]
op = "Pad"
padding = [[2, 0]]
[[stage]]
op = "Conv1d"
out_channels = 1
kernel_size = 3
"""


def places(board):
    """Where the last moments of all tensors are seen, from the left, and how high."""
    tensors = [cells for cells in board.cells if cells.name == "input" or cells.name.startswith("output-")]
    return np.array([project(board, cells.position[cells.index[:, -1].argmax()]) for cells in tensors])


def chain(before=2, after=0, filters=1, stride=1):
    text = CHAIN.format(before=before, after=after, filters=filters, stride=stride)
    return compose(parse_scene(text, "test"), (854, 480))


@pytest.mark.parametrize("size", SIZES)
def test_the_last_moments_of_a_causal_network_stand_below_each_other(size):
    across, down = places(compose(find_scene("causal"), size)).T
    assert len(across) == 9 and np.ptp(across) < 1e-3 and (np.diff(down) < 0).all()


@pytest.mark.parametrize("other", [{"after": 1}, {"stride": 2}, {"filters": 2}])
def test_so_they_do_only_where_each_stage_looks_back_alone_and_has_one_filter(other):
    assert np.ptp(places(chain())[:, 0]) < 1e-3
    assert np.ptp(places(chain(**other))[:, 0]) > 1.0
