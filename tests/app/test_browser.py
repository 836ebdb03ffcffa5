"""The app in headless Chromium; skipped where there is none."""

from __future__ import annotations

import time

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from tests.app.page import click_photo, enter, gallery, press, ready, upload, values, wait
from tests.app.server import exact_app, photo, running
from tests.browser import chromium

HOSTILE = "<img src=x onerror=document.title='stolen'>.png"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Browser with a photo of exact depth open, the app, its address and the folder of downloads."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / HOSTILE).write_bytes(photo(suffix=".png"))
    downloads = tmp_path_factory.mktemp("downloads")
    app = exact_app()
    with chromium(tmp_path_factory.mktemp("profile"), "1440,1200", downloads) as browser, running(app) as port:
        ready(browser, port)
        upload(browser, folder / HOSTILE)
        yield browser, app, f"http://127.0.0.1:{port}/", downloads


def test_two_clicks_measure_then_focal_length_and_a_true_length_rescale_without_inference(page):
    browser, app, _, _ = page
    calls = app.predictors["exact"].calls
    click_photo(browser, 240, 280)
    click_photo(browser, 400, 280)  # the box at 2 m: 160 px are 0.8 m
    wait(lambda: len(values(browser)) == 1)
    assert values(browser)[0] == pytest.approx(0.8, rel=0.01)
    press(browser, "[data-tool=point]")
    click_photo(browser, 320, 240)
    wait(lambda: len(values(browser)) == 2)
    before = values(browser)[1]
    assert before == pytest.approx(2.0, rel=0.01)

    begun = time.monotonic()
    enter(browser, browser.find_element("id", "px"), 800)
    wait(lambda: values(browser)[1] > 3)
    assert time.monotonic() - begun < 5  # on a busy machine; see docs/app.md
    assert values(browser) == pytest.approx([0.8, 2 * before], rel=0.01)
    press(browser, "#refocal")
    wait(lambda: values(browser)[1] < 3)

    enter(browser, browser.find_elements("css selector", "#list .true")[0], 1.2)
    wait(lambda: values(browser)[0] > 1)
    assert values(browser) == pytest.approx([1.2, 1.5 * before], rel=0.01)
    assert "Rescaled × 1.5" in browser.find_element("id", "scale").text
    assert app.predictors["exact"].calls == calls


def test_points_are_picked_in_the_cloud(page):
    """Two clicks on the box from the side of the camera, after the view was turned."""
    browser, *_ = page
    from selenium.webdriver.common.action_chains import ActionChains

    press(browser, "#rescale")
    press(browser, "[data-view=camera]")
    press(browser, "[data-tool=distance]")
    before, canvas = len(values(browser)), browser.find_element("id", "view")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", canvas)
    ActionChains(browser).drag_and_drop_by_offset(canvas, 30, 0).perform()
    assert len(values(browser)) == before  # turning picks nothing
    press(browser, "[data-view=camera]")
    side = min(canvas.rect["width"], canvas.rect["height"])
    for x in (-0.12, 0.12):
        ActionChains(browser).move_to_element_with_offset(canvas, round(x * side), 0).click().perform()
    wait(lambda: len(values(browser)) == before + 1)
    # The box stands at 2 m, the view looks from the camera with a focal length of 1.6 half sides.
    assert values(browser)[-1] == pytest.approx(2 * 0.24 * 2 / 1.6, rel=0.05)
    browser.execute_script("document.querySelector('#list .item:last-child [aria-label=Remove]').click()")
    wait(lambda: len(values(browser)) == before)


def test_the_pointer_reads_depth_and_the_point(page):
    from selenium.webdriver.common.action_chains import ActionChains

    browser, *_ = page
    press(browser, "#rescale")
    ActionChains(browser).move_to_element(browser.find_element("id", "photo")).perform()
    text = browser.find_element("id", "pointer").text
    assert "Depth 2.000 m" in text and "0.00, 2.00) m" in text


def test_layers_and_views_are_drawn(page):
    browser, *_ = page
    sums = set()
    for name in ("photo", "depth", "confidence", "sky", "normals", "mask"):
        browser.execute_script(
            "[...document.querySelectorAll('#layers button')].find(b => b.textContent.toLowerCase() === arguments[0])"
            ".click()", name
        )  # fmt: skip
        pressed = "return document.querySelector('#layers [aria-pressed=true]').textContent.toLowerCase()"
        wait(lambda name=name, pressed=pressed: browser.execute_script(pressed) == name)
        sums.add(browser.execute_script("return document.getElementById('photo').toDataURL().length"))
    assert len(sums) == 6
    views = set()
    for name in ("camera", "orbit", "top", "side"):
        press(browser, f"[data-view={name}]")
        views.add(browser.execute_script("return document.getElementById('view').toDataURL().length"))
    assert len(views) == 4 and min(views) > 10_000


def test_a_downloaded_project_opens_again(page):
    browser, app, _, downloads = page
    before = values(browser)
    calls = app.predictors["exact"].calls
    press(browser, "[data-save=project]")
    project = wait(lambda: next(downloads.glob("*.zip"), None))
    browser.find_element("id", "file").send_keys(str(project))
    wait(lambda: len(gallery(browser)) == 2)
    wait(lambda: values(browser) == before)
    assert app.predictors["exact"].calls == calls


def test_nothing_leaves_the_machine_and_names_do_nothing(page):
    browser, _, address, _ = page
    asked = browser.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert len(asked) > 8 and all(name.startswith((address, "blob:", "data:")) for name in asked)
    assert browser.title == "metricdepth" and HOSTILE in browser.find_element("id", "status").text + browser.page_source
    assert browser.get_log("browser") == []


def test_nothing_is_wider_than_a_phone(page):
    browser, *_ = page
    phone = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
