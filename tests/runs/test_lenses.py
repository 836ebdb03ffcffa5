import json

import numpy as np
from PIL import Image

from mono.data.camera_source import CameraResolver
from mono.data.folder import find_images
from mono.do_test import run
from mono.geometry.camera import Camera
from mono.io.depth import read_depth, write_depth
from mono.io.depth_metadata import saved_camera
from mono.runs.options import RunOptions
from mono.runs.outputs import OutputOptions
from mono.visual.smoothing import write_smoothed


def test_a_run_undistorts_and_keeps_the_lens(tmp_path, toy_predictor):
    photos, out = tmp_path / "photos", tmp_path / "out"
    rng = np.random.default_rng(0)
    for name, camera in (
        ("mild", {"fx": 60, "cx": 39, "cy": 30, "model": "fisheye", "distortion": [0.05, -0.01]}),
        ("wide", {"fx": 20, "cx": 39, "cy": 30, "model": "fisheye"}),
        ("bent", {"fx": 80, "k1": -0.2, "k2": 0.02}),
    ):
        photos.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(120, 130, (60, 80, 3), dtype=np.uint8)).save(photos / f"{name}.png")
        (photos / f"{name}.camera.json").write_text(json.dumps(camera))
    output = OutputOptions(("depth", "pcd", "normal"))
    run(find_images([str(photos)]), toy_predictor, RunOptions(out=out, output=output, resolver=CameraResolver()))
    records = {r["name"]: r for r in map(json.loads, (out / "manifest.jsonl").read_text().splitlines())}
    assert records["wide"]["status"] == "ok"  # in views
    assert json.loads((out / "depth" / "wide.json").read_text())["depth_kind"] == "ray"
    assert records["mild"]["lens"] == {"model": "fisheye", "distortion": [0.05, -0.01]}
    assert records["mild"]["camera_detail"].endswith("fisheye lens, 75 deg")
    assert records["bent"]["camera_detail"].endswith("lens distortion, 56 deg")
    camera = saved_camera(out / "depth" / "mild.png")
    assert camera == Camera(60, 60, 39, 30, 80, 60, (0.05, -0.01), "fisheye")
    depth = read_depth(out / "depth" / "mild.png")
    assert depth.shape == (60, 80) and (depth > 0).mean() > 0.9
    assert (out / "pcd" / "mild.ply").stat().st_size > 15 * 500


def test_smoothed_depth_of_a_wide_video_keeps_its_camera(tmp_path):
    camera = Camera.panorama(64, 32)
    depth = np.linspace(1, 5, 64 * 32, dtype=np.float32).reshape(32, 64)
    sources, targets = [tmp_path / f"depth/{i}.png" for i in range(3)], [tmp_path / f"smooth/{i}.png" for i in range(3)]
    for source in sources:
        write_depth(source, depth, camera)
    write_smoothed(sources, targets, [1.0, 1.1, 0.9])
    for factor, target in zip((1.0, 1.1, 0.9), targets, strict=True):
        assert saved_camera(target) == camera and saved_camera(target).depth_kind == "ray"
        np.testing.assert_allclose(read_depth(target), factor * depth, atol=0.0011)
