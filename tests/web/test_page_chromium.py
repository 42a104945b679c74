"""The page in a Chromium: what is seen, what it says of a cell, what its sliders, keys and address do."""

import json
from dataclasses import replace

import numpy as np
import pytest

from convmotion.conv_math import Conv2d, replay
from convmotion.scenes import compose, find_scene, parse_scene
from convmotion.scenes.palette import THEMES, lit, srgb_codes
from convmotion.scenes.pose import pose
from convmotion.scenes.scenefile import Text
from convmotion.scenes.screen import Screen
from convmotion.scenes.values import values_of

SLIDES = ("standard", "dilated", "max-pool", "adaptive-avg-pool")
MOVES = ("channel-shuffle", "pixel-shuffle")
LIGHT, SHADE = (-0.15, -0.40, 0.90), 0.62
"""Where a draft's plain colours are brightest, and how bright they are at right angles to it."""


def scene_of(shape, filters, show):
    """A convolution as a scene file gives it."""
    return parse_scene(
        f"""
        title = "Many cells"
        [input]
        shape = {list(shape)}
        [[stage]]
        op = "Conv2d"
        out_channels = {filters}
        kernel_size = 3
        [look]
        show = {json.dumps(show)}
        """,
        "a scene",
    )


def until(tab, condition):
    """Wait for it; the page's own rules forbid the driver's way, which evaluates strings."""
    for _ in range(600):
        if tab.evaluate(condition):
            return
        tab.wait_for_timeout(50)
    raise AssertionError(condition)


def scrub(tab, frame):
    tab.locator("input[type=range]").first.evaluate(
        "(slider, frame) => { slider.value = frame; slider.dispatchEvent(new Event('input')); }", frame
    )
    tab.evaluate("convmotion.draw()")


def call_in(tab):
    """The operation as the picture writes it, be it on several lines."""
    said = tab.evaluate("convmotion.captions.said(1)")
    lines = [said[name] for name in sorted(said) if name.startswith("call-1")]
    return " ".join(line.strip() for line in lines)


def cells_in(tab, name):
    """What the page shows of some cells: (shown, lit) by index."""
    state = tab.evaluate(
        "name => { const app = convmotion, cells = app.story.cells.find(c => c.name === name);"
        "const state = app.state().cells.find(c => c.name === name), rank = cells.index.shape[1];"
        "return [...cells.start.data].map((_, i) => [[...cells.index.data.subarray(i * rank, i * rank + rank)],"
        "state.shown[i], state.lit[i]]); }",
        name,
    )
    return {tuple(index): (bool(shown), lit) for index, shown, lit in state}


@pytest.mark.parametrize("name", SLIDES)
def test_at_a_step_exactly_the_cells_of_its_taps_light_up_and_are_written(name, pages, opened):
    scene, board = find_scene(name), compose(find_scene(name))
    trajectory = scene.stages[0].op.trajectory(scene.input.shape)
    tab = opened(pages(name))
    whole = len(trajectory)
    for t in sorted({0, 1, whole // 2, whole - 1}):
        done = int(board.settled[t])
        scrub(tab, done - 1)  # the last frame on which the window is there
        lit = {index for index, (_, lit) in cells_in(tab, "input").items() if lit > 0.99}
        assert lit == {tuple(row) for row in trajectory.taps(t).input.tolist() if min(row) >= 0}, f"step {t}"
        scrub(tab, done)
        shown = {index for index, (shown, _) in cells_in(tab, "output-1").items() if shown}
        assert shown == {tuple(row) for s in range(t + 1) for row in trajectory.taps(s).output.tolist()}, f"step {t}"


@pytest.mark.parametrize("name", MOVES)
def test_at_a_step_exactly_the_cells_have_moved_and_they_say_from_where(name, pages, opened):
    """A move is shown turn by turn: every cell comes in one of them, from where its tap says."""
    scene, board = find_scene(name), compose(find_scene(name))
    trajectory = scene.stages[0].op.trajectory(scene.input.shape)
    taps = [trajectory.taps(t) for t in range(len(trajectory))]
    came = {tuple(o): i for each in taps for o, i in zip(each.output.tolist(), each.input.tolist(), strict=True)}
    tab = opened(pages(name))
    before = set()
    for t in range(board.steps):
        scrub(tab, int(board.settled[t]))
        shown = {index for index, (shown, _) in cells_in(tab, "output-1").items() if shown}
        assert before <= shown
        for index in sorted(shown - before)[:3]:
            told = tab.evaluate(
                "index => { const app = convmotion, cells = app.story.cells.find(c => c.name === 'output-1');"
                "const flat = index.reduce((sum, i, axis) => sum * cells.shape[axis] + i, 0);"
                "app.cell.choose({ cells, row: app.cell._row(cells, flat) });"
                "return app.cell.section.innerText; }",
                list(index),
            )
            assert f"output[{', '.join(map(str, index))}]" in told
            assert f"the cell {came[index]} of input, unchanged" in told
        before = shown
    assert before == set(came)


@pytest.mark.parametrize("name", ["standard", "max-pool", "padding", "upsample-bilinear", "bias", "depthwise"])
def test_pointing_at_an_output_cell_tells_its_index_and_the_sum_that_made_it(name, pages, opened):
    scene = find_scene(name)
    tensors, weights, _ = values_of(scene)
    tab = opened(pages(name))
    scrub(tab, 10_000)
    found = tab.evaluate(
        "() => { const app = convmotion, cells = app.story.cells.find(c => c.name === 'output-1');"
        "const box = app.canvas.getBoundingClientRect(), k = box.width / app.seen.width, s = app.seen;"
        "const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];"
        "return [...cells.start.data].map((_, i) => { const p = [...cells.position.data.subarray(3 * i, 3 * i + 3)];"
        "const from = p.map((x, d) => x - s.target[d]); from[1] -= 0.47;"
        "const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];"
        "return [x + dot(from, s.right) * k, y - dot(from, s.up) * k]; }); }"
    )
    told = 0
    for x, y in found[:: max(1, len(found) // 12)]:
        tab.mouse.move(x, y)
        heading = tab.locator("[data-kind=cell] h2").inner_text()
        if not heading.startswith("output["):
            continue  # another one stands before it
        index = tuple(int(i) for i in heading[len("output[") : -1].split(", "))
        value = float(tensors[1][index])
        said = tab.locator("[data-kind=cell] .sum").inner_text()
        sum_, result = said.rsplit(" = ", 1)
        assert float(result.replace("−", "-")) == pytest.approx(value, abs=0.006), said
        text = sum_.replace("−", "-").replace("·", "*").replace(", ", ",")
        assert eval(text) == pytest.approx(value, abs=0.4 if weights[0] is not None else 0.02), said
        told += 1
    assert told >= 4


def test_pointing_at_a_cell_lights_its_taps_in_input_and_filters(pages, opened):
    tab = opened(pages("padding"))
    scrub(tab, 10_000)
    tab.locator("canvas").focus()
    tab.keyboard.press("Enter")
    tab.keyboard.press("ArrowUp")
    heading = tab.locator("[data-kind=cell] h2").inner_text()
    index = [int(i) for i in heading[len("output[") : -1].split(", ")]
    marked = tab.evaluate(
        "() => Object.fromEntries([...convmotion.cell.tell(convmotion.cell.chosen).marked].map(([name, rows]) => {"
        "const cells = convmotion.story.cells.find(c => c.name === name), rank = cells.index.shape[1];"
        "return [name, rows.map(i => [...cells.index.data.subarray(i * rank, i * rank + rank)])]; }))"
    )
    scene = find_scene("padding")
    trajectory = scene.stages[0].op.trajectory(scene.input.shape)
    taps = next(trajectory.taps(t) for t in range(len(trajectory)) if index in trajectory.taps(t).output.tolist())
    assert marked["output-1"] == [index]
    assert sorted(marked["input"]) == sorted(row for row in taps.input.tolist() if min(row) >= 0)
    assert sorted(marked["filters-1"]) == sorted(taps.weight.tolist())
    tab.keyboard.press("Escape")
    assert "output[" not in tab.locator("[data-kind=cell]").inner_text()


@pytest.mark.parametrize("name", ["standard", "max-pool", "pixel-shuffle", "deformable"])
def test_the_cells_are_drawn_where_and_in_which_colours_the_film_has_them(name, pages, opened):
    """Of a draft, whose colours are plain: the front of every cell that nothing stands before."""
    tab = opened(pages(name), size=(1100, 1000))
    board = compose(find_scene(name))
    compared = 0
    for frame in (board.frames // 3, board.frames - 5):
        scrub(tab, frame)
        screen = Screen(board, frame)
        poses = [(cells, pose(board, cells, frame)) for cells in board.cells if cells.role in ("input", "output")]
        spots, colors = [], []
        for cells, state in poses:
            front = state.place + np.array([0.33, -0.47, -0.33]) * state.size[:, None]  # beside what is written on it
            near = state.shown & state.resting & (cells.index[:, -3] == 0)
            shade = SHADE + (1 - SHADE) * np.dot(LIGHT, (0.0, -1.0, 0.0))
            spots += screen.pixels(front)[near].tolist()
            colors += (lit(cells.color, THEMES[board.theme], state.lit) * shade)[near].tolist()
        spots = np.array(spots) / np.array(board.size)
        seen = tab.evaluate(
            "spots => { const canvas = convmotion.canvas, flat = document.createElement('canvas');"
            "flat.width = canvas.width; flat.height = canvas.height;"
            "const pen = flat.getContext('2d', { willReadFrequently: true });"
            "convmotion.draw(); pen.drawImage(canvas, 0, 0); return spots.map(([x, y]) =>"
            "[...pen.getImageData(Math.round(x * flat.width), Math.round(y * flat.height), 1, 1).data].slice(0, 3)); }",
            spots.tolist(),
        )
        wrong = np.abs(np.array(seen, int) - srgb_codes(np.clip(np.array(colors), 0, 1)).astype(int)).max(axis=1) > 6
        compared += len(wrong)
        assert wrong.mean() < 0.12, f"frame {frame}"  # lines, windows and cells on their way cross some
    assert compared > 20


def test_a_slider_works_the_operation_out_anew_and_an_impossible_setting_says_why(pages, opened):
    tab = opened(pages("standard"))
    slider = tab.get_by_label("stride", exact=True)
    slider.fill("2")
    said = tab.evaluate("convmotion.captions.said(1)")
    op = Conv2d(8, 8, 3, stride=2, bias=False)
    assert call_in(tab) == "nn.Conv2d(8, 8, kernel_size=3, stride=2, bias=False)"
    assert said["label-output-1-2"] == " × ".join(map(str, op.output_shape((8, 7, 7))))
    scrub(tab, 10_000)
    values = tab.evaluate("[...convmotion.live.tensors[1].values.data]")
    tensors, weights, _ = values_of(find_scene("standard"))
    wanted = replay(op.trajectory((8, 7, 7)), tensors[0], weights[0])
    np.testing.assert_allclose(values, wanted.reshape(-1), atol=1e-5)
    assert all(shown for shown, _ in cells_in(tab, "output-1").values())
    tab.get_by_label("groups", exact=True).fill("3")
    assert tab.locator(".error").inner_text() == "Conv2d: groups=3 must divide in_channels=8"
    assert call_in(tab) == "nn.Conv2d(8, 8, kernel_size=3, stride=2, bias=False)"
    tab.get_by_text("As it was").click()
    assert call_in(tab) == "nn.Conv2d(8, 8, kernel_size=3, bias=False)"
    assert tab.locator(".error").inner_text() == ""


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("grouped", "groups=4&padding=1&padding_mode=reflect"),
        ("max-pool", "kernel_size=3&stride=1&padding=1"),
        ("conv1d", "kernel_size=5&dilation=2"),
        ("conv3d", "stride=2&depth=6&out_channels=2"),
        ("adaptive-avg-pool", "output_size=2&height=6"),
        ("transposed-scatter", "stride=3&output_padding=1&out_channels=2"),
        ("upsample-bilinear", "scale_factor=3"),
        ("pixel-unshuffle", "downscale_factor=4"),
        ("many-filters", "height=8&width=9"),
    ],
)
def test_a_changed_operation_plays_to_its_result_in_both_shapes(name, settings, pages, opened):
    """At the end all its output cells are there, each where no other one is, and the sums agree with the values."""
    for size in ((1100, 900), (420, 900)):
        tab = opened(pages(name), f"frame=99999&{settings}", size)
        assert tab.locator(".error").inner_text() == ""
        state = {c["name"]: c for c in tab.evaluate("convmotion.state()")["cells"]}
        shape = tab.evaluate("convmotion.live.tensors[1].told")
        output = state["output-1"]
        assert sum(output["shown"]) == np.prod(shape)
        passing = ("output-1-", "travellers", "copies-")  # these stand within cells of padding
        places = np.concatenate(
            [np.reshape(c["place"], (-1, 3)) for n, c in state.items() if not n.startswith(passing)]
        )
        assert len(np.unique(places.round(3), axis=0)) == len(places)
        wrong = tab.evaluate(
            "() => { const app = convmotion, cells = app.story.cells.find(c => c.name === 'output-1'); let wrong = 0;"
            "for (let row = 0; row < cells.start.data.length; row += 3) { const found = app.cell.tell({cells, row});"
            "if (!found.sum) continue; const told = Number(found.sum.result.replace('−', '-'));"
            "if (Math.abs(told - found.value) > 0.006) wrong++; } return wrong; }"
        )
        assert wrong == 0
        for name_ in ("call-1", "title"):
            assert tab.evaluate("convmotion.captions.said(1)")[name_]


def test_the_address_keeps_the_settings_and_brings_them_back(pages, opened):
    path = pages("standard")
    tab = opened(path)
    tab.get_by_label("kernel_size", exact=True).fill("5")
    tab.get_by_label("Speed").select_option("0.5")
    tab.locator("canvas").focus()
    tab.keyboard.press("t")
    scrub(tab, 77)
    until(tab, "location.hash.includes('frame=77')")
    settings = tab.evaluate("location.hash.slice(1)")
    again = opened(path, settings)
    state = again.evaluate("[convmotion.frame, convmotion.theme, convmotion.speed, convmotion.playing]")
    assert state == [77, "dark", 0.5, False]
    assert call_in(again) == "nn.Conv2d(8, 8, kernel_size=5, bias=False)"


def test_keys_play_step_and_turn_back(pages, opened):
    tab = opened(pages("standard"))
    step = "Math.round(convmotion.story.step(convmotion.frame) * 100) / 100"
    for key, wanted in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", 25), ("Home", 0)):
        tab.keyboard.press(key)
        assert tab.evaluate(step) == wanted, key
    tab.keyboard.press("Space")
    until(tab, "convmotion.frame > 3")
    tab.keyboard.press("Space")
    assert tab.evaluate("convmotion.playing") is False
    box = tab.locator("canvas").bounding_box()
    tab.mouse.move(box["x"] + 300, box["y"] + 200)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 420, box["y"] + 160, steps=4)
    tab.mouse.up()
    assert tab.evaluate("convmotion.own.yaw") != 0
    tab.keyboard.press("r")
    assert tab.evaluate("[convmotion.own.yaw, convmotion.own.pitch, convmotion.own.zoom]") == [0, 0, 1]
    before = tab.evaluate("convmotion.speed")
    tab.keyboard.press("+")
    assert tab.evaluate("convmotion.speed") > before
    tab.keyboard.press("l")
    assert tab.evaluate("document.documentElement.lang") == "zh-CN"
    assert "标准卷积" in tab.title()


def test_the_words_of_the_picture_are_those_of_the_film_in_both_languages_and_shapes(pages, opened):
    for size, shape in (((1100, 900), (854, 480)), ((420, 900), (480, 854))):
        tab = opened(pages("standard"), size=size)
        for language in ("en", "zh"):
            tab.evaluate("language => convmotion.setLanguage(language)", language)
            board = compose(find_scene("standard"), shape, language=language)
            scrub(tab, 75)
            shown = tab.locator(".captions span:visible").all_inner_texts()
            wanted = [c.body.replace("{step}", "1") for c in board.captions if c.first <= 75 <= c.last]
            assert sorted(shown) == sorted(wanted)


def test_who_wants_no_motion_is_shown_none_until_asked_for(pages, opened):
    path = pages("standard")
    assert opened(path, "").evaluate("convmotion.playing") is True
    still = opened(path, "", reduced_motion="reduce")
    assert still.evaluate("[convmotion.playing, convmotion.frame]") == [False, 1]
    still.get_by_role("button", name="Play").click()
    assert still.evaluate("convmotion.playing") is True


def test_what_a_scene_is_called_is_text_and_never_markup(pages, opened):
    title = "</script><script>window.stolen=1</script> <b>\"'&amp; ☂"
    scene = replace(find_scene("standard"), title=Text(title, title), description=Text(title, title))
    path = pages(scene, name="hostile")
    tab = opened(path)
    assert tab.title() == " ".join(title.split())
    assert tab.locator("h1").inner_text() == title
    assert tab.evaluate("[window.stolen ?? null, document.querySelectorAll('b').length]") == [None, 0]
    assert title in tab.locator(".captions span:visible").all_inner_texts()


def test_no_serious_violation_of_accessibility_is_found(pages, opened, violations):
    for name, settings in (("standard", "play=0"), ("max-pool", "play=0&theme=dark"), ("deep-stack", "play=0&lang=zh")):
        tab = opened(pages(name), settings)
        tab.locator("canvas").focus()
        tab.keyboard.press("Enter")
        assert violations(tab) == []


def test_a_page_is_under_a_megabyte_and_says_where_its_code_is_missing(pages, monkeypatch, tmp_path):
    from convmotion.render import page
    from convmotion.render.errors import RequestError

    assert pages("standard").stat().st_size < 1_000_000
    monkeypatch.setattr(page, "BUNDLE", tmp_path)
    with pytest.raises(RequestError, match="make web"):
        page.write(find_scene("standard"), tmp_path / "page.html")


def test_ten_thousand_cells_scrub_and_a_hundred_thousand_turn(pages, opened):
    few = scene_of((16, 24, 24), 8, ["lines", "formula", "table"])
    tab = opened(pages(few, name="ten-thousand", all_cells=True))
    assert tab.evaluate("convmotion.story.cells.reduce((n, c) => n + c.start.data.length, 0)") >= 10_000
    spent = tab.evaluate(
        "() => { const app = convmotion, gl = app.picture.renderer.getContext(), times = [];"
        "for (let frame = 1; frame <= app.story.frames; frame += 12) {"
        "app.frame = frame; const begun = performance.now(); app.draw(); times.push(performance.now() - begun);"
        "gl.finish(); } return times.sort((a, b) => a - b); }"
    )
    assert spent[len(spent) // 2] < 8.0
    many = scene_of((48, 32, 32), 64, ["lines", "table"])
    tab = opened(pages(many, name="hundred-thousand", all_cells=True))
    assert tab.evaluate("convmotion.story.cells.reduce((n, c) => n + c.start.data.length, 0)") >= 100_000
    scrub(tab, 200)
    before = tab.locator("canvas").screenshot()
    tab.evaluate("convmotion.turn({ yaw: 0.6 }); convmotion.draw()")
    assert tab.locator("canvas").screenshot() != before


def test_words_take_no_more_room_than_the_film_gives_them(pages, opened):
    """Also where a system's font is a wide one, as with Noto CJK alone: what is fixed to the picture is not covered."""
    for name, frame in (("deformable", 60), ("single-channel", 50)):
        tab = opened(pages(name), f"frame={frame}")
        boxes = tab.evaluate(
            "() => convmotion.captions.all.filter(e => !e.beside && !e.span.hidden).map(e => {"
            "const b = e.span.getBoundingClientRect(); return [e.caption.name, b.left, b.top, b.right, b.bottom] })"
        )
        assert len(boxes) > 10
        for i, (one, left, top, right, bottom) in enumerate(boxes):
            for other, x, y, far, low in boxes[:i]:
                apart = right <= x + 0.5 or far <= left + 0.5 or bottom <= y + 4 or low <= top + 4
                assert apart, f"{name}: {one} is over {other}"
