"""HTTP interface of the app: exact numbers, files as the command line writes them, and refused uploads."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import trimesh

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from mono.app.photos import OpenPhoto, PhotoStore
from mono.cli.main import main
from mono.data.saved_predictions import PredictionFormat
from mono.io.depth import read_depth
from tests.app.server import ask, exact, exact_app, huge_png, photo, running

PNG, JPEG = photo(suffix=".png"), photo()


def test_a_photo_is_described_and_its_depth_is_the_models(opened):
    _, port, found = opened
    assert (found["width"], found["height"], found["focal_px"], found["model"]) == (640, 480, 400.0, "exact")
    assert found["camera_source"] == "given" and found["name"] == "frame.png"
    depth = np.frombuffer(ask(port, "GET", f"/api/photos/{found['id']}/depth")[2], "<f4").reshape(480, 640)
    np.testing.assert_array_equal(depth, exact().depth)
    cloud = np.frombuffer(ask(port, "GET", f"/api/photos/{found['id']}/cloud")[2], [("p", "<f4", 3), ("c", "u1", 4)])
    columns, rows = cloud["p"][:, 0].astype(int), cloud["p"][:, 1].astype(int)
    np.testing.assert_array_equal(cloud["p"][:, 2], depth[rows, columns])
    assert 50_000 < len(cloud) <= 200_000 and rows.min() == 20  # the sky above is left out


def test_files_hold_the_changed_depth(opened, tmp_path):
    _, port, found = opened
    files = {}
    for name in found["files"]:
        status, headers, data = ask(port, "GET", f"/api/photos/{found['id']}/files/{name}?focal_px=600&scale=2")
        assert status == 200 and f'filename="frame_{name}"' in headers["content-disposition"]
        (tmp_path / name).write_bytes(data)
        files[name] = tmp_path / name
    expected = exact().depth * 3
    np.testing.assert_allclose(np.load(files["depth.npy"]), expected, rtol=1e-6)
    np.testing.assert_allclose(read_depth(files["depth.png"]), expected, atol=6e-4)
    assert json.loads(files["depth.json"].read_bytes())["camera"]["fx"] == pytest.approx(600)
    scene = trimesh.load(files["mesh.glb"], process=False)
    vertices = scene.geometry["depth"].vertices
    wall = np.abs(-vertices[:, 2] + 0.3 * vertices[:, 0] * 1.5 - 12)  # the plane z + 0.3 x = 4, x by 2 and z by 3
    assert np.minimum(wall, np.abs(vertices[:, 2] + 6)).max() < 0.02
    assert len(trimesh.load(files["points.ply"]).vertices) > 200_000


def test_examples_are_given_and_opened_by_name_alone(tmp_path):
    (tmp_path / "hidden.png").write_bytes(PNG)
    (tmp_path / "a.jpg").write_bytes(JPEG)
    with running(exact_app(examples={"a.jpg": tmp_path / "a.jpg"})) as port:
        status, headers, data = ask(port, "GET", "/api/examples/a.jpg")
        assert (status, headers["content-type"], data) == (200, "image/jpeg", JPEG)
        assert json.loads(ask(port, "POST", "/api/examples/a.jpg")[2])["name"] == "a.jpg"
        for method in ("GET", "POST"):
            for name in ("b.jpg", "hidden.png", "..%2Fa.jpg", "%2E%2E/hidden.png"):
                status, _, data = ask(port, method, f"/api/examples/{name}")
                assert status in (404, 405) and PNG[:8] not in data, name


NAMES = [
    "../../etc/passwd",
    "..\\..\\boot.ini",
    "/etc/shadow",
    "<script>alert(1)</script>.png",
    "a\0b.png",
    "x" * 5000,
    "%00",
    "con",
]
BAD_PHOTOS = [
    b"", b"\0", b"no image", b"<html><script>alert(1)</script></html>", b"%PDF-1.7 ...", b"GIF89a", b"II*\0",
    b"MM\0*\0\0\0\x08",
    b"RIFF\0\0\0\0WEBPVP8X", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0" + bytes(500), b"BM" + bytes(60),
    b"PK\x03\x04" + bytes(60),
    bytes(100_000), np.random.default_rng(0).bytes(50_000), huge_png(3), huge_png(30_000), huge_png(2**31 - 1),
    huge_png(0),
    *(PNG[: len(PNG) * i // 12] for i in range(1, 11)), *(JPEG[: len(JPEG) * i // 12] for i in range(1, 8)),
    PNG[:40] + bytes(200) + PNG[240:], b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"#!/bin/sh\nrm -rf /\n",
    b"\x00\x00\x00\x1cftypheic" + bytes(100), b"P6 99999 99999 255\n", photo(7, 7, ".png"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(BAD_PHOTOS)))
def test_bad_uploads_get_one_clear_message(served, number):
    app, port = served
    before = len(app.store)
    name = NAMES[number % len(NAMES)].encode("unicode_escape").decode()
    name = "".join(c if c.isalnum() or c in "._-" else f"%{ord(c):02x}" for c in name)
    status, headers, body = ask(port, "POST", f"/api/photos?name={name}", BAD_PHOTOS[number])
    message = json.loads(body)["error"]
    assert status == 400 and headers["content-type"] == "application/json", (status, body[:300])
    assert 10 < len(message) < 400 and "\n" not in message and "Traceback" not in message
    assert "/tmp" not in message and "etc/" not in message and len(app.store) == before


@pytest.mark.parametrize(
    "path",
    ["/../pyproject.toml", "/..%2f..%2fpyproject.toml", "/%2e%2e/server.py", "/static/app.js", "/server.py",
     "/api/photos/none",
     "/api/photos/../info/x", "/api/photos/none/files/depth.npy", "/api/photos/none/layers/photo"],
)  # fmt: skip
def test_nothing_else_is_served(served, path):
    status, _, body = ask(served[1], "GET", path)
    assert status == 404, (path, body[:100])
    assert "error" in json.loads(body)


def test_files_and_layers_that_are_none_are_refused(opened):
    _, port, found = opened
    for path in (
        "files/..%2fdepth.png",
        "files/passwd",
        "layers/passwd",
        "files/depth.npy?scale=nan",
        "files/depth.npy?focal_px=-3",
    ):
        status, _, body = ask(port, "GET", f"/api/photos/{found['id']}/{path}")
        assert status in (400, 404) and b"Traceback" not in body, (path, status, body[:200])


def test_other_origins_and_other_hosts_are_refused(served):
    _, port = served
    for host in ("evil.example", "127.0.0.1.evil.example", f"evil.example:{port}", "127.0.0.1:x", "127.0.0.1@evil", ""):
        status, headers, body = ask(port, "GET", "/api/info", headers={"Host": host})
        assert status == 400 and headers["x-content-type-options"] == "nosniff"
        wrong = f"the app does not answer to the name {host!r}; open it at http://127.0.0.1:{port}"
        assert json.loads(body)["error"] == wrong
    for host in ("127.0.0.1", f"127.0.0.1:{port}", "LOCALHOST", f"[::1]:{port}"):
        assert ask(port, "GET", "/api/info", headers={"Host": host})[0] == 200
    status, _, body = ask(port, "POST", "/api/photos", JPEG, {"Origin": "http://evil.example"})
    assert status == 403 and "page that is not the app's" in json.loads(body)["error"]


def test_a_claimed_or_real_excess_is_stopped_early(served):
    _, port = served
    status, _, body = ask(port, "POST", "/api/photos", b"x", {"Content-Length": "99999999999"})
    assert status == 413 and "more than 40 MB" in json.loads(body)["error"]


@pytest.mark.parametrize("length", ["Content-Length: 1000000", "Transfer-Encoding: chunked"])
def test_an_upload_that_is_broken_off_leaves_no_trace(served, length):
    app, port = served
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logging.getLogger("uvicorn.error").addHandler(handler)
    try:
        before = len(app.store)
        with socket.create_connection(("127.0.0.1", port)) as connection:
            head = f"POST /api/photos?name=a.jpg HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{length}\r\n\r\n"
            connection.sendall(head.encode() + b"5\r\nhello\r\n")
            time.sleep(0.2)  # until the app waits for the rest
        time.sleep(0.3)
        assert ask(port, "GET", "/api/info")[0] == 200
    finally:
        logging.getLogger("uvicorn.error").removeHandler(handler)
    assert lines == [] and len(app.store) == before


def test_pages_may_load_from_the_app_alone(served):
    _, headers, body = ask(served[1], "GET", "/")
    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert b"http://" not in body and b"https://" not in body


def test_twenty_at_once_are_all_answered(served):
    _, port = served
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(ask(port, "POST", "/api/photos", JPEG)[0])) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 20


def test_old_photos_leave_a_full_store():
    prediction = exact(64, 48)
    item = OpenPhoto("a", np.zeros((48, 64, 3), np.uint8), prediction, "exact")
    store = PhotoStore(max_bytes=3 * item.bytes)
    keys = [store.add(item) for _ in range(3)]
    assert store.get(keys[0]) is item  # used again, so the second is the oldest
    keys.append(store.add(item))
    assert len(store) == 3 and store.get(keys[1]) is None and store.get(keys[0]) is item
    assert len(set(keys)) == 4 and min(map(len, keys)) >= 20


def test_models_without_a_unit_are_refused(monkeypatch, capsys):
    model = SimpleNamespace(name="dpt", prediction_format=PredictionFormat("disparity"))
    monkeypatch.setattr("mono.cli.session.load_predictor", lambda *_, **__: model)
    monkeypatch.setattr("mono.cli.app.serve", lambda *_: 0)
    assert main(["app", "--model", "hf:dpt"]) == 2
    assert "dpt gives disparity without a unit" in capsys.readouterr().err
