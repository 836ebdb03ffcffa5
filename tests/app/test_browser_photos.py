"""Several photos on the page, in headless Chromium: numbers belong to their own; skipped where there is none."""

from __future__ import annotations

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from tests.app.page import (
    choose,
    click_photo,
    enter,
    gallery,
    hold,
    key,
    mouse,
    names,
    place_of,
    press,
    shown,
    status,
    texts,
    upload,
    values,
    wait,
)  # fmt: skip
from tests.app.server import photo

TRUE = "#list .true"


@pytest.fixture
def page(room, tmp_path):
    """Browser with a photo in which the box, 0.8 m wide, is measured, and another photo's file."""
    browser, _ = room
    (tmp_path / "late.png").write_bytes(photo(suffix=".png"))
    measure(browser)
    return browser, tmp_path / "late.png"


def measure(browser):
    """Measure the width of the box."""
    count = len(values(browser))
    click_photo(browser, 240, 280)
    click_photo(browser, 400, 280)
    wait(lambda: len(values(browser)) == count + 1)


def type_in(browser, selector, text):
    """Type into a field, after what it holds is selected, and stay in it."""
    field = browser.find_element("css selector", selector)
    browser.execute_script("arguments[0].focus(); arguments[0].select()", field)
    key(browser, text)
    return field


def send(browser, file):
    browser.find_element("id", "file").send_keys(str(file))


def scale(browser):
    return browser.find_element("id", "scale").text


def undo_shown(browser):
    return browser.find_element("id", "undo").is_displayed()


def test_a_length_typed_while_another_photo_arrives_rescales_its_own(page):
    browser, late = page
    hold(browser, "/cloud")
    send(browser, late)
    field = type_in(browser, TRUE, "2")
    hold(browser, "")
    wait(lambda: "late.png is ready" in status(browser))
    assert shown(browser) == "room.png" and field.get_property("value") == "2" and scale(browser) == ""
    key(browser, "\ue007")
    wait(lambda: values(browser) == pytest.approx([2.0], rel=0.001))
    assert scale(browser).startswith("Rescaled × 2.5")
    choose(browser, "late.png")
    assert scale(browser) == "" and texts(browser) == [] and not undo_shown(browser)
    measure(browser)
    assert values(browser) == pytest.approx([0.8], rel=0.01)


@pytest.mark.parametrize("way", ["arrives", "is chosen"])
@pytest.mark.parametrize("selector, text", [(TRUE, "2"), ("#list .top input", "door"), ("#px", "800")])
def test_what_was_typed_before_another_photo_was_opened_is_not_that_photo_s(page, selector, text, way):
    browser, late = page
    if way == "is chosen":
        upload(browser, late)
        choose(browser, "room.png")
        wait(lambda: len(values(browser)) == 1)
    px = browser.find_element("id", "px").get_property("value")
    type_in(browser, selector, text)
    if way == "arrives":
        send(browser, late)
        wait(lambda: len(gallery(browser)) == 2 and shown(browser) == "late.png")
    else:
        choose(browser, "late.png")
    assert scale(browser) == "" and texts(browser) == [] and not undo_shown(browser)
    assert browser.find_element("id", "px").get_property("value") == px
    measure(browser)
    assert values(browser) == pytest.approx([0.8], rel=0.01) and names(browser) == ["L1"]
    choose(browser, "room.png")
    wait(lambda: len(values(browser)) == 1)
    expected = 2.0 if selector == TRUE else 0.8
    assert values(browser) == pytest.approx([expected], rel=0.01)
    assert scale(browser).startswith("Rescaled × 2.5") == (selector == TRUE)
    assert names(browser) == ["door" if text == "door" else "L1"]
    changed = browser.find_element("id", "px").get_property("value")
    assert changed == ("800.0" if selector == "#px" else px)


@pytest.mark.parametrize("work", ["#list [aria-label=Remove]", "#refocal", "#undo"])
def test_each_change_lets_a_late_photo_wait(page, work):
    browser, late = page
    hold(browser, "/cloud")
    send(browser, late)
    press(browser, work)
    hold(browser, "")
    wait(lambda: "late.png is ready" in status(browser))
    assert shown(browser) == "room.png"


def test_a_drag_that_a_photo_ends_takes_nothing_from_its_undo(page):
    browser, late = page
    upload(browser, late)
    measure(browser)
    choose(browser, "room.png")
    wait(lambda: len(values(browser)) == 1)
    start = place_of(browser, 400, 280)
    mouse(browser, "mousePressed", *start, buttons=1)
    mouse(browser, "mouseMoved", start[0] - 40, start[1], buttons=1)
    assert values(browser) == pytest.approx([0.8], rel=0.01)
    choose(browser, "late.png")
    mouse(browser, "mouseReleased", start[0] - 40, start[1])
    wait(lambda: len(values(browser)) == 1)
    press(browser, "#undo")
    wait(lambda: texts(browser) == [])
    choose(browser, "room.png")
    wait(lambda: values(browser) == pytest.approx([0.8], rel=0.01))
    press(browser, "#undo")  # of the measurement; the drag changed nothing
    wait(lambda: texts(browser) == [] and not undo_shown(browser))


def test_undo_waits_for_the_end_of_a_drag(page):
    browser, _ = page
    start = place_of(browser, 400, 280)
    mouse(browser, "mousePressed", *start, buttons=1)
    mouse(browser, "mouseMoved", *place_of(browser, 360, 280), buttons=1)
    key(browser, ("\ue009", "z"))
    mouse(browser, "mouseMoved", *place_of(browser, 320, 280), buttons=1)
    mouse(browser, "mouseReleased", *place_of(browser, 320, 280))
    wait(lambda: values(browser) == pytest.approx([0.4], rel=0.01))
    key(browser, ("\ue009", "z"))
    wait(lambda: values(browser) == pytest.approx([0.8], rel=0.01))


def living(browser, kind, value):
    """Sum of an expression of `o` over all objects of a kind that are held, after a collection of garbage."""
    run = browser.execute_cdp_cmd
    prototype = run("Runtime.evaluate", {"expression": f"{kind}.prototype"})["result"]["objectId"]
    held = run("Runtime.queryObjects", {"prototypeObjectId": prototype})["objects"]["objectId"]
    script = f"function () {{ return this.reduce((sum, o) => sum + ({value}), 0); }}"
    found = run("Runtime.callFunctionOn", {"objectId": held, "functionDeclaration": script, "returnByValue": True})
    run("Runtime.releaseObject", {"objectId": held})
    return found["result"]["value"]


def load_layers(browser):
    for layer in ("Depth", "Normals", "Mask"):
        press(browser, f"#layers button:nth-child({1 + layers(browser).index(layer)})")
        wait(lambda layer=layer: pressed_layer(browser) == layer)


def layers(browser):
    return browser.execute_script("return [...document.querySelectorAll('#layers button')].map(b => b.textContent)")


def pressed_layer(browser):
    return browser.execute_script("return document.querySelector('#layers [aria-pressed=true]').textContent")


def test_photos_that_are_not_shown_hold_no_layers_points_or_depth(page):
    browser, late = page
    size = "Object.hasOwn(o, 'cloud') && o.cloud ? o.depth.byteLength + o.cloud.byteLength : 0"
    buffers = ("Object", size)
    images = ("HTMLImageElement", "o.id ? 0 : 1")
    one = living(browser, *buffers)
    assert one >= 4 * 640 * 480 + 16 * 1e4 and living(browser, *images) == 1
    load_layers(browser)
    assert living(browser, *images) == 4
    for _ in range(3):
        upload(browser, late)
        load_layers(browser)
    assert len(gallery(browser)) == 4
    assert living(browser, *images) == 4 and living(browser, *buffers) == one
    choose(browser, "room.png")
    wait(lambda: len(values(browser)) == 1)
    assert pressed_layer(browser) == "Photo" and values(browser) == pytest.approx([0.8], rel=0.01)
    assert living(browser, *images) == 1 and living(browser, *buffers) == one
    load_layers(browser)  # are fetched again


def test_comparisons_leave_no_files_behind(page):
    browser, _ = page
    browser.execute_script(
        "window.files = new Set(); const [make, revoke] = [URL.createObjectURL, URL.revokeObjectURL];"
        "URL.createObjectURL = (o) => { const u = make.call(URL, o); window.files.add(u); return u; };"
        "URL.revokeObjectURL = (u) => { window.files.delete(u); revoke.call(URL, u); };"
    )
    compare, other = browser.find_element("id", "compare"), browser.find_element("id", "other")
    for factor in ("1.25", "0.8"):
        enter(browser, compare, factor)
        wait(other.is_displayed)
        assert browser.execute_script("return document.getElementById('otherdepth').naturalWidth") == 640
        enter(browser, compare, "")
        assert not other.is_displayed()
    assert browser.execute_script("return window.files.size") == 0
    wait(lambda: living(browser, "HTMLImageElement", "1") == 2)  # the photo, and the last comparison


def test_photos_are_closed_and_those_with_measurements_only_when_told(page):
    browser, late = page
    upload(browser, late)
    press(browser, "#gallery [title='Close room.png']")
    box = browser.switch_to.alert
    assert box.text == "Close room.png with its 1 measurement?"
    box.dismiss()
    assert gallery(browser) == ["room.png", "late.png"]
    press(browser, "#gallery [title='Close late.png']")  # the one shown, with none
    wait(lambda: gallery(browser) == [])  # a single photo has no gallery
    wait(lambda: values(browser) == pytest.approx([0.8], rel=0.01))
    upload(browser, late)
    press(browser, "#gallery [title='Close room.png']")
    browser.switch_to.alert.accept()
    wait(lambda: gallery(browser) == [] and texts(browser) == [])
    measure(browser)
    assert names(browser) == ["L1"] and values(browser) == pytest.approx([0.8], rel=0.01)
