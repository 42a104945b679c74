"""Train the weights of the catalog's lenet: scenes/catalog/lenet.npz; and pick lenet.png, a digit that it has not seen.

    pip install scikit-learn && python tools/train_lenet.py

The digits are scikit-learn's `load_digits`, a copy of the test set of the UCI "Optical Recognition of Handwritten
Digits" (E. Alpaydin, C. Kaynak, 1998): 1,797 pictures of 8x8 pixels from 0 to 16. With an empty pixel all around, each
is enlarged bilinearly to 32x32, as dark ink on white paper. Every fifth is held out; its writer also wrote others.

The network is that of the scene: no activation function stands between its layers, so up to the softmax it is linear,
and can be no better than a linear classifier. Every weight is rounded to a multiple of a power of two, 31 of them at
most in a tensor, which float16 holds exactly and which compresses well. Needs nothing else but NumPy and Pillow.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Weights = dict[str, Array]

CATALOG = Path(__file__).parents[1] / "scenes" / "catalog"
SHAPES = {"c1": (6, 1, 5, 5), "c3": (16, 6, 5, 5), "c5": (120, 400), "f6": (84, 120), "scores": (10, 84)}
"""Of the weights; a bias has one number for each filter."""
CONVOLUTIONS = ("c1", "c3")
EPOCHS, BATCH, RATE, DECAY, SEED = 10, 32, 1e-3, 2.0, 5
LEVELS = 15
"""On either side of 0."""
HELD_OUT = 5
"""Every so-manieth digit."""
CHOSEN = 710
"""The digit that the scene shows, one of those held out."""


def digits() -> tuple[Array, NDArray[np.int64]]:
    """All pictures (n, 1, 32, 32), from 0 to 1, and which digits they are (n,)."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise SystemExit("train_lenet: scikit-learn is not installed; pip install scikit-learn") from None
    bunch = load_digits()
    codes = np.round(255.0 - enlarged(bunch.images / 16.0) * 255.0)  # ink on paper, as a PNG holds it
    return (codes / 255.0).astype(np.float32)[:, None], bunch.target


def enlarged(pictures: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pictures (n, 8, 8) with an empty pixel all around, bilinearly as (n, 32, 32), pixels being areas."""
    given = np.pad(pictures, ((0, 0), (1, 1), (1, 1)))
    side = given.shape[1]
    places = ((np.arange(32) + 0.5) * side / 32 - 0.5).clip(0, side - 1)
    near = np.maximum(0.0, 1.0 - abs(places[:, None] - np.arange(side)))
    return near @ given @ near.T


def forward(weights: Mapping[str, Array], x: Array) -> tuple[Array, list[Array]]:
    """The scores (n, 10) of pictures (n, 1, 32, 32), and what each of the weights meets."""
    met: list[Array] = []
    for name in SHAPES:
        weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        if name in CONVOLUTIONS:
            met.append(x)
            x = _halved(_slid(x, weight) + bias[:, None, None])
            continue
        met.append(x.reshape(len(x), -1))
        x = met[-1] @ weight.T + bias
    return x, met


def gradients(weights: Mapping[str, Array], x: Array, wanted: NDArray[np.int64]) -> tuple[float, Weights]:
    """The mean cross-entropy of pictures and the digits that they are, and what it changes by with each weight."""
    scores, met = forward(weights, x)
    scores = scores - scores.max(axis=1, keepdims=True)
    logs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    rows = np.arange(len(x))
    back = np.exp(logs)
    back[rows, wanted] -= 1.0
    back /= len(x)
    found: Weights = {}
    for name, given in zip(reversed(SHAPES), reversed(met), strict=True):
        weight = weights[f"{name}.weight"]
        if name in CONVOLUTIONS:
            made = (given.shape[2] - weight.shape[2] + 1) // 2
            back = back.reshape(len(x), len(weight), made, made).repeat(2, axis=2).repeat(2, axis=3) / 4.0
            found[f"{name}.weight"] = np.einsum("nohw,nihwrc->oirc", back, _windows(given, weight), optimize=True)
            found[f"{name}.bias"] = back.sum(axis=(0, 2, 3))
            edge = weight.shape[2] - 1
            around = np.pad(back, ((0, 0), (0, 0), (edge, edge), (edge, edge)))
            back = _slid(around, weight.swapaxes(0, 1)[:, :, ::-1, ::-1])
            continue
        found[f"{name}.weight"], found[f"{name}.bias"] = back.T @ given, back.sum(axis=0)
        back = back @ weight
    return -float(logs[rows, wanted].mean()), found


def _windows(x: Array, weight: Array) -> Array:
    """All windows of x (n, channels, rows, columns, window's rows, window's columns)."""
    return np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], axis=(2, 3))


def _slid(x: Array, weight: Array) -> Array:
    """A convolution without padding and bias."""
    return np.einsum("nihwrc,oirc->nohw", _windows(x, weight), weight, optimize=True)


def _halved(x: Array) -> Array:
    """An average pool of 2x2."""
    count, channels, rows, columns = x.shape
    return x.reshape(count, channels, rows // 2, 2, columns // 2, 2).mean(axis=(3, 5))


def trained(x: Array, wanted: NDArray[np.int64]) -> Weights:
    """Weights that tell these digits apart, by Adam with decoupled weight decay.

    Source: Loshchilov and Hutter, "Decoupled weight decay regularization", arXiv 1711.05101.
    """
    random = np.random.default_rng(SEED)
    weights: Weights = {}
    for name, shape in SHAPES.items():
        weights[f"{name}.weight"] = random.normal(0.0, np.prod(shape[1:]) ** -0.5, shape).astype(np.float32)
        weights[f"{name}.bias"] = np.zeros(shape[0], np.float32)
    mean, square = ({key: np.zeros_like(value) for key, value in weights.items()} for _ in range(2))
    step, steps = 0, EPOCHS * -(-len(x) // BATCH)
    for epoch in range(EPOCHS):
        order, losses = random.permutation(len(x)), []
        for start in range(0, len(x), BATCH):
            chosen = order[start : start + BATCH]
            loss, found = gradients(weights, x[chosen], wanted[chosen])
            losses.append(loss)
            step += 1
            rate = RATE * (1.0 + np.cos(np.pi * step / steps)) / 2.0
            for key, gradient in found.items():
                mean[key] += 0.1 * (gradient - mean[key])
                square[key] += 0.001 * (gradient**2 - square[key])
                moved = mean[key] / (1 - 0.9**step) / (np.sqrt(square[key] / (1 - 0.999**step)) + 1e-8)
                weights[key] = weights[key] - rate * (moved + DECAY * weights[key])
        print(f"epoch {epoch + 1} of {EPOCHS}: loss {np.mean(losses):.4f}")
    return weights


def rounded(weights: Mapping[str, Array]) -> Weights:
    """The weights as multiples of a power of two, the least that needs no more than LEVELS of them on either side."""
    found: Weights = {}
    for name, values in weights.items():
        unit = 2.0 ** np.ceil(np.log2(abs(values).max() / LEVELS))
        found[name] = (np.round(values / unit) * unit).astype(np.float16)
    return found


def fronted(weights: Weights, shown: Array) -> Weights:
    """The same network, with the filters of C1 in the order of the contrast in what they make of a picture (1, 32, 32):
    only the first of its maps is seen whole."""
    order = np.argsort(-_slid(shown[None], weights["c1.weight"].astype(np.float32)).std(axis=(0, 2, 3)))
    moved = {name: weights[name][order] for name in ("c1.weight", "c1.bias")}
    return weights | moved | {"c3.weight": weights["c3.weight"][:, order]}


def accuracy(weights: Mapping[str, Array], x: Array, wanted: NDArray[np.int64]) -> float:
    """The share of pictures that are told right."""
    return float((forward(weights, x)[0].argmax(axis=1) == wanted).mean())


def main() -> int:
    """Train, round, tell how good it is, and write the weights and one held-out digit."""
    from PIL import Image

    x, wanted = digits()
    held_out = np.arange(len(x)) % HELD_OUT == 0
    weights = fronted(rounded(trained(x[~held_out], wanted[~held_out])), x[CHOSEN])
    exact = {name: values.astype(np.float32) for name, values in weights.items()}
    seen = accuracy(exact, x[~held_out], wanted[~held_out])
    unseen = accuracy(exact, x[held_out], wanted[held_out])
    file = CATALOG / "lenet.npz"
    np.savez_compressed(file, **weights)  # pyright: ignore[reportArgumentType]
    Image.fromarray(np.round(x[CHOSEN, 0] * 255.0).astype(np.uint8)).save(file.with_suffix(".png"), optimize=True)
    count = sum(values.size for values in weights.values())
    print(f"{count:,} parameters in {file.stat().st_size:,} bytes")
    print(f"right: {seen:.1%} of {(~held_out).sum():,} digits learnt from, {unseen:.1%} of {held_out.sum()} held out")
    return 0


if __name__ == "__main__":
    sys.exit(main())
