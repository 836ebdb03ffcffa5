"""Screenshots of the app and of the report page, by chromium, chromedriver and selenium."""

from __future__ import annotations

import contextlib
import io
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

import metricdepth
from mono.app.server import App, create_app
from mono.cli.app import examples
from mono.cli.main import main

MEDIA = Path(__file__).parent
FLAGS = ("--headless", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--hide-scrollbars")


@contextlib.contextmanager
def served() -> Iterator[str]:
    """Serve the app with the small model on a free port."""
    import uvicorn

    app = App({"lite": metricdepth.load_model("lite", device="cpu")}, examples=examples())
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(app), log_level="error"))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    server.should_exit = True
    thread.join(10)


class Browser:
    """Chromium that is led through a page."""

    def __init__(self, address: str, profile: str, size: tuple[int, int]) -> None:
        """Open the page in a window of a size."""
        from selenium import webdriver

        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for flag in (*FLAGS, f"--window-size={size[0]},{size[1]}", f"--user-data-dir={profile}"):
            options.add_argument(flag)
        self.browser = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
        self.browser.get(address)

    def resize(self, width: int, height: int, mobile: bool = False) -> None:
        """Change the size of the page."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def wait(self, script: str) -> None:
        """Wait until a script returns something true."""
        end = time.monotonic() + 60
        while not self.browser.execute_script(script):
            if time.monotonic() > end:
                raise SystemExit(f"the page did not get there: {script}")
            time.sleep(0.1)

    def press(self, selector: str, text: str) -> None:
        """Press the button with a text."""
        buttons = self.browser.find_elements("css selector", f"{selector} button")
        button = next(b for b in buttons if b.get_property("textContent").lower() == text.lower())
        self.browser.execute_script("arguments[0].click()", button)
        time.sleep(0.4)

    def open(self, name: str) -> None:
        """Open an example."""
        self.browser.execute_script("document.getElementById('status').textContent = ''")
        self.press("#examples", name)
        self.wait("return document.getElementById('status').textContent.endsWith(' s')")

    def click(self, *places: tuple[float, float]) -> None:
        """Click the photo at places given as shares of its size."""
        from selenium.webdriver.common.action_chains import ActionChains

        canvas = self.browser.find_element("id", "photo")
        width, height = canvas.size["width"], canvas.size["height"]
        for x, y in places:
            offset = int((x - 0.5) * width), int((y - 0.5) * height)
            ActionChains(self.browser).move_to_element_with_offset(canvas, *offset).click().perform()
        time.sleep(0.6)

    def shoot(self, path: Path) -> None:
        """Save what is seen."""
        self.browser.execute_script("scrollTo(0, 0)")
        time.sleep(0.3)
        shot = Image.open(io.BytesIO(self.browser.get_screenshot_as_png()))
        shot.convert("RGB").save(path, quality=88, optimize=True)


def app() -> None:
    """Make the screenshots of the app."""
    out = MEDIA / "app"
    with served() as address, tempfile.TemporaryDirectory() as profile:
        visitor = Browser(address, profile, (1440, 900))
        visitor.wait("return document.documentElement.dataset.ready")
        visitor.shoot(out / "welcome.jpg")
        visitor.open("leuven")
        visitor.click((0.45, 0.93), (0.7, 0.93))
        visitor.press("#tools", "Area")
        visitor.click((0.3, 0.8), (0.75, 0.82), (0.6, 0.7))
        visitor.press("#tools", "Finish")
        visitor.press("#layers", "Depth")
        visitor.browser.execute_script("document.querySelector('[data-view=orbit]').click()")
        visitor.shoot(out / "depth.jpg")
        visitor.open("mountain path")
        visitor.press("#layers", "Normals")
        visitor.browser.execute_script("document.querySelector('[data-view=top]').click()")
        visitor.shoot(out / "layers.jpg")
        visitor.resize(390, 1500, mobile=True)
        visitor.press("#layers", "Depth")
        visitor.shoot(out / "phone.jpg")
        visitor.browser.quit()


def report(frames: Path) -> None:
    """Make the screenshot of the report page of iBims-1."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["evaluate", frames / "ibims1/annotations.json", "--protocol", "ibims", "--out", f"{folder}/run"]
        if code := main([str(word) for word in words]):
            raise SystemExit(f"evaluate ended with {code}")
        visitor = Browser(f"file://{folder}/run/report.html", f"{folder}/profile", (1386, 1480))
        visitor.resize(1386, 1480)
        visitor.shoot(MEDIA / "report.png")
        visitor.browser.quit()
