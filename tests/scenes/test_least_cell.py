"""Cells are large enough to be seen, in whatever picture: in pixels where its shorter side has 480."""

import pytest

from convmotion.scenes import catalog_names
from convmotion.scenes.contents import Contents
from convmotion.scenes.palette import THEMES
from convmotion.scenes.plan import Plan

from .test_layout import SIZES, scene_of

SEEN = 6.0
FEWER = {
    # 64 of 64 pixels each are a photograph, which is looked at as a whole: of it nothing may be left out.
    "edge-detection": 1.4,
    "deep-stack": 3.7,
    "lenet": 3.7,
    "max-pool-big": 4.7,
    "mobilenet-block": 3.3,
    "many-filters": 4.7,
    "shufflenet-unit": 4.6,
    "dilated-1-2-4": 5.7,
}


@pytest.mark.parametrize("name", catalog_names())
def test_cells_are_large_enough_to_be_seen_while_something_happens_to_them(name):
    contents = Contents(scene_of(name))
    for size in SIZES:
        for language in ("en", "zh"):
            plan = Plan(contents, size, 30.0, language, THEMES["light"])
            pictures = plan.frame.stops[: len(plan.stages)] or (plan.frame,)
            cell = size[0] / max(picture.width for picture in pictures) * 480.0 / min(size)
            assert cell >= FEWER.get(name, SEEN), (size, language)
