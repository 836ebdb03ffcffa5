"""App on a free port of this machine, with a model that returns the exact depth of a box room."""

from __future__ import annotations

import http.client
import json
import struct
import threading
import time
import zlib
from contextlib import contextmanager
from dataclasses import replace

import cv2
import numpy as np

from mono.app.server import App, create_app
from mono.data.camera_source import CameraResolver
from mono.geometry.camera import Camera
from mono.inference.prediction import Prediction

CAMERA = Camera(400.0, 400.0, 319.5, 239.5, 640, 480)
WALL = 4.0  # [m]


class ExactModel:
    """Depth of a slanted wall at 4 m before which stands a box at 2 m; counts its predictions."""

    calls = 0

    def predict(self, image, found):
        self.calls += 1
        height, width = image.shape[:2]
        return replace(
            exact(width, height), camera=found.camera, camera_source=found.source, camera_detail=found.detail
        )


def exact(width=640, height=480):
    rays = CAMERA.resized(width, height).rays().astype(np.float64)
    depth = WALL / (1 + 0.3 * rays[..., 0])
    box = (np.abs(rays[..., 0]) < 0.25) & (np.abs(rays[..., 1] - 0.1) < 0.2)
    depth = np.where(box, 2.0, depth).astype(np.float32)
    confidence = np.linspace(0.2, 0.9, depth.size, dtype=np.float32).reshape(depth.shape)
    sky = (np.arange(height)[:, None] < 20) * np.ones_like(depth)
    return Prediction(depth, confidence, CAMERA, sky=sky)


def photo(width=640, height=480, suffix=".jpg"):
    depth = exact(width, height).depth
    rgb = cv2.applyColorMap(np.uint8(np.clip(depth * 40, 0, 255)), cv2.COLORMAP_VIRIDIS)
    rgb[::40] = rgb[:, ::40] = 255
    return cv2.imencode(suffix, rgb)[1].tobytes()


@contextmanager
def running(app: App):
    """Serve until the block ends; yields the port."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(create_app(app), port=0, log_level="error", limit_concurrency=256))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(10)


def exact_app(**options):
    return App({"exact": ExactModel()}, CameraResolver(intrinsics=CAMERA.intrinsics), **options)


def ask(port, method, path, body=None, headers=None):
    """Status, headers and content of a request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, json.dumps(body) if isinstance(body, dict) else body, headers or {})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def measured(port, found, items, **values):
    """Measurements of a photo by its description."""
    body = {"focal_px": None, "scale": 1, "measurements": items, **values}
    status, _, answer = ask(port, "POST", f"/api/photos/{found['id']}/measure", body)
    assert status == 200, answer
    return json.loads(answer)["measurements"]


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def huge_png(side):
    """PNG whose header announces more than it holds."""
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(b"0")) + _chunk(b"IEND", b"")
