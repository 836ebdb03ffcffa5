"""Distorted and squashed images give the meters of undistorted ones, for a network that is exact."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mono.data.camera_source import ResolvedCamera
from mono.geometry.camera import Camera
from mono.geometry.canonical import CanonicalTransform, square_pixels
from mono.geometry.undistortion import undistortion
from mono.inference.exported import ExportedPredictor
from mono.inference.foreign import ForeignPredictor
from mono.inference.original_pixels import in_original_pixels
from mono.inference.wide import within_image_circle
from mono.model.depth_model import NetworkOutput
from tests.toys import toy_predictor

NEAREST, FARTHEST = 2.0, 12.0
TRANSFORM = CanonicalTransform((256, 320), fit="tight")


class Exact(torch.nn.Module):
    """Read canonical depth out of the image's brightness, which shows inverse depth."""

    def __init__(self, transform, camera):
        super().__init__()
        self.factor = transform.view(undistortion(camera).pinhole).depth_factor
        self.register_buffer("mean", torch.tensor(transform.mean)[:, None, None])
        self.register_buffer("std", torch.tensor(transform.std)[:, None, None])

    def forward(self, image):
        gray = (image * self.std + self.mean).mean(1, keepdim=True)
        share = ((gray - 20) / 220).clamp(0, 1)
        depth = self.factor / (1 / FARTHEST + share * (1 / NEAREST - 1 / FARTHEST))
        return NetworkOutput(
            depth, torch.ones_like(depth), depth.new_zeros(len(depth), 3, *depth.shape[2:]) + 0.5, depth
        )


def scene(camera):
    """Image and depth of a bent wall, as the camera sees it."""
    rays = camera.rays().astype(np.float64)
    x, y = rays[..., 0] / rays[..., 2], rays[..., 1] / rays[..., 2]
    inverse = 0.25 + 0.1 * x + 0.12 * y + 0.04 * np.sin(5 * x) * np.cos(4 * y)
    depth = 1 / np.clip(inverse, 1 / FARTHEST, 1 / NEAREST)
    gray = 20 + 220 * (1 / depth - 1 / FARTHEST) / (1 / NEAREST - 1 / FARTHEST)
    return np.repeat(np.rint(gray)[..., None], 3, 2).astype(np.uint8), depth.astype(np.float32)


def predicted(camera):
    image, depth = scene(camera)
    predictor = replace(toy_predictor(), network=Exact(TRANSFORM, camera), transform=TRANSFORM)
    return predictor.predict(image, camera), depth


@pytest.mark.parametrize(
    ("model", "parameters"),
    [("pinhole", (k1,)) for k1 in (-0.3, -0.2, -0.1, 0.05, 0.1)]
    + [("pinhole", (-0.3, 0.1, 0.002, -0.003)), ("fisheye", (0.02, -0.01)), ("double_sphere", (-0.2, 0.55))],
)
def test_distorted_images_have_the_meters_of_undistorted_ones(model, parameters):
    camera = Camera(260.0, 255.0, 162.0, 117.0, 320, 240, parameters, model)
    prediction, depth = predicted(camera)
    plain, plain_depth = predicted(Camera(260.0, 255.0, 162.0, 117.0, 320, 240))
    assert prediction.depth.shape == depth.shape and prediction.camera == camera
    # Strong barrel distortion turns back before the corners, where there are no rays.
    visible = cv2.erode(np.pad(camera.valid_rays(), 1).astype(np.uint8), np.ones((7, 7)))[1:-1, 1:-1] > 0
    assert prediction.mask[visible].all() and not prediction.mask[~camera.valid_rays()].any() and visible.mean() > 0.85
    error = np.abs(prediction.depth / depth - 1)[prediction.mask]
    plain_error = np.abs(plain.depth / plain_depth - 1)[plain.mask]
    assert np.median(error) < 0.005 and np.median(plain_error) < 0.005
    assert np.quantile(error, 0.95) < 0.01
    assert np.median(prediction.depth[prediction.mask] / depth[prediction.mask]) == pytest.approx(1, abs=0.003)
    points = prediction.points()[prediction.mask]
    pixels, seen = camera.project(points)
    rows, columns = np.nonzero(prediction.mask)
    assert seen.mean() > 0.99
    assert np.abs(pixels - np.stack([columns, rows], -1)).max() < 0.01


@pytest.mark.parametrize("ratio", [0.5, 0.7, 1.02, 1.4, 2.0])
def test_squashed_images_have_the_meters_of_square_ones(ratio):
    camera = Camera(260.0, 260.0, 162.0, 117.0, 320, 240).resized(round(320 * ratio), 240)
    prediction, depth = predicted(camera)
    found = np.median(prediction.depth[prediction.mask] / depth[prediction.mask])
    assert found == pytest.approx(1, abs=0.03)
    focal, height, width = square_pixels(camera.fx, camera.fy, camera.height, camera.width)
    assert ratio == 1.02 or focal * 240 / height == pytest.approx(camera.fy)
    assert ratio == 1.02 or focal * camera.width / width == pytest.approx(camera.fx)


def test_normals_and_their_confidence_come_back_too():
    prediction, _ = predicted(Camera(260.0, 255.0, 162.0, 117.0, 320, 240, (-0.3,)))
    length = np.linalg.norm(prediction.normal, axis=-1)
    np.testing.assert_allclose(length[prediction.mask], 1, atol=1e-5)
    assert prediction.normal_confidence.shape == prediction.depth.shape
    found = np.median(prediction.normal_confidence[prediction.mask] / prediction.depth[prediction.mask])
    assert found == pytest.approx(TRANSFORM.view(undistortion(prediction.camera).pinhole).depth_factor, rel=1e-3)


def test_exported_files_get_the_undistorted_image():
    camera = Camera(260.0, 255.0, 162.0, 117.0, 320, 240, (-0.2,))
    flat = undistortion(camera)
    seen = []

    def exported(arrays):
        seen.append(arrays)
        return np.full(arrays[0].shape[:2], 3, np.float32), np.ones(arrays[0].shape[:2], np.float32)

    predictor = ExportedPredictor(
        exported, {}, TRANSFORM, torch.device("cpu"), "toy", Path("toy.onnx"), "0" * 64, {}, "onnx"
    )
    image, _ = scene(camera)
    prediction = predictor.predict(image, camera)
    np.testing.assert_array_equal(seen[0][0], flat.image_to_pinhole(image))
    np.testing.assert_allclose(seen[0][1], flat.pinhole.intrinsics, rtol=1e-6)
    assert (prediction.depth[2:-2, 2:-2] == 3).all() and prediction.depth.shape == (240, 320)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("depth", 3), ("disparity", 3), ("disparity", -3), ("affine", -3), ("affine", 0), ("inverse", 0)],
)
def test_other_models_get_the_undistorted_image(kind, value):
    camera = Camera(260.0, 255.0, 162.0, 117.0, 320, 240, (-0.3,))
    flat = undistortion(camera)

    class Model:
        def infer(self, image, of):
            assert of == flat.pinhole and image.shape == (of.height, of.width, 3)
            values = np.full(image.shape[:2], value, np.float32)
            values[:, : of.width // 2] = np.nan
            return {"depth": values}

    predictor = ForeignPredictor(Model(), kind, torch.device("cpu"), "m", Path("m.py"), "0" * 64, "baseline")
    depth = predictor.predict(scene(camera)[0], camera).depth
    assert depth.shape == (240, 320)
    assert (depth[20:-20, 180:-20] == value).all()
    left = depth[:, :140]
    assert (left == 0).all() if kind == "depth" else np.isnan(left).all()


def test_ideal_pinholes_pass_as_they_are():
    camera = Camera(260.0, 255.0, 162.0, 117.0, 320, 240)
    image, _ = scene(camera)
    found = ResolvedCamera(camera, "given", "")
    assert undistortion(camera).image_to_pinhole(image) is image
    assert within_image_circle(np.zeros_like(image), found) is found
    predictor = toy_predictor()
    prepared = predictor.prepare(image, found)
    np.testing.assert_array_equal(prepared.pixels, predictor.transform.view(camera).image_to_input(image))
    (raw,) = predictor.infer([prepared])
    prediction = raw.prediction()
    assert in_original_pixels(prediction) is prediction and prediction.camera is camera
    np.testing.assert_array_equal(prediction.depth, prepared.view.depth_to_metric(raw.output.depth[0]).numpy())
