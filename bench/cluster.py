"""The row of clusters: what handing parts out and getting pictures back costs, beside rendering them."""

from __future__ import annotations

import tempfile
import time
from functools import cache
from pathlib import Path

from convmotion.render.cluster import Cluster
from convmotion.render.frames import FramePlan
from convmotion.render.jobs import Job, run
from convmotion.scenes import find_scene

from .row import Sampler, row

SIZE, FPS = (854, 480), 15.0


@cache
def on_one_worker() -> tuple[float, float]:
    """Seconds from connecting to a cluster of one worker until all pictures are there, and those inside the parts."""
    from distributed import LocalCluster

    with tempfile.TemporaryDirectory(prefix="convmotion-bench-") as folder:
        ours, theirs = Path(folder) / "client", Path(folder) / "worker"
        ours.mkdir()
        scene = find_scene("standard")
        job = Job(scene, SIZE, FPS, "en", None, "draft", "cycles", "cpu", (), (), ours / "blender.log")
        board = job.compose()
        work = FramePlan(board, "draft", "cycles", "cpu").work(range(1, board.frames + 1))
        with LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            protocol="tcp://",
            dashboard_address=None,
            worker_dashboard_address=None,
            memory_limit=0,
            local_directory=str(theirs),
        ) as made:
            place = Cluster(made.scheduler_address)
            begun = time.perf_counter()
            run(Job(**{**vars(job), "shots": work, "place": place}), lambda count: None)
            return time.perf_counter() - begun, sum(part.seconds for part in place.done)


@row("cluster", "standard, a draft, one worker", "inside its parts", "s", ratio_limit=1.05, most=0)
def _dispatch() -> tuple[Sampler, Sampler]:
    return lambda: on_one_worker()[0], lambda: on_one_worker()[1]
