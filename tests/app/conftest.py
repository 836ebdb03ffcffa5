"""App that the tests of its interface share, and a photo in it."""

import json

import pytest


@pytest.fixture(scope="module")
def served():
    from tests.app.server import exact_app, running

    app = exact_app()
    with running(app) as port:
        yield app, port


@pytest.fixture
def opened(served):
    from tests.app.server import ask, photo

    app, port = served
    status, _, body = ask(port, "POST", "/api/photos?name=frame.png", photo(suffix=".png"))
    assert status == 200, body
    return app, port, json.loads(body)


@pytest.fixture(scope="module")
def room_session(tmp_path_factory):
    """Browser, port and folder of downloads, with a photo in it."""
    from tests.app.server import exact_app, photo, running
    from tests.browser import chromium

    downloads = tmp_path_factory.mktemp("downloads")
    (downloads / "room.png").write_bytes(photo(suffix=".png"))
    with chromium(tmp_path_factory.mktemp("profile"), "1440,1200", downloads) as browser, running(exact_app()) as port:
        yield browser, port, downloads


@pytest.fixture
def room(room_session):
    """Browser and port, with a photo open and nothing measured."""
    from tests.app.page import listen, ready, upload

    browser, port, downloads = room_session
    ready(browser, port)
    browser.execute_script("localStorage.clear()")
    ready(browser, port)
    listen(browser)
    upload(browser, downloads / "room.png")
    return browser, port
