"""A template of Open Job Description: the specification's own model takes it, and its tasks make the whole film."""

import re
from pathlib import Path

import pytest
import yaml
from openjd.model import StepParameterSpaceIterator, create_job, decode_job_template, preprocess_job_parameters
from small_scenes import TINY

from convmotion.render import film
from convmotion.render.cli import main
from convmotion.render.errors import RequestError
from convmotion.render.openjd import MOST_TASKS, template

LINE = ["--cache", "kept", "--size", "96x64", "--fps", "8", "--quality", "draft", "--chunk", "5"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenes").mkdir()
    (tmp_path / "scenes" / "-rf {{x}}.toml").write_text(TINY)
    return tmp_path


def job_of(text):
    """The job, as a farm makes it of a template, and its parameters' values."""
    read = decode_job_template(template=yaml.safe_load(text))
    here = Path.cwd()
    values = preprocess_job_parameters(
        job_template=read, job_parameter_values={}, job_template_dir=here, current_working_dir=here
    )
    return create_job(job_template=read, job_parameter_values=values), {k: v.value for k, v in values.items()}


def commands(job, values, session):
    """What a farm runs, step by step."""
    for step in job.steps:
        tasks = [{}] if step.parameterSpace is None else StepParameterSpaceIterator(space=step.parameterSpace)
        run = step.script.actions.onRun
        for task in tasks:
            known = {f"Param.{name}": value for name, value in values.items()}
            known |= {f"Task.Param.{name}": value.value for name, value in task.items()}
            known |= {"Session.WorkingDirectory": str(session)}
            assert str(run.command) == "convmotion"
            yield [re.sub(r"\{\{(.+?)\}\}", lambda match, known=known: known[match[1]], str(word)) for word in run.args]


@pytest.mark.blender
def test_its_tasks_and_its_last_step_make_what_one_render_makes(place, monkeypatch):
    scene, session = "scenes/-rf {{x}}.toml", place / "session"
    session.mkdir()
    assert main(["job", scene, "-o", "job.yaml", *LINE, "--frames", "3:14", "--format", "gif,mp4"]) == 0
    job, values = job_of(Path("job.yaml").read_text())
    assert job.steps[1].dependencies[0].dependsOn == job.steps[0].name
    *tasks, last = commands(job, values, session)
    assert len(tasks) >= 2
    covered = [tuple(map(int, task[task.index("--frames") + 1].split(":"))) for task in tasks]
    assert [frame for first, end in covered for frame in range(first, end + 1)] == list(range(3, 15))
    for task in reversed(tasks):  # in any order
        assert main(task) == 0
    run = film.run

    def never(job, progress):
        assert not job.missing(), "the last step has only to encode"
        return run(job, progress)

    with monkeypatch.context() as patch:
        patch.setattr(film, "run", never)
        assert main(last) == 0
    made = [Path(f"-rf {{{{x}}}}{ending}").read_bytes() for ending in (".gif", ".mp4")]
    (place / "alone").mkdir()
    line = [*LINE[2:], "--cache", "other", "--frames", "3:14", "-o", "alone/a.gif", "-o", "alone/a.mp4"]
    assert main(["render", *line, "--", scene]) == 0
    assert made == [Path(f"alone/a{ending}").read_bytes() for ending in (".gif", ".mp4")]


def test_a_scene_of_the_catalog_needs_no_folder(place):
    assert main(["job", "standard", "-o", "job.yml", "--cache", "/mnt/frames", "--chunk", "30"]) == 0
    job, values = job_of(Path("job.yml").read_text())
    *tasks, last = commands(job, values, place)
    assert job.name == "convmotion standard" and values["Cache"] == "/mnt/frames"
    assert tasks[0][-1] == last[-1] == "standard" and "--cache=/mnt/frames" in last
    assert f"{values['Output']}/standard.gif" in last and len(tasks) > 5


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["standard", "-o", "job.txt", "--cache", "x"], "job.txt"),
        (["standard", "-o", "job.yaml"], "--cache"),
        (["standard", "-o", "job.yaml", "--cache", "x", "--dask", "tcp://a:1"], "--dask"),
        (["standard", "-o", "absent/job.yaml", "--cache", "x"], "absent/job.yaml"),
        (["standard", "-o", "job.yaml", "--cache", "x", "--frames", "1:9999"], "--frames is 1:9999"),
        (["absent", "-o", "job.yaml", "--cache", "x"], "'absent'"),
    ],
)
def test_what_makes_no_job_is_one_line(place, capsys, words, told):
    assert main(["job", *words]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and told in err and not list(place.glob("job.*"))


def test_more_tasks_than_a_parameter_may_have_are_refused():
    ranges = [(frame, frame) for frame in range(1, MOST_TASKS + 2)]
    with pytest.raises(RequestError, match="1025 tasks are too many; allowed: 1024, with a larger --chunk"):
        template("a", None, Path("kept"), ranges, (1, 1025), [".gif"], [])
    assert job_of(template("a", None, Path("kept"), ranges[:-1], (1, 1024), [".gif"], []))
