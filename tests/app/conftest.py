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
