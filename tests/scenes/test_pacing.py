"""Time: the seconds hold whatever the number of steps, and the first and the last step get theirs."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convmotion.scenes import compose, find_scene, parse_scene
from convmotion.scenes.pacing import (
    BEAT_SHARE,
    READING_SECONDS,
    READING_STEPS,
    RESULT_SECONDS,
    RETURN_SECONDS,
    SINGLE_STEPS,
    TITLE_SECONDS,
    TRAVEL_SECONDS,
    beat_sizes,
    beats,
    group_steps,
    held_from,
    strokes,
)

STEPS = [1, 2, 5, 25, 300, 50_000]
RATES = [12.0, 23.976, 24.0, 30.0, 60.0]


def lengths(row):
    return np.array([beat.end - beat.start for beat in row])


def laid_out(steps, fps=30.0, seconds=12.0):
    """Beats of one stage, as a scene gets them; at most 96 if there are more steps than are shown singly."""
    run = group_steps(steps, -(-steps // 96), steps, max(1, int(BEAT_SHARE * seconds * fps)))
    sizes = beat_sizes(steps, run, [0])
    rows, frames = beats([sizes], fps, seconds)
    return rows[0], frames


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("seconds", [3.0, 12.0, 60.0])
def test_the_seconds_hold_whatever_the_number_of_steps(steps, fps, seconds):
    row, frames = laid_out(steps, fps, seconds)
    assert frames == round(seconds * fps)
    assert row[0].first == 0 and row[-1].last == steps - 1
    assert all(after.first == before.last + 1 for before, after in pairwise(row))
    assert row[0].start >= 1 and row[-1].end <= frames


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("steps", STEPS)
def test_the_title_and_the_result_are_held(steps, fps):
    row, frames = laid_out(steps, fps)
    assert row[0].start - 1 == pytest.approx(TITLE_SECONDS * fps, abs=0.5)
    assert frames - row[-1].end == pytest.approx(min(RESULT_SECONDS + RETURN_SECONDS, 0.15 * 12) * fps, abs=0.5)
    assert (TITLE_SECONDS, RESULT_SECONDS) == (0.8, 1.5)


def test_in_a_very_short_animation_the_holds_shrink_too():
    row, frames = laid_out(25, 30.0, 1.0)
    assert frames == 30
    assert 1 < row[0].start <= 5 and 25 <= row[-1].end < 30


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("steps", STEPS)
def test_the_first_beat_is_the_longest(steps, fps):
    length = lengths(laid_out(steps, fps)[0])
    assert length[0] == length.max()
    if len(length) > 1:
        assert length[0] > 1.5 * np.median(length[1:])


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("steps", [25, 300, 50_000])
def test_the_middle_is_faster_than_both_ends(steps, fps):
    length = lengths(laid_out(steps, fps)[0])
    middle = np.median(length[READING_STEPS + 1 : -1])
    assert length[-1] > middle
    assert (length[1 : READING_STEPS + 1] > middle).all()


def test_after_the_steps_at_reading_speed_it_goes_faster_and_faster():
    length = lengths(laid_out(25, 60.0)[0])
    assert length[READING_STEPS + 1] > length[READING_STEPS + 3] > length[READING_STEPS + 6]
    assert (np.diff(length[READING_STEPS:-1]) <= 1).all(), "but for rounding to whole frames"


@pytest.mark.parametrize("spare", [20, 40, 80, 160])
def test_where_there_is_hardly_a_frame_for_each_beat_the_first_and_the_last_are_slow_all_the_same(spare):
    frames = 500
    held = round(TITLE_SECONDS * 30) + round((RESULT_SECONDS + RETURN_SECONDS) * 30) + 1
    (row,), _ = beats([[1] * (frames - held - spare)], 30.0, frames / 30.0)
    length = lengths(row)
    assert length[0] == length.max() and length[0] > spare / 4
    assert length[-1] >= 2 and np.median(length) == 1


@pytest.mark.parametrize("steps", [2, 5, 25])
def test_with_plenty_of_time_no_step_is_rushed(steps):
    length = lengths(laid_out(steps, 30.0, 120.0)[0])
    assert length.min() >= READING_SECONDS * 30.0 * 0.9


def test_every_stage_begins_in_slow_motion():
    rows, _ = beats([[1] * 25, [1] * 25, [1] * 8], 30.0, 20.0)
    for row in rows:
        length = lengths(row)
        assert length[0] > length[1:].max()
        assert length[0] > 3 * np.median(length[READING_STEPS + 1 :])
    assert lengths(rows[0])[0] > lengths(rows[1])[0]
    assert [(row[0].first, row[-1].last) for row in rows] == [(0, 24), (25, 49), (50, 57)]


@settings(deadline=None)
@given(
    st.lists(st.lists(st.integers(1, 400), min_size=1, max_size=60), min_size=1, max_size=4),
    st.sampled_from(RATES),
    st.floats(1.0, 40.0),
)
def test_beats_follow_each_other_without_gaps_at_whole_frames_when_there_is_room(sizes, fps, seconds):
    rows, frames = beats(sizes, fps, seconds)
    flat = [beat for row in rows for beat in row]
    assert [[beat.last - beat.first + 1 for beat in row] for row in rows] == sizes
    bounds = [flat[0].start, *(beat.end for beat in flat)]
    assert [beat.start for beat in flat] == bounds[:-1]
    assert (np.diff(bounds) > 0).all()
    assert bounds[0] >= 1 and bounds[-1] <= frames == max(2, round(seconds * fps))
    if len(flat) <= bounds[-1] - bounds[0]:
        assert all(bound == round(bound) for bound in bounds)
        assert np.diff(bounds).min() >= 1


@pytest.mark.parametrize(
    ("steps", "room", "run"),
    [
        (1, 1, 1),
        (SINGLE_STEPS, 400, 1),
        (SINGLE_STEPS + 1, 400, 20),
        (SINGLE_STEPS, SINGLE_STEPS - 1, 20),
        (8000, 400, 20),
        (8001, 400, 500),
        (100_000, 200, 500),
        (100_001, 200, 100_001),
    ],
)
def test_rows_then_planes_then_everything_is_swept(steps, room, run):
    assert group_steps(steps, 20, 500, room) == run


@given(st.integers(1, 10**9), st.integers(1, 300), st.integers(1, 300), st.integers(1, 1000))
def test_there_are_never_more_beats_than_room(steps, row, rows, room):
    run = group_steps(steps, row, row * rows, room)
    assert 1 <= run <= max(steps, row * rows)
    assert -(-steps // run) <= room


@given(st.integers(1, 5000), st.integers(1, 300))
def test_of_steps_that_are_swept_only_the_first_one_is_set_apart(steps, run):
    together, apart = beat_sizes(steps, run), beat_sizes(steps, run, [0])
    assert sum(together) == sum(apart) == steps and min(apart) == 1
    assert set(together[:-1]) <= {run} and together[-1] <= run
    if run > 1 and steps > 1:
        assert apart == [1, together[0] - 1, *together[1:]]
    else:
        assert apart == together


@given(st.integers(1, 5000), st.integers(1, 300), st.sets(st.integers(0, 4999), max_size=3))
def test_whatever_is_told_is_set_apart_and_nothing_else_is_cut(steps, run, told):
    told = {step % steps for step in told}
    starts = np.cumsum([0, *beat_sizes(steps, run, told)]).tolist()
    assert set(starts) == {*range(0, steps, run), *told, *(step + 1 for step in told), steps} | {0}


def test_several_steps_of_a_stage_are_shown_in_slow_motion():
    sizes = beat_sizes(3844, 62, [0, 2755])
    ((row,), frames), ((once,), as_many) = (
        beats([sizes], 30.0, 14.0, telling={0: [n for n, beat in enumerate(starts) if beat in told]})
        for starts in [np.cumsum([0, *sizes[:-1]]).tolist()]
        for told in ([0, 2755], [0])
    )
    slow = [beat for beat in row if beat.slow]
    assert [(beat.first, beat.last) for beat in slow] == [(0, 0), (2755, 2755)]
    assert frames == as_many and row[-1].end == once[-1].end, "the seconds hold"
    first, second = (beat.end - beat.start for beat in slow)
    assert first == pytest.approx(second, abs=1.0)
    assert second > 1.5 * 30 and second > 2 * max(beat.end - beat.start for beat in row if not beat.slow)
    ways = [(way.first, way.last) for way in strokes(row, 62)]
    assert (2755, 2755) in ways, "the window stops there"


def test_where_all_the_rest_is_swept_at_once_it_has_as_much_time_as_the_first_step():
    (row,), _ = beats([[1, 49_999]], 30.0, 6.0)
    assert lengths(row)[0] == pytest.approx(lengths(row)[1], abs=1.0)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 2), (1, 5), (5, 5), (15, 20), (250, 200)])
@pytest.mark.parametrize("fps", [12.0, 30.0])
def test_a_scene_takes_the_seconds_that_its_file_says(height, width, fps):
    text = f'[input]\nshape = [1, {height}, {width}]\n[[stage]]\nop = "Conv2d"\nout_channels = 1\nkernel_size = 1\n'
    board = compose(parse_scene(text + "[time]\nseconds = 7.5\n", "test"), (320, 180), fps)
    assert board.steps == height * width
    assert board.frames == round(7.5 * fps)
    assert board.step.at(1)[0] == 0 and board.step.at(board.frames)[0] == board.steps
    assert board.settled[-1] == pytest.approx(board.frames - 0.15 * board.frames, abs=0.5)


def test_before_the_result_is_held_the_camera_may_travel_once_more():
    sizes = [[1] * 9, [1] * 4]
    stays, frames = beats(sizes, 30.0, 12.0, True)
    leaves, as_many = beats(sizes, 30.0, 12.0, True, leaves=True)
    assert frames == as_many and stays[-1][-1].end == held_from(frames, 30.0)
    assert leaves[-1][-1].end == held_from(frames, 30.0) - TRAVEL_SECONDS * 30.0
    assert all(beat.end - beat.start >= 1.0 for row in leaves for beat in row)


def test_a_window_that_is_swept_along_rows_stands_where_the_counter_is_on_every_frame():
    scene = find_scene("many-filters")
    board = compose(scene, fps=15.0)
    _, rows, columns = scene.shapes[1]
    window = next(mover for mover in board.movers if mover.boxes)
    swept = range(rows * columns // 3, rows * columns * 2 // 3)
    seen = 0
    for frame in range(window.first, window.last + 1):
        done = float(board.step.at(frame)[0])
        if not swept.start <= done <= swept.stop:
            continue
        right, _, up = window.track.at(frame) - window.track.at(board.settled[0])
        assert abs(up - round(up)) < 1e-6, "it is in a row"
        assert -1e-6 <= done - (right - up * columns) <= 1.0 + 1e-6, frame
        seen += 1
    assert seen > 20
