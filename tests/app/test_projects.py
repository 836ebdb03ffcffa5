"""Projects: they open as they were saved, and damaged ones are refused."""

import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from mono.app.photos import OpenPhoto
from mono.app.projects import project_bytes, read_project
from mono.system.errors import MetricDepthError
from tests.app.server import CAMERA, ask, exact, huge_png, photo

PNG = photo(suffix=".png")


def test_a_project_opens_again_with_measurements_and_scale(opened):
    _, port, found = opened
    items = [{"name": "table", "pixels": [[239.5, 280], [399.5, 280]], "area": False}]
    body = {"focal_px": 500, "scale": 1.25, "measurements": items}
    _, _, data = ask(port, "POST", f"/api/photos/{found['id']}/project", body)
    status, _, answer = ask(port, "POST", "/api/projects", data)
    again = json.loads(answer)
    assert status == 200 and again["id"] != found["id"]
    assert again["project"] == {"focal_px": 500.0, "scale": 1.25, "measurements": items}
    depth = np.frombuffer(ask(port, "GET", f"/api/photos/{again['id']}/depth")[2], "<f4").reshape(480, 640)
    np.testing.assert_array_equal(depth, exact().depth)
    assert (again["camera"], again["camera_source"]) == (found["camera"], found["camera_source"])
    assert again["layers"] == found["layers"] and "sky" in again["layers"]
    for layer in found["layers"]:
        pictures = [ask(port, "GET", f"/api/photos/{one['id']}/layers/{layer}")[2] for one in (found, again)]
        assert pictures[0] == pictures[1], layer


def test_projects_keep_sky_and_normals_of_the_network_and_former_ones_open():
    prediction = exact()
    normal = np.random.default_rng(0).normal(size=(480, 640, 3)).astype(np.float32)
    normal = np.where(prediction.sky[..., None] > 0, 0, normal / np.linalg.norm(normal, axis=2, keepdims=True))
    prediction = replace(prediction, normal=normal, sky=prediction.sky * np.float32(0.7))
    values = {"focal_px": 400.0, "scale": 1.0, "measurements": []}
    data = project_bytes(OpenPhoto("a.png", np.zeros((480, 640, 3), np.uint8), prediction, "exact"), values)
    again = read_project(data).prediction
    np.testing.assert_allclose(again.sky, prediction.sky, atol=0.5 / 255)
    np.testing.assert_allclose(again.normal, normal, atol=3e-5)
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        names = ("photo.png", "depth.npy", "confidence.npy", "project.json")
        former = archive(**{name.replace(".", "__"): packed.read(name) for name in names})
        wrong = archive(**{n.replace(".", "__"): packed.read(n) for n in names}, sky__png=photo(64, 48, ".png"))
    again = read_project(former).prediction
    assert again.sky is None and again.normal is None
    np.testing.assert_array_equal(again.depth, prediction.depth)
    with pytest.raises(MetricDepthError, match="no project file"):
        read_project(wrong)


def archive(**members):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name.replace("__", "."), content)
    return data.getvalue()


BAD_PROJECTS = [
    b"", b"PK", bytes(5000), archive(), archive(project__json="{}"), PNG,
    archive(photo__png=PNG, depth__npy=b"x", confidence__npy=b"x", project__json="{}"),
    archive(photo__png=PNG, depth__npy=b"x", confidence__npy=b"x", project__json="[" * 100_000),
    archive(photo__png=bytes(200_000_000), depth__npy=b"", confidence__npy=b"", project__json="{}"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(BAD_PROJECTS)))
def test_bad_projects_are_refused(served, number):
    _, port = served
    status, _, body = ask(port, "POST", "/api/projects", BAD_PROJECTS[number])
    assert status == 400 and "project file" in json.loads(body)["error"], body[:300]


def saved(error_scale=1.3):
    """Members of a project by name."""
    prediction = replace(exact(64, 48), camera=CAMERA.resized(64, 48), error_scale=error_scale)
    values = {"focal_px": 40.0, "scale": 1.0, "measurements": [{"name": "a", "pixels": [[9, 9]], "area": False}]}
    data = project_bytes(OpenPhoto("a.png", np.zeros((48, 64, 3), np.uint8), prediction, "exact"), values)
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def packed(members, method=zipfile.ZIP_DEFLATED):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return data.getvalue()


def npy(array):
    data = io.BytesIO()
    np.save(data, array)
    return data.getvalue()


def settings(**changed):
    return {"project.json": json.dumps(json.loads(saved()["project.json"]) | changed).encode()}


def camera(**changed):
    return settings(camera=json.loads(saved()["project.json"])["camera"] | changed)


DEPTH = np.ones((48, 64), np.float32)
SOUND = {
    "as saved": {},
    "without errors": settings(error_scale=None) | {"confidence.npy": npy(DEPTH * np.nan)},
    "half a character": settings(detail="\ud83d", source="\ud83d", name="\ud83d", model="\ud83d"),
    "many points": settings(measurements=[{"name": "a", "area": True, "pixels": [[1, 2]] * 5000}]),
    "no depth": {"depth.npy": npy(DEPTH * 0)},
}
DAMAGED = {
    **{f"focal {v:.3g}": settings(focal_px=v) for v in (0.0, -40.0, 1e9, float("inf"), float("nan"))},
    **{f"scale {v:.3g}": settings(scale=v) for v in (0.0, float("nan"))},
    **{f"focal error {v:.3g}": settings(focal_error=v) for v in (-1.0, 1e300, float("nan"))},
    **{f"error scale {v:.3g}": settings(error_scale=v) for v in (-1.0, 1e300, float("nan"))},
    "digits of the focal length": settings(focal_px=10**400),
    "digits of an error": settings(focal_error=10**400),
    "digits of a pixel": settings(measurements=[{"name": "a", "area": False, "pixels": [[10**400, 1]]}]),
    "pixel": settings(measurements=[{"name": "a", "area": False, "pixels": [[float("nan"), 1]]}]),
    "measurements": settings(measurements={"a": 1}),
    "list": {"project.json": b"[1]"},
    "text": {"project.json": b'"a"'},
    "short focal length": camera(fx=1e-300),
    "long focal length": camera(fy=1e300),
    "digits of the camera": camera(fx=10**400),
    "center": camera(cx=1e300),
    "fisheye": camera(model="fisheye"),
    "size": camera(width=65),
    "all confidence": {"confidence.npy": npy(DEPTH * np.nan)},
    "infinite confidence": {"confidence.npy": npy(DEPTH * np.inf)},
    "far": {"depth.npy": npy(DEPTH * np.float32(1e38))},
    "depth that is none": {"depth.npy": npy(DEPTH * np.nan)},
    "cut depth": {"depth.npy": npy(DEPTH)[:-9]},
    "depth of colors": {"depth.npy": npy(np.ones((48, 64, 3), np.float32))},
    "large photo": {"photo.png": huge_png(16_000)},
    "large sky": {"sky.png": huge_png(16_000)},
}


@pytest.mark.parametrize("name", DAMAGED)
def test_values_that_the_app_does_not_save_are_refused(served, name):
    status, _, body = ask(served[1], "POST", "/api/projects", packed(saved() | DAMAGED[name]))
    wrong = "this is no project file of this app, or it is damaged: download it again"
    assert (status, json.loads(body)) == (400, {"error": wrong})


@pytest.mark.parametrize("name", SOUND)
def test_what_opens_can_be_looked_at_and_measured(served, name):
    _, port = served
    status, _, body = ask(port, "POST", "/api/projects", packed(saved() | SOUND[name]))
    assert status == 200, body
    found = json.loads(body)
    one = f"/api/photos/{found['id']}"
    for layer in found["layers"]:
        assert ask(port, "GET", f"{one}/layers/{layer}")[0] == 200
    assert [ask(port, "GET", f"{one}/{part}")[0] for part in ("depth", "cloud", "files/depth.npy")] == [200] * 3
    items = found["project"]["measurements"]
    assert len(items[0]["pixels"]) in (1, 200)
    status, _, body = ask(port, "POST", f"{one}/measure", {"measurements": items, "focal_px": 40 * 40, "scale": 49})
    assert status == 200, body


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damage_anywhere_is_refused(served, method):
    whole, random = packed(saved(), method), np.random.default_rng(0)
    for place in random.integers(0, len(whole) - 40, 30):
        data = bytearray(whole)
        data[place : place + 40] = random.bytes(40)
        status, _, body = ask(served[1], "POST", "/api/projects", bytes(data))
        assert status == 400 and "project file" in json.loads(body)["error"], (place, body)
