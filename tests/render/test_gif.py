"""Files are decoded back by Pillow, and by ffmpeg, which share no code with each other."""

import io
import subprocess

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from convmotion.render import gif

HOLE = 3
COLORS = np.array([(0, 0, 0), (250, 40, 40), (40, 90, 200), (0, 255, 0), (240, 240, 240)], np.uint8)
HEIGHT, WIDTH = 40, 60


def written(frames, colors=COLORS, hole=HOLE):
    file = io.BytesIO()
    gif.write(file, colors, hole, frames)
    return file.getvalue()


def images(data):
    """As Pillow shows them: RGBA, hundredths of a second, and how each is disposed of."""
    found = []
    with Image.open(io.BytesIO(data)) as image:
        for number in range(image.n_frames):
            image.seek(number)
            found.append((np.array(image.convert("RGBA")), image.info["duration"] // 10, image.disposal_method))
    return found


def seen(frame, colors=COLORS, hole=HOLE):
    """RGBA of a frame of indices, black where one sees through."""
    there = frame != hole
    return np.dstack([colors[frame] * there[..., None], np.where(there, 255, 0)]).astype(np.uint8)


def busy(rows, columns):
    """Opaque pixels that take many bytes, and holes around them."""
    frame = np.full((HEIGHT, WIDTH), HOLE, np.uint8)
    noise = np.random.default_rng(0).choice(np.array([0, 1, 2, 4], np.uint8), (HEIGHT, WIDTH))
    frame[rows, columns] = noise[rows, columns]
    return frame


def crossing(ground, count=12):
    """A bar that passes from left to right above something at rest."""
    frames = [ground.copy() for _ in range(count)]
    for number, frame in enumerate(frames):
        frame[2:-2, 5 * number : 5 * number + 2] = 1
    return frames


def moments(data):
    """The pixels (hundredths of a second, height, width, RGBA) that are seen at each moment."""
    return np.concatenate([np.repeat(pixels[None], hundredths, axis=0) for pixels, hundredths, _ in images(data)])


def same(shown, wanted):
    """Whether these are the same pixels, whatever colour they have where one sees through."""
    return (shown[..., 3] == wanted[..., 3]).all() and (shown * (shown[..., 3:] > 0) == wanted).all()


@pytest.mark.parametrize("shortest", [2, 4])
@pytest.mark.parametrize("count", [2, 3, 5, 16, 17, 200, 256])
def test_at_every_moment_that_frame_is_seen_which_was_given(count, shortest):
    rng = np.random.default_rng(count)
    colors, hole = rng.integers(1, 256, (count, 3), dtype=np.uint8), int(rng.integers(count))
    frames = []
    for number in range(20):
        frame = np.full((HEIGHT, WIDTH), hole, np.uint8)
        frame[5:25, 2 * number : 30] = rng.integers(0, count, (20, max(0, 30 - 2 * number)))
        frame[30:, : 3 * number] = (hole + 1) % count
        frames.append((frame, shortest + number % 4))
    data = written(frames, colors, hole)
    wanted = np.concatenate([np.repeat(seen(f, colors, hole)[None], hundredths, axis=0) for f, hundredths in frames])
    assert same(moments(data), wanted)
    assert min(hundredths for _, hundredths, _ in images(data)) >= gif.SHORTEST
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", "-", "-r", "100"]
    raw = subprocess.run([*command, "-f", "rawvideo", "-pix_fmt", "rgba", "-"], input=data, capture_output=True).stdout
    assert same(np.frombuffer(raw, np.uint8).reshape(wanted.shape), wanted)


def test_a_frame_that_is_held_is_one_image():
    first, second = crossing(np.full((HEIGHT, WIDTH), 4, np.uint8), 2)
    found = images(written([(first, 4), (first, 3), (second, 4), (first, 3), (first, 4)]))
    assert [hundredths for _, hundredths, _ in found] == [7, 4, 7]


def test_a_frame_that_is_held_for_longer_than_an_image_can_be_stays_as_it_is():
    first, second = crossing(busy(slice(10, 30), slice(10, 50)), 2)
    found = images(written([(first, 3), (second, 40_000), (second, 40_000), (first, 3)]))
    assert sum(hundredths for _, hundredths, _ in found) == 80_006
    shown = [pixels for pixels, _, _ in found]
    assert same(shown[0], seen(first)) and same(shown[-1], seen(first)) and len(shown) > 3
    assert all(same(pixels, seen(second)) for pixels in shown[1:-1])


def test_where_nothing_is_seen_through_all_images_are_kept():
    frames = crossing(np.full((HEIGHT, WIDTH), 4, np.uint8))
    assert {disposal for _, _, disposal in images(written([(frame, 4) for frame in frames]))} == {gif.KEEP}


@pytest.mark.parametrize("hundredths", [3, 7])
def test_what_something_passes_above_is_not_painted_again(hundredths):
    """The bar's images reach over all that is there, which comes back when they are disposed of."""
    ground = busy(slice(10, 30), slice(5, 55))
    frames, bars = crossing(ground), crossing(np.full_like(ground, HOLE))
    data = written([(frame, hundredths) for frame in (ground, *frames)])
    once, alone = len(written([(ground, hundredths)])), len(written([(frame, hundredths) for frame in bars]))
    assert len(data) < once + 1.5 * alone < 0.4 * sum(len(written([(frame, hundredths)])) for frame in frames)


def test_what_has_come_to_stay_is_painted_once_though_something_vanishes_elsewhere():
    """Ever more comes to stay on the left; on the right a bar moves, whose place alone is emptied."""
    whole, frames = busy(slice(0, 40), slice(0, 40)), []
    for number in range(20):
        frame = np.full_like(whole, HOLE)
        frame[:, : 2 * number + 2] = whole[:, : 2 * number + 2]
        frame[number : number + 2, 42:58] = 1
        frames.append(frame)
    patient, hurried = (len(written([(frame, hundredths) for frame in frames])) for hundredths in (4, 3))
    assert patient < 0.5 * hurried
