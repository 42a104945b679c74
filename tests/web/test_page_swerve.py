"""Cells fly on the page as they do in a film: the same ways around the same things."""

import sys
from pathlib import Path

import numpy as np
import pytest

from convmotion.scenes import find_scene
from convmotion.scenes.contents import Contents
from convmotion.scenes.palette import THEMES
from convmotion.scenes.plan import Plan
from convmotion.scenes.swerve import UNTOLD, blocks_of, plates_of, swerve

sys.path.append(str(Path(__file__).parent))

import node

FLIGHTS = 8
SIZES = ((854, 480), (480, 854))


@pytest.mark.parametrize("name", ["standard", "grouped", "depthwise", "max-pool", "conv3d"])
def test_flights_swerve_as_in_the_film(name):
    random = np.random.default_rng(0)
    asked, wanted = [], []
    for size in SIZES:
        plan = Plan(Contents(find_scene(name)), size, 30.0, "en", THEMES["light"])
        boxes = np.stack(blocks_of(plan.frame.placed), axis=1)
        room, plates = np.stack(plan._flying_room, axis=1), plates_of(plan).tolist()
        view = {side: getattr(plan.frame.view, side).tolist() for side in ("right", "up", "forward")}
        ends = [tensor.at(tensor.drawn()) for tensor in plan.tensors]
        for _ in range(FLIGHTS):
            count = int(random.integers(1, 100))
            origin, end = (random.choice(each, count).astype(float) for each in ends[:2])
            told = random.integers(UNTOLD, random.choice([0, 1, 3]), count)
            among = {"view": view, "boxes": boxes.tolist(), "room": room.tolist(), "told": told.tolist()}
            among["plates"] = plates
            asked.append([origin.tolist(), end.tolist(), among])
            wanted.append(swerve(plan, origin, end, told))
    swerved = 0
    for (_, _, among), mine, right in zip(asked, node.run("swerve.mjs", given=asked), wanted, strict=True):
        assert (mine is None) == (right is None), among["told"]
        if right is not None:
            swerved += 1
            np.testing.assert_allclose(mine, right, atol=1e-6)
    assert swerved > FLIGHTS
