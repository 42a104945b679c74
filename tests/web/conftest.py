"""A browser without a window, where there is one; pages are opened as files, as a user may."""

import os
import shutil
from pathlib import Path

import pytest

from convmotion.render import page
from convmotion.scenes import find_scene

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


SOFTWARE = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
"""Pictures are drawn without a graphics card, which not every machine has."""
NAMED = os.environ.get("CONVMOTION_CHROMIUM", "")
"""Where Chromium is; or "required": then it must be somewhere."""


def chromium(fetched):
    """Where Chromium is: what is named, one of the system's, or the one that Playwright has ``fetched``; or None."""
    if NAMED not in ("", "required"):
        return NAMED
    found = [*(shutil.which(name) for name in NAMES), fetched if Path(fetched).exists() else None]
    return next((path for path in found if path), None)


def without(what):
    """There is no testing pages without that."""
    (pytest.fail if NAMED else pytest.skip)(what)


@pytest.fixture(scope="session")
def browser():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        without("Playwright is not installed: pip install playwright")
    with sync_playwright() as started:
        program = chromium(started.chromium.executable_path)
        if program is None:
            without("there is no Chromium: install the package chromium, or run playwright install chromium")
        flags = list(SOFTWARE)
        flags += ["--no-sandbox"] if hasattr(os, "getuid") and os.getuid() == 0 else []
        launched = started.chromium.launch(executable_path=program, args=flags)
        yield launched
        launched.close()


@pytest.fixture
def visit(browser):
    """Opens a file in a window of its own. In the end no page has told an error or asked for anything but files."""
    told, asked, contexts = [], [], []

    def opened(path, width=1280, height=800, script=None, **how):
        context = browser.new_context(viewport={"width": width, "height": height}, **how)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: told.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        if script:
            page.add_init_script(script)
        page.goto(Path(path).resolve().as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not told
    assert not [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]


@pytest.fixture
def violations():
    """What axe finds wrong with a page that is serious, and where."""
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        without("axe is not installed: pip install axe-playwright-python")

    def found(page):
        results = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        serious = [each for each in results if each["impact"] in ("serious", "critical")]
        return [(each["id"], node["html"][:120], node["failureSummary"]) for each in serious for node in each["nodes"]]

    return found


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    """Writes the page of a scene, or of one of the catalog by its name; its path."""
    if not all((page.BUNDLE / name).is_file() for name in page.CODE):
        without("the page's code has not been built: make web")
    folder, known = tmp_path_factory.mktemp("pages"), {}

    def written(scene, name="", **options):
        key = name or scene
        if key not in known:
            known[key] = folder / f"{key}.html"
            page.write(find_scene(scene) if isinstance(scene, str) else scene, known[key], **options)
        return known[key]

    return written


@pytest.fixture
def opened(browser):
    """Opens a page and waits until it has drawn. In the end none has complained of anything, or loaded any other."""
    contexts, trouble = [], []

    def open_(path, settings="play=0", size=(1100, 900), **options):
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda said: trouble.append(said.text) if _matters(said) else None)
        tab.on("pageerror", lambda error: trouble.append(str(error)))
        tab.on("request", lambda asked: trouble.append(f"loads {asked.url}") if _loads(asked.url, path) else None)
        tab.goto(f"{path.as_uri()}#{settings}")
        for _ in range(1200):  # the driver's own way to wait evaluates strings, which the page forbids
            if tab.evaluate("Boolean(window.convmotion?.ready)"):
                return tab
            tab.wait_for_timeout(50)
        raise AssertionError(f"{path.name} is never ready: {trouble}")

    yield open_
    for context in contexts:
        context.close()
    assert not trouble


def _matters(said):
    """The driver of the software renderer remarks that reading pixels takes time."""
    return said.type in ("error", "warning") and "GPU stall due to ReadPixels" not in said.text


def _loads(url, path):
    return not url.startswith(("data:", "blob:")) and url.partition("#")[0] != path.as_uri()
