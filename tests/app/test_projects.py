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
from tests.app.server import ask, exact, photo

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
