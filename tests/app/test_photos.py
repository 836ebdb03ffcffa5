"""Photos of the app: read in memory, and shrunk."""

import tempfile

import pytest

pytest.importorskip("starlette")

from mono.app import photos
from mono.app.photos import MAX_SIDE, read_upload
from mono.data.camera_source import CameraResolver
from mono.io.images import image_cost
from mono.system.errors import MetricDepthError
from tests.app.server import photo


def test_uploads_stay_in_memory_and_messages_name_them(tmp_path, monkeypatch, caplog):
    data = photo(3200, 2400)
    monkeypatch.setattr(tempfile, "mkdtemp", lambda *_, **__: pytest.fail("a temporary folder is made"))
    monkeypatch.setattr("mono.io.images.FULL_SIZE_PIXELS", 3200 * 2400 - 1)
    rgb, found = read_upload(data, "street.jpg", CameraResolver(focal_px=3200))
    assert rgb.shape == (1200, 1600, 3) and found.camera.fx == pytest.approx(1600, rel=1e-3)
    sizes = "has 3200x2400 pixels; it is read at 1/2 of that, 1600x1200, and results are not larger"
    assert caplog.messages == [f"street.jpg: {sizes}"]
    (tmp_path / "a.jpg").write_bytes(data)
    assert image_cost(data) == image_cost(tmp_path / "a.jpg") > 0
    monkeypatch.setattr(photos, "MAX_DECODING", image_cost(data) - 1)
    with pytest.raises(MetricDepthError, match=r"^street\.jpg: is too large an image for the app"):
        read_upload(data, "street.jpg", CameraResolver())


def test_large_photos_are_shrunk_with_their_camera():
    rgb, found = read_upload(photo(2560, 1280), "a.jpg", CameraResolver(focal_px=2560))
    assert rgb.shape == (MAX_SIDE // 2, MAX_SIDE, 3)
    assert found.camera.fx == pytest.approx(MAX_SIDE) and (found.camera.width, found.camera.height) == (2048, 1024)
