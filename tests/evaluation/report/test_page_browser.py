"""The report page in headless Chromium; skipped where there is none."""

from __future__ import annotations

import pytest

from tests.browser import chromium
from tests.evaluation.report.report_data import evaluate

HOSTILE = "<script>document.title='stolen'</script>.png"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    evaluation = evaluate(folder / "frames", [*(f"rgb/{i}.png" for i in range(11)), HOSTILE])
    evaluation.write(folder / "report.html")
    browser.get((folder / "report.html").as_uri())
    return browser, evaluation


def _names(browser) -> list[str]:
    return browser.execute_script(
        "return [...document.querySelectorAll('#per-image tbody tr')].filter(r => !r.hidden)"
        ".map(r => r.cells[0].querySelector('bdi').textContent)"
    )


def _button(browser, column):
    return browser.find_element("css selector", f"#per-image thead tr:nth-child(2) th:nth-child({column}) button")


def test_charts_and_images_are_seen(page):
    from selenium.webdriver.support.ui import WebDriverWait

    browser, _ = page
    charts = browser.find_elements("css selector", ".charts svg")
    assert len(charts) == 3
    for chart in charts:
        assert chart.size["width"] > 250 and chart.size["height"] > 150
    for row in browser.find_elements("css selector", "#per-image tbody tr"):
        browser.execute_script("arguments[0].scrollIntoView()", row)
        images = row.find_elements("css selector", "img")
        WebDriverWait(browser, 20).until(lambda _, images=images: all(i.get_property("complete") for i in images))
        assert [image.get_property("naturalWidth") for image in images] == [64] * 4
    first = browser.find_elements("css selector", "#per-image img")[0]
    assert first.is_displayed() and first.size["width"] > 80


def test_sorts_on_click_and_by_keyboard(page):
    browser, evaluation = page
    by_error = sorted(evaluation.results, key=lambda name: -evaluation.results[name]["metric"].abs_rel)
    assert _names(browser) == by_error
    _button(browser, 3).click()
    assert _names(browser) == by_error[::-1]
    head = _button(browser, 3).find_element("xpath", "..")
    assert head.get_attribute("aria-sort") == "ascending"

    _button(browser, 6).send_keys("\n")  # delta 1: the worst is the lowest
    by_delta = [evaluation.results[name]["metric"].delta1 for name in _names(browser)]
    assert by_delta == sorted(by_delta)
    assert head.get_attribute("aria-sort") == "none"

    _button(browser, 1).click()
    names = [name for name in _names(browser) if name.startswith("rgb/")]
    assert names == [f"rgb/{i}.png" for i in range(11)]  # 10 comes after 9


def test_filters_names(page):
    browser, _ = page
    field = browser.find_element("id", "filter")
    field.send_keys("RGB/1")
    assert sorted(_names(browser)) == ["rgb/1.png", "rgb/10.png"]
    assert browser.find_element("id", "shown").text == "2 of 12 images"
    field.clear()
    field.send_keys(" ")
    assert len(_names(browser)) == 12


def test_hostile_names_do_nothing(page):
    browser, _ = page
    assert browser.title == "Depth evaluation"
    assert HOSTILE in _names(browser)


def test_nothing_is_wider_than_the_window(page):
    browser, _ = page
    assert browser.execute_script("return document.documentElement.scrollWidth - window.innerWidth") <= 0


def test_the_console_stays_empty(page):
    browser, _ = page
    assert browser.get_log("browser") == []
