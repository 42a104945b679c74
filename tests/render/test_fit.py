"""The search is held against made-up encoders, whose bytes and likeness are formulas, and against trying everything."""

import math

import pytest

from convmotion.render.fit import LEAST, SLOWEST, Coded, Painted, Search, Terms, Trial, nearest

CODED = Coded(Terms(20, quick=True), "crf {:g}", 2.7, 20, 50, unit=0.25)
PAINTED = Painted(Terms(256), "{:g} colours", 0.8, ((256, "atkinson"), (256, "none"), (128, "none"), (64, "none")))


def size_of(terms, still=0.15):
    """Bytes: a first picture, and changes that are the more the more frames there are."""
    level = terms.level / 256 if terms.level > 60 else math.exp(-(terms.level - 20) / 10)
    dithered = 1.0 if terms.dither == "atkinson" else 0.9
    return 1e6 * dithered * terms.scale**1.5 * level**0.7 * (still + (1 - still) * terms.every**-0.8)


def likeness_of(terms, frames, pixels):
    """What is lost by frames that are left out, by pixels, and by the level."""
    coarse = 0.004 * (256 / terms.level - 1) if terms.level > 60 else 0.0002 * (terms.level - 20) ** 1.5
    lost = frames * (terms.every - 1) + pixels * (1 - terms.scale) + coarse + 0.001 * (terms.dither == "none")
    return 1.0 - lost


def searched(offer, most, frames=0.003, pixels=0.15, misled=1.0, fps=30.0):
    """What is chosen, and how often the whole was written."""
    written = []

    def write(terms):
        written.append(terms)
        return size_of(terms)

    def tried(terms):
        return Trial(misled * size_of(terms), lambda: likeness_of(terms, frames, pixels))

    return Search(offer, fps, most, tried, write).best(), len(set(written))


def best_of_all(offer, most, frames, pixels, fps=30.0):
    """The likeness of the best of all terms with no more bytes than are just good enough."""
    found = 0.0
    for terms in (terms for row in offer.steps(fps) for terms in row):
        for share in range(401):
            each = offer.along(terms, share / 400, fps)
            if LEAST * most <= size_of(each) <= (LEAST + 0.03) * most:
                found = max(found, likeness_of(each, frames, pixels))
    return found


@pytest.mark.parametrize("frames", [0.0005, 0.003, 0.05])
@pytest.mark.parametrize("pixels", [0.01, 0.15])
@pytest.mark.parametrize("most", [900_000, 500_000, 200_000])
@pytest.mark.parametrize("offer", [CODED, PAINTED])
def test_nothing_that_keeps_to_a_limit_is_much_better_than_what_is_chosen(offer, most, frames, pixels):
    terms, written = searched(offer, most, frames, pixels)
    assert LEAST * most <= size_of(terms) <= most and written <= 3
    lost, least = 1.0 - likeness_of(terms, frames, pixels), 1.0 - best_of_all(offer, most, frames, pixels)
    assert lost <= 1.25 * least + 0.001


@pytest.mark.parametrize("misled", [0.6, 0.9, 1.5])
@pytest.mark.parametrize("offer", [CODED, PAINTED])
def test_a_sample_that_misleads_is_corrected_by_what_is_written(offer, misled):
    terms, written = searched(offer, 400_000, misled=misled)
    assert 0.85 * 400_000 <= size_of(terms) <= 400_000 and written <= 5


def test_what_is_given_up_is_what_is_missed_least():
    smooth, _ = searched(CODED, 300_000, frames=0.0001, pixels=0.3)
    sharp, _ = searched(CODED, 300_000, frames=0.5, pixels=0.001)
    assert smooth.every > 1 and smooth.scale == 1.0
    assert sharp.every == 1 and sharp.scale < 1.0


@pytest.mark.parametrize("offer", [CODED, PAINTED])
def test_nothing_is_chosen_that_cannot_be_watched(offer):
    limits = [int(1e6 * 0.8**i) for i in range(1, 40)]
    chosen = [searched(offer, most)[0] for most in limits]
    found = [terms for terms in chosen if terms]
    assert all(30 / terms.every >= SLOWEST for terms in found) and min(terms.scale for terms in found) >= 0.35
    assert found == chosen[: len(found)] and 5 < len(found) < len(limits)
    least = offer.along(offer.steps(30.0)[-1][-1], 1.0, 30.0)
    assert size_of(least) > limits[len(found)]


@pytest.mark.parametrize("fps", [1.0, 5.0, 60.0])
def test_frames_that_are_slow_by_themselves_may_be_halved_and_quick_ones_thinned(fps):
    terms, _ = searched(PAINTED, 450_000, fps=fps)
    assert size_of(terms) <= 450_000 and terms.every <= max(2.0, fps / SLOWEST)


@pytest.mark.parametrize("start", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("curve", [1.0, 3.0, 9.0])
def test_the_nearest_share_is_found_in_a_few_attempts(start, curve):
    asked = []

    def size(share):
        asked.append(share)
        return 1000.0 * math.exp(-2.0 * share**curve)

    for most in (900.0, 500.0, 160.0):
        asked.clear()
        share = nearest(size, most, start, 2.7)
        assert LEAST * most <= size(share) <= most and len(asked) <= 10
    assert nearest(size, 100.0, start, 2.7) is None
    assert nearest(size, 2000.0, start, 2.7) == 0.0


def test_of_sizes_that_jump_the_one_below_the_limit_is_taken():
    assert size_at(nearest(size_at, 500.0, 0.2, 2.7)) == 300.0


def size_at(share):
    return 1000.0 if share < 0.37 else 300.0
