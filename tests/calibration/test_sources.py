from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mono.calibration.fit import align_depth
from mono.calibration.known import AlignmentError, Known, KnownDepth
from mono.calibration.known_file import KnownImage
from mono.calibration.sources import AlignOptions
from mono.data.camera_source import CameraResolver
from mono.data.sample import Sample
from mono.do_test import run
from mono.io.depth import write_depth
from mono.runs.calibrate import observe_images
from mono.runs.manifest import Manifest
from mono.runs.options import RunOptions
from mono.runs.outputs import OutputOptions
from mono.runs.plan import ImagePlan, plan_run
from tests.calibration.rooms import CAMERA, distances, room
from tests.toys import toy_predictor

ROOM = room()


def found_scale(options: AlignOptions, tmp_path: Path) -> float:
    known = options.find(Sample("a", tmp_path / "a.jpg", "a.jpg"), CAMERA)
    return align_depth(ROOM / 1.5, CAMERA, known)[1].scale


def scene_points() -> np.ndarray:
    uvz = distances(ROOM, np.random.default_rng(0), 3000)
    rays = (uvz[:, :2] - (CAMERA.cx, CAMERA.cy)) / (CAMERA.fx, CAMERA.fy)
    return np.column_stack([rays, np.ones(len(uvz))]) * uvz[:, 2:]


def test_depth_maps_of_one_image_and_of_a_folder(tmp_path: Path) -> None:
    write_depth(tmp_path / "d" / "a.png", ROOM)
    assert found_scale(AlignOptions(path=tmp_path / "d"), tmp_path) == pytest.approx(1.5, rel=1e-3)
    ray = ROOM * np.linalg.norm(CAMERA.rays(), axis=2)
    np.save(tmp_path / "ray.npy", ray.astype(np.float32))
    assert found_scale(AlignOptions(path=tmp_path / "ray.npy", ray=True), tmp_path) == pytest.approx(1.5, rel=1e-3)


def test_maps_stored_like_a_turned_photo_are_turned_and_found_in_capitals(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    exif = Image.Exif()
    for orientation, stored in ((6, np.rot90(ROOM)), (3, ROOM)):
        exif[0x0112] = orientation
        Image.new("RGB", stored.shape[::-1]).save(tmp_path / "a.jpg", exif=exif)
        Image.fromarray(np.rint(stored * 1000).astype(np.uint16)).save(tmp_path / "a.PNG")
        assert found_scale(AlignOptions(path=tmp_path, scale=1000), tmp_path) == pytest.approx(1.5, rel=1e-3)
        assert ("do not show if its depth map is turned" in caplog.text) == (orientation == 3)


def test_holes_of_a_depth_camera_are_no_distances(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    stored = np.rint(ROOM * 1000).astype(np.uint16)
    stored[: len(stored) * 7 // 10] = 65535
    Image.fromarray(stored).save(tmp_path / "a.png")
    options = AlignOptions(path=tmp_path / "a.png", scale=1000)
    assert [found_scale(options, tmp_path) for _ in range(2)] == pytest.approx([1.5] * 2, rel=1e-3)
    (record,) = caplog.records
    assert "70 % of the pixels have 65.535 m (stored 65535)" in record.getMessage()
    assert record.getMessage().endswith("they are read as no depth")


@pytest.mark.parametrize("kind", ["csv", "ply", "bin", "las", "laz"])
def test_clouds_with_extrinsics(tmp_path: Path, kind: str) -> None:
    """A LiDAR frame: x forward, y left, z up, and a lever arm."""
    lidar_to_camera = np.array([[0, -1, 0, 0.1], [0, 0, -1, -0.2], [1, 0, 0, 0.3], [0, 0, 0, 1]], np.float64)
    inverse = np.linalg.inv(lidar_to_camera)
    points = scene_points() @ inverse[:3, :3].T + inverse[:3, 3]
    path = tmp_path / f"scan.{kind}"
    if kind == "csv":
        np.savetxt(path, np.column_stack([np.arange(len(points)), points]), "%.5f", ",", header="id,x,y,z", comments="")
    elif kind == "bin":
        np.column_stack([points, np.zeros(len(points))]).astype("<f4").tofile(path)
    elif kind == "ply":
        header = f"ply\nformat ascii 1.0\nelement vertex {len(points)}\n"
        header += "".join(f"property float {axis}\n" for axis in "xyz") + "end_header"
        np.savetxt(path, points, "%.5f", header=header, comments="")
    else:
        laspy = pytest.importorskip("laspy")
        cloud = laspy.create()
        cloud.header.scales = [1e-4] * 3
        cloud.x, cloud.y, cloud.z = points.T
        cloud.write(path)
    np.savetxt(tmp_path / "extrinsics.txt", lidar_to_camera)
    np.savetxt(tmp_path / "pose.txt", inverse)
    for file, inverted in (("extrinsics.txt", False), ("pose.txt", True)):
        options = AlignOptions(path=path, extrinsics=tmp_path / file, inverse=inverted)
        assert found_scale(options, tmp_path) == pytest.approx(1.5, rel=5e-3)


def test_points_hidden_behind_the_box_are_left_out(tmp_path: Path) -> None:
    wall = np.column_stack([np.tile(np.linspace(-3, 3, 200), 100), np.repeat(np.linspace(-2, 1.2, 100), 200)])
    points = np.vstack([scene_points(), np.column_stack([wall, np.full(len(wall), 6.0)])])
    np.savetxt(tmp_path / "a.xyz", points, "%.4f")
    known = AlignOptions(path=tmp_path / "a.xyz").find(Sample("a", tmp_path / "a.jpg", "a.jpg"), CAMERA)
    assert isinstance(known.depth, KnownDepth)
    uv, z = np.rint(known.depth.uv).astype(int), known.depth.depth
    behind = z > 1.2 * ROOM[uv[:, 1].clip(0, 239), uv[:, 0].clip(0, 319)]
    assert 0.7 < len(z) / len(points) < 0.97 and behind.mean() < 0.09


def test_settings_change_with_what_is_known_and_its_files(tmp_path: Path) -> None:
    write_depth(tmp_path / "a.npy", ROOM)
    first = AlignOptions(path=tmp_path / "a.npy").settings()
    assert first == AlignOptions(path=tmp_path / "a.npy").settings()
    assert first != AlignOptions(path=tmp_path / "a.npy", model="scale").settings()
    assert first != AlignOptions(Known(camera_height=1.2), path=tmp_path / "a.npy").settings()
    write_depth(tmp_path / "a.npy", ROOM[:100])
    assert first != AlignOptions(path=tmp_path / "a.npy").settings()


def test_pixels_are_those_of_the_file_where_it_was_read_at_half_its_size(tmp_path: Path) -> None:
    known = Known(points=((100.5, 40.5, 3.0),), lengths=((0.5, 0.5, 200.5, 0.5, 1.0),))
    sample = Sample("a", tmp_path / "a.jpg", "a.jpg")
    found = AlignOptions(known).find(sample, CAMERA, (640, 480))
    assert found.points == ((50.0, 20.0, 3.0),) and found.lengths == ((0.0, 0.0, 100.0, 0.0, 1.0),)
    assert AlignOptions(known).find(sample, CAMERA).points == known.points
    image = KnownImage(sample, known.points, known.lengths)
    assert image.read((320, 240), (640, 480)) == found and image.read((320, 240)) == known
    with pytest.raises(AlignmentError, match="pixel 640,2 lies outside the image of 640x480"):
        AlignOptions(Known(points=((640, 2, 1.0),))).find(sample, CAMERA, (640, 480))


def test_a_map_that_is_replaced_in_a_folder_changes_the_plan_of_its_image_alone(tmp_path: Path) -> None:
    samples = [Sample(name, tmp_path / f"{name}.jpg", f"{name}.jpg") for name in ("a", "b", "c")]
    for sample in samples:
        sample.rgb.touch()
    for name in ("a", "b"):
        write_depth(tmp_path / "d" / f"{name}.npy", ROOM)
    options = RunOptions(tmp_path / "out", align=AlignOptions(path=tmp_path / "d"))
    settings = dict.fromkeys(("model", "computation", "camera", "depth", "vis"))

    def plans() -> list[ImagePlan]:
        images = plan_run(samples, Manifest(tmp_path / "out"), settings, options).images
        return [images[name] for name in ("a", "b", "c")]

    assert options.align is not None
    before, known = plans(), options.align.settings()
    with (tmp_path / "d/a.npy").open("r+b") as file:  # in place: the folder's own time stays
        file.truncate(1000)
    after = plans()
    assert before[0].key != after[0].key and before[1] == after[1] and options.align.settings() == known
    assert "holds no depth map or cloud named c" in str(after[2].error)


def test_runs_and_calibrations_take_pixels_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file above the limit is read at half its size."""
    monkeypatch.setattr("mono.io.images.FULL_SIZE_PIXELS", 60 * 80)
    ramp = np.linspace(60, 180, 160).astype(np.uint8)
    Image.fromarray(np.broadcast_to(ramp[None, :, None], (120, 160, 3)).copy()).save(tmp_path / "a.png")
    sample, resolver, points = (
        Sample("a", tmp_path / "a.png", "a.png"),
        CameraResolver(fov_deg=60),
        ((100.5, 40.5, 3.0),),
    )
    options = RunOptions(
        tmp_path, OutputOptions(("depth",), "npy"), resolver=resolver, align=AlignOptions(Known(points))
    )
    assert run([sample], toy_predictor(), options).done == 1
    assert np.load(tmp_path / "depth/a.npy")[20, 50] == pytest.approx(3.0, rel=1e-4)
    (seen,), _ = observe_images([KnownImage(sample, points)], toy_predictor(), resolver)
    assert seen.observations.place[0, :2] == pytest.approx((50.5 / 80, 20.5 / 60))
