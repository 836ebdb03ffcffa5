"""Resizing to multiples of a patch, against published values, and the meters that come of it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from mono.geometry.camera import Camera
from mono.geometry.canonical import CanonicalTransform
from mono.geometry.stretching import stretched_sizes
from mono.inference.network import NetworkPredictor
from mono.model.output import NetworkOutput
from tests.golden.reference_values import reference_image

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = [
    (i, case)
    for i, case in enumerate(json.loads((GOLDEN / "da3metric_transform.json").read_text())["cases"])
    if case["process_res_method"] == "upper_bound_resize"
]


def transform(size):
    return CanonicalTransform((size, size), 300.0, fit="stretch", multiple=14)


@pytest.mark.parametrize(("number", "case"), CASES)
def test_published_inputs_and_cameras(number, case):
    height, width, every = case["height"], case["width"], case["every"]
    view = transform(case["process_res"]).view(Camera(*case["cam_in"], width, height))
    assert view.input_size == tuple(case["network_size"]) and view.padding == (0, 0, 0, 0)
    fx, fy, cx, cy = view.input_camera.intrinsics
    assert [fx, fy] == pytest.approx(case["cam_processed"][:2], abs=1e-4)
    # The published principal point counts from the corner of a pixel, this package's from its center.
    (ours, theirs), ratio = (
        ([cx, cy], case["cam_processed"][2:]),
        (view.input_size[1] / width, view.input_size[0] / height),
    )
    assert ours == pytest.approx([t + r / 2 - 0.5 for t, r in zip(theirs, ratio, strict=True)], abs=1e-4)
    assert view.depth_factor == pytest.approx(300 / np.mean(case["cam_processed"][:2]), rel=1e-6)
    golden = np.load(GOLDEN / "da3metric_transform.npz")[f"case{number}_network_input"]
    pixels = view.image_to_input(reference_image(height, width, case["seed"]))
    np.testing.assert_allclose(pixels[:, ::every, ::every], golden, atol=0.02)


def test_sizes_by_hand():
    assert stretched_sizes((480, 640), (504, 504), 14) == ((378, 504), (378, 504))
    assert stretched_sizes((100, 200), (35, 35), 14) == ((18, 35), (14, 42))  # 35 lies halfway: up
    assert stretched_sizes((60, 100), (126, 126), 14) == ((76, 126), (70, 126))
    with pytest.raises(ValueError, match="less than a pixel"):
        transform(504).view(Camera.centered(900, 2000, 20))
    with pytest.raises(ValueError, match='goes with mode "label"'):
        CanonicalTransform((504, 504), 300.0, mode="image", fit="stretch", multiple=14)


class MeasuresASquare(torch.nn.Module):
    """A network that is right: it knows that the bright square is a meter wide and high."""

    def forward(self, image):
        red = image[:, :1]
        bright = (red - red.min()) / (red.max() - red.min())
        side = bright.sum((2, 3), keepdim=True).sqrt()
        depth = (300 / side).expand_as(bright)
        return NetworkOutput(depth, torch.ones_like(depth))


@pytest.mark.parametrize("size", [252, 504, 1008])
@pytest.mark.parametrize("camera", [Camera(700, 700, 319.5, 239.5, 640, 480), Camera(1100, 1060, 620, 187, 1242, 375)])
def test_a_plane_comes_back_at_its_distance(size, camera):
    wide, high = camera.fx / 5, camera.fy / 5  # a square of one meter at 5 m
    v, u = np.mgrid[: camera.height, : camera.width]
    inside = (abs(u - camera.cx) <= wide / 2) & (abs(v - camera.cy) <= high / 2)
    image = np.where(inside[..., None], 255, 0).repeat(3, 2).astype(np.uint8)
    predictor = NetworkPredictor(
        MeasuresASquare(), transform(size), torch.device("cpu"), "float32", "square", Path("none"), "0"
    )
    depth = predictor.predict(image, camera).depth
    assert depth.shape == (camera.height, camera.width)
    np.testing.assert_allclose(depth, 5, rtol=0.02)
