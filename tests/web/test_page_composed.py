"""What a page makes of its sliders is what Python makes of that setting: the same steps, cells, colours and words."""

import sys
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from convmotion.conv_math import ConvMathError
from convmotion.render import page
from convmotion.scenes import compose
from convmotion.scenes.layout import DIRECTION, SIDE, View, text_width
from convmotion.scenes.live import live
from convmotion.scenes.numerals import rougher
from convmotion.scenes.scenefile import SceneError, scene_from_table

sys.path.append(str(Path(__file__).parent))

import node
from test_page_arithmetic import drawn

SETTINGS = 16
MOST = 2000
"""Cells: of more the numbers may be too small for one of two arrangements."""
OPERATIONS = [
    *("Conv1d", "Conv2d", "Conv3d", "depthwise", "ConvTranspose1d", "ConvTranspose2d", "MaxPool2d", "AvgPool2d"),
    *("MaxPool3d", "AdaptiveAvgPool2d"),
]
SIZES = ((854, 480), (854, 480), (480, 854))
WEIGHED = ("filters-", "travellers-")
CHANNELS = ("mark-input-", "mark-output-")
PLANE = np.stack([(view := View.along(DIRECTION)).right, view.up], axis=1)
SHOW = ["lines", "ghosts", "values", "formula", "table"]


def scene_of(name, random):
    """A scene of one operation with hyperparameters drawn by lot; None where these cannot be, or make many cells."""
    op = "Conv2d" if name == "depthwise" else name
    arguments, item = drawn(op, random)
    arguments.pop("in_channels", None)
    if name == "depthwise":
        arguments |= {"groups": item[0], "out_channels": item[0] * int(random.integers(1, 3))}
    stage = {"op": op} | {key: value for key, value in arguments.items() if value not in (None, False)}
    if arguments.get("count_include_pad") is False:
        stage["count_include_pad"] = False
    stage = {key: list(value) if isinstance(value, tuple) else value for key, value in stage.items()}
    show = SHOW if random.random() < 0.7 else [each for each in SHOW if each != "values"]
    table = {
        "title": {"en": op, "zh": op},
        "input": {"shape": list(item), "seed": int(random.integers(100))},
        "stage": [stage],
        "look": {"show": show},
        "time": {"seconds": int(random.integers(8, 20))},
    }
    try:
        scene = scene_from_table(table, "drawn")
        return scene if sum(np.prod(shape) for shape in scene.shapes) < MOST else None
    except (SceneError, ConvMathError):
        return None


def asked_of(scene, language, theme, size):
    """What the page's own composer is given for it."""
    told = live(scene)
    alone, stage = told["alone"], told["stages"][0]
    values = {"x": told["tensors"][0]["values"], "weight": stage["weight"], "bias": stage["bias"]}
    look = {
        "size": size,
        "fps": 30,
        "seconds": alone["seconds"],
        "show": alone["show"],
        "words": alone["words"][language],
    }
    look |= {"language": language, "theme": theme, "surroundings": page.surroundings(theme), "title": alone["op"]}
    flat = {name: None if array is None else array.astype(float).tolist() for name, array in values.items()}
    return [{key: alone[key] for key in ("op", "arguments", "input")}, flat, look]


def array(packed):
    """As NumPy has it; JSON knows no -∞."""
    if packed is None:
        return None
    return np.reshape([-np.inf if each is None else each for each in packed["data"]], packed["shape"])


def alike(mine, right, told):
    """Whether cells are those, row by row; where they are is for the page to decide."""
    np.testing.assert_array_equal(array(mine["index"]), right.index, err_msg=told)
    for field in ("color", "start", "arrive", "becomes"):
        known = getattr(right, field)
        assert (mine[field] is None) == (known is None), told
        if known is not None:
            np.testing.assert_allclose(array(mine[field]), known, atol=2e-3, err_msg=f"{field}: {told}")
    for field in ("role", "lit_by", "scale", "end", "swells"):
        assert mine[field] == getattr(right, field), f"{field}: {told}"
    assert tuple(mine["rest"]) == right.rest and tuple(mine["shape"]) == tuple(right.shape), told
    for shown, known in zip(mine["numbers"], right.numbers, strict=False):  # they may be too small for one of both
        cell = array(shown["cell"])
        _, here, there = np.intersect1d(cell, known.cell, return_indices=True)
        closed = min(len(cell), len(known))  # where one of both has no room to open filters
        assert len(here) == closed and (len(cell) == len(known) or right.name.startswith(WEIGHED)), told
        own, value = array(shown["value"])[here], known.value[there]  # small in one of both: in fewer digits
        close = np.isclose(own, value, atol=1e-4) | [
            rougher(one) == rougher(other) for one, other in zip(own, value, strict=True)
        ]
        assert close.all(), told
        np.testing.assert_array_equal(array(shown["color"])[here], known.color[there], err_msg=told)
        assert (shown["first"], shown["last"]) == (known.first, known.last), told


def words_of(captions):
    """What is said: the lines of labels and calls in one, and of the rest what each says, from when to when."""
    found = {}
    for name, body, first, last in captions:
        if name.endswith("-again"):
            continue
        if name.startswith(("label-", "call-")):
            key = name.rsplit("-", 1)[0] if name.startswith("label-") else "call"
            found[key] = " ".join(f"{found.get(key, '')} {body}".split())
        else:
            found[name] = (body, first, last)
    return found


def told_of(lines):
    """When lines are seen, what they begin and end on, in which colours; where they are is for the page to decide, and
    so how many leave a window that has others beside it, and over what they lead."""
    ways = []
    for line in lines["lines"]:
        goes_on = line["start_on"] is None and ways and np.allclose(ways[-1][-1]["end"], line["start"], atol=1e-4)
        if goes_on and ways[-1][-1]["color"] == line["color"] and ways[-1][0]["start"] != ways[-1][-1]["end"]:
            ways[-1].append(line)
        else:
            ways.append([line])
    each = [(way[0]["start_on"], way[-1]["end_on"], *np.round(way[0]["color"], 3)) for way in ways]
    each = [line for line, before in zip(each, [None, *each], strict=False) if line != before or line[0] is None]
    return [*(lines[field] for field in ("name", "first", "last", "over_cells")), each]


def assert_marks_have_room(board, told):
    """No mark of a block reaches into the margin at its side, or over a block of the output."""
    pixel = board["camera"]["width"] * min(board["size"]) / (480 * board["size"][0])
    margin = SIDE * pixel - board["camera"]["width"] / 2
    center, size = (np.array([outline[field] for outline in board["outlines"]]) for field in ("center", "size"))
    low, high = center @ PLANE - size @ abs(PLANE) / 2, center @ PLANE + size @ abs(PLANE) / 2
    for caption in board["captions"]:
        if caption["name"].startswith("mark-"):
            wide = text_width(caption["body"]) * caption["size"]
            begin = np.array(caption["at"]) - (wide * (caption["align"] == "right"), 0.0)
            end = begin + np.array([wide, caption["size"]])
            over = ((begin < high) & (end > low)).all(axis=1)
            assert begin[0] > margin - 1e-6 and not over.any(), f"{caption['name']}: {told}"


def assert_ties_join(board, told):
    """How many lines lead from the sides of a part of the output to those of the part below it; if any, of all."""
    center, size = (np.array([outline[field] for outline in board["outlines"]]) for field in ("center", "size"))
    ends = [
        (np.array(line["start"]), np.array(line["end"]))
        for lines in board["lines"]
        if lines["name"] == "ties"
        for line in lines["lines"]
    ]
    found = 0
    for upper, lower in pairwise(range(len(center))):
        for start, end in ends:
            leaves, arrives = start - center[upper], end - center[lower]
            corner = size[upper] / 2
            if np.allclose(abs(leaves), corner) and np.allclose(abs(arrives), corner):
                assert leaves[2] < 0 < arrives[2] and np.allclose(start[:2], end[:2]), told
                found += 1
    stacked = len(center) > 1 and np.ptp(center @ PLANE[:, 0]) < 1e-6
    assert found == 2 * (len(center) - 1) * stacked, told
    return found


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_changed_operation_is_shown_as_python_shows_it(name):
    random = np.random.default_rng(OPERATIONS.index(name))
    scenes = []
    while len(scenes) < SETTINGS:
        if scene := scene_of(name, random):
            look = str(random.choice(["en", "zh"])), str(random.choice(["light", "dark"]))
            scenes.append((scene, *look, SIZES[int(random.integers(3))]))
    boards = node.run("composed.mjs", given=[asked_of(*each) for each in scenes])
    numbered, followed, tied, multiplied = 0, 0, 0, 0
    for (scene, language, theme, size), mine in zip(scenes, boards, strict=True):
        right, told = compose(scene, size, 30, language, theme), f"{scene.stages[0].op} over {scene.input.shape}"
        assert (mine["steps"], mine["frames"]) == (right.steps, right.frames), told
        assert [cells["name"] for cells in mine["cells"]] == [cells.name for cells in right.cells], told
        for cells, known in zip(mine["cells"], right.cells, strict=True):
            alike(cells, known, f"{known.name}: {told}")
            numbered += len(cells["numbers"]) == len(known.numbers) > 0
        assert [m["name"] for m in mine["movers"]] == [m.name for m in right.movers], told
        followers = [told_of(each) for each in mine["lines"] if each["name"] != "ties"]
        assert followers == [told_of(asdict(each)) for each in right.lines if each.name != "ties"], told
        assert_marks_have_room(mine, told)
        tied += assert_ties_join(mine, told)
        brief = not any(c.name == "table-1-0-0" for c in right.captions)  # only in so narrow a picture
        said = words_of((c["name"], c["body"], c["first"], c["last"]) for c in mine["captions"])
        known = words_of((c.name, c.body, c.first, c.last) for c in right.captions)
        marks = {
            word: body for word, (body, *_) in (said | known).items() if word.startswith(CHANNELS) and body.isdigit()
        }
        unmarked = marks.keys() & (said.keys() ^ known.keys())  # where one of both has no room for numbers of channels
        unmarked |= {word for word in said.keys() ^ known.keys() if word.startswith("products-")}
        multiplied += "products-filters-1" in said.keys() & known.keys()
        followed += len(marks) > len(unmarked)
        for word in (said.keys() | known.keys()) - unmarked:
            if word.startswith("label-"):  # they are shortened where one of both has no room for them
                assert known[word].replace(" ", "") in said[word].replace(" ", ""), f"{word}: {told}"
            elif not (brief and word.startswith("table-")):
                assert said.get(word) == known.get(word), f"{word}: {told}"
    assert numbered > SETTINGS / 2
    assert followed or name.startswith("Conv")
    assert multiplied or not name.startswith("Conv")
    assert tied or name not in ("Conv2d", "MaxPool2d"), "groups, or channels, that stand one below the other"


def test_the_step_that_tells_most_is_set_apart_in_a_row_that_is_swept_as_python_does():
    stage = {"op": "AdaptiveAvgPool2d", "output_size": [30, 30]}
    table = {"input": {"shape": [1, 20, 20]}, "stage": [stage], "look": {"show": SHOW}}
    scene = scene_from_table(table, "swept")
    (mine,) = node.run("composed.mjs", given=[asked_of(scene, "en", "light", SIZES[0])])
    right = compose(scene, SIZES[0])
    for cells, known in zip(mine["cells"], right.cells, strict=True):
        alike(cells, known, known.name)
    said, known = (
        {c["name"]: (c["body"], c["first"], c["last"]) for c in told}
        for told in (mine["captions"], map(asdict, right.captions))
    )
    assert said["phase-1-1"][0].startswith("the window reads 4 cells")
    assert all(said[f"phase-1-{i}"] == known[f"phase-1-{i}"] for i in range(1, 5))


POOLS = [{"op": "MaxPool2d", "kernel_size": 2}, {"op": "AdaptiveAvgPool1d", "output_size": 3}]


@pytest.mark.parametrize("stage", POOLS)
def test_lines_of_a_box_over_many_channels_are_those_of_python(stage):
    shape = [30, 4, 4][: 1 + int(stage["op"][-2])]
    scene = scene_from_table({"input": {"shape": shape}, "stage": [stage], "look": {"show": SHOW}}, "many")
    (mine,) = node.run("composed.mjs", given=[asked_of(scene, "en", "light", SIZES[0])])
    right = asdict(compose(scene, SIZES[0]))
    assert list(map(told_of, mine["lines"])) == list(map(told_of, right["lines"]))
    starts = [[line["start"] for line in board["lines"][-1]["lines"]] for board in (mine, right)]
    assert np.allclose(*starts) and len({depth for _, depth, _ in starts[0]}) == 2
