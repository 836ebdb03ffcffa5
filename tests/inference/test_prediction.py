from dataclasses import replace

import numpy as np
import torch

from mono.geometry.camera import Camera
from mono.geometry.normals import angles
from mono.inference.prediction import Prediction
from mono.model.depth_model import NetworkOutput
from tests.golden.reference_values import reference_image
from tests.surfaces import plane
from tests.toys import toy_predictor

CAMERA = Camera(60, 62, 30.5, 20, 64, 48)


def test_points_are_metres_in_the_cameras_frame():
    depth = np.full((48, 64), 2.0, np.float32)
    points = Prediction(depth, depth, CAMERA).points()
    np.testing.assert_allclose(points[5, 40], [2 * 9.5 / 60, 2 * -15 / 62, 2], rtol=1e-6)


def test_normals_follow_from_depth_where_the_network_has_none():
    depth, gt = plane(CAMERA, (0.3, -0.2, -1), 2.0)
    prediction = Prediction(depth, np.ones_like(depth), CAMERA)
    assert prediction.normal_source == "depth"
    assert angles(prediction.surface_normals(), gt).max() < 0.01


def test_the_networks_normals_come_first():
    depth, _ = plane(CAMERA, (0.3, -0.2, -1), 2.0)
    normal = np.broadcast_to(np.float32([0, -1, 0]), (48, 64, 3))
    prediction = Prediction(depth, depth, CAMERA, normal=normal, normal_confidence=depth)
    assert prediction.normal_source == "network"
    np.testing.assert_array_equal(prediction.surface_normals(), normal)


def test_a_network_with_normals_gives_them_at_the_images_size():
    class Normals(torch.nn.Module):
        """Predict a floor in the left half of the input and a wall in the right; confidence is the row number."""

        def forward(self, image):
            batch, _, height, width = image.shape
            depth = torch.full((batch, 1, height, width), 10.0)
            normal = torch.zeros(batch, 3, height, width)
            normal[:, 1, :, : width // 2] = -1
            normal[:, 2, :, width // 2 :] = -1
            rows = torch.arange(height, dtype=torch.float32)[:, None].expand(batch, 1, height, width)
            return NetworkOutput(depth, torch.ones_like(depth), normal, rows)

    predictor = replace(toy_predictor(), network=Normals())
    prediction = predictor.predict(reference_image(90, 120, 3), Camera.centered(100.0, 120, 90))
    assert prediction.normal.shape == (90, 120, 3) and prediction.normal.dtype == np.float32
    np.testing.assert_allclose(prediction.normal[:, :55], np.broadcast_to([0, -1, 0], (90, 55, 3)), atol=1e-6)
    np.testing.assert_allclose(prediction.normal[:, 65:], np.broadcast_to([0, 0, -1], (90, 55, 3)), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(prediction.normal, axis=-1), 1, atol=1e-5)
    assert prediction.normal_confidence.shape == (90, 120)
    assert (np.diff(prediction.normal_confidence[2:-2, 60]) > 0).all()


def test_a_wrong_focal_length_tilts_the_normals_of_depth():
    depth, gt = plane(CAMERA, (0.3, -0.2, -1), 2.0)
    # A focal length assumed twice as long doubles all distances.
    wrong = replace(CAMERA, fx=2 * CAMERA.fx, fy=2 * CAMERA.fy)
    found = Prediction(2 * depth, depth, wrong).surface_normals()
    assert angles(found, gt * [2, 2, 1]).max() < 0.01
    assert angles(found, gt).mean() > 10


def test_sky_leaves_clouds_and_meshes(tmp_path):
    depth = np.full((48, 64), 2.0, np.float32)
    sky = np.zeros_like(depth)
    sky[:10] = 1
    prediction = Prediction(depth, depth, CAMERA, sky=sky)
    assert prediction.to_ply(tmp_path / "a.ply") == 38 * 64
    assert prediction.to_mesh(tmp_path / "a.glb", np.zeros((48, 64, 3), np.uint8)) == 2 * 37 * 63
    assert prediction.to_mesh(tmp_path / "b.obj", max_faces=50) <= 50
