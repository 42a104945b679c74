"""A template of Open Job Description for a scene: its chunks as tasks, then a step that writes the files.

Tasks share nothing but the frame store, which lies where all hosts of a farm see it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from .errors import RequestError

MOST_TASKS = 1024
"""That a parameter may have, by the specification (2023-09)."""

TEMPLATE = """\
specificationVersion: jobtemplate-2023-09
name: convmotion {{{{Param.Scene}}}}
parameterDefinitions:
  - name: Scene
    type: STRING
    description: a name of convmotion's catalog, or a file in Folder
    default: {scene}
  - name: Name
    type: STRING
    description: what the finished files are called
    default: {name}
  - name: Folder
    type: PATH
    objectType: DIRECTORY
    dataFlow: IN
    description: where the scene file lies, and what it reads
    default: {folder}
  - name: Output
    type: PATH
    objectType: DIRECTORY
    dataFlow: OUT
    description: where the finished files go
    default: .
  - name: Cache
    type: STRING
    description: the frame store, a folder that all hosts see
    default: {cache}
steps:
  - name: Render
    parameterSpace:
      taskParameterDefinitions:
        - name: First
          type: INT
          range: {first}
        - name: Last
          type: INT
          range: {last}
      combination: (First, Last)
    script:
      actions:
        onRun:
          command: convmotion
          args: {render}
  - name: Encode
    dependencies:
      - dependsOn: Render
    script:
      actions:
        onRun:
          command: convmotion
          args: {encode}
"""


def template(
    scene: str,
    folder: str | None,
    cache: Path,
    ranges: Sequence[tuple[int, int]],
    frames: tuple[int, int],
    endings: Sequence[str],
    options: Sequence[str],
) -> str:
    """The text of a template in YAML.

    ``scene`` is a name of the catalog, or of a file in ``folder``, which is told from where the template lies.
    ``ranges`` are the first and the last frame of each task, ``frames`` those of the film, ``options`` those of
    ``render``. RequestError if there are more tasks than a template may have.
    """
    if len(ranges) > MOST_TASKS:
        raise RequestError(f"{len(ranges)} tasks are too many; allowed: {MOST_TASKS}, with a larger --chunk")
    place = "{{Param.Scene}}" if folder is None else "{{Param.Folder}}/{{Param.Scene}}"
    common = [*options, "--cache={{Param.Cache}}"]
    pictures = "{{Session.WorkingDirectory}}/frame_%05d.png"  # all it is for is to have them rendered
    task = ["--frames", "{{Task.Param.First}}:{{Task.Param.Last}}", "-o", pictures]
    name = Path(scene).stem if folder is not None else scene
    film = ["--frames", f"{frames[0]}:{frames[1]}"]
    for ending in endings:
        film += ["-o", f"{{{{Param.Output}}}}/{{{{Param.Name}}}}{ending}"]
    return TEMPLATE.format(
        scene=json.dumps(scene),
        name=json.dumps(name),
        folder=json.dumps(folder or "."),
        cache=json.dumps(str(cache)),
        first=json.dumps([first for first, _ in ranges]),
        last=json.dumps([last for _, last in ranges]),
        render=json.dumps(["render", *task, *common, "--", place]),
        encode=json.dumps(["render", *film, *common, "--", place]),
    )
