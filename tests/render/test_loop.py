"""What plays again and again leads back to its beginning; a video ends on its result."""

import imageio.v3 as imageio
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convmotion.render import loop
from convmotion.render.cli import main
from convmotion.render.pictures import laid_over, mixed
from convmotion.scenes.pacing import RETURN_SECONDS


def fades(names):
    return [name for name in names if isinstance(name, loop.Fade)]


@pytest.mark.parametrize("fps", [5.0, 12.5, 20.0, 30.0, 60.0])
def test_the_last_frames_lead_from_the_end_to_the_beginning_evenly_and_never_arrive(fps):
    names = [*"abcdef", *"r" * round(2 * fps)]
    found = loop.returning(names, fps)
    ways = fades(found)
    assert len(found) == len(names) and found[: -len(ways)] == names[: -len(ways)] and found[-len(ways) :] == ways
    assert len(ways) == round(RETURN_SECONDS * fps)
    assert {(way.start, way.end) for way in ways} == {("r", "a")}
    shares = np.array([0.0, *(way.share for way in ways), 1.0])
    assert (np.diff(shares) > 0).all() and shares + shares[::-1] == pytest.approx(1.0)


@given(st.lists(st.sampled_from("ab"), min_size=1, max_size=60), st.sampled_from([2.0, 30.0, 120.0]))
def test_what_moves_is_left_as_it_is_and_most_of_the_hold_too(names, fps):
    found = loop.returning(names, fps)
    assert len(found) == len(names)
    held = len(names) - len("".join(names).rstrip(names[-1]))
    ways = len(fades(found))
    assert ways <= held / 4 and found[: len(names) - ways] == names[: len(names) - ways]
    if held == len(names):
        assert not ways, "a still has no way to go"


def test_a_fade_reads_each_of_its_ends_once():
    asked = []

    def read(name):
        asked.append(name)
        return np.full((2, 2, 3), {"a": 0, "r": 255}[name], np.uint8)

    reader = loop.reader(read)
    levels = [reader(name)[0, 0, 0] for name in loop.returning([*"a", *"r" * 40], 20.0)]
    assert sorted(asked[-2:]) == ["a", "r"] and len(asked) == 33 + 2
    assert levels[0] == 0 and set(levels[1:33]) == {255}
    assert (np.diff([int(level) for level in levels[32:]]) < 0).all() and 0 < levels[-1] < 128


@pytest.mark.parametrize("channels", [3, 4])
def test_half_way_is_half_the_light(channels):
    rng = np.random.default_rng(channels)
    start, end = (rng.integers(0, 256, (5, 7, channels), np.uint8) for _ in range(2))
    start[0, 0] = end[0, 0]
    assert (mixed(start, end, 0.5)[0, 0] == end[0, 0]).all()
    if channels == 3:  # as a layer of half alpha over it
        half = np.dstack([end, np.full(end.shape[:2], 128, np.uint8)])
        assert np.abs(mixed(start, end, 128 / 255).astype(int) - laid_over(start, [half])).max() <= 1
    else:
        alpha = (start[..., 3].astype(float) + end[..., 3]) / 2
        assert np.abs(mixed(start, end, 0.5)[..., 3] - alpha).max() <= 0.5
        clear = np.dstack([255 - start[..., :3], np.zeros(start.shape[:2], np.uint8)])
        seen = start[..., 3] > 0
        kept = mixed(start, clear, 0.5)
        assert np.abs(kept[..., :3].astype(int) - start[..., :3])[seen].max() <= 1, "what is not there has no colour"


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """The same animation, short and small, for ever and once."""
    folder = tmp_path_factory.mktemp("films")
    scene = folder / "s.toml"
    scene.write_text(
        '[input]\nshape = [1, 3, 3]\n[[stage]]\nop = "Conv2d"\nout_channels = 1\nkernel_size = 3\n'
        "[time]\nseconds = 4\n[look]\nshow = []\n"
    )
    outs = [folder / name for name in ("for-ever.gif", "once.mp4")]
    flags = ["--quality", "draft", "--size", "96x64", "--fps", "10", "--cache", str(folder / "cache")]
    assert main(["render", str(scene), *(part for out in outs for part in ("-o", str(out))), *flags]) == 0
    return [imageio.imread(out, index=None) for out in outs]


def far(a, b):
    return np.abs(a.astype(int) - b).mean()


def test_only_what_is_played_for_ever_goes_back_to_its_first_picture(films):
    gif, film = (frames[..., :3] for frames in films)
    way = far(film[-1], film[0])
    assert far(gif[-1], gif[0]) < 0.4 * way < far(film[-1], gif[0]), "the one is nearly back, the other is not"
    assert far(film[-1], film[-4]) < 0.1 * way, "a video ends as it is held"
