"""Zoom, touch and keyboard of the page, in headless Chromium; skipped where there is none."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from tests.app.page import (
    click,
    click_photo,
    drag,
    draw_line,
    key,
    length_of,
    measured,
    mouse,
    names,
    place_of,
    press,
    seen,
    texts,
    touch,
    values,
    wait,
)  # fmt: skip


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


def test_the_length_shown_is_that_of_the_server(room):
    browser, port = room
    draw_line(browser, (50, 60), (600.25, 400))
    pixels = measured(browser)
    np.testing.assert_allclose(pixels, [[50, 60], [600.25, 400]], atol=0.01)
    assert texts(browser) == [f"{length_of(port, browser, pixels):.3f} m"]


def test_the_pixel_under_the_pointer_stays_there_through_zoom_and_pan(room):
    browser, _ = room
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


def test_endpoints_are_dragged_and_a_right_click_is_none(room):
    browser, port = room
    draw_line(browser, (50, 60), (600, 400))
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


def test_a_double_click_measures_nothing(room):
    browser, _ = room
    for _ in range(2):
        click_photo(browser, 100, 300)
    assert texts(browser) == [] and browser.find_element("id", "back").is_displayed()
    draw_line(browser, (300, 300), (300, 300))
    assert not browser.find_element("id", "back").is_displayed()  # the second click began nothing
    press(browser, "[data-tool=path]")
    for x in (100, 200, 300, 300):
        click_photo(browser, x, 350)
    wait(lambda: len(values(browser)) == 2)
    assert len(measured(browser)) == 3 and names(browser) == ["L1", "L2"]


def test_a_finger_sees_the_pixel_and_two_fingers_zoom(room):
    browser, _ = room
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


def test_the_keyboard_places_points(room):
    from selenium.webdriver.common.keys import Keys

    browser, _ = room
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


def test_escape_and_enter_are_heard_in_a_slider(room):
    from selenium.webdriver.common.keys import Keys

    browser, _ = room
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
