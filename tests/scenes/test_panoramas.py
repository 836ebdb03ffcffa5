"""Views of panoramas: they show what lies in their direction."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import mono
from mono.camera import Camera
from mono.data.depth import read_depth
from mono.scenes.cameras import look, pose_towards
from mono.scenes.panoramas import cut_dataset, cut_view
from mono.training.frames import read_frames


def marked_panorama(yaw: float, pitch: float) -> np.ndarray:
    """Black, with a white spot in a direction [deg]; yaw 90 is +y, as for `look`."""
    image = np.zeros((256, 512, 3), np.uint8)
    column = ((90 - yaw) / 360 + 0.5) * 512 - 0.5
    row = (0.5 - pitch / 180) * 256 - 0.5
    cv2.circle(image, (round(column) % 512, round(row)), 3, (255, 255, 255), -1)
    return image


@pytest.mark.parametrize("yaw, pitch", [(90, 0), (60, 10), (-96, -20), (-84, 5), (0, 30), (185, -35)])
def test_a_spot_is_where_the_camera_sees_its_direction(yaw: float, pitch: float):
    camera = Camera.from_fov(70, 320, 240)
    pose = pose_towards(np.zeros(3), look(yaw + 8, pitch - 6), roll=10)
    view = cut_view(marked_panorama(yaw, pitch), camera, pose)
    rows, columns = np.nonzero(view[..., 0] > 128)
    x, y, z = look(yaw, pitch) @ pose[:3, :3]
    assert columns.mean() == pytest.approx(camera.cx + camera.fx * x / z, abs=2.0)
    assert rows.mean() == pytest.approx(camera.cy + camera.fy * y / z, abs=2.0)


def write_assets(folder: Path) -> Path:
    folder.mkdir()
    cv2.imwrite(str(folder / "hall.jpg"), np.random.default_rng(0).integers(0, 255, (64, 128, 3), np.uint8))
    index = [{"file": "hall.jpg", "kind": "sky", "category": "indoor"}, {"file": "a_puresky.jpg", "kind": "sky",
              "category": "outdoor"}]  # fmt: skip
    (folder / "index.json").write_text(json.dumps(index))
    return folder


def test_a_data_set_can_be_trained_on_and_is_the_same_every_time(tmp_path: Path):
    assets = write_assets(tmp_path / "assets")
    first, again = (cut_dataset(tmp_path / name, 3, assets, seed=4) for name in ("a", "b"))
    frames = read_frames([f"{first}:unlabelled"])
    assert [(f.scene, f.family) for f in frames] == [("hall", "panorama")] * 3
    for frame in frames:
        height, width = cv2.imread(str(frame.rgb)).shape[:2]
        assert height * width == pytest.approx(100_000, rel=0.03)
        fov = 2 * np.degrees(np.arctan(max(width, height) / 2 / frame.intrinsics[0]))
        assert 37 < fov < 101
        assert frame.rgb.read_bytes() == (tmp_path / "b" / "rgb" / frame.rgb.name).read_bytes()
    assert first.read_bytes() == again.read_bytes()


def test_a_teacher_says_the_same_depth_of_a_view_and_of_its_mirror_image(tmp_path: Path):
    lite = mono.load_model("lite", device="cpu")
    assets = write_assets(tmp_path / "assets")
    (frame, *_) = read_frames([f"{cut_dataset(tmp_path / 'a', 2, assets, seed=4, teacher=lite)}:predicted"])
    view = cv2.imread(str(frame.rgb))[..., ::-1]
    height, width = view.shape[:2]
    camera = Camera(*frame.intrinsics, width=width, height=height)
    turned = replace(camera, cx=width - 1 - camera.cx)
    here = lite.predict(view, camera).depth
    there = lite.predict(np.ascontiguousarray(view[:, ::-1]), turned).depth[:, ::-1]
    found = read_depth(frame.depth, frame.depth_scale)
    assert np.abs(np.log(here / there)).max() > 0.2
    np.testing.assert_allclose(np.log(found), (np.log(here) + np.log(there)) / 2, atol=0.06)  # but for JPEG


def test_a_folder_without_panoramas_is_named(tmp_path: Path):
    (tmp_path / "index.json").write_text("[]")
    with pytest.raises(ValueError, match=r"lists no panorama"):
        cut_dataset(tmp_path / "out", 3, tmp_path)
    with pytest.raises(ValueError, match="frames is 0"):
        cut_dataset(tmp_path / "out", 0, tmp_path)
