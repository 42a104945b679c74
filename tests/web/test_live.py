"""What a page is told of a scene beside its storyboard."""

import numpy as np

from convmotion.scenes import find_scene
from convmotion.scenes.live import live


def test_the_sums_of_stages_agree_with_their_values():
    """What a page is told: replaying the taps of every known stage gives the tensor that it makes."""
    slides = ("grouped", "resnext-block", "deformable", "conv-matrix", "transposed", "adaptive-avg-pool")
    for name in (*slides, "im2col", "channel-shuffle", "pixel-unshuffle", "max-unpool"):
        told = live(find_scene(name))
        known = [stage for stage in told["stages"] if stage["kind"]]
        assert known, name
        for stage in known:
            if stage["kind"] == "table" and stage["reduce"] in ("sum", "move"):
                x = [told["tensors"][t]["values"] for t in stage["reads"]]
                read = np.array(
                    [0.0 if i < 0 else x[w][i] for w, i in zip(stage["which"], stage["input"], strict=True)]
                )
                weight = 1.0 if stage["weight"] is None else np.append(stage["weight"], 1.0)[stage["weight_cells"]]
                products = np.append(read * weight * stage["coefficient"], 0.0)
                sums = np.add.reduceat(products, np.minimum(stage["starts"][:-1], len(products) - 1))
                sums[np.diff(stage["starts"]) == 0] = 0.0
                bias = 0.0
                if stage["bias"] is not None:
                    made = told["tensors"][stage["makes"]]["told"]
                    bias = np.repeat(stage["bias"], int(np.prod(made[1:])))
                np.testing.assert_allclose(
                    sums + bias, told["tensors"][stage["makes"]]["values"], atol=1e-4, err_msg=name
                )
