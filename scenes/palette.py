"""Colours: hue tells the family (filter or group), lightness the channel within it.

Eyes that do not tell red from green see no circle of hues but a line from blue to yellow, on which hues that lie far
apart may fall together. So every other filter is darker, and neighbouring groups are bluish and yellowish in turn.

Colours are chosen in OKLCH (Ottosson, "A perceptual color space for image processing", 2020), where equal steps of
lightness look equal whatever the hue, and handed on as linear sRGB, which is what Blender's attributes hold.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .form import FLOOR_DIFFUSE, FLOOR_SHINE, SUN_DIRECTION

INPUT_HUE = 252.0
"""Blue: the input of an ungrouped operation, in degrees of OKLCH hue."""

INPUT_ROOM = 40.0
"""No filter of an ungrouped operation comes so near (degrees) to its input's hue."""

GROUP_HUES = (252.0, 42.0, 320.0, 110.0, 180.0, 75.0, 285.0, 145.0)
"""One family per group; of two neighbours one is bluish and one yellowish to colour-blind eyes."""

FAMILY = 16.0
"""How far (degrees) the filters of a group are from its hue at most, if there are up to four groups."""

FIRST_FILTER_HUE, TURN = 0.0, 0.42
"""The hue of the first filter, and how far, as a part of the circle, that of each later stage's first one is from the
one before: filters of several stages are as far from each other as can be, few or many."""
ONE_ROUND, ROUND, LEAST_LEFT = 16, 7, 4
"""The hues of so many filters go around the circle once; more of them once for so many or a few more, each time a
little farther on, so that so many are left for the last round: of filters that are mostly left out the first ones are
drawn, which else would all look alike, and the last one."""
PRODUCT_ROOM = 30.0
"""No weight that is told apart by its own colour comes so near (degrees) to the hue of what a first filter makes."""
ALTERNATION = 0.125
"""How much darker (in lightness) every other filter is than its neighbours."""
CHROMA = 0.135
LIGHT, DARK = 0.80, 0.55
"""Lightness of a family's first and last channel."""
FIRST_PLACE, LAST_PLACE = 0.86, 0.46
"""Lightness of a tensor's first and last cell where cells are told apart by their places."""
COLUMN_HUES, COLUMN_CHROMAS = (215.0, 262.0), (0.05, 0.15)
"""Hue (degrees) and chroma of the first and the last column there: within the input's blue."""
FAINT = 0.6
"""How much of the backdrop is seen through what is faint."""
GAMUT_HALVINGS = 16
"""How finely the strongest colour is searched for: to a thousandth of what an eye can tell apart."""
GAMUT_SLACK = 1e-5


@dataclass(frozen=True)
class Theme:
    """The surroundings: linear RGB colours and strengths of light (W/m2 for the sun, a factor for the sky).

    ``text`` can be read on a floor in shadow; ``faint_text`` is for where no shadow falls. ``face`` is the part of its
    own luminance that the front of a cell is seen with.
    """

    name: str
    floor: tuple[float, float, float]
    sky: tuple[float, float, float]
    text: tuple[float, float, float]
    faint_text: tuple[float, float, float]
    line: tuple[float, float, float]
    window: tuple[float, float, float]
    ghost: tuple[float, float, float]
    sun: float
    sky_strength: float
    face: float


EMPTY = (0.60, 0.61, 0.63)
"""Linear RGB of zeros of padding and the like where they are no ghosts: on their way to weights."""

THEMES = {
    "light": Theme(
        name="light",
        floor=(0.80, 0.80, 0.82),
        sky=(1.0, 1.0, 1.0),
        text=(0.014, 0.015, 0.020),
        faint_text=(0.10, 0.105, 0.125),
        line=(0.12, 0.125, 0.15),
        window=(0.012, 0.013, 0.02),
        ghost=(0.35, 0.37, 0.42),
        sun=1.9,
        sky_strength=0.62,
        face=0.77,  # of a draft; with light it is about 1, but there thin strokes of white look bolder than of black
    ),
    "dark": Theme(
        name="dark",
        floor=(0.012, 0.013, 0.017),
        sky=(0.75, 0.82, 1.0),
        text=(0.80, 0.82, 0.86),
        faint_text=(0.45, 0.47, 0.52),
        line=(0.42, 0.44, 0.50),
        window=(0.95, 0.96, 1.0),
        ghost=(0.30, 0.32, 0.38),
        sun=2.0,
        sky_strength=0.45,
        face=0.60,  # between a draft (0.77) and a picture with light (0.53)
    ),
}


def floor_color(theme: Theme, sun: float = 1.0, sky: float = 1.0) -> tuple[float, float, float]:
    """What the floor looks like, linear RGB, where this much of the sun and of the sky reaches it (all: the backdrop).

    Albedo x (sky + sun x cosine / pi), and a reflection of the sky.
    """
    sunlight = sun * theme.sun * -SUN_DIRECTION[2] / float(np.linalg.norm(SUN_DIRECTION)) / np.pi
    skylight = sky * np.array(theme.sky) * theme.sky_strength
    red, green, blue = FLOOR_DIFFUSE * np.array(theme.floor) * (skylight + sunlight) + FLOOR_SHINE * skylight
    return float(red), float(green), float(blue)


def faint(color: NDArray[np.floating], theme: Theme, share: float = FAINT) -> NDArray[np.float64]:
    """Linear RGB (..., 3) as it is seen of what is half transparent, or by this share, before the backdrop."""
    return color + share * (np.array(floor_color(theme)) - color)


def oklch_to_linear(
    lightness: NDArray[np.float64] | float, chroma: NDArray[np.float64] | float, hue: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """OKLCH (hue in degrees) as linear sRGB, shape ``(..., 3)``.

    Where sRGB has no colour that strong, the strongest of the same hue and lightness: clipping would turn the hue.
    """
    light, strength, turn = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (lightness, chroma, hue)))
    within, beyond = np.zeros(strength.shape), strength
    for _ in range(GAMUT_HALVINGS):
        tried = (within + beyond) / 2.0
        fits = _shown(_linear(light, tried, turn))
        within, beyond = np.where(fits, tried, within), np.where(fits, beyond, tried)
    rgb = _linear(light, strength, turn)
    return np.clip(np.where(_shown(rgb)[..., None], rgb, _linear(light, within, turn)), 0.0, 1.0)


def _shown(rgb: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether sRGB has these colours, but for what nobody sees: the gamut's corners are given in six digits."""
    return ((rgb >= -GAMUT_SLACK) & (rgb <= 1.0 + GAMUT_SLACK)).all(axis=-1)


_TO_CONES = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ]
)
"""From OKLab to the cube roots of what the cones get; then, their cubes, to linear sRGB."""
_TO_LINEAR = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


def _linear(light: NDArray[np.float64], strength: NDArray[np.float64], hue: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same, not limited to what sRGB has. Source of the matrices: Ottosson 2020 (see the module's docstring)."""
    angle = np.radians(hue)
    a, b = strength * np.cos(angle), strength * np.sin(angle)
    return (np.stack([light, a, b], axis=-1) @ _TO_CONES.T) ** 3 @ _TO_LINEAR.T


def hue_of(color: NDArray[np.floating]) -> NDArray[np.float64]:
    """The OKLCH hue (degrees) of linear sRGB ``(..., 3)``; of a grey any."""
    lab = np.cbrt(color @ np.linalg.inv(_TO_LINEAR).T) @ np.linalg.inv(_TO_CONES).T
    return np.degrees(np.arctan2(lab[..., 2], lab[..., 1])) % 360.0


def family_hue(group: int, groups: int) -> float:
    """The hue (degrees) of one group's family; an ungrouped operation's input is blue."""
    if groups == 1:
        return INPUT_HUE
    if groups <= len(GROUP_HUES):
        return GROUP_HUES[group]
    return (INPUT_HUE + 360.0 * group / groups) % 360.0


def filter_hues(
    out_channels: int, groups: int, read: NDArray[np.float64] | None = None, families: int = 1, after: int = 0
) -> NDArray[np.float64]:
    """A hue (degrees) for every filter: around the circle but for the input's part; within a group, as what it reads.

    So many stages ``after`` others with filters the first hue of the circle is another one.

    Without groups, but made for as many as there are ``families``, those of each have one, none of them the input's.

    ``read`` are the hues of all channels that groups read, ``(in_channels,)``: a group's filters share those of its
    channels in turn, and those of one hue spread about it. Without them, and where groups have none of their own, each
    group has a family; where groups read what others do, one that nothing of it has.
    """
    if groups == families == 1:
        begin, arc = INPUT_HUE + INPUT_ROOM, 360.0 - 2.0 * INPUT_ROOM
        step = 1.0 / out_channels
        if out_channels > ONE_ROUND:
            step = (1.0 + step) / next(n for n in itertools.count(ROUND) if out_channels % n >= LEAST_LEFT)
        turn = (FIRST_FILTER_HUE - begin) % 360.0 + arc * (step * np.arange(out_channels) + TURN * after)
        return (begin + turn % arc) % 360.0
    worn = _hues_of_groups(groups, read) if groups > 1 else _hues_beside_the_input(families)
    per_group, around = out_channels // len(worn), len(worn) + (groups == 1)
    reach = FAMILY * min(1.0, 4.0 / around)  # many families lie close together: do not let them touch
    hues = []
    for channels in worn:
        of = channels[np.arange(per_group) * len(channels) // per_group]
        alike = of[:, None] == of
        rank, count = np.tril(alike, -1).sum(axis=1), alike.sum(axis=1)
        hues.append(of + reach * (2.0 * rank - count + 1.0) / np.maximum(count - 1.0, 1.0))
    return np.concatenate(hues) % 360.0


def _hues_beside_the_input(families: int) -> NDArray[np.float64]:
    """A hue for each of so many families that groups will read, (families, 1), none of them blue."""
    if families < len(GROUP_HUES):
        return np.array(GROUP_HUES[1 : families + 1])[:, None]
    return filter_hues(families, 1)[:, None]


def _hues_of_groups(groups: int, read: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """The hues that each group's filters share, (groups, n)."""
    if read is not None and _have_their_own(groups, read) and not _mix(groups, read):
        return np.round(read, 1).reshape(groups, -1)
    hues = [] if read is None else new_hues(groups, read)
    return np.array(hues or [family_hue(g, groups) for g in range(groups)])[:, None]


def new_hues(groups: int, read: NDArray[np.float64]) -> list[float]:
    """Of groups that read what others do the families, which none of the channels read has: none of any others."""
    if not _have_their_own(groups, read) or not _mix(groups, read):
        return []
    away = [np.abs((hue - read + 180.0) % 360.0 - 180.0).min() for hue in GROUP_HUES]
    others = [hue for hue, far in zip(GROUP_HUES, away, strict=True) if far > FAMILY]
    return others[:groups] if len(others) >= groups else []


def _have_their_own(groups: int, read: NDArray[np.float64]) -> bool:
    """Whether there are hues enough for each group to have one."""
    return len(np.unique(np.round(read))) >= groups > 1


def _mix(groups: int, read: NDArray[np.float64]) -> bool:
    """Whether groups read channels of hues among those that others read."""
    channels = np.round(read, 1).reshape(groups, -1)
    around = np.argsort(channels, axis=None) // channels.shape[1]  # whose they are, as one goes around the circle
    return np.count_nonzero(around != np.roll(around, 1)) > groups


def ramp(count: int) -> NDArray[np.float64]:
    """Lightness of ``count`` channels of a family, the first one the lightest."""
    return np.linspace(LIGHT, DARK, count) if count > 1 else np.full(1, (2 * LIGHT + DARK) / 3)


def input_colors(channels: int, groups: int) -> NDArray[np.float64]:
    """Linear RGB per input channel, ``(channels, 3)``: a family per group, a step of lightness per channel."""
    per_group = channels // groups
    hue = np.repeat([family_hue(g, groups) for g in range(groups)], per_group)
    lightness = np.tile(ramp(per_group), groups)
    if groups > len(GROUP_HUES):  # hues alone lie too close together
        lightness -= ALTERNATION * (np.arange(channels) // per_group % 2)
    return oklch_to_linear(lightness, CHROMA, hue)


def place_colors(shape: Sequence[int]) -> NDArray[np.float64]:
    """Linear RGB for each cell of a tensor (C, H, W) by its place, ``(C, H, W, 3)``: in one family of hues.

    Row-major, each is darker than the one before; farther to the right colours are stronger.
    """
    lightness = np.linspace(FIRST_PLACE, LAST_PLACE, int(np.prod(shape))).reshape(shape)
    along = np.linspace(0.0, 1.0, shape[-1])
    chroma, hue = (first + (last - first) * along for first, last in (COLUMN_CHROMAS, COLUMN_HUES))
    return oklch_to_linear(lightness, chroma, hue)


def filter_colors(
    out_channels: int,
    slices: int,
    groups: int,
    filters: NDArray[np.int64] | None = None,
    channels: NDArray[np.int64] | None = None,
    read: NDArray[np.float64] | None = None,
    families: int = 1,
    after: int = 0,
) -> NDArray[np.float64]:
    """Linear RGB per filter and channel slice, ``(out_channels, slices, 3)``, or of the chosen ones of them.

    ``read``: what the channels wear that are read, ``(in_channels, 3)``, which gives groups their hues; this,
    ``families`` and ``after`` see at :func:`filter_hues`. A filter that alone reads a channel, and no other, wears
    just that.
    """
    chosen = slice(None) if filters is None else filters
    if read is not None and _alone(out_channels, groups, read):
        return np.repeat(read[chosen, None], slices if channels is None else len(channels), axis=1)
    hue = filter_hues(out_channels, groups, None if read is None else hue_of(read), families, after)[chosen, None]
    steps = ramp(slices)[slice(None) if channels is None else channels]
    return oklch_to_linear(_filter_lightness(out_channels)[chosen, None] + steps[None, :] - LIGHT, CHROMA, hue)


def weight_colors(count: int) -> NDArray[np.float64]:
    """Linear RGB for so many weights that are told apart by their colours alone, ``(count, 3)``: around the circle.

    What all of them make together looks like none of them.
    """
    hue = FIRST_FILTER_HUE + np.linspace(PRODUCT_ROOM, 360.0 - PRODUCT_ROOM, count)
    return oklch_to_linear(LIGHT - 0.12 * (np.arange(count) % 2), CHROMA, hue % 360.0)


def output_colors(
    out_channels: int, groups: int, read: NDArray[np.float64] | None = None, families: int = 1, after: int = 0
) -> NDArray[np.float64]:
    """Linear RGB per output channel, ``(out_channels, 3)``: the hue of the filter that made it; the rest as there."""
    if read is not None and _alone(out_channels, groups, read):
        return read
    hue = filter_hues(out_channels, groups, None if read is None else hue_of(read), families, after)
    return oklch_to_linear(_filter_lightness(out_channels) - 0.03, CHROMA, hue)


def _alone(out_channels: int, groups: int, read: NDArray[np.float64]) -> bool:
    """Whether each channel, of a hue of its own, is read by one filter, and that reads no other."""
    return 1 < out_channels == groups == len(read) == len(np.unique(np.round(hue_of(read))))


def _filter_lightness(out_channels: int) -> NDArray[np.float64]:
    """Of every filter's first slice, ``(out_channels,)``: neighbours are light and dark in turn."""
    return LIGHT - ALTERNATION * (np.arange(out_channels) % 2)


INKS = ((0.0015, 0.0015, 0.0018), (1.0, 1.0, 1.0))
"""Near-black and white, for numbers on cells: on every colour one of them has a contrast ratio of 4.5."""


LUMINANCE = (0.2126, 0.7152, 0.0722)


def luminance(color: NDArray[np.floating]) -> NDArray[np.floating]:
    """Relative luminance of linear sRGB ``(..., 3)`` (WCAG 2.2)."""
    return color @ np.array(LUMINANCE)


def ink_on(color: NDArray[np.floating]) -> NDArray[np.float64]:
    """For colours ``(n, 3)`` the ink of the better contrast ratio (WCAG 2.2)."""
    dark, light = np.array(INKS)
    glare = 0.05
    ground = luminance(color) + glare
    darker = ground / (luminance(dark) + glare) >= (luminance(light) + glare) / ground
    return np.where(darker[:, None], dark, light)


LIT_STRONGER, LIT_BRIGHTER = 3.0, 0.36
"""How much stronger a window makes the palest colour that it touches, and how much brighter any. Nothing bleaches:
white is what is empty."""
LIT_ROOM = 0.12
"""Where the luminance of a cell is so near to that at which its ink turns, there is less of both: the ink stays."""
INK_TURNS = float(np.sqrt(np.prod([luminance(np.array(ink)) + 0.05 for ink in INKS])) - 0.05)
"""The luminance on which both inks have the same contrast."""


def lit(color: NDArray[np.floating], theme: Theme, share: NDArray[np.floating] | float = 1.0) -> NDArray[np.float64]:
    """Colours ``(n, 3)`` as cells wear them under a window, which touches such a ``share`` of them, 0..1: of the same
    hue, stronger the paler they are."""
    off = abs(luminance(color) - INK_TURNS / theme.face)
    share = (share * np.minimum(1.0, off / LIT_ROOM))[:, None]
    most, least = color.max(axis=1, keepdims=True), color.min(axis=1, keepdims=True)
    strength = (most - least) / np.maximum(most, 1e-9)
    stronger = np.minimum(1.0 + LIT_STRONGER * share * (1.0 - strength) ** 3, 1.0 / np.maximum(strength, 1e-9))
    return (most - (most - color) * stronger) * (1.0 + LIT_BRIGHTER * share)


def srgb_codes(linear: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Linear light 0..1 as sRGB codes 0..255 (IEC 61966-2-1)."""
    code = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 0.0) ** (1.0 / 2.4) - 0.055)
    return (np.clip(code, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def linear_of(codes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same the other way: sRGB codes, here from 0 to 1, as linear light."""
    return np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)
