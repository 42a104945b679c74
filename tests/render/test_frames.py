"""The frame plan: which pictures there are, under which keys, which are made from which, and how they are put together.

No Blender: patches are made up.
"""

import os
import random
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convmotion.render import patches
from convmotion.render.frames import PIECE, FramePlan, Pictures
from convmotion.render.pictures import channels_of, empty, laid_over
from convmotion.render.store import FrameStore
from convmotion.scenes import compose, find_scene, scene_from_lines, strokes
from convmotion.scenes.scenefile import parse_scene

TOML = """
title = "{title}"
note = "{note}"
[input]
shape = [2, 4, 4]
[[stage]]
op = "Conv2d"
out_channels = 2
kernel_size = 3
"""
CHUNKS = (1, 2, 10, 75)


def noted(title="One", note="This.", fps=5.0, size=(160, 90), **how):
    return compose(parse_scene(TOML.format(title=title, note=note), "a.toml"), size, fps, **how)


def plan(board=None, quality="standard", engine="cycles", device="auto", chunk=1):
    return FramePlan(board or noted(), quality, engine, device, chunk)


BOARD = compose(find_scene("depthwise-separable"), (96, 64), 5)
PLANS = {(quality, chunk): plan(BOARD, quality, chunk=chunk) for quality in ("draft", "standard") for chunk in CHUNKS}


def rows(plan):
    """Per layer, the shot of every frame."""
    shots = [plan.shots(frame) for frame in range(1, plan.board.frames + 1)]
    return dict(zip(plan.layers, zip(*shots, strict=True), strict=True))


def keys(plan):
    return {layer: [shot.key for shot in row] for layer, row in rows(plan).items()}


def begins(plan):
    """The first frames of all chunks, the end of the last one."""
    row = rows(plan)[plan.layers[0]]
    return [*sorted({plan.chain(shot)[0].frame for shot in row}), plan.board.frames + 1]


def differing(board):
    states = ["", *(board.state_key(frame) for frame in range(1, board.frames + 1))]
    return [frame for frame, (a, b) in enumerate(pairwise(states), start=1) if a != b]


def test_keys_are_the_same_in_every_process():
    script = (
        "from convmotion.render.frames import FramePlan; from convmotion.scenes import compose, find_scene\n"
        "plan = FramePlan(compose(find_scene('grouped'), (96, 64), 5, 'en', None), 'standard', 'cycles', 'cpu', 10)\n"
        "print([[s.key for s in plan.shots(f)] for f in range(1, plan.board.frames + 1)])\n"
    )
    told = []
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", script]
        told.append(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    board = compose(find_scene("grouped"), (96, 64), 5, "en", None)
    here = plan(board, device="cpu", chunk=10)
    assert told[0] == told[1] == f"{[[s.key for s in here.shots(f)] for f in range(1, board.frames + 1)]}\n"


@pytest.mark.parametrize("chunk", CHUNKS)
def test_keys_are_the_same_in_every_run_and_differ_by_all_that_is_seen(chunk):
    first = keys(plan(chunk=chunk))
    assert first == keys(plan(chunk=chunk))
    others = [
        plan(noted(theme="dark"), chunk=chunk),
        plan(noted(transparent=True), chunk=chunk),
        plan(noted(size=(160, 100)), chunk=chunk),
        plan(quality="draft", chunk=chunk),
        plan(quality="final", chunk=chunk),
        plan(engine="eevee", chunk=chunk),
        plan(device="cpu", chunk=chunk),
        plan(compose(scene_from_lines("nn.Conv2d(2, 3, 3)", (2, 4, 4)), (160, 90), 5), chunk=chunk),
    ]
    mine = {key for row in first.values() for key in row}
    for other in others:
        assert not mine & {key for row in keys(other).values() for key in row}
    for worded in (noted(title="Two"), noted(language="zh")):
        other = keys(plan(worded, chunk=chunk))
        assert not set(first["notes"]) & set(other["notes"]) and first["cells"] == other["cells"]


def test_layers_never_share_a_key():
    found = keys(plan(chunk=10))
    assert sum(len(set(row)) for row in found.values()) == len({key for row in found.values() for key in row})


@pytest.mark.parametrize("quality", ["draft", "standard"])
@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("name", ["pointwise", "depthwise-separable"])
def test_frames_that_look_the_same_share_their_shots(name, chunk, quality):
    board = compose(find_scene(name), (160, 90), 10)
    of = plan(board, quality, chunk=chunk)
    starts = begins(of)
    for layer, row in rows(of).items():
        states = [board.state_key(frame, notes=layer != "cells") for frame in range(1, board.frames + 1)]
        for frame, (before, after) in enumerate(pairwise(row), start=2):
            alike = states[frame - 2] == states[frame - 1]
            assert (before == after) == (alike and frame not in starts)
            assert alike or before.key != after.key
        assert all(states[shot.frame - 1] == state for shot, state in zip(row, states, strict=True))
        if chunk == 1:
            assert len({shot.key for shot in row}) == len(set(states))
    assert len(set(rows(of)[of.layers[-1]])) < board.frames


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("fps", [1, 5, 24])
def test_chunks_are_never_longer_than_asked_and_begin_where_something_changes(fps, chunk):
    board = noted(fps=fps)
    of, frames = plan(board, chunk=chunk), differing(board)
    starts = begins(of)
    lengths = [sum(a <= frame < b for frame in frames) for a, b in pairwise(starts)]
    assert sum(lengths) == len(frames) and set(starts[:-1]) <= set(frames) and starts[0] == 1
    assert max(lengths) <= chunk and (chunk < 10 or len(lengths) <= 3 * -(-len(frames) // chunk))


@pytest.mark.parametrize("chunk", CHUNKS)
def test_a_chunk_begins_with_the_picture_that_is_rendered_whole(chunk):
    board = noted(fps=12)
    of, whole = plan(board, chunk=chunk), plan(board, chunk=1)
    for frame in begins(of)[:-1]:
        assert [shot.key for shot in of.shots(frame)] == [shot.key for shot in whole.shots(frame)]
    assert all(shot.whole for row in rows(whole).values() for shot in row)
    later = [shot for row in rows(of).values() for shot in row if len(of.chain(shot)) > 1]
    assert not {shot.key for shot in later} & {key for row in keys(whole).values() for key in row}
    assert later or chunk < 10


@pytest.mark.parametrize("engine", ["eevee", "workbench"])
def test_other_engines_render_whole_frames_of_one_layer(engine):
    of = plan(engine=engine, chunk=10)
    assert of.layers == ("all",) and all(shot.whole for shot in rows(of)["all"])


@pytest.mark.parametrize("chunk", [1, 10, 75])
def test_an_edited_caption_changes_its_frames_and_what_is_made_from_them(chunk):
    board = compose(find_scene("deep-stack"), (160, 90), 5)
    of = plan(board, chunk=chunk)
    first, starts = keys(of), begins(of)
    spans = set()
    for number, caption in enumerate(board.captions):
        if (span := (caption.first, caption.last)) in spans:
            continue
        spans.add(span)
        edited = replace(caption, body=caption.body + "!")
        captions = (*board.captions[:number], edited, *board.captions[number + 1 :])
        other = plan(replace(board, captions=captions), chunk=chunk)
        end = next(start for start in starts if start > caption.last)
        found = keys(other)
        assert begins(other) == starts and found["cells"] == first["cells"]
        changed = [f for f in range(1, board.frames + 1) if found["notes"][f - 1] != first["notes"][f - 1]]
        assert changed == list(range(caption.first, end))
    assert len(spans) >= 4


def test_an_edited_note_changes_only_the_frames_it_is_on():
    """The scene's note stands on the result, at the end."""
    with_note, other = (keys(plan(noted(note=note)))["notes"] for note in ("This.", "That."))
    same = [a == b for a, b in zip(with_note, other, strict=True)]
    first = same.index(False)
    assert 0 < first < len(same) and not any(same[first:])


@pytest.mark.parametrize("quality", ["draft", "standard"])
@pytest.mark.parametrize("chunk", CHUNKS)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_work_is_all_that_frames_are_made_of_and_nothing_else(chunk, quality, data):
    of = PLANS[quality, chunk]
    frames = data.draw(st.sets(st.integers(1, of.board.frames), min_size=1))
    work, whole = of.work(frames), PLANS[quality, chunk].work(range(1, of.board.frames + 1))
    flat = [shot for row in work for shot in row]
    assert len(flat) == len({shot.key for shot in flat})
    assert set(flat) == {link for frame in frames for shot in of.shots(frame) for link in of.chain(shot)}
    for layer in of.layers:
        row = [shot for shot in flat if shot.layer == layer]
        for number, shot in enumerate(row):
            chain = of.chain(shot)
            assert row[number - len(chain) + 1 : number + 1] == chain
            assert shot.before == (chain[-2].frame if len(chain) > 1 else None)
    for piece in work:
        layer = {shot.layer for shot in piece}
        assert len(layer) == 1 and (len(piece) <= PIECE or layer == {"cells"})
        if layer == {"cells"}:  # what is denoised is made in one go
            assert all(set(of.chain(shot)) <= set(piece) for shot in piece)
        assert any(set(piece) <= set(other) for other in whole)  # chunks begin where they always do
    assert work == of.work(reversed(sorted(frames)))


@pytest.mark.parametrize("chunk", CHUNKS)
def test_a_chain_leads_from_the_first_of_its_chunk_without_a_gap(chunk):
    of = PLANS["standard", chunk]
    starts = begins(of)
    for layer, row in rows(of).items():
        for frame, shot in enumerate(row, start=1):
            chain = of.chain(shot)
            start = max(begin for begin in starts if begin <= frame)
            assert chain == list(dict.fromkeys(row[start - 1 : frame])) and chain[-1] == shot, layer


def random_part(rng, channels, whole):
    (width, height), (left, right), (top, bottom) = BOARD.size, (0, 0), (0, 0)
    if whole:
        right, bottom = width, height
    else:
        left, right = sorted(map(int, rng.integers(0, width + 1, 2)))
        top, bottom = sorted(map(int, rng.integers(0, height + 1, 2)))
    pixels = rng.integers(0, 256, (bottom - top, right - left, channels), dtype=np.uint8)
    if channels == 4:
        pixels[..., 3] = rng.choice([0, 0, 255, 100], pixels.shape[:2])
    return (left, top, right, bottom), pixels


def made_up(of, folder):
    """A patch for every shot: what an empty picture lies beneath is whole where it has no alpha."""
    rng, parts = np.random.default_rng(0), {}
    for shot in (shot for row in of.work(range(1, of.board.frames + 1)) for shot in row):
        whole = shot.layer in ("cells", "plain") and len(of.chain(shot)) == 1
        channels = channels_of(shot.layer, of.board.transparent)
        found = [random_part(rng, channels, whole) for _ in range(1 if whole else rng.integers(0, 4))]
        parts[shot.key] = found
        patches.write(found, folder / shot.key)
    return parts


@pytest.mark.parametrize(
    ("quality", "chunk", "through"),
    [(q, c, False) for q, c in (("draft", 2), ("standard", 1), ("standard", 10), ("standard", 75))]
    + [("draft", 10, True), ("standard", 10, True)],
)
def test_pictures_are_the_same_in_any_order_as_made_by_hand(tmp_path, quality, chunk, through):
    of = plan(replace(BOARD, transparent=True), quality, chunk=chunk) if through else PLANS[quality, chunk]
    parts, expected, starts = made_up(of, tmp_path), {}, begins(of)
    layers, held = [], ()
    for frame in range(1, BOARD.frames + 1):
        if frame in starts:
            layers, held = [empty(BOARD.size, channels_of(layer, through)) for layer in of.layers], ()
        shots = of.shots(frame)
        for shot, layer in zip(shots, layers, strict=True):
            for (left, top, right, bottom), pixels in parts[shot.key] if shot not in held else ():
                layer[top:bottom, left:right] = pixels
        held = shots
        lines = np.zeros((BOARD.size[1] * BOARD.size[0], 4), np.uint8)
        at, pixels = strokes.drawn(BOARD, frame)
        lines[at] = pixels
        expected[frame] = laid_over(layers[0], [*layers[1:], lines.reshape(BOARD.size[1], BOARD.size[0], 4)])
    forwards = list(expected)
    shuffled = random.Random(0).choices(forwards, k=12)
    backwards = forwards[40:20:-1]
    for order in (forwards, backwards, shuffled, [1, 1, *forwards[-2:], 1], forwards[::3]):
        pictures = Pictures(of, tmp_path.joinpath)
        for frame in order:
            found = pictures(of.shots(frame))
            assert np.array_equal(found, expected[frame]), (frame, order)
            found[:] = 0  # whoever gets a picture may do with it as they like
    one = Pictures(of, tmp_path.joinpath)
    for frame in (*forwards, *backwards, *shuffled):
        assert np.array_equal(one(of.shots(frame)), expected[frame])


def test_pictures_in_order_read_every_patch_once(tmp_path, monkeypatch):
    of = PLANS["standard", 10]
    parts, read, original = made_up(of, tmp_path), [], patches.read
    monkeypatch.setattr(patches, "read", lambda path: read.append(path.name) or original(path))
    pictures = Pictures(of, tmp_path.joinpath)
    for frame in range(1, BOARD.frames + 1):
        pictures(of.shots(frame))
    assert sorted(name for name in read if name in parts) == sorted(parts)


def test_lines_are_drawn_once_and_kept(tmp_path, monkeypatch):
    of, drawn, original = PLANS["standard", 10], [], strokes.drawn
    made_up(of, tmp_path)
    monkeypatch.setattr(strokes, "drawn", lambda board, frame: drawn.append(frame) or original(board, frame))
    store, found = FrameStore(tmp_path / "store"), []
    for turn in range(2):
        folder = tmp_path / f"turn-{turn}"
        folder.mkdir()
        made_up(of, folder)
        pictures = Pictures(of, folder.joinpath, store=store)
        found.append([pictures(of.shots(frame)) for frame in range(1, BOARD.frames + 1)])
        if turn == 0:
            assert len(drawn) == len({of.lines_key(frame) for frame in range(1, BOARD.frames + 1)}) > 10
    assert np.array_equal(*found)
    assert len(drawn) == len(set(drawn)), "the second time, none"
