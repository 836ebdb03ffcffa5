import json
import logging
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mono.data.annotations import load_annotations
from mono.data.camera_source import CameraResolver, ResolvedCamera
from mono.data.folder import find_images
from mono.do_test import run
from mono.evaluation.protocols import read_protocol
from mono.geometry.camera import Camera
from mono.geometry.canonical import CanonicalTransform
from mono.inference.inputs import NetworkInput
from mono.inference.prediction import Prediction
from mono.inference.predictor import Predictor
from mono.io.depth import read_depth, write_depth
from mono.runs.options import RunOptions
from mono.runs.outputs import OutputOptions
from mono.system.errors import MetricDepthError
from mono.views.layout import ViewOptions
from tests.views.rooms import near_creases, room_distance
from tests.views.test_layout import FISHEYE

PANORAMA = Camera.panorama(256, 128)


@dataclass(frozen=True)
class _Answer:
    """Raw output that knows the room: directions are the colors of the image."""

    found: ResolvedCamera
    rgb: np.ndarray

    def prediction(self):
        axis = self.rgb.astype(np.float64) / 127.5 - 1
        distance = room_distance(axis / np.linalg.norm(axis, axis=-1, keepdims=True))
        depth = distance * self.found.camera.unit_rays()[..., 2]
        return Prediction(depth.astype(np.float32), np.ones(depth.shape, np.float32), self.found.camera)


@dataclass(frozen=True)
class RoomPredictor(Predictor):
    """Predictor of perspective images whose colors are directions."""

    transform: CanonicalTransform = field(default_factory=lambda: CanonicalTransform((128, 192)))
    views: ViewOptions = field(default_factory=ViewOptions)
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    precision: str = "float32"
    backend: str = "eager"
    name: str = "room"
    checkpoint: Path = Path("room.pth")
    checksum: str = "0" * 64
    architecture: tuple = ()

    def prepare_view(self, image, found):
        return NetworkInput(found, self.transform.view(found.camera), image)

    def infer_views(self, images):
        assert len(images) <= 4
        return [_Answer(image.found, image.pixels) for image in images]


def photo(camera):
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(np.rint(127.5 * (camera.unit_rays() + 1))).astype(np.uint8)


def relative_error(prediction):
    rays = np.nan_to_num(prediction.camera.unit_rays().astype(np.float64), nan=1.0)
    error = np.abs(prediction.distance / room_distance(rays) - 1)
    return error[prediction.mask & ~near_creases(rays, 0.1)]


@pytest.mark.parametrize("camera", [PANORAMA, FISHEYE.resized(240, 240), Camera.from_fov(125, 240, 120)])
def test_wide_images_are_predicted_in_views(camera):
    prediction = RoomPredictor().predict(photo(camera), camera)
    seen = np.isfinite(camera.unit_rays()).all(-1)
    assert (prediction.mask == seen).mean() > 0.999
    assert np.median(relative_error(prediction)) < 0.01  # 8-bit colors
    assert prediction.depth_kind == ("z" if camera.is_perspective else "ray")
    assert np.allclose(np.linalg.norm(prediction.points(), axis=-1), prediction.distance, rtol=1e-5)
    assert "merged of" in prediction.camera_detail


def test_batches_mix_wide_and_perspective_images():
    plain = Camera.from_fov(60, 120, 90)
    cameras = [plain, PANORAMA, plain]
    together = RoomPredictor().predict_batch([photo(camera) for camera in cameras], cameras)
    assert [p.camera for p in together] == cameras
    assert (together[0].depth == together[2].depth).all() and np.median(relative_error(together[1])) < 0.01


def test_perspective_images_stay_whole_when_one_view_is_asked_for():
    camera = Camera.from_fov(125, 240, 120)
    whole = replace(RoomPredictor(), views=ViewOptions(count=1))
    assert isinstance(whole.prepare(photo(camera), ResolvedCamera(camera, "given", "")), NetworkInput)
    with pytest.raises(MetricDepthError, match=r"1 views do not cover"):
        whole.predict(photo(PANORAMA), PANORAMA)


def test_normals_of_a_panorama_are_those_of_its_walls():
    camera = Camera.panorama(256, 128)
    exact = room_distance(camera.unit_rays().astype(np.float64)).astype(np.float32)
    prediction = Prediction(exact, np.ones_like(exact), camera)
    normal = prediction.surface_normals()
    flat = ~near_creases(camera.unit_rays(), 0.1)
    assert np.abs(normal).max(-1)[flat].min() > 0.999
    assert (np.einsum("ijk,ijk->ij", normal, camera.unit_rays())[flat] < 0).all()


def test_runs_write_and_score_distances_of_panoramas(tmp_path, caplog):
    Image.fromarray(photo(PANORAMA)).save(tmp_path / "a.png")
    exact = room_distance(PANORAMA.unit_rays().astype(np.float64)).astype(np.float32)
    write_depth(tmp_path / "truth.npy", exact)
    entry = {"rgb": "a.png", "depth": "truth.npy", "depth_kind": "ray"}
    (tmp_path / "annotations.json").write_text(json.dumps({"files": [entry]}))
    options = RunOptions(
        tmp_path / "out",
        OutputOptions(("depth", "vis", "pcd", "normal")),
        resolver=CameraResolver(panorama=True),
        protocol=read_protocol("none"),
    )
    result = run(load_annotations(tmp_path / "annotations.json"), RoomPredictor(), options)
    assert not result.failures and result.metrics["a.png"]["metric"].abs_rel < 0.01
    sidecar = json.loads((tmp_path / "out/depth/a.json").read_text())
    assert sidecar["depth_kind"] == "ray" and sidecar["camera"]["model"] == "equirectangular"
    assert np.median(np.abs(read_depth(tmp_path / "out/depth/a.png") / exact - 1)) < 0.01
    with Image.open(tmp_path / "out/depth/a.png") as png:
        assert png.info["depth_kind"] == "ray"
    cloud = (tmp_path / "out/pcd/a.ply").read_bytes()
    points = np.frombuffer(cloud[cloud.index(b"end_header\n") + 11 :], np.dtype("<f4,<f4,<f4,<f4,<f4,<f4,u1,u1,u1"))
    assert points["f2"].min() < -3.5 and points["f2"].max() > 4.5  # behind the camera too


def test_depth_along_the_axis_is_compared_as_distance(tmp_path):
    camera = FISHEYE.resized(240, 240)
    rays = camera.unit_rays().astype(np.float64)
    Image.fromarray(photo(camera)).save(tmp_path / "a.png")
    exact = np.where(rays[..., 2] > 0.1, room_distance(rays) * rays[..., 2], 0).astype(np.float32)
    write_depth(tmp_path / "truth.npy", exact)
    (tmp_path / "annotations.json").write_text(json.dumps({"files": [{"rgb": "a.png", "depth": "truth.npy"}]}))
    samples = load_annotations(tmp_path / "annotations.json")

    class Resolver(CameraResolver):
        def resolve_for(self, sample, photo):
            return ResolvedCamera(camera, "given", "test")

    options = RunOptions(
        tmp_path / "out", OutputOptions(()), workers=0, resolver=Resolver(), protocol=read_protocol("none")
    )
    result = run(samples, RoomPredictor(), options)
    assert not result.failures and result.metrics["a.png"]["metric"].abs_rel < 0.02


def test_known_distances_do_not_align_panoramas():
    exact = np.ones((128, 256), np.float32)
    with pytest.raises(MetricDepthError, match="cannot correct a fisheye or panorama"):
        Prediction(exact, exact, PANORAMA).aligned(None)


def test_a_focal_sweep_of_a_panorama_is_refused(tmp_path, caplog):
    Image.fromarray(photo(PANORAMA)).save(tmp_path / "a.png")
    options = RunOptions(tmp_path / "out", resolver=CameraResolver(panorama=True), focal_sweep=(100.0,))
    with caplog.at_level(logging.ERROR):
        result = run(find_images([str(tmp_path / "a.png")]), RoomPredictor(), options)
    assert "a focal sweep is for perspective images" in result.failures[0].reason
