"""What the page does when answers come late or not at all, in headless Chromium; skipped where there is none."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from mono.app.photos import OpenPhoto
from mono.app.server import App
from tests.app.page import (
    choose,
    click_photo,
    draw_line,
    enter,
    gallery,
    hold,
    listen,
    names,
    press,
    ready,
    shown,
    status,
    texts,
    upload,
    values,
    wait,
)  # fmt: skip
from tests.app.server import ExactModel, ask, exact, exact_app, photo, running
from tests.browser import chromium


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """Browser and a folder of photos."""
    folder = tmp_path_factory.mktemp("photos")
    for name in ("a", "b"):
        (folder / f"{name}.png").write_bytes(photo(suffix=".png"))
    flags = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    with chromium(tmp_path_factory.mktemp("profile"), "1440,1200", folder, flags) as browser:
        yield browser, folder


class Farther(ExactModel):
    """Exact depth, 1.1 times too far; keeps the cameras that it was given."""

    def __init__(self):
        self.cameras = []

    def predict(self, image, found):
        self.cameras.append(found.camera)
        prediction = super().predict(image, found)
        return replace(prediction, depth=prediction.depth * np.float32(1.1))


@pytest.fixture
def page(session):
    """Browser, folder, app and port, with two photos open; the second is shown."""
    browser, folder = session
    app = exact_app()
    app.predictors["farther"] = Farther()
    with running(app) as port:
        ready(browser, port)
        listen(browser)
        upload(browser, folder / "a.png")
        upload(browser, folder / "b.png")
        yield browser, folder, app, port


def layer(browser, name=None):
    """Press the button of a layer; the one that is shown."""
    find = "[...document.querySelectorAll('#layers button')]"
    if name:
        browser.execute_script(f"{find}.find(b => b.textContent === arguments[0]).click()", name)
    return browser.execute_script(f"return {find}.find(b => b.ariaPressed === 'true').textContent")


def held(browser, part):
    """Wait until a request whose path contains `part` was sent and answered."""
    script = "return performance.getEntriesByType('resource').filter(e => e.name.includes(arguments[0])).length"
    wait(lambda: browser.execute_script(script, part))


def test_a_late_layer_is_not_shown_as_another_photo_s(page):
    browser, *_ = page
    hold(browser, "layers/normals")
    layer(browser, "Normals")
    choose(browser, "a.png")
    hold(browser, "")
    held(browser, "layers/normals")
    assert layer(browser) == "Photo"
    layer(browser, "Normals")
    wait(lambda: layer(browser) == "Normals")
    asked = "return performance.getEntriesByType('resource').map(e => e.name).filter(n => n.includes('layers/normals'))"
    assert len(set(browser.execute_script(asked))) == 2  # one of each photo


def test_a_photo_that_is_ready_does_not_end_a_begun_measurement(page):
    browser, folder, *_ = page
    click_photo(browser, 240, 280)
    hold(browser, "api/photos?")
    browser.find_element("id", "file").send_keys(str(folder / "a.png"))
    click_photo(browser, 400, 280)
    wait(lambda: len(values(browser)) == 1)
    click_photo(browser, 240, 300)
    assert status(browser).startswith("Computing depth of a.png")
    hold(browser, "")
    wait(lambda: "a.png is ready" in status(browser))
    assert shown(browser) == "b.png" and browser.find_element("id", "back").is_displayed()
    click_photo(browser, 400, 300)
    wait(lambda: len(values(browser)) == 2)


def test_a_late_comparison_is_dropped(page):
    browser, *_ = page
    other = browser.find_element("id", "other")
    hold(browser, "layers/depth")
    enter(browser, browser.find_element("id", "compare"), "1.25")
    enter(browser, browser.find_element("id", "compare"), "")
    hold(browser, "")
    held(browser, "layers/depth")
    enter(browser, browser.find_element("id", "compare"), "0.8")
    wait(other.is_displayed)
    click_photo(browser, 320, 240)
    assert "-20.0 %" in browser.find_element("id", "othervalue").text


def test_another_model_predicts_the_held_photo_with_the_focal_length_set(page):
    browser, _, app, _ = page
    enter(browser, browser.find_element("id", "px"), 500)
    enter(browser, browser.find_element("id", "compare"), "model:farther")
    wait(browser.find_element("id", "other").is_displayed)
    assert [camera.focal for camera in app.predictors["farther"].cameras] == [pytest.approx(500)]
    click_photo(browser, 320, 240)
    assert status(browser) == ""
    # This model's depth does not follow the focal length; the photo's does, from 400 px.
    assert "2.200 m" in browser.find_element("id", "othervalue").text
    assert f"{100 * (2.2 / 2.5 - 1):.1f} %" in browser.find_element("id", "othervalue").text


def test_a_model_s_comparison_that_is_given_up_leaves_no_message(page):
    browser, *_ = page
    for end in ("nothing", "a photo"):
        hold(browser, "/compare")
        enter(browser, browser.find_element("id", "compare"), "model:farther")
        assert status(browser).startswith("Computing depth of b.png by farther")
        if end == "nothing":
            enter(browser, browser.find_element("id", "compare"), "")
        else:
            choose(browser, "a.png")
        assert status(browser) == ""
        hold(browser, "")
        held(browser, "/compare")
        assert not browser.find_element("id", "other").is_displayed()


def test_what_is_typed_stays_while_an_answer_is_awaited(page):
    browser, *_ = page
    draw_line(browser, (240, 280), (400, 280))
    hold(browser, "/measure")
    press(browser, "#refocal")
    field = browser.find_element("css selector", "#list .top input")
    field.clear()
    field.send_keys("door")
    hold(browser, "")
    enter(browser, browser.find_element("id", "px"), 800)
    wait(lambda: values(browser)[0] > 0.7)
    assert names(browser) == ["door"]
    field.send_keys("s\t")
    press(browser, "#refocal")
    wait(lambda: names(browser) == ["doors"])


def test_several_files_tell_which_failed(page):
    browser, folder, *_ = page
    (folder / "text.txt").write_text("no photo")
    (folder / "PROJECT.ZIP").write_bytes(b"PK\x03\x04 damaged")
    files = [folder / "text.txt", folder / "a.png", folder / "PROJECT.ZIP"]
    browser.find_element("id", "file").send_keys("\n".join(str(file) for file in files))
    wait(lambda: status(browser).startswith("1 of 3 opened."))
    assert "text.txt: " in status(browser) and "PROJECT.ZIP: this is no project file" in status(browser)


def test_the_camera_is_off_when_its_window_is_closed(page):
    browser, *_ = page
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    browser.execute_script(
        "const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices); window.tracks = [];"
        "navigator.mediaDevices.getUserMedia = async (o) => {"
        "  const s = await ask(o); window.tracks.push(...s.getTracks()); return s; };"
    )
    live, shoot = "return window.tracks.map((t) => t.readyState)", browser.find_element("id", "shoot")
    for _ in range(2):
        press(browser, "#webcam")
    wait(lambda: shoot.is_displayed() and shoot.is_enabled())
    assert browser.execute_script(live) == ["live"]
    ActionChains(browser).send_keys(Keys.ESCAPE).perform()
    wait(lambda: browser.execute_script(live) == ["ended"])
    press(browser, "#webcam")
    wait(lambda: shoot.is_displayed() and shoot.is_enabled())
    for _ in range(2):
        press(browser, "#shoot")
    wait(lambda: status(browser).startswith("webcam.jpg") and status(browser).endswith(" s"))
    assert browser.execute_script(live) == ["ended", "ended"]
    assert len(gallery(browser)) == 3


def test_a_server_that_is_gone_is_told_in_plain_words(session):
    browser, folder = session
    with running(exact_app()) as port:
        ready(browser, port)
        upload(browser, folder / "a.png")
        draw_line(browser, (240, 280), (400, 280))
        upload(browser, folder / "b.png")
        assert texts(browser) == []
        choose(browser, "a.png")
        wait(lambda: len(values(browser)) == 1)
    gone = "The server does not answer: is `metricdepth app` still running?"
    press(browser, "#gallery [title='b.png']")
    wait(lambda: status(browser) == gone)
    assert shown(browser) == "a.png" and names(browser) == ["L1"] and values(browser) == pytest.approx([0.8], rel=0.01)
    press(browser, "#refocal")
    wait(lambda: texts(browser) == ["–"])  # no number of before
    for selector in ("#downloads button:first-child", "[data-save=project]", "#layers button:nth-child(2)"):
        browser.execute_script("document.getElementById('status').textContent = ''")
        press(browser, selector)
        wait(lambda: status(browser) == gone)
    assert layer(browser) == "Photo"
    browser.find_element("id", "file").send_keys(str(folder / "b.png"))
    wait(lambda: status(browser) == f"b.png: {gone}")
    assert shown(browser) == "a.png" and gallery(browser) == ["a.png", "b.png"]


def test_all_results_of_a_run_can_be_opened(session):
    browser, folder = session
    ready_photos = {n: lambda n=n: OpenPhoto(n, np.zeros((480, 640, 3), np.uint8), exact(), "toy") for n in "xyz"}
    with running(App({}, ready=ready_photos)) as port:
        assert json.loads(ask(port, "GET", "/api/info")[2])["results"] == ["x", "y", "z"]
        ready(browser, port)
        press(browser, "#examples button")
        wait(lambda: status(browser).startswith("x: toy"))
        for index, name in enumerate("yz", 1):
            enter(browser, browser.find_element("id", "samples"), str(index))
            wait(lambda name=name: status(browser).startswith(f"{name}: toy"))
        assert len(gallery(browser)) == 3
        assert not browser.find_element("id", "webcam").is_displayed()
        assert browser.find_element("id", "opentext").text == "Open project"
        browser.find_element("id", "file").send_keys(str(folder / "a.png"))
        wait(lambda: "start `metricdepth app`" in status(browser))


def test_examples_are_shown_as_pictures_that_open(session, tmp_path):
    browser, _ = session
    (tmp_path / "two_words.png").write_bytes(photo(suffix=".png"))
    with running(exact_app(examples={"two_words.png": tmp_path / "two_words.png"})) as port:
        ready(browser, port)
        wait(lambda: browser.execute_script("return document.querySelector('#examples img').naturalWidth") == 640)
        assert browser.find_element("css selector", "#examples button").text == "two words"
        press(browser, "#examples button")
        wait(lambda: status(browser).startswith("two_words.png: exact"))


def test_a_long_name_and_a_narrow_photo_fit_a_phone(session, tmp_path):
    browser, _ = session
    long, strip = tmp_path / f"{'x' * 200}.png", tmp_path / "strip.png"
    long.write_bytes(photo(suffix=".png"))
    strip.write_bytes(photo(2000, 24, ".png"))
    with running(App({"exact": ExactModel()})) as port:  # the camera of exact_app() is of another shape
        ready(browser, port)
        upload(browser, long)
        upload(browser, strip)
        phone = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
        press(browser, "#gallery button:first-child")
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
        wide = "return Math.max(...[...document.querySelectorAll('#gallery canvas')].map(i => i.clientWidth))"
        assert browser.execute_script(wide) <= 96
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_without_webgl_the_page_says_so(tmp_path):
    with (
        chromium(tmp_path / "profile", flags=("--disable-gpu", "--disable-3d-apis")) as browser,
        running(exact_app()) as port,
    ):
        (tmp_path / "a.png").write_bytes(photo(suffix=".png"))
        ready(browser, port)
        upload(browser, tmp_path / "a.png")
        assert "no WebGL" in browser.find_element("css selector", "#view3d .missing").text
        assert not browser.find_element("id", "view").is_displayed()
        draw_line(browser, (240, 280), (400, 280))
