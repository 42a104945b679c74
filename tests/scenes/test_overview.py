"""A whole network as blocks: all of it, in true proportions, legible, and a camera that comes along it and into it."""

import itertools
import tracemalloc
from dataclasses import replace
from functools import cache

import networks
import numpy as np
import pytest

from convmotion.render.network import network_from, read_network
from convmotion.scenes import SceneError, compose
from convmotion.scenes.blocks import box_of, chart_of
from convmotion.scenes.captions import WORDS
from convmotion.scenes.counts import count_cells
from convmotion.scenes.layout import SIDE
from convmotion.scenes.network import scene_of
from convmotion.scenes.overview import ended, overview_of, sides_of
from convmotion.scenes.palette import THEMES
from convmotion.scenes.pose import lines_at, pose
from convmotion.scenes.screen import Screen, caption_box, said
from convmotion.scenes.story import Line, Lines, vector
from convmotion.scenes.strokes import drawn

SIZES = [(854, 480), (640, 480), (480, 480), (480, 854)]
CORNERS = np.array(list(itertools.product((-0.5, 0.5), repeat=3)))

every_network = pytest.mark.parametrize("name", networks.NETWORKS)
every_size = pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("networks")


@pytest.fixture(scope="module")
def network_of(folder):
    @cache
    def network(name):
        make, shape, _ = networks.NETWORKS[name]
        net = networks.Builder(shape, sparse=True)
        (folder / name).mkdir()
        return read_network(net.save(make(net), folder / name, name))

    return network


@pytest.fixture(scope="module")
def board_of(network_of):
    @cache
    def board(name, size=(854, 480), language="en", layer="", fps=2.0):
        network = network_of(name)
        dive = scene_of(network, layer, seconds=3.0) if layer else None
        return compose(overview_of(network, None, layer, dive), size, fps, language)

    return board


def small(*shape):
    """A network of two convolutions."""
    net = networks.Builder(shape)
    x = net.relu(net.conv("x", "first", 4, 3, p=1), "relu")
    return network_from(net.model(net.conv(x, "second", 2, 1)).SerializeToString(), "small.onnx")


def frames_of(board):
    """The frames that differ from the one before, whatever the step."""
    before = None
    for frame in range(1, board.frames + 1):
        told = tuple(c.name for c in board.captions if said(board, c, frame) is not None)
        state = board.camera.stands(frame), told
        if state != before:
            yield frame
        before = state


def blocks_seen(board, screen):
    """Left, top, right, bottom of each solid block, in pixels."""
    (cells,) = (cells for cells in board.cells if cells.extent is not None)
    seen = screen.pixels(cells.position[:, None] + CORNERS * cells.extent[:, None])
    return np.concatenate([seen.min(axis=1), seen.max(axis=1)], axis=1)


def overlap(one, other):
    """Which boxes (n, 4) overlap which (m, 4)."""
    return (one[:, None, :2] < other[:, 2:]).all(axis=2) & (other[:, :2] < one[:, None, 2:]).all(axis=2)


# What is there


@every_network
def test_every_layer_is_in_one_block(name, network_of):
    network = network_of(name)
    chart = chart_of(network)
    held = [layer for block in chart.blocks for layer in block.layers]
    assert sorted(held) == sorted(layer.name for layer in network.layers)
    assert sum(block.parameters for block in chart.blocks) == network.parameters
    assert sum(block.macs for block in chart.blocks) == sum(layer.macs for layer in network.layers)
    made = {name: layer.output[1:] for layer in network.layers for name in [layer.name]}
    for block in chart.blocks[1:]:
        assert {box_of(made[name]) for name in block.layers} == {block.box}


@every_network
def test_blocks_read_what_their_layers_read(name, network_of):
    """Every tensor that a layer reads comes from its own block or from one that this says it reads."""
    network = network_of(name)
    chart = chart_of(network)
    maker = {tensor: layer.name for layer in network.layers for tensor in (layer.makes, *layer.also)}
    for layer in network.layers:
        number = chart.holding(layer.name)
        block = chart.blocks[number]
        for read in layer.reads:
            source = chart.holding(maker[read]) if read in maker else 0
            again = chart.repeats(number) > 1 or block.times > 1
            assert source in (*block.reads, number) or again, layer.name
        assert all(read < number for read in block.reads)


@pytest.mark.parametrize(
    ("name", "blocks", "units"),
    [
        ("lenet", 9, []),
        ("vgg16", 14, []),
        ("resnet18", 25, [(2, 2)]),
        ("resnet50", 37, [(3, 2), (3, 3), (3, 5), (3, 2)]),
        ("mobilenet_v2", 40, [(3, 2), (3, 3), (3, 2), (3, 2)]),
        ("shufflenet_v2", 42, [(6, 3), (6, 7), (6, 3)]),
        ("unet", 23, []),
    ],
)
def test_what_repeats_is_there_once_with_the_true_count(name, blocks, units, network_of):
    chart = chart_of(network_of(name))
    assert len(chart.blocks) == blocks
    assert [(unit.last - unit.first + 1, unit.times) for unit in chart.units] == units


def test_layers_of_a_kind_are_one_block_that_says_how_many(network_of):
    chart = chart_of(network_of("vgg16"))
    assert [(b.name, b.times) for b in chart.blocks if b.kind == "convolution"] == [
        ("conv1_1", 2), ("conv2_1", 2), ("conv3_1", 3), ("conv4_1", 3), ("conv5_1", 3),
    ]  # fmt: skip
    assert chart.blocks[3].told == ("Conv2d 3 × 3", "+ ReLU")


def test_a_shortcut_leads_to_the_block_that_adds_it(network_of):
    chart = chart_of(network_of("resnet18"))
    named = {block.name: block for block in chart.blocks}
    assert [chart.blocks[read].name for read in named["layer1.0.conv2"].reads] == ["pool1", "layer1.0.conv1"]
    assert [chart.blocks[read].name for read in named["layer2.0.add"].reads] == ["layer2.0.conv2", "layer2.0.down"]


def test_both_halves_of_a_split_come_from_one_block(network_of):
    chart = chart_of(network_of("shufflenet_v2"))
    halves = [n for n, block in enumerate(chart.blocks) if block.name.startswith("stage2.1.split")]
    assert len(halves) == 2 and chart.blocks[halves[0]].reads == chart.blocks[halves[1]].reads
    joined = next(block for block in chart.blocks if block.name == "stage2.1.concat")
    assert set(halves) & set(joined.reads) == {halves[0]}, "one goes on as it is, the other through convolutions"


def test_what_a_layer_makes_besides_comes_from_it(network_of):
    network = network_of("lenet")
    two = {"pool1": {"also": ("besides",)}, "fc3": {"reads": ("besides", network.layers[-1].reads[0])}}
    layers = tuple(replace(layer, **two.get(layer.name, {})) for layer in network.layers)
    chart = chart_of(replace(network, layers=layers))
    assert [chart.blocks[read].name for read in chart.blocks[-1].reads] == ["pool1", "fc2"]


@every_network
def test_what_is_not_next_to_each_other_has_an_arc(name, board_of, network_of):
    """An arc has five lines, an arrow three, and twice that where it goes on in another row."""
    chart, board = chart_of(network_of(name)), board_of(name)
    (arrows,) = (lines for lines in board.lines if lines.name == "arrows")
    arcs = sum(n - read > 1 for n, block in enumerate(chart.blocks) for read in block.reads)
    steps = sum(n - 1 in block.reads for n, block in enumerate(chart.blocks))
    assert arcs + steps == sum(len(block.reads) for block in chart.blocks)
    broken, rest = divmod(len(arrows.lines) - 5 * arcs - 3 * steps - 3 * len(chart.units), 3)
    assert rest == 0 and 0 <= broken < 6
    for frame in (1, board.frames):
        assert len(lines_at(board, arrows, frame)) == len(arrows.lines)


# Proportions


@every_network
@every_size
def test_sides_are_what_the_picture_says_they_are(name, size, board_of, network_of):
    chart, board = chart_of(network_of(name)), board_of(name, size)
    (cells,) = board.cells
    boxes = np.array([(block.box[2], block.box[0], block.box[1]) for block in chart.blocks])
    assert len(cells) == len(boxes)
    told = " ".join(caption.body for caption in board.captions if caption.name.startswith("note-"))
    assert "1 + log2" in told
    np.testing.assert_allclose(cells.extent, 1.0 + np.log2(boxes), rtol=1e-6)


def test_a_network_of_small_tensors_has_true_proportions():
    network = small(3, 12, 10)
    board = compose(overview_of(network), (854, 480), 5)
    (cells,) = board.cells
    np.testing.assert_allclose(cells.extent, [(10, 3, 12), (10, 4, 12), (10, 2, 12)])
    assert any("true proportion" in caption.body for caption in board.captions)
    assert not any("log2" in caption.body for caption in board.captions)
    assert not sides_of(chart_of(network))[1] and sides_of(chart_of(small(3, 12, 33)))[1]


@pytest.mark.parametrize(
    ("shape", "box"),
    [((8,), (8, 1, 1)), ((8, 5), (8, 1, 5)), ((8, 4, 5), (8, 4, 5)), ((8, 3, 4, 5), (24, 4, 5)), ((), (1, 1, 1)),
     (None, (1, 1, 1)), ((0, 4, 4), (1, 1, 1))],
)  # fmt: skip
def test_a_tensor_of_any_axes_is_a_box(shape, box):
    assert box_of(shape) == box


# Legibility


@every_network
@every_size
@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_words_overlap_or_lie_over_a_block_and_all_keep_the_margin(name, size, language, board_of):
    board = board_of(name, size, language)
    width, height = size
    edge = SIDE * min(size) / 480.0 - 0.01
    for frame in frames_of(board):
        screen = Screen(board, frame)
        shown = [c for c in board.captions if said(board, c, frame) is not None]
        boxes = np.array([caption_box(c, screen) for c in shown]).reshape(-1, 4)
        on = (boxes[:, 2:] > 0).all(axis=1) & (boxes[:, 0] < width) & (boxes[:, 1] < height)
        both = overlap(boxes[on], boxes[on])
        np.fill_diagonal(both, False)
        assert not both.any(), (frame, [shown[i].body for i in np.flatnonzero(both.any(axis=1))])
        blocks = blocks_seen(board, screen)
        assert not overlap(boxes[on], blocks).any(), frame
        for caption, box in zip(shown, boxes, strict=True):
            if not caption.in_world:
                assert edge <= box[0] and box[2] <= width - edge, caption.body
                assert box[1] > 0 and box[3] < height, caption.body


@every_network
@every_size
def test_where_the_camera_is_near_all_of_a_row_is_seen_and_legible(name, size, board_of, network_of):
    board = board_of(name, size)
    chart = chart_of(network_of(name))
    capital = 12.0 * min(size) / 480.0
    seen = set()
    for frame in frames_of(board):
        screen = Screen(board, frame)
        shown = [c for c in board.captions if c.in_world and said(board, c, frame) is not None]
        if not shown:
            continue
        for caption in shown:
            left, top, right, bottom = caption_box(caption, screen)
            if min(left, top) >= 0 and right <= size[0] and bottom <= size[1]:
                assert caption.size * screen.scale >= capital
                seen.add(caption.name)
    assert seen == {caption.name for caption in board.captions if caption.in_world}
    assert {name.split("-")[1] for name in seen} - {"times"} == set(map(str, range(len(chart.blocks))))


@every_network
@every_size
def test_the_whole_is_seen_first_and_last(name, size, board_of):
    board = board_of(name, size)
    assert board.camera.stands(1) == board.camera.stands(board.frames)
    told = [[said(board, c, f) for c in board.captions if said(board, c, f) is not None] for f in (1, board.frames)]
    assert told[0] == told[1]
    screen = Screen(board, 1)
    boxes = blocks_seen(board, screen)
    edge = SIDE * min(size) / 480.0 - 0.01
    assert (boxes[:, 0] >= edge).all() and (boxes[:, 2] <= size[0] - edge).all()
    both = overlap(boxes, boxes)
    np.fill_diagonal(both, False)
    assert not both.any(), "blocks cover each other"
    ends = screen.pixels(np.concatenate([lines_at(board, lines, 1) for lines in board.lines]))
    assert (ends > 0).all() and (ends < size).all()


@every_size
@pytest.mark.parametrize("name", ["lenet", "resnet50", "unet"])
def test_the_camera_does_not_jump(name, size, board_of):
    board = board_of(name, size, fps=30.0)
    travel = board.camera.travel
    at = np.array([travel.at(frame) for frame in range(1, board.frames + 1)])
    widths = at[:, 3]
    assert (abs(np.diff(np.log(widths))) < 0.12).all()
    moved = np.linalg.norm(np.diff(at[:, :3], axis=0), axis=1) / widths[1:]
    assert (moved < 0.09).all(), "no more than a part of the picture from frame to frame"


def test_a_network_that_is_legible_as_a_whole_needs_no_travel():
    board = compose(overview_of(small(3, 12, 10)), (854, 480), 5)
    assert board.camera.travel is None
    assert any(c.name == "label-1-0" and c.first == 1 and c.last == board.frames for c in board.captions)


@every_network
def test_words_are_chinese_in_chinese(name, board_of):
    english, chinese = (board_of(name, language=language) for language in ("en", "zh"))
    pages = [[c for c in board.captions if not c.in_world] for board in (english, chinese)]
    for kind in ("call-", "note-", "legend-"):
        bodies = [{c.body for c in page if c.name.startswith(kind)} for page in pages]
        assert bodies[0] and not bodies[0] & bodies[1]
    assert not any("parameter" in c.body or "not known" in c.body for c in chinese.captions)
    assert WORDS["en"].keys() == WORDS["zh"].keys()


def test_a_tensor_of_unknown_shape_is_told_as_such(network_of):
    network = network_of("lenet")
    layers = tuple(replace(layer, output=None) if layer.name == "conv2" else layer for layer in network.layers)
    board = compose(overview_of(replace(network, layers=layers)), (854, 480), 5)
    assert "shape not known" in [c.body for c in board.captions if c.name.startswith("label-3-")]


@pytest.mark.parametrize("seconds", [2.0, 8.0, 60.0])
def test_it_is_as_long_as_asked(seconds, network_of):
    board = compose(overview_of(network_of("resnet18"), seconds), (160, 90), 10)
    assert abs(board.frames - 10 * seconds) <= 1
    assert board.step.at(board.frames)[0] == board.steps
    assert (np.diff(board.settled) > 0).all() or seconds < 3


# The dive

DIVES = [
    ("lenet", "conv2"),
    ("lenet", "conv1..pool1"),
    ("lenet", "fc3"),
    ("resnet18", "layer2.0.conv1"),
    ("unet", "up3"),
]
every_dive = pytest.mark.parametrize(("name", "layer"), DIVES)
some_dives = pytest.mark.parametrize(
    ("name", "layer", "size"),
    [*((*dive, SIZES[0]) for dive in DIVES), *((*dive, size) for dive in DIVES[:3] for size in SIZES[1:])],
)


def alone(network, layer, size, language="en"):
    return compose(scene_of(network, layer, seconds=3.0), size, 2.0, language)


@some_dives
def test_the_dive_ends_where_the_layers_own_animation_begins(name, layer, size, board_of, network_of):
    """From there on every picture is that of --layer."""
    board, other = board_of(name, size, layer=layer), alone(network_of(name), layer, size)
    before = board.frames - other.frames
    assert before > 5 and board.steps > other.steps
    inside = board.cells[1:]
    assert [cells.shape for cells in inside] == [cells.shape for cells in other.cells]
    lowest = [min(c.position[:, 2].min() for c in all_cells) for all_cells in (inside, other.cells)]
    assert lowest[0] - board.floor == pytest.approx(lowest[1] - other.floor, abs=1e-3), "it stands on the same floor"
    for frame in (1, other.frames // 3, other.frames):
        here, there = Screen(board, frame + before), Screen(other, frame)
        for mine, its in zip(inside, other.cells, strict=True):
            one, two = pose(board, mine, frame + before), pose(other, its, frame)
            assert np.array_equal(one.shown, two.shown)
            np.testing.assert_allclose(here.pixels(one.place), there.pixels(two.place), atol=0.1)
            np.testing.assert_allclose(one.lit, two.lit, atol=0.02)
        told = [(c, said(board, c, frame + before)) for c in board.captions]
        told = [(said_, caption_box(c, here)) for c, said_ in told if said_ is not None]
        its = [(said(other, c, frame), caption_box(c, there)) for c in other.captions]
        its = [pair for pair in its if pair[0] is not None]
        assert [body for body, _ in told] == [body for body, _ in its]
        np.testing.assert_allclose([box for _, box in told], [box for _, box in its], atol=0.1)
        boxes = blocks_seen(board, here)
        assert not overlap(boxes, np.array([[0, 0, *size]])).any(), "nothing of the network is left in the picture"
        network_lines = [lines for lines in board.lines if not lines.name.endswith(" inside")]
        assert len(network_lines) == 2
        assert not any(len(lines_at(board, lines, frame + before)) for lines in network_lines)


@some_dives
def test_the_frame_of_the_chosen_block_has_left_the_picture_before_it_goes(name, layer, size, board_of, network_of):
    board, other = board_of(name, size, layer=layer), alone(network_of(name), layer, size)
    arrival = board.frames - other.frames
    assert board.camera.stands(arrival) == pytest.approx(board.camera.stands(arrival + 1), rel=1e-9, abs=1e-3)
    chosen = next(lines for lines in board.lines if lines.name == "chosen")
    ends = np.array([(line.start, line.end) for line in chosen.lines])
    seen = Screen(board, arrival).pixels(ends)
    along = np.linspace(0.0, 1.0, 2000)[:, None, None]
    points = (seen[:, 0] + (seen[:, 1] - seen[:, 0]) * along).reshape(-1, 2)
    assert not ((points > 0) & (points < size)).all(axis=1).any()


@every_dive
def test_the_block_that_opens_is_the_one_that_was_asked_for(name, layer, board_of, network_of):
    network = network_of(name)
    chart, board = chart_of(network), board_of(name, layer=layer)
    layers, _ = network.chain(layer)
    wanted = {chart.holding(each.name) for each in layers}
    solid = set(board.cells[0].index[:, 0].tolist())
    assert solid == set(range(len(chart.blocks))) - wanted
    assert len(next(lines for lines in board.lines if lines.name == "chosen").lines) == 12 * len(wanted)
    assert any("dives into" in caption.body for caption in board.captions if caption.first == 1)
    assert count_cells(overview_of(network, None, layer, scene_of(network, layer))) > len(chart.blocks)


@pytest.mark.parametrize("language", ["en", "zh"])
@every_size
def test_on_the_way_to_a_dive_no_words_overlap(size, language, board_of, network_of):
    board = board_of("resnet18", size, language, "layer2.0.conv1")
    arrival = board.frames - alone(network_of("resnet18"), "layer2.0.conv1", size, language).frames
    for frame in itertools.takewhile(lambda frame: frame <= arrival, frames_of(board)):
        screen = Screen(board, frame)
        boxes = np.array([caption_box(c, screen) for c in board.captions if said(board, c, frame) is not None])
        if len(boxes):
            both = overlap(boxes, boxes)
            np.fill_diagonal(both, False)
            assert not both.any(), frame


def test_what_is_not_a_layer_is_no_goal(network_of):
    with pytest.raises(SceneError, match="'conv9' is no layer"):
        overview_of(network_of("lenet"), None, "conv9")


# Lines


def test_lines_are_hidden_by_boxes(board_of):
    """By all of them, not only by a cube in their middle: an arrow is not seen through the corner of a block."""
    board = board_of("lenet")
    cells = board.cells[0]
    number = int(cells.extent[:, 2].argmax())
    middle, half = cells.position[number].astype(float), cells.extent[number] / 2.0
    forward = Screen(board).view.forward
    for share, hidden in ((0.9, True), (1.5, False)):
        at = middle + half * (0.0, 0.0, share) + forward * 30.0
        ends = [vector(at + Screen(board).view.right * x) for x in (-0.2, 0.2)]
        line = Lines("test", (Line(ends[0], None, ends[1], None, THEMES[board.theme].line),), -1.0, 99.0)
        pixels, _ = drawn(replace(board, lines=(line,), captions=()), 1)
        assert (len(pixels) == 0) == hidden


def test_a_long_name_is_told_by_its_end_and_its_part_by_its_beginning(board_of, network_of):
    board = board_of("shufflenet_v2")
    told = {caption.body for caption in board.captions}
    assert "stage3" in told and "…ge3.0.left.depthwise" in told
    assert not any(body.startswith("…") and body[1:].isalnum() for body in told)
    assert ended("abcdefgh", 4.0) == "…fgh" and ended("abc", 4.0) == "abc"
    stem = board_of("vgg16")
    assert "conv2_1 × 2" in {c.body for c in stem.captions if c.first == 1}


def test_what_a_file_calls_an_operator_harms_no_picture(network_of):
    network = network_of("lenet")
    evil = "Evil\x1b[31m" + 5000 * "x"
    layers = tuple(replace(layer, op=evil) if layer.name == "flatten" else layer for layer in network.layers)
    board = compose(overview_of(replace(network, layers=layers)), (854, 480), 2)
    assert all(caption.body.isprintable() and len(caption.body) < 120 for caption in board.captions)
    assert board.camera.width < 400


def test_a_network_of_thousands_of_layers_takes_little_memory(network_of):
    network, count = network_of("lenet"), 3000
    layer = next(layer for layer in network.layers if layer.name == "pool1")
    rows = [replace(layer, name=f"p{i}", reads=(f"t{i - 1}",) if i else ("x",), makes=f"t{i}") for i in range(count)]
    tracemalloc.start()
    chart = chart_of(replace(network, layers=tuple(rows)))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(len(block.layers) for block in chart.blocks) == count and most < 20e6
