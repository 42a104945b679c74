"""The gallery: what is rendered for it and what is not, what its page says, and what one does with it in a browser."""

import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from convmotion.render import cli, gallery
from convmotion.render.cli import main
from convmotion.render.errors import RequestError
from convmotion.render.gallery import KINDS, Entry, Known, entry_of, kinds_of, page, stamp_of
from convmotion.render.many import Outcome
from convmotion.scenes import catalog_names, explain, find_scene, load_catalog, parse_scene, photo_of
from convmotion.scenes.captions import Words, size_formulas

SMALL = ["--size", "96x64", "--fps", "2", "--quality", "draft"]
OWN = """
title = { en = "Mine <b>&\\"'", zh = "我的" }
about = "Of <script>alert(1)</script> </details> & more."
[input]
shape = [1, 3, 3]
[[stage]]
op = "Conv2d"
out_channels = 1
kernel_size = 2
[time]
seconds = 2
"""
WRONG = OWN.replace("kernel_size = 2", "kernel_size = 0")


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def rendered(monkeypatch):
    """Nothing is rendered: files are made up. What was asked for; what a scene's trouble is to be."""
    asked, troubles = [], {}

    def render_all(commands, at_once, ended):
        outcomes = []
        for scene, words in commands:
            asked.append((scene, list(words)))
            for word in words:
                if word.startswith("-o") and scene not in troubles:
                    Path(word[2:]).write_bytes(b"made " + scene.encode())
            outcomes.append(Outcome(scene, 3, trouble=troubles.get(scene, "")))
            ended(outcomes[-1])
        return outcomes

    monkeypatch.setattr(cli, "render_all", render_all)
    monkeypatch.setattr(cli.page, "check_built", lambda: None)
    return asked, troubles


class Tree(HTMLParser):
    """What a browser makes of a page, as elements."""

    def __init__(self, text):
        super().__init__()
        self.builder, self.open = ElementTree.TreeBuilder(), []
        self.feed(text)
        assert self.open == []
        self.root = self.builder.close()

    def handle_starttag(self, name, attributes):
        self.builder.start(name, {key: value or "" for key, value in attributes})
        self.open.append(name)
        if name in ("meta", "link", "img", "input"):
            self.handle_endtag(name)

    def handle_endtag(self, name):
        assert self.open.pop() == name
        self.builder.end(name)

    def handle_data(self, text):
        if self.open and self.open[-1] not in ("script", "style"):
            self.builder.data(text)


def html(folder="site"):
    """The page as a tree, and its text."""
    text = Path(folder, "index.html").read_text("utf-8")
    return Tree(text).root, text


def shown(element, language="en"):
    """What an element says in a language."""
    other = {"en": "zh", "zh": "en"}[language]
    words = []

    def read(part):
        if part.get("lang") != other:
            words.append(part.text or "")
            for child in part:
                read(child)
                words.append(child.tail or "")

    read(element)
    return "".join(words)


# What is rendered


def test_all_of_the_catalog_is_rendered_unless_scenes_are_named(place, rendered, capsys):
    asked, _ = rendered
    assert main(["gallery"]) == 0
    assert [scene for scene, _ in asked] == catalog_names()
    count = len(catalog_names())
    assert capsys.readouterr().out == f"{count} rendered, 0 from the store, 0 unchanged, 0 failed\nsite/index.html\n"
    asked.clear()
    assert main(["gallery", "grouped", "padding", "-o", "two"]) == 0
    assert [scene for scene, _ in asked] == ["grouped", "padding"]
    assert {p.name for p in Path("two").iterdir()} == {"index.html", "gallery.json", "scenes"}


def test_what_is_unchanged_is_not_rendered_again(place, rendered, capsys):
    asked, _ = rendered
    Path("mine.toml").write_text(OWN)
    line = ["gallery", "grouped", "mine.toml", *SMALL]
    assert main(line) == 0 and len(asked) == 2
    asked.clear()
    assert main([*line, "--workers", "1", "--cache", "elsewhere"]) == 0 and asked == []
    assert "0 rendered, 0 from the store, 2 unchanged, 0 failed" in capsys.readouterr().out
    Path("mine.toml").write_text(OWN.replace("seconds = 2", "seconds = 3"))
    assert main(line) == 0 and [scene for scene, _ in asked] == ["mine.toml"]
    asked.clear()
    Path("site/scenes/grouped.gif").unlink()
    assert main(line) == 0 and [scene for scene, _ in asked] == ["grouped"]
    asked.clear()
    assert main([*line, "--theme", "dark"]) == 0 and len(asked) == 2
    asked.clear()
    Path("site/gallery.json").write_text("[not ours")
    assert main(line) == 0 and len(asked) == 2


def test_where_pages_have_not_been_built_the_gallery_has_none_and_is_made_anew_once_they_are(
    place, rendered, monkeypatch, capsys
):
    asked, _ = rendered

    def unbuilt():
        raise RequestError("the page's code has not been built; allowed: make web")

    monkeypatch.setattr(cli.page, "check_built", unbuilt)
    assert main(["gallery", "grouped"]) == 0
    assert "convmotion: a gallery without interactive pages: the page's code" in capsys.readouterr().err
    assert "grouped.html" not in html()[1] and not Path("site/scenes/grouped.html").exists() and len(asked) == 1
    monkeypatch.setattr(cli.page, "check_built", lambda: None)
    assert main(["gallery", "grouped"]) == 0 and len(asked) == 2
    assert 'href="scenes/grouped.html"' in html()[1]


def test_options_reach_every_render(place, rendered):
    asked, _ = rendered
    assert main(["gallery", "grouped", *SMALL, "--lang", "zh", "--cores", "2"]) == 0
    outputs = [f"-osite/scenes/grouped{ending}" for ending in (*gallery.FILMS, gallery.LIVE)]
    options = ["--size", "96x64", "--fps", "2.0", "--quality", "draft", "--lang", "zh", "--cores", "2"]
    assert asked == [("grouped", [*options, *outputs])]


def test_a_picture_that_has_changed_is_a_change(place, rendered):
    from PIL import Image

    asked, _ = rendered
    Image.new("L", (8, 8), 10).save("photo.png")
    Path("mine.toml").write_text(
        OWN.replace("shape = [1, 3, 3]", 'shape = [1, 3, 3]\nvalues = { image = "photo.png" }')
    )
    assert main(["gallery", "mine.toml"]) == 0 and main(["gallery", "mine.toml"]) == 0 and len(asked) == 1
    Image.new("L", (8, 8), 200).save("photo.png")
    assert main(["gallery", "mine.toml"]) == 0 and len(asked) == 2


def test_a_scene_file_comes_with_what_it_refers_to_so_that_the_command_works_elsewhere(place, rendered, monkeypatch):
    from PIL import Image

    Path("lessons/numbers").mkdir(parents=True)
    Image.new("L", (8, 8), 10).save("lessons/photo.png")
    np.savez("lessons/numbers/kernel.npz", sharp=np.ones((1, 1, 2, 2)))
    text = OWN.replace("shape = [1, 3, 3]", 'shape = [1, 3, 3]\nvalues = { image = "photo.png" }').replace(
        "kernel_size = 2", 'kernel_size = 2\nweight = { file = "numbers/kernel.npz", name = "sharp" }'
    )
    Path("lessons/mine.toml").write_text(text)
    assert main(["gallery", "lessons/mine.toml", "grouped", "lenet", *SMALL]) == 0
    written = Path("site/index.html").read_text(encoding="utf-8")
    bundles = sorted(path.name for path in Path("site/scenes").glob("*.zip"))
    assert bundles == ["lenet.zip", "mine.zip"] and all(f'href="scenes/{name}"' in written for name in bundles)
    before = Path("site/scenes/mine.zip").read_bytes()
    command = re.search("convmotion render (lessons/mine.toml) -o", written)
    assert command is not None
    Path("elsewhere").mkdir()
    with ZipFile("site/scenes/mine.zip") as archive:
        archive.extractall("elsewhere")
    monkeypatch.chdir("elsewhere")
    photo = photo_of(find_scene(command[1]))
    assert photo is not None and photo.path.is_file()
    monkeypatch.chdir(place)
    assert main(["gallery", "lessons/mine.toml", "grouped", "lenet", *SMALL]) == 0
    assert Path("site/scenes/mine.zip").read_bytes() == before


@pytest.mark.parametrize("name", ["../photo.png", "{place}/photo.png"])
def test_what_is_not_beside_a_scene_file_is_not_given_to_others(place, rendered, name):
    from PIL import Image

    Path("lessons").mkdir()
    Image.new("L", (8, 8), 10).save("photo.png")
    values = f'shape = [1, 3, 3]\nvalues = {{ image = "{name.format(place=place)}" }}'
    Path("lessons/mine.toml").write_text(OWN.replace("shape = [1, 3, 3]", values))
    assert main(["gallery", "lessons/mine.toml", *SMALL]) == 0
    assert not list(Path("site/scenes").glob("*.zip"))
    assert ".zip" not in Path("site/index.html").read_text(encoding="utf-8")


def test_other_code_makes_other_stamps(place, monkeypatch):
    scene = load_catalog()["grouped"]
    before = stamp_of(scene, ["--fps", "2"])
    assert before == stamp_of(scene, ["--fps", "2"]) != stamp_of(scene, ["--fps", "3"])
    assert before != stamp_of(load_catalog()["depthwise"], ["--fps", "2"])
    (place / "render").mkdir()
    (place / "render" / "encode.py").write_text("1")
    monkeypatch.setattr(gallery, "HOUSE", place)
    gallery.code.cache_clear()
    try:
        first = gallery.code()
        (place / "render" / "encode.py").write_text("2")
        gallery.code.cache_clear()
        assert gallery.code() != first
    finally:
        gallery.code.cache_clear()


def test_one_that_fails_does_not_stop_the_others_and_its_card_says_so(place, rendered, capsys):
    asked, troubles = rendered
    troubles["grouped"] = "grouped: frame 7: Blender <ended>"
    Path("wrong.toml").write_text(WRONG)
    assert main(["gallery", "grouped", "padding", "wrong.toml"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("1 rendered, 0 from the store, 0 unchanged, 2 failed\nfailed: grouped: frame 7")
    assert "failed: wrong.toml: stage 1" in out
    cards = {card.get("id"): card for card in html()[0].iter("article")}
    assert "Could not be rendered" in shown(cards["scene-grouped"]) and "Blender <ended>" in shown(
        cards["scene-grouped"]
    )
    assert cards["scene-grouped"].find(".//video") is None and cards["scene-padding"].find(".//video") is not None
    assert "kernel_size" in shown(cards["scene-wrong"]) and "未能渲染" in shown(cards["scene-wrong"], "zh")
    troubles.clear()
    asked.clear()
    assert main(["gallery", "grouped", "padding"]) == 0
    assert [scene for scene, _ in asked] == ["grouped"]


def test_a_film_that_is_taken_away_meanwhile_is_one_that_fails(place, rendered, monkeypatch, capsys):
    whole = cli.render_all

    def taken(commands, at_once, ended):
        outcomes = whole(commands, at_once, ended)
        Path("site/scenes/padding.gif").unlink()
        return outcomes

    monkeypatch.setattr(cli, "render_all", taken)
    assert main(["gallery", "grouped", "padding"]) == 1
    assert "failed: padding: its files are gone" in capsys.readouterr().out
    cards = {card.get("id"): card for card in html()[0].iter("article")}
    assert cards["scene-padding"].find(".//video") is None and cards["scene-grouped"].find(".//video") is not None


def test_after_a_failure_older_files_do_not_pass_for_new_ones(place, rendered):
    asked, troubles = rendered
    assert main(["gallery", "grouped"]) == 0
    troubles["grouped"] = "no"
    assert main(["gallery", "grouped", "--theme", "dark"]) == 1 and Path("site/scenes/grouped.mp4").exists()
    troubles.clear()
    assert main(["gallery", "grouped", "--theme", "dark"]) == 0 and len(asked) == 3


def test_interrupted_the_older_page_stays_and_the_next_run_goes_on(place, rendered, monkeypatch, capsys):
    asked, _ = rendered
    assert main(["gallery", "grouped"]) == 0
    before = Path("site/index.html").read_bytes()
    whole = cli.render_all

    def stopped(commands, at_once, ended):
        whole(commands[:1], at_once, ended)
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "render_all", stopped)
    assert main(["gallery", "padding", "bias"]) == 130
    assert Path("site/index.html").read_bytes() == before and not list(Path("site").rglob("*.part"))
    monkeypatch.setattr(cli, "render_all", whole)
    asked.clear()
    assert main(["gallery", "padding", "bias"]) == 0
    assert [scene for scene, _ in asked] == ["bias"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["absent"], ["'absent'", "no scene"]),
        (["--transparent"], [".mp4", "no transparency"]),
        (["--codec", "av1"], ["--codec", ".webm"]),
        (["-o", "no/where"], ["-o 'no/where'", "No such file"]),
        (["grouped", "more/grouped.toml"], ["given twice"]),
        (["--size", "1x1"], ["--size"]),
    ],
)
def test_a_wrong_request_is_refused_before_anything_is_rendered(place, capsys, monkeypatch, words, told):
    monkeypatch.setattr(cli, "render_all", None)
    Path("more").mkdir()
    Path("more/grouped.toml").write_text(OWN)
    assert main(["gallery", *words]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and all(word in err for word in told), err


# What the page says


def test_every_scene_has_its_card_in_its_part_with_what_belongs_to_it(place, rendered):
    assert main(["gallery"]) == 0
    tree, text = html()
    cards = {card.get("id").removeprefix("scene-"): card for card in tree.iter("article")}
    assert list(cards) == catalog_names()
    for name, card in cards.items():
        scene, told = load_catalog()[name], explain(load_catalog()[name])
        for language, title, about in (("en", scene.title.en, scene.about.en), ("zh", scene.title.zh, scene.about.zh)):
            assert title in shown(card, language) and about in shown(card, language)
        said = shown(card)
        assert f"{told['parameters']:,}" in said and f"{told['macs']:,}" in said
        assert all(" × ".join(map(str, stage["output"])) in said for stage in told["stages"])
        assert f"convmotion render {name} -o {name}.mp4" in said and "[[stage]]" in said
        for number, stage in enumerate(scene.stages):
            before = scene.shapes[(stage.reads or (number,))[0]]
            for language in ("en", "zh"):
                assert all(line in shown(card, language) for line in size_formulas(stage.op, before, Words(language)))
        links = {a.get("href") for a in card.iter("a")}
        assert {f"scenes/{name}{ending}" for ending in (".mp4", ".gif", ".blend", ".html")} <= links
        assert card.find(".//video").get("src") == f"scenes/{name}.mp4"
        still = card.find(".//img")
        assert scene.title.en in still.get("alt") and scene.title.zh in still.get("data-alt-zh")
        assert still.get("loading") == "lazy" and card.find(".//video").get("preload") == "none"
    parts = [shown(heading) for heading in tree.iter("h2")]
    assert parts[:3] == ["Kinds of convolution", "A course on CNNs", "Depth and dilation"]
    assert parts[3:] == ["Advanced layers", "Transposed and dilated", "Beyond the articles"]
    assert "http:" not in text.replace("http://www.w3.org/2000/svg", "") and "https:" not in text


def test_words_of_a_scene_are_words_and_nothing_else(place, rendered):
    Path("a & b'.toml").write_text(OWN)
    assert main(["gallery", "a & b'.toml"]) == 0
    tree, text = html()
    assert "<script>alert" not in text and "</details> &" not in text
    assert "Mine <b>&\"'" in shown(tree) and "<script>alert(1)</script> </details> & more." in shown(tree)
    assert "scenes/a%20%26%20b%27.gif" in text and Path("site/scenes/a & b'.gif").exists()


def test_every_kind_of_scene_is_found_and_none_is_of_no_kind():
    kinds = {name: kinds_of(scene) for name, scene in load_catalog().items()}
    assert all(kinds.values())
    assert {kind for found in kinds.values() for kind in found} == {kind for kind, _, _ in KINDS}
    assert kinds["standard"] == ["convolution"] and kinds["grouped"] == ["grouped"]
    assert kinds["depthwise-separable"] == ["convolution", "depthwise", "pointwise"]
    assert kinds["grouped-pointwise"] == ["grouped", "pointwise"] and kinds["dilated"] == ["convolution", "dilated"]
    assert kinds["transposed"] == ["transposed", "upsampling"] and kinds["max-pool"] == ["pooling"]
    assert kinds["lenet"] == ["convolution", "pooling", "linear", "moving", "other"]


def test_what_the_files_were_made_from_is_read_as_it_was_written(tmp_path):
    known, files = Known(tmp_path), [tmp_path / "a.mp4", tmp_path / "a.gif"]
    known.keep(files, "stamp")
    assert not Known.read(tmp_path).holds(files, "stamp")  # they are not there
    for file in files:
        file.touch()
    assert Known.read(tmp_path).holds(files, "stamp") and not Known.read(tmp_path).holds(files, "other")
    known.keep(files, None)
    assert not Known.read(tmp_path).holds(files, "stamp") and json.loads((tmp_path / "gallery.json").read_text()) == {}


# In a browser


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A gallery of the whole catalog, whose scenes have all the same film, of a scene that failed, and of one's own."""
    folder = tmp_path_factory.mktemp("gallery")
    (folder / "mine.toml").write_text(OWN)
    (folder / "scenes").mkdir()
    film = folder / "film"
    made = [f"-o{film}{ending}" for ending in gallery.FILMS]
    assert main(["render", "pointwise", *made, "--size", "160x90", "--fps", "4", "--quality", "draft"]) == 0
    entries = [entry_of(name) for name in [*catalog_names(), str(folder / "mine.toml")]]
    entries[2] = Entry(entries[2].name, entries[2].given, entries[2].scene, entries[2].text, trouble="no room is left")
    entries = [replace(entry, live=True) for entry in entries]
    for entry in entries:
        for ending in gallery.FILMS:
            shutil.copy(f"{film}{ending}", folder / "scenes" / f"{entry.name}{ending}")
    (folder / "index.html").write_text(page(entries, folder, (160, 90), "en"), encoding="utf-8")
    return folder / "index.html"


def visible(page):
    return page.locator(".card:visible").count()


@pytest.mark.blender
def test_it_opens_without_a_word_of_complaint_and_loads_only_what_is_near(site, visit):
    window = visit(site)
    assert visible(window) == len(catalog_names()) + 1
    window.wait_for_function("document.querySelector('.film img').complete")
    loaded = window.evaluate("performance.getEntriesByType('resource').filter((e) => e.name.endsWith('.png')).length")
    assert loaded < len(catalog_names())
    window.evaluate("scrollTo(0, document.body.scrollHeight)")
    window.wait_for_function("[...document.querySelectorAll('.film img')].at(-1).naturalWidth === 160")


@pytest.mark.blender
def test_films_play_where_they_are_seen_and_only_there(site, visit):
    window = visit(site)
    film = "document.querySelector(`#scene-${name} video`)"
    playing = f"(name) => !{film}.paused && {film}.currentTime > 0.2"
    window.wait_for_function(playing, arg="standard")
    assert not window.evaluate(playing, "edge-detection")
    window.locator("#scene-edge-detection").scroll_into_view_if_needed()
    window.wait_for_function(playing, arg="edge-detection")
    window.wait_for_function("document.querySelector('#scene-standard video').paused")
    assert window.evaluate("document.querySelector('#scene-edge-detection video').muted")


@pytest.mark.blender
def test_a_film_is_stopped_and_started_with_the_keyboard(site, visit):
    window = visit(site)
    button = window.locator("#scene-standard .play")
    window.wait_for_function("document.querySelector('#scene-standard .play').ariaPressed === 'true'")
    button.focus()
    window.keyboard.press("Enter")
    window.wait_for_function("document.querySelector('#scene-standard video').paused")
    window.mouse.move(200, 300)
    window.wait_for_timeout(300)
    assert window.evaluate("document.querySelector('#scene-standard video').paused")  # it was stopped on purpose
    button.press("Space")
    window.wait_for_function("!document.querySelector('#scene-standard video').paused")
    window.locator("#auto").uncheck()
    window.wait_for_function("[...document.querySelectorAll('video')].every((video) => video.paused)")


@pytest.mark.blender
def test_who_wants_less_motion_sees_none_until_it_is_asked_for(site, visit):
    window = visit(site, reduced_motion="reduce")
    window.locator("#scene-standard .film").hover()
    window.wait_for_timeout(500)
    assert window.evaluate("[...document.querySelectorAll('video')].every((v) => v.paused && v.currentTime === 0)")
    window.locator("#scene-standard .play").click()
    window.wait_for_function("document.querySelector('#scene-standard video').currentTime > 0")


@pytest.mark.blender
def test_search_and_filters_find_what_they_say(site, visit):
    window = visit(site)

    def found():
        window.wait_for_timeout(50)
        names = window.evaluate("[...document.querySelectorAll('.card:not([hidden])')].map((card) => card.id.slice(6))")
        assert window.locator("[role=status]").inner_text().startswith(f"{len(names)} ")
        return names

    window.fill("#search", "Shuffle groups")
    assert "channel-shuffle" in found() and "standard" not in found()
    window.fill("#search", "分组卷积")
    assert "grouped" in found() and "max-pool" not in found()
    window.fill("#search", "groups xyzzy")
    assert found() == [] and window.locator("#none").is_visible()
    window.fill("#search", "")
    window.select_option("#kind", "pooling")
    assert found() == [name for name, scene in load_catalog().items() if "pooling" in kinds_of(scene)]
    window.select_option("#section", "0")
    assert found() == [] and window.locator("#none").is_visible()
    window.select_option("#kind", "depthwise")
    assert found() == ["depthwise", "depthwise-separable", "shufflenet-unit"]
    assert window.locator("main section:visible").count() == 1


@pytest.mark.blender
def test_the_language_is_switched_as_a_whole_and_remembered(site, visit):
    window = visit(site)
    window.get_by_role("button", name="中文").click()
    text = window.locator("body").inner_text()
    for words in ("卷积动画", "标准卷积", "卷积的种类", "搜索", "播放可见的动画", "未能渲染"):
        assert words in text
    for words in ("Convolutions, animated", "Standard convolution", "Search", "Play what"):
        assert words not in text
    assert window.evaluate("document.documentElement.lang") == "zh-CN" and window.title() == "卷积动画"
    lives = window.eval_on_selector_all("a.live", "links => links.map(link => link.hash)")
    assert set(lives) == {"#lang=zh"}
    assert "标准卷积" in window.locator("#scene-standard img").get_attribute("alt")
    assert window.locator("#kind option").nth(1).inner_text() == "卷积"
    window.reload()
    assert window.title() == "卷积动画"
    window.get_by_role("button", name="English").click()
    assert window.title() == "Convolutions, animated"


@pytest.mark.blender
def test_light_and_dark_follow_the_system_until_one_chooses(site, visit):
    ground = "getComputedStyle(document.body).backgroundColor"
    light, dark = (visit(site, color_scheme=scheme) for scheme in ("light", "dark"))
    shades = light.evaluate(ground), dark.evaluate(ground)
    assert shades[0] != shades[1]
    light.locator("#theme").click()
    assert light.evaluate(ground) == shades[1] and light.locator("#theme").get_attribute("aria-pressed") == "true"
    light.reload()
    assert light.evaluate(ground) == shades[1]


@pytest.mark.blender
def test_a_command_is_copied(site, visit):
    window = visit(site, permissions=["clipboard-read", "clipboard-write"])
    card = window.locator("#scene-standard")
    card.get_by_text("Make it yourself").click()
    card.locator(".copy").first.click()
    window.wait_for_selector("#scene-standard .copy.done")
    assert window.evaluate("navigator.clipboard.readText()") == "convmotion render standard -o standard.mp4"
    assert "Copied" in card.locator(".copy").first.inner_text()


@pytest.mark.blender
def test_everything_is_reached_with_the_tab_key(site, visit):
    window = visit(site)
    reached = []
    for _ in range(20):
        window.keyboard.press("Tab")
        reached.append(
            window.evaluate(
                "document.activeElement.id || document.activeElement.className || document.activeElement.tagName"
            )
        )
    for name in ("skip", "search", "section", "kind", "auto", "theme", "play", "SUMMARY"):
        assert name in reached, reached


@pytest.mark.blender
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing_serious_and_nothing_is_wider_than_the_window(site, visit, violations, scheme, width):
    window = visit(site, width=width, color_scheme=scheme, reduced_motion="reduce")
    window.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    assert window.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(window) == []
    window.get_by_role("button", name="中文").click()
    assert violations(window) == []


@pytest.mark.blender
def test_every_card_opens_its_interactive_page(site, visit, pages):
    text = site.read_text("utf-8")
    for name in catalog_names():
        assert (f'href="scenes/{name}.html"' in text) == (name != "depthwise")
    shutil.copy(pages("pointwise"), site.parent / "scenes" / "pointwise.html")
    window = visit(site)
    window.locator("#scene-pointwise .live").click()
    window.locator("canvas").wait_for()
    assert window.url.endswith("scenes/pointwise.html#lang=en")


@pytest.mark.blender
def test_without_scripts_everything_is_there_to_be_read(site, visit):
    window = visit(site, java_script_enabled=False)
    assert "every filter reads" in (window.locator("#scene-standard img").get_attribute("alt") or "")
    assert window.locator("#scene-standard .about").first.is_visible()


@pytest.mark.blender
def test_a_gallery_is_made_from_scratch_and_the_second_time_nothing_is(place, capsys, visit):
    Path("mine.toml").write_text(OWN)
    Path("wrong.toml").write_text(WRONG)
    assert main(["gallery", "mine.toml", "wrong.toml", *SMALL]) == 1
    assert capsys.readouterr().out.startswith("1 rendered, 0 from the store, 0 unchanged, 1 failed\n")
    before = {path: path.stat().st_mtime_ns for path in Path("site/scenes").iterdir()}
    assert {path.name for path in before} >= {f"mine{ending}" for ending in gallery.FILMS}
    Path("wrong.toml").unlink()
    assert main(["gallery", "mine.toml", *SMALL]) == 0
    assert capsys.readouterr().out.startswith("0 rendered, 0 from the store, 1 unchanged, 0 failed\n")
    assert before == {path: path.stat().st_mtime_ns for path in Path("site/scenes").iterdir()}
    window = visit("site/index.html")
    window.wait_for_function("document.querySelector('video').currentTime > 0")


def test_a_scene_without_words_has_a_card_all_the_same(place):
    scene = parse_scene(OWN.replace("title", "# title").replace("about", "# about"), "plain.toml")
    for ending in gallery.FILMS:
        (place / "scenes").mkdir(exist_ok=True)
        (place / "scenes" / f"plain{ending}").touch()
    (place / "index.html").write_text(page([Entry("plain", "plain.toml", scene, OWN)], place, (96, 64), "zh"), "utf-8")
    tree, _ = html(".")
    assert tree.get("lang") == "zh-CN" and "plain" in shown(tree)
    assert "自己的场景" in shown(tree, "zh")
