"""Photos of distorting lenses in the app: measured on the undistorted photo; wide ones are refused."""

import json

import numpy as np
import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from mono.app.photos import read_upload
from mono.app.results import saved_results
from mono.app.server import App
from mono.data.camera_source import CameraResolver
from mono.data.folder import find_images
from mono.do_test import run
from mono.geometry.camera import Camera
from mono.inference.measurement import measure
from mono.inference.prediction import Prediction
from mono.io.depth import write_depth
from mono.runs.options import RunOptions
from tests.app.server import ask, photo, running
from tests.toys import toy_predictor

BARREL = {"fx": 500, "fy": 500, "cx": 319.5, "cy": 239.5, "width": 640, "height": 480, "distortion": [-0.25, 0.05]}


def test_distances_are_those_of_the_lens(tmp_path):
    (tmp_path / "camera.json").write_text(json.dumps(BARREL))
    rgb, found = read_upload(photo(), "a.jpg", CameraResolver(camera_file=tmp_path / "camera.json"))
    assert not found.camera.is_distorted and rgb.shape[:2] == (found.camera.height, found.camera.width)
    lens = Camera(**{**BARREL, "distortion": tuple(BARREL["distortion"])})
    ends = lens.rays_at(np.array([[60.0, 60.0], [560.0, 400.0]])) * [[3.0], [4.0]]
    depth = np.full(rgb.shape[:2], 3.0, np.float32)
    pixels = found.camera.project(ends)[0]
    depth[:, found.camera.width // 2 :] = 4
    prediction = Prediction(depth, np.ones_like(depth), found.camera)
    length = measure(prediction, pixels.tolist()).length
    assert length == pytest.approx(np.linalg.norm(ends[1] - ends[0]), rel=1e-6)


def test_wide_photos_are_refused_with_a_way_out(tmp_path):
    (tmp_path / "camera.json").write_text(json.dumps({"fx": 200, "model": "fisheye"}))
    for resolver in (CameraResolver(camera_file=tmp_path / "camera.json"), CameraResolver(panorama=True)):
        app = App({"toy": toy_predictor()}, resolver)
        with running(app) as port:
            status, _, body = ask(port, "POST", "/api/photos?name=a.png", photo(640, 320, suffix=".png"))
        assert status == 400 and "metricdepth predict --save depth,vis,pcd" in json.loads(body)["error"]


def test_results_of_distorted_photos_are_shown_undistorted(tmp_path):
    (tmp_path / "a.png").write_bytes(photo(suffix=".png"))
    (tmp_path / "camera.json").write_text(json.dumps(BARREL))
    out = tmp_path / "out"
    run(find_images([str(tmp_path / "a.png")]), toy_predictor(), RunOptions(out))
    lens = Camera(**{**BARREL, "distortion": tuple(BARREL["distortion"])})
    write_depth(out / "depth" / "a.png", np.full((480, 640), 2.5, np.float32), lens)
    opened = saved_results(out)["a"]()
    camera = opened.prediction.camera
    assert not camera.is_distorted and opened.rgb.shape[:2] == opened.prediction.depth.shape
    x = camera.project(np.array([1.0, 0.5, 2.5]))[0]
    found = measure(opened.prediction, [[camera.cx, camera.cy], x.tolist()])
    assert found.length == pytest.approx(np.hypot(1, 0.5), rel=1e-6)
