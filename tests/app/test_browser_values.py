"""Units, names, undo and refused values of the page, in headless Chromium; skipped where there is none."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from tests.app.page import (
    click_photo,
    draw_line,
    enter,
    key,
    length_of,
    measured,
    names,
    press,
    ready,
    status,
    texts,
    values,
    wait,
)  # fmt: skip


def units(browser, script):
    """Value of an expression of the module of units, as `u`."""
    return browser.execute_async_script(
        f"const done = arguments[0]; import('/units.js').then((u) => done({script}), (e) => done(String(e)))"
    )


def test_feet_and_inches_are_exact(room):
    browser, _ = room
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


def test_the_page_speaks_feet_and_remembers_it(room, room_session):
    browser, port = room
    draw_line(browser, (240, 280), (400, 280))
    meters = length_of(port, browser, measured(browser))
    enter(browser, browser.find_element("id", "units"), "ft")
    feet, inches = divmod(round(meters / 0.0254, 1), 12)
    assert texts(browser) == [f"{feet:.0f} ft {inches:.1f} in"]
    enter(browser, browser.find_element("css selector", "#list .true"), "5 ft 3 in")
    wait(lambda: texts(browser) == ["5 ft 3.0 in"])
    press(browser, "[data-save='measurements.csv']")
    table = wait(lambda: next(room_session[2].glob("*.csv"), None))
    assert "length [m]" in table.read_text() and f",{63 * 0.0254:.4f}," in table.read_text()
    assert browser.find_element("id", "grid").text.endswith(" ft")
    ready(browser, port)
    assert browser.find_element("id", "units").get_property("value") == "ft"


def test_what_is_deleted_comes_back_and_names_are_given_once(room):
    browser, _ = room
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


def test_values_that_cannot_be_are_refused_and_not_kept(room):
    browser, _ = room
    draw_line(browser, (240, 280), (400, 280))
    before = texts(browser)
    for text in ("0", "-1", "2 x"):
        enter(browser, browser.find_element("css selector", "#list .true"), text)
        assert f"“{text}” is no length" in status(browser)
    for field, value, message in (("fov", 500, "1 to 175 degrees"), ("px", 0, "0.02 to 50"), ("mm", "", "0.02 to 50")):
        kept = browser.find_element("id", field).get_property("value")
        enter(browser, browser.find_element("id", field), value)
        assert message in status(browser) and browser.find_element("id", field).get_property("value") == kept
    assert texts(browser) == before
