"""The page in headless Chromium: what a person does, and what is shown."""

from __future__ import annotations

import json
import time

from tests.app.server import ask


def wait(done, seconds=30):
    """The first true value of `done()`."""
    end = time.monotonic() + seconds
    while not (value := done()):
        assert time.monotonic() < end, "the page did not get there"
        time.sleep(0.05)
    return value


def ready(browser, port):
    """Open the page."""
    browser.get(f"http://127.0.0.1:{port}/")
    wait(lambda: browser.execute_script("return document.documentElement.dataset.ready"))


def upload(browser, *files):
    """Choose files, and wait until the last is open."""
    browser.execute_script("document.getElementById('status').textContent = ''")
    browser.find_element("id", "file").send_keys("\n".join(str(file) for file in files))
    wait(lambda: status(browser).endswith(" s"))


def status(browser):
    return browser.find_element("id", "status").text


def seen(browser):
    """Bring the photo into view; its place and size in the window."""
    canvas = browser.find_element("id", "photo")
    browser.execute_script("arguments[0].scrollIntoView({block: 'nearest'})", canvas)
    return browser.execute_script(
        "const r = arguments[0].getBoundingClientRect(); return [r.left, r.top, r.width, r.height]", canvas
    )


def mouse(browser, kind, x, y, **more):
    """A mouse event at a place of the window, which may lie between pixels of the screen."""
    event = {"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1, **more}
    browser.execute_cdp_cmd("Input.dispatchMouseEvent", event)


def drag(browser, start, end):
    """Press at a place of the window, move in two steps and let go."""
    middle = [(a + b) / 2 for a, b in zip(start, end, strict=True)]
    mouse(browser, "mousePressed", *start, buttons=1)
    for place in (middle, end):
        mouse(browser, "mouseMoved", *place, buttons=1)
    mouse(browser, "mouseReleased", *end)


def touch(browser, kind, *places):
    """A touch event, with a finger at each place of the window."""
    points = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(places)]
    browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def place_of(browser, x, y, size=(640, 480)):
    """Place in the window of a pixel of the whole photo."""
    left, top, width, height = seen(browser)
    return left + (x + 0.5) / size[0] * width, top + (y + 0.5) / size[1] * height


def click(browser, x, y):
    """Click at a place of the window."""
    mouse(browser, "mouseMoved", x, y)
    mouse(browser, "mousePressed", x, y, buttons=1)
    mouse(browser, "mouseReleased", x, y)


def click_photo(browser, x, y):
    """Click the photo, seen whole, at a pixel."""
    click(browser, *place_of(browser, x, y))


def draw_line(browser, start, end):
    """Click the two ends of the first line, and wait for its length."""
    click_photo(browser, *start)
    click_photo(browser, *end)
    wait(lambda: len(values(browser)) == 1)


def press(browser, selector):
    browser.execute_script("arguments[0].click()", browser.find_element("css selector", selector))


def enter(browser, element, value):
    """Set a field, with the events that follow."""
    browser.execute_script(
        "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'));"
        "arguments[0].dispatchEvent(new Event('change'))", element, value
    )  # fmt: skip


def texts(browser):
    """Shown measurements, as text."""
    return browser.execute_script("return [...document.querySelectorAll('#list .value')].map(e => e.textContent)")


def values(browser):
    """Shown measurements in metres."""
    return [float(t.split()[0]) * (0.01 if t.endswith("cm") else 1) for t in texts(browser) if t != "–"]


def names(browser):
    return browser.execute_script("return [...document.querySelectorAll('#list .top input')].map(e => e.value)")


def listen(browser):
    """Keep the bodies of requests in `sent`; requests whose path contains `held` wait until it is empty."""
    browser.execute_script(
        "const send = window.fetch; window.sent = []; window.held = '';"
        "window.fetch = async (path, options) => {"
        "  if (typeof options?.body === 'string') window.sent.push(JSON.parse(options.body));"
        "  while (window.held && path.includes(window.held)) await new Promise((done) => setTimeout(done, 20));"
        "  return send(path, options); };"
    )


def hold(browser, part):
    browser.execute_script("window.held = arguments[0]", part)


def measured(browser):
    """Pixels of the last measurement that was sent."""
    return browser.execute_script("return window.sent.at(-1).measurements.at(-1).pixels")


def key(browser, *keys):
    """Press keys where the focus is; a pair is a modifier and a key."""
    from selenium.webdriver.common.action_chains import ActionChains

    for one in keys:
        chain = ActionChains(browser)
        if isinstance(one, tuple):
            chain.key_down(one[0]).send_keys(one[1]).key_up(one[0]).perform()
        else:
            chain.send_keys(one).perform()


def length_of(port, browser, pixels):
    """Length that the server gives for pixels [m]."""
    address = browser.execute_script(
        "return performance.getEntriesByType('resource').map(e => e.name).filter(n => n.includes('/measure')).at(-1)"
    )
    body = {"measurements": [{"name": "a", "pixels": pixels}]}
    return json.loads(ask(port, "POST", "/api" + address.split("/api")[1], body)[2])["measurements"][0]["length"]


def shown(browser):
    """Name of the photo that is shown, of several."""
    return browser.execute_script("return document.querySelector('#gallery [aria-pressed=true]').title")


def choose(browser, name):
    """Press a photo of the gallery."""
    press(browser, f"#gallery [title='{name}']")
    wait(lambda: shown(browser) == name)


def gallery(browser):
    """Names of the photos of the gallery."""
    return browser.execute_script("return [...document.querySelectorAll('#gallery [aria-pressed]')].map(e => e.title)")
