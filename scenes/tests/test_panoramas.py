"""Views of panoramas: they show what lies in their direction."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from metricdepth_scenes import panoramas
from metricdepth_scenes.assets import Assets
from metricdepth_scenes.cameras import look, pose_towards
from metricdepth_scenes.moves import MovedPanorama
from metricdepth_scenes.panoramas import cut_dataset, cut_view

from mono.geometry.camera import Camera
from mono.io.depth import read_depth
from mono.training.data.images import read_frames


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


class Slope:
    """Says that depth grows to the right, from one metre at 10 focal lengths left of the principal point."""

    checksum = "slope"

    def predict(self, view: np.ndarray, camera: Camera):
        assert view.shape == (camera.height, camera.width, 3)
        return SimpleNamespace(depth=np.tile(camera.rays()[:1, :, 0] + 11, (camera.height, 1)))


def test_a_teachers_depth_is_the_mean_over_the_view_and_its_mirror_image(tmp_path: Path):
    assets = write_assets(tmp_path / "assets")
    frames = read_frames([f"{cut_dataset(tmp_path / 'a', 2, assets, seed=4, teacher=Slope())}:predicted"])
    for frame in frames:
        height, width = cv2.imread(str(frame.rgb)).shape[:2]
        x = Camera(*frame.intrinsics, width=width, height=height).rays()[..., 0]
        np.testing.assert_allclose(read_depth(frame.depth, frame.depth_scale), ((11 + x) * (11 - x)) ** 0.5, atol=1e-3)


class Hall:
    """Sees a round hall of 6 m radius as a bowl: everything 1.2 times too near."""

    checksum = "hall"

    def predict(self, panorama: np.ndarray, camera: Camera):
        assert camera.model == "equirectangular"
        y = camera.unit_rays()[..., 1]  # down
        return SimpleNamespace(depth=np.minimum(6 / np.sqrt(1 - y**2), 1.5 / np.maximum(y, 1e-6)) / 1.2)


def test_with_the_tripods_height_views_have_its_metres(tmp_path: Path):
    assets = write_assets(tmp_path / "assets")
    cv2.imwrite(str(assets / "hall.jpg"), np.full((256, 512, 3), 128, np.uint8))
    file = cut_dataset(tmp_path / "a", 6, assets, seed=4, teacher=Hall(), height=1.5)
    height = 1.5**0.8 * (1.5 / 1.2) ** 0.2  # a fifth of it is the teacher's
    nearest = []
    for frame in read_frames([f"{file}:predicted"]):
        size = cv2.imread(str(frame.rgb)).shape[:2]
        depth = read_depth(frame.depth, frame.depth_scale)
        rays = Camera(*frame.intrinsics, width=size[1], height=size[0]).rays()
        assert (depth > 0).mean() > 0.3  # without the corner between floor and wall
        nearest.append((depth * np.linalg.norm(rays, axis=-1))[depth > 0].min())
    assert max(nearest) == pytest.approx(6 * height / 1.5, rel=0.02)  # a view of nothing but the wall
    assert min(nearest) > height
    with pytest.raises(ValueError, match=r"add --teacher MODEL"):
        cut_dataset(tmp_path / "b", 6, assets, height=1.5)
    for wrong in (0.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match=r"must be positive \(--height 1.55\)"):
            cut_dataset(tmp_path / "b", 6, assets, teacher=Hall(), height=wrong)


def test_moved_views_show_the_floor_from_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assets = write_assets(tmp_path / "assets")
    for name in ("hall", "other"):
        cv2.imwrite(str(assets / f"{name}.jpg"), np.full((256, 512, 3), 128, np.uint8))
    index = [{"file": f"{name}.jpg", "kind": "sky", "category": "indoor"} for name in ("hall", "other")]
    (assets / "index.json").write_text(json.dumps(index))
    poses: list[np.ndarray] = []
    view = MovedPanorama.view

    def spy(self: MovedPanorama, camera: Camera, pose: np.ndarray):
        seen = view(self, camera, pose)
        poses.append(pose.copy())
        return seen

    monkeypatch.setattr(MovedPanorama, "view", spy)
    file = cut_dataset(tmp_path / "a", 4, assets, seed=4, teacher=Hall(), height=1.5, move=True)
    frames = read_frames([f"{file}:predicted"])
    assert [f.scene for f in frames] == ["hall", "other"] * 2 and len(poses) == 4
    tripod = 1.5**0.8 * (1.5 / 1.2) ** 0.2
    heights = []
    for frame, pose in zip((frames[i] for i in (0, 2, 1, 3)), poses, strict=True):  # one panorama after the other
        size = cv2.imread(str(frame.rgb)).shape[:2]
        depth = read_depth(frame.depth, frame.depth_scale)
        points = Camera(*frame.intrinsics, width=size[1], height=size[0]).rays() * depth[..., None]
        up = (points @ pose[:3, :3].T)[..., 2][depth > 0]
        height = tripod + pose[2, 3]
        assert -up.min() < 1.02 * height
        if -up.min() > 0.98 * height:  # the floor is seen
            heights.append(height)
    assert len(heights) >= 2 and np.ptp(heights) > 0.2
    poses.clear()
    with monkeypatch.context() as patch:  # no view is good enough
        patch.setattr(panoramas, "_TORN", 0.0)
        cut_dataset(tmp_path / "tripod", 1, assets, seed=4, teacher=Hall(), height=1.5, move=True)
    assert len(poses) > 1 and poses[0][:3, 3].any() and not poses[-1][:3, 3].any()
    again = cut_dataset(tmp_path / "b", 2, assets, seed=4, teacher=Hall(), height=1.5, move=True)
    for frame, same in zip(frames, read_frames([f"{again}:predicted"]), strict=False):
        assert frame.rgb.read_bytes() == same.rgb.read_bytes() and frame.intrinsics == same.intrinsics
        assert frame.depth.read_bytes() == same.depth.read_bytes()
    with pytest.raises(ValueError, match="rendered with move True"):
        cut_dataset(tmp_path / "b", 2, assets, seed=4, teacher=Hall(), height=1.5)
    for wrong in ({}, {"height": 1.5}, {"teacher": Hall()}):
        with pytest.raises(ValueError, match=r"need metres: add --teacher MODEL --height 1.55"):
            cut_dataset(tmp_path / "c", 6, assets, move=True, **wrong)
    for other in ("sky", "wide"):
        with pytest.raises(ValueError, match=r"give --move without --sky and --wide"):
            cut_dataset(tmp_path / "c", 6, assets, teacher=Hall(), height=1.5, move=True, **{other: True})


def test_views_of_other_settings_are_not_mixed(tmp_path: Path):
    assets = write_assets(tmp_path / "assets")
    cut_dataset(tmp_path / "views", 1, assets, seed=4)
    with pytest.raises(ValueError, match="rendered with seed 4"):
        cut_dataset(tmp_path / "views", 1, assets, seed=5)
    cut_dataset(tmp_path / "views", 2, assets, seed=4)


def label_sky(assets: Path) -> None:
    (assets / "sky_labels").mkdir()
    labels = np.repeat(np.array([2, 2, 0, 1], np.uint8), 16)[:, None].repeat(128, 1)
    cv2.imwrite(str(assets / "sky_labels" / "hall.png"), labels)


def test_views_show_the_labels_of_sky_in_their_direction(tmp_path: Path):
    assets = write_assets(tmp_path / "assets")
    with pytest.raises(ValueError, match=r"no panorama .* with labels of sky"):
        cut_dataset(tmp_path / "a", 4, assets, sky=True)
    label_sky(assets)
    for frame in read_frames([f"{cut_dataset(tmp_path / 'b', 4, assets, sky=True)}:sky"]):
        labels = read_depth(frame.depth, frame.depth_scale)
        assert set(np.unique(labels)) <= {0, 1, 2} and 2 in labels
        column = labels[:, labels.shape[1] // 2]  # from above: sky, unknown, surface
        assert (np.diff(np.select([column == 2, column == 0], [0, 1], 2)) >= 0).all()


def test_a_pure_sky_has_no_surface(tmp_path: Path):
    assets = Assets(write_assets(tmp_path / "assets"))
    assert assets.pure_sky("hall.jpg") is None
    label_sky(assets.root)
    picture = assets.image("hall.jpg")
    pure = assets.pure_sky("hall.jpg")
    assert np.array_equal(pure[:20], picture[:20])
    assert np.ptp(pure[40:].astype(int), axis=0).max() == 0  # below, each column has one color
    assert np.abs(np.diff(pure[50].astype(int), axis=0)).max() < 30


def test_labels_of_another_size_are_refused(tmp_path: Path):
    assets = Assets(write_assets(tmp_path / "assets"))
    (assets.root / "sky_labels").mkdir()
    cv2.imwrite(str(assets.root / "sky_labels" / "hall.png"), np.zeros((10, 20), np.uint8))
    with pytest.raises(ValueError, match=r"hall.png is no map of labels"):
        assets.sky_labels("hall.jpg")


def test_a_folder_without_panoramas_is_named(tmp_path: Path):
    (tmp_path / "index.json").write_text("[]")
    with pytest.raises(ValueError, match=r"lists no panorama"):
        cut_dataset(tmp_path / "out", 3, tmp_path)
    with pytest.raises(ValueError, match="frames is 0"):
        cut_dataset(tmp_path / "out", 0, tmp_path)


def test_wide_views_are_wide_as_sharp_as_the_panorama_and_look_anywhere(tmp_path: Path):
    file = cut_dataset(tmp_path / "a", 40, write_assets(tmp_path / "assets"), seed=4, wide=True)
    frames = read_frames([f"{file}:unlabelled"])
    focals = {frame.intrinsics[0] for frame in frames}
    assert len(focals) == 1 and focals.pop() == pytest.approx(1.1 * 64 / np.pi, rel=1e-3)
    sizes = [cv2.imread(str(frame.rgb)).shape[:2] for frame in frames]
    angles = [2 * np.degrees(np.arctan(max(size) / 2 / frames[0].intrinsics[0])) for size in sizes]
    assert 58 < min(angles) < 70 and 105 < max(angles) < 117
    assert 0 < sum(height > width for height, width in sizes) < 20
