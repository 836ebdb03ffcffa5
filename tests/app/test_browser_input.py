"""Zoom, touch, keyboard, units and undo of the page, in headless Chromium; skipped where there is none."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from tests.app.page import (
    click,
    click_photo,
    drag,
    enter,
    listen,
    measured,
    mouse,
    names,
    place_of,
    press,
    ready,
    seen,
    status,
    texts,
    touch,
    upload,
    values,
    wait,
)  # fmt: skip
from tests.app.server import ask, exact_app, photo, running
from tests.browser import chromium


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """Browser, port and folder of downloads."""
    downloads = tmp_path_factory.mktemp("downloads")
    (downloads / "room.png").write_bytes(photo(suffix=".png"))
    with chromium(tmp_path_factory.mktemp("profile"), "1440,1200", downloads) as browser, running(exact_app()) as port:
        yield browser, port, downloads


@pytest.fixture
def page(session):
    """Browser and port, with a photo open and nothing measured."""
    browser, port, downloads = session
    ready(browser, port)
    browser.execute_script("localStorage.clear()")
    ready(browser, port)
    listen(browser)
    upload(browser, downloads / "room.png")
    return browser, port


def key(browser, *keys):
    """Press keys where the focus is; a pair is a modifier and a key."""
    from selenium.webdriver.common.action_chains import ActionChains

    for one in keys:
        chain = ActionChains(browser)
        if isinstance(one, tuple):
            chain.key_down(one[0]).send_keys(one[1]).key_up(one[0]).perform()
        else:
            chain.send_keys(one).perform()


def point(browser, x, y):
    """Pixel that a click at a place of the window measures."""
    count = len(texts(browser))
    press(browser, "[data-tool=point]")
    click(browser, x, y)
    wait(lambda: len(values(browser)) == count + 1)
    ((pixel,),) = [measured(browser)]
    press(browser, "#list .item:last-child [aria-label=Remove]")
    wait(lambda: len(texts(browser)) == count)
    return np.array(pixel)


def length_of(port, browser, pixels):
    """Length that the server gives for pixels [m]."""
    address = browser.execute_script(
        "return performance.getEntriesByType('resource').map(e => e.name).filter(n => n.includes('/measure')).at(-1)"
    )
    body = {"measurements": [{"name": "a", "pixels": pixels}]}
    return json.loads(ask(port, "POST", "/api" + address.split("/api")[1], body)[2])["measurements"][0]["length"]


def test_the_length_shown_is_that_of_the_server(page):
    browser, port = page
    click_photo(browser, 50, 60)
    click_photo(browser, 600.25, 400)
    wait(lambda: len(values(browser)) == 1)
    pixels = measured(browser)
    np.testing.assert_allclose(pixels, [[50, 60], [600.25, 400]], atol=0.01)
    assert texts(browser) == [f"{length_of(port, browser, pixels):.3f} m"]


def test_the_pixel_under_the_pointer_stays_there_through_zoom_and_pan(page):
    browser, _ = page
    left, top, width, height = seen(browser)
    at = round(left + 0.4 * width), round(top + 0.7 * height)  # the wheel's place is whole
    whole = point(browser, *at)
    expected = (at[0] - left) / width * 640 - 0.5, (at[1] - top) / height * 480 - 0.5
    np.testing.assert_allclose(whole, expected, atol=0.01)
    mouse(browser, "mouseWheel", *at, deltaX=0, deltaY=-700)  # exp(1.4) times larger
    np.testing.assert_allclose(point(browser, *at), whole, atol=1e-6)
    moved = at[0] + 37, at[1] - 21
    scale = width / 640 * math.exp(1.4)
    expected = whole + np.array([37, -21]) / scale
    np.testing.assert_allclose(point(browser, *moved), expected, atol=0.01)
    drag(browser, at, moved)
    assert texts(browser) == []  # a drag measures nothing
    np.testing.assert_allclose(point(browser, *moved), whole, atol=0.01)
    press(browser, "#fit")
    np.testing.assert_allclose(point(browser, *at), whole, atol=1e-6)
    middle = left + width / 2, top + height / 2
    press(browser, "#in")
    right = point(browser, middle[0] + 30, middle[1])
    np.testing.assert_allclose(right, [319.5 + 20 * 640 / width, 239.5], atol=0.01)
    key(browser, "+", "-", "-")
    np.testing.assert_allclose(point(browser, *at), whole, atol=1e-6)


def test_endpoints_are_dragged_and_a_right_click_is_none(page):
    browser, port = page
    click_photo(browser, 50, 60)
    click_photo(browser, 600, 400)
    wait(lambda: len(values(browser)) == 1)
    drag(browser, place_of(browser, 50, 60), place_of(browser, 300, 200))
    wait(lambda: np.allclose(measured(browser), [[300, 200], [600, 400]], atol=0.01))
    expected = f"{length_of(port, browser, measured(browser)):.3f} m"
    wait(lambda: texts(browser) == [expected])
    before = measured(browser)
    key(browser, ("\ue009", "z"))
    wait(lambda: np.allclose(measured(browser), [[50, 60], [600, 400]], atol=0.01))
    x, y = place_of(browser, 400, 280)
    mouse(browser, "mousePressed", x, y, button="right", buttons=2)
    mouse(browser, "mouseReleased", x, y, button="right")
    assert not browser.find_element("id", "back").is_displayed() and before != measured(browser)


def test_a_double_click_measures_nothing(page):
    browser, _ = page
    for _ in range(2):
        click_photo(browser, 100, 300)
    assert texts(browser) == [] and browser.find_element("id", "back").is_displayed()
    click_photo(browser, 300, 300)
    click_photo(browser, 300, 300)
    wait(lambda: len(values(browser)) == 1)
    assert not browser.find_element("id", "back").is_displayed()  # the second click began nothing
    press(browser, "[data-tool=path]")
    for x in (100, 200, 300, 300):
        click_photo(browser, x, 350)
    wait(lambda: len(values(browser)) == 2)
    assert len(measured(browser)) == 3 and names(browser) == ["L1", "L2"]


def test_a_finger_sees_the_pixel_and_two_fingers_zoom(page):
    browser, _ = page
    for x, y in ((100, 320), (560, 400)):
        start, end = place_of(browser, x - 20, y - 20), place_of(browser, x, y)
        touch(browser, "touchStart", start)
        loupe = browser.find_element("id", "loupe")
        assert loupe.is_displayed() and loupe.rect["height"] > 100
        bottom = "return document.getElementById('loupe').getBoundingClientRect().bottom"
        assert browser.execute_script(bottom) < start[1]
        browser.execute_script("return new Promise((done) => setTimeout(done, 200))")
        touch(browser, "touchMove", end)
        touch(browser, "touchEnd")
        assert not loupe.is_displayed()
    wait(lambda: len(values(browser)) == 1)
    np.testing.assert_allclose(measured(browser), [[100, 320], [560, 400]], atol=0.01)
    touch(browser, "touchStart", place_of(browser, 560, 400))  # an endpoint is dragged by what the finger moves
    browser.execute_script("return new Promise((done) => setTimeout(done, 200))")
    touch(browser, "touchMove", place_of(browser, 500, 380))
    touch(browser, "touchMove", place_of(browser, 480, 300))
    touch(browser, "touchEnd")
    wait(lambda: np.allclose(measured(browser), [[100, 320], [480, 300]], atol=0.01))

    left, top, width, height = seen(browser)
    x, y = left + width / 2, top + height / 2
    touch(browser, "touchStart", (x - 20, y))
    touch(browser, "touchStart", (x - 20, y), (x + 20, y))
    for d in (30, 40, 60):
        touch(browser, "touchMove", (x - d, y), (x + d, y))
    touch(browser, "touchEnd")
    assert len(texts(browser)) == 1 and not browser.find_element("id", "back").is_displayed()
    expected = 319.5 + 10 * 640 / width, 239.5 + 5 * 640 / width
    np.testing.assert_allclose(point(browser, x + 30, y + 15), expected, atol=0.05)


def test_the_keyboard_places_points(page):
    from selenium.webdriver.common.keys import Keys

    browser, _ = page
    browser.execute_script("document.activeElement.blur()")
    reached = []
    for _ in range(30):
        key(browser, Keys.TAB)
        reached.append(browser.execute_script("return document.activeElement.id"))
        if reached[-1] == "photo":
            break
    assert "file" in reached and reached[-1] == "photo"
    outline = "return getComputedStyle(document.activeElement).outlineStyle"
    assert browser.execute_script(outline) == "solid"
    key(browser, Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.ENTER)
    assert browser.find_element("id", "back").is_displayed()
    key(browser, Keys.BACKSPACE)
    assert not browser.find_element("id", "back").is_displayed()
    key(browser, Keys.SPACE, Keys.ESCAPE, Keys.ENTER)
    key(browser, *[(Keys.SHIFT, Keys.ARROW_LEFT)] * 5, *[Keys.ARROW_UP] * 3, Keys.ENTER)
    wait(lambda: len(values(browser)) == 1)
    assert measured(browser) == [[320, 240], [270, 237]] or measured(browser) == [[321, 241], [271, 238]]
    browser.find_element("css selector", "[data-tool=path]").click()
    browser.find_element("id", "photo").send_keys(Keys.ARROW_LEFT)
    key(browser, Keys.ENTER, (Keys.SHIFT, Keys.ARROW_RIGHT), Keys.ENTER, (Keys.SHIFT, Keys.ARROW_DOWN), Keys.ENTER)
    key(browser, Keys.ENTER)  # the same point again ends a path
    wait(lambda: len(values(browser)) == 2)
    assert np.diff(measured(browser), axis=0).tolist() == [[10, 0], [0, 10]]


def test_escape_and_enter_are_heard_in_a_slider(page):
    from selenium.webdriver.common.keys import Keys

    browser, _ = page
    press(browser, "[data-tool=path]")
    click_photo(browser, 100, 300)
    browser.execute_script("document.getElementById('focal').focus()")
    key(browser, Keys.ESCAPE)
    assert not browser.find_element("id", "back").is_displayed()
    for x in (100, 200):
        click_photo(browser, x, 300)
    browser.execute_script("document.getElementById('focal').focus()")
    key(browser, Keys.ENTER)
    wait(lambda: len(values(browser)) == 1)


def units(browser, script):
    """Value of an expression of the module of units, as `u`."""
    return browser.execute_async_script(
        f"const done = arguments[0]; import('/units.js').then((u) => done({script}), (e) => done(String(e)))"
    )


def test_feet_and_inches_are_exact(page):
    browser, _ = page
    assert units(browser, "[u.length(1.27), u.lengthWithError(0.1834, 0.117)]") == ["1.270 m", "0.18 ± 0.12 m"]
    read = "['1.27', '1,27 m', '127cm', '4 ft 2 in', '4\\'2\"', '50in', '4′ 2″'].map(u.parseLength)"
    assert units(browser, read) == pytest.approx([1.27] * 7, rel=1e-12)
    assert units(browser, "['', '-1', 'abc', '1 2', 'ft'].map(v => isNaN(u.parseLength(v)))") == [True] * 5
    assert units(browser, "u.useUnit('ft')") is None
    shown = {1.27: "4 ft 2.0 in", 0.1: "3.94 in", 0.3047: "1 ft 0.00 in", 1.8287: "6 ft 0.0 in", 50.0: "164 ft 1 in"}
    assert units(browser, f"{list(shown)}.map(u.length)") == list(shown.values())
    assert units(browser, "[u.lengthWithError(2, 0.1), u.lengthWithError(2, 1.4), u.areaWithError(1, 0)]") == [
        "6 ft 6.7 in ± 3.9 in", "6.6 ± 4.6 ft", "10.76 ft²",
    ]  # fmt: skip
    assert units(browser, "u.parseLength('4.5')") == pytest.approx(4.5 * 0.3048, rel=1e-12)
    lengths = np.geomspace(0.01, 30, 200).tolist()
    back = units(browser, f"{lengths}.map((v) => u.parseLength(u.length(v)))")
    np.testing.assert_allclose(back, lengths, rtol=0, atol=0.05 * 0.0254 + 1e-9)


def test_the_page_speaks_feet_and_remembers_it(page, session):
    browser, port = page
    click_photo(browser, 240, 280)
    click_photo(browser, 400, 280)
    wait(lambda: len(values(browser)) == 1)
    meters = length_of(port, browser, measured(browser))
    enter(browser, browser.find_element("id", "units"), "ft")
    feet, inches = divmod(round(meters / 0.0254, 1), 12)
    assert texts(browser) == [f"{feet:.0f} ft {inches:.1f} in"]
    enter(browser, browser.find_element("css selector", "#list .true"), "5 ft 3 in")
    wait(lambda: texts(browser) == ["5 ft 3.0 in"])
    press(browser, "[data-save='measurements.csv']")
    table = wait(lambda: next(session[2].glob("*.csv"), None))
    assert "length [m]" in table.read_text() and f",{63 * 0.0254:.4f}," in table.read_text()
    assert browser.find_element("id", "grid").text.endswith(" ft")
    ready(browser, port)
    assert browser.find_element("id", "units").get_property("value") == "ft"


def test_what_is_deleted_comes_back_and_names_are_given_once(page):
    browser, _ = page
    for y in (280, 300):
        click_photo(browser, 240, y)
        click_photo(browser, 400, y)
    wait(lambda: len(values(browser)) == 2)
    before = texts(browser)
    enter(browser, browser.find_element("css selector", "#list .top input"), "door")
    press(browser, "#list .item:first-child [aria-label=Remove]")
    wait(lambda: names(browser) == ["L2"])
    key(browser, ("\ue009", "z"))
    wait(lambda: names(browser) == ["door", "L2"] and texts(browser) == before)
    press(browser, "#list .item:first-child [aria-label=Remove]")
    click_photo(browser, 240, 290)
    click_photo(browser, 400, 290)
    wait(lambda: names(browser) == ["L2", "L3"])
    for _ in range(2):
        press(browser, "#undo")
    wait(lambda: names(browser) == ["door", "L2"] and texts(browser) == before)


def test_values_that_cannot_be_are_refused_and_not_kept(page):
    browser, _ = page
    click_photo(browser, 240, 280)
    click_photo(browser, 400, 280)
    wait(lambda: len(values(browser)) == 1)
    before = texts(browser)
    for text in ("0", "-1", "2 x"):
        enter(browser, browser.find_element("css selector", "#list .true"), text)
        assert f"“{text}” is no length" in status(browser)
    for field, value, message in (("fov", 500, "1 to 175 degrees"), ("px", 0, "0.02 to 50"), ("mm", "", "0.02 to 50")):
        kept = browser.find_element("id", field).get_property("value")
        enter(browser, browser.find_element("id", field), value)
        assert message in status(browser) and browser.find_element("id", field).get_property("value") == kept
    assert texts(browser) == before
