"""Ground truth that is stored turned, resized, along the ray or with values that mean "no depth"."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mono.data.annotations import load_annotations
from mono.data.ground_truth import read_annotated_depth, read_ground_truth
from mono.data.sample import Sample
from mono.data.upright_maps import same_view, turn_upright
from mono.geometry.camera import Camera
from mono.io.depth import DepthError
from mono.io.images import read_image
from mono.io.normals import NormalError

STORED = np.linspace(1, 5, 60 * 80, dtype=np.float32).reshape(60, 80)


def sample_of(
    folder: Path, depth: np.ndarray, orientation: int = 1, size: tuple[int, int] = (80, 60), **entry: Any
) -> Sample:
    """A photo of `size` as stored, with this EXIF orientation, and a depth map."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", size).save(folder / "a.jpg", exif=exif)
    np.save(folder / "a.npy", depth)
    (folder / "data.json").write_text(json.dumps([{"rgb": "a.jpg", "depth": "a.npy", **entry}]))
    return load_annotations(folder / "data.json")[0]


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_depth_stored_unturned_is_turned_as_its_photo(tmp_path: Path, orientation: int) -> None:
    sample = sample_of(tmp_path, STORED, orientation)
    grey = (np.arange(60 * 80) % 251).astype(np.uint8).reshape(60, 80)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.stack([grey] * 3, -1)).save(tmp_path / "b.png", exif=exif)
    upright = read_image(tmp_path / "b.png").rgb[..., 0]
    np.testing.assert_array_equal(turn_upright(grey, orientation), upright)
    depth = read_annotated_depth(sample, (60, 80))
    np.testing.assert_array_equal(depth, turn_upright(STORED, orientation))
    np.testing.assert_array_equal(read_ground_truth(sample).depth, depth)


def test_upright_depth_stays_as_it_is(tmp_path: Path) -> None:
    sample = sample_of(tmp_path, STORED.T, orientation=6)
    np.testing.assert_array_equal(read_annotated_depth(sample), STORED.T)


def test_normals_stored_unturned_are_turned_with_their_vectors(tmp_path: Path) -> None:
    normal = np.tile(np.float32([0.6, 0, -0.8]), (60, 80, 1))
    np.save(tmp_path / "n.npy", normal)
    sample = sample_of(tmp_path, STORED, orientation=6, normal="n.npy")
    turned = read_ground_truth(sample).normal
    assert turned is not None
    assert turned.shape == (80, 60, 3)
    # Turned clockwise by 90 degrees, what pointed right points down.
    np.testing.assert_allclose(turned, np.tile(np.float32([0, 0.6, -0.8]), (80, 60, 1)), atol=1e-6)
    np.save(tmp_path / "n.npy", normal[:, :50])
    with pytest.raises(NormalError, match="of another shape"):
        read_ground_truth(sample)


def test_normals_in_other_axes_are_warned_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    np.save(tmp_path / "n.npy", np.tile(np.float32([0, 0, 1]), (60, 80, 1)))
    camera = {"cam_in": [50, 50, 39.5, 29.5]}
    for entry in ({}, camera | {"normal_frame": "opengl"}, camera, camera):  # of an unknown camera nothing is said
        read_ground_truth(sample_of(tmp_path, STORED, normal="n.npy", **entry))
    [message] = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert "n.npy: 100 % of the normals point away" in message
    assert 'with "normal_frame": "opengl" it would be 0 %' in message


@pytest.mark.parametrize(
    ("shape", "message"),
    [((80, 60), "lying on its side"), ((60, 60), "does not show the same view"), ((1, 1), "at least 16 pixels a side")],
)
def test_another_view_is_refused(tmp_path: Path, shape: tuple[int, int], message: str) -> None:
    sample = sample_of(tmp_path, np.full(shape, 2, np.float32))
    with pytest.raises(DepthError, match=message) as caught:
        read_ground_truth(sample, (80, 60))
    assert f"is {shape[1]}x{shape[0]}, its image" in str(caught.value)
    assert "80x60" in str(caught.value)


@pytest.mark.parametrize(
    ("size", "other", "same"),
    [
        ((640, 480), (1296, 968), True),  # ScanNet
        ((256, 192), (1920, 1440), True),  # ARKitScenes
        ((1242, 375), (1242, 375), True),
        ((320, 93), (1242, 375), False),
        ((621, 188), (1242, 375), True),  # half of it, rounded
        ((640, 360), (640, 352), False),
        ((480, 640), (640, 480), False),
        ((1, 1), (640, 480), False),
        ((4, 3), (4, 3), True),
    ],
)
def test_sizes_of_the_same_view(size: tuple[int, int], other: tuple[int, int], same: bool) -> None:
    assert same_view(size, other) is same
    assert same_view(other, size) is same


def test_distance_along_the_ray_becomes_depth(tmp_path: Path) -> None:
    camera = Camera(50, 40, 39.5, 20, 80, 60)
    for shrink in (1, 2):
        view = camera.resized(80 // shrink, 60 // shrink)
        distance = 3 * np.linalg.norm(view.rays(), axis=2)
        distance[0, 0] = 0
        sample = sample_of(tmp_path, distance, depth_kind="ray", cam_in=list(camera.intrinsics))
        depth = read_annotated_depth(sample)
        np.testing.assert_allclose(depth.ravel()[1:], 3, rtol=1e-6)
        assert depth[0, 0] == 0


def test_ray_depth_with_the_camera_of_another_size_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    read_ground_truth(sample_of(tmp_path, STORED, depth_kind="ray", cam_in=[100, 100, 83.5, 63.5]))
    assert "would be the center of a 168x128 image, and this one is 80x60" in caplog.text


def test_ray_depth_of_a_turned_photo_uses_the_upright_camera(tmp_path: Path) -> None:
    upright = Camera(50, 50, 20, 50, 60, 80)
    distance = 2 * np.linalg.norm(upright.rays(), axis=2)
    stored = np.rot90(distance)  # orientation 6: shown after a turn clockwise
    sample = sample_of(tmp_path, stored, orientation=6, depth_kind="ray", cam_in=list(upright.intrinsics))
    np.testing.assert_allclose(read_annotated_depth(sample), 2, rtol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "hole", "extra"),
    [
        (np.uint16, 65535, {"depth_scale": 1000}),
        (np.float32, 1e10, {}),
        (np.float16, 65504, {}),
        (np.float64, 1e10, {}),
    ],
)
def test_annotated_invalid_values_are_no_depth(tmp_path: Path, dtype: Any, hole: float, extra: dict[str, Any]) -> None:
    values = np.full((60, 80), 2000 if extra else 2).astype(dtype)
    values[:20] = hole
    values[59, 79] = 65534 if extra else 3
    depth = read_annotated_depth(sample_of(tmp_path, values, depth_invalid=hole, **extra))
    assert (depth[:20] == 0).all()
    assert (depth[20:-1] == 2).all()
    assert depth[59, 79] == (np.float32(65.534) if extra else 3)


@pytest.mark.parametrize(
    ("dtype", "hole", "extra", "stored"),
    [
        (np.uint16, 65535, {"depth_scale": 1000}, "65.535 m (stored 65535)"),
        (np.float32, 1e10, {}, "1e+10 m"),
        (np.float16, 65504, {}, "65504 m"),
    ],
)
def test_codes_that_are_not_annotated_are_read_as_no_depth_with_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, dtype: Any, hole: float, extra: dict[str, Any], stored: str
) -> None:
    values = np.full((60, 80), 2000 if extra else 2).astype(dtype)
    values[:20] = hole
    sample = sample_of(tmp_path, values, **extra)
    for _ in range(2):
        depth = read_annotated_depth(sample)
        assert (depth[:20] == 0).all() and (depth[20:] == 2).all()
    (record,) = caplog.records
    assert stored in record.getMessage() and "read as no depth" in record.getMessage()
    kept = read_annotated_depth(sample_of(tmp_path, values, depth_invalid=[], **extra))
    assert (kept[:20] > 50).all() and len(caplog.records) == 1


def test_a_single_hole_of_the_largest_value_is_no_depth(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    values = np.full((60, 80), 2000, np.uint16)
    values[7, 9] = 65535
    depth = read_annotated_depth(sample_of(tmp_path, values, depth_scale=1000))
    assert depth[7, 9] == 0 and (depth == 2).sum() == 60 * 80 - 1
    (record,) = caplog.records
    assert "0.0208 % of the pixels have 65.535 m (stored 65535)" in record.getMessage()


def test_a_repeated_far_value_counts_and_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    values = np.full((60, 80), 2, np.float32)
    values[:20] = 99
    sample = sample_of(tmp_path, values)
    assert all((read_annotated_depth(sample)[:20] == 99).all() for _ in range(2))
    (record,) = caplog.records
    assert '"depth_invalid": 99' in record.getMessage() and "counted as depth" in record.getMessage()


@pytest.mark.parametrize(("scale", "warns"), [(1, 0), (0.004, 1)])
def test_a_doubtful_scale_is_warned_of_once(tmp_path: Path, caplog, scale: float, warns: int) -> None:
    sample = sample_of(tmp_path, np.full((60, 80), 2.0), depth_scale=scale)
    assert all((read_ground_truth(sample).depth == np.float32(2 / scale)).all() for _ in range(2))
    assert ["median depth is 500 m with depth_scale 0.004" in r.getMessage() for r in caplog.records] == [True] * warns


@pytest.mark.parametrize(("orientation", "warns"), [(1, False), (3, True), (6, False)])
def test_a_turn_that_shapes_do_not_show_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, orientation: int, warns: bool
) -> None:
    sample = sample_of(tmp_path, STORED if orientation < 5 else STORED.T, orientation)
    for _ in range(2):
        read_annotated_depth(sample)
    assert [f"EXIF orientation ({orientation})" in record.getMessage() for record in caplog.records] == [True] * warns


@pytest.mark.parametrize(
    "camera",
    [
        Camera(60.0, 60.0, 31.5, 23.5, 64, 48, (-0.2, 0.03)),
        Camera(60.0, 60.0, 31.5, 23.5, 64, 48, (0.02,), "fisheye"),
        Camera(20.0, 20.0, 31.5, 23.5, 64, 48, (), "fisheye"),
        Camera.panorama(64, 48),
    ],
)
def test_both_kinds_of_depth_are_brought_to_that_of_the_lens(tmp_path: Path, camera: Camera) -> None:
    """A wall 3 m ahead, by its depth and by its distances."""
    along = np.nan_to_num(camera.unit_rays()[..., 2])
    ahead = along > 0.05
    depth, distance = np.where(ahead, 3, 0), np.where(ahead, 3 / np.where(ahead, along, 1), 0)
    entries = []
    for kind, values in (("z", depth), ("ray", distance)):
        Image.new("RGB", (64, 48)).save(tmp_path / f"{kind}.png")
        np.save(tmp_path / f"{kind}.npy", values.astype(np.float32))
        entries.append({"rgb": f"{kind}.png", "depth": f"{kind}.npy", "depth_kind": kind})
    (tmp_path / "annotations.json").write_text(json.dumps({"files": entries}))
    expected = distance if camera.depth_kind == "ray" else depth
    for sample in load_annotations(tmp_path / "annotations.json"):
        found = read_ground_truth(sample, camera=camera).depth
        assert found is not None
        np.testing.assert_allclose(found, expected, rtol=1e-5)
