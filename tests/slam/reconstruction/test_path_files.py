"""Files of metric paths: what they hold, and what they do not replace."""

from dataclasses import replace

import numpy as np
import pytest

from mono.data.camera_source import CameraResolver, ResolvedCamera
from mono.data.sample import Sample
from mono.geometry.camera import Camera
from mono.io.cameras.notes import FocalNote, read_focal_note
from mono.slam.reconstruction.metric_paths import MetricPath, SlamError
from mono.slam.reconstruction.path_files import write_paths
from mono.slam.reconstruction.result_folder import refuse_foreign_files, refuse_other_results
from mono.slam.trajectory.trajectory import Trajectory

LENSES = {
    "pinhole": Camera(170.0, 171.0, 121.4, 88.3, 240, 180),
    "distorted": Camera(170.0, 170.0, 119.5, 89.5, 240, 180, (-0.25, 0.05)),
    "fisheye": Camera(110.0, 110.0, 159.5, 119.5, 320, 240, (0.01, -0.002), "fisheye", 93.3),
    "panorama": Camera.panorama(640, 320),
}


def write(out, camera=LENSES["pinhole"], found=None, settings=None):
    poses = np.tile(np.eye(4), (3, 1, 1))
    poses[:, 2, 3] = range(3)
    points, colors = np.ones((2, 3), np.float32), np.zeros((2, 3), np.uint8)
    path = MetricPath(Trajectory.of_frames(poses, ("a", "b", "c")), camera, None, "", points, colors, {})
    return write_paths(out, [path], found or ResolvedCamera(camera, "given", "given"), "vo", 3, [], settings)


@pytest.mark.parametrize("name", LENSES)
def test_the_camera_file_gives_the_camera_back(tmp_path, name):
    camera = LENSES[name]
    write(tmp_path, camera)
    resolver = CameraResolver(camera_file=tmp_path / "camera.json")
    assert resolver.resolve(camera.width, camera.height).camera == camera


def test_the_camera_file_says_that_the_focal_length_was_assumed_unless_colmap_refined_it(tmp_path):
    camera = LENSES["pinhole"]
    assumed = ResolvedCamera(camera, "assumed", "assumed 60 deg field of view")
    write(tmp_path / "given", camera, assumed)
    note = read_focal_note(tmp_path / "given/camera.json")
    assert note == FocalNote("assumed", "assumed 60 deg field of view", 0.25)
    write(tmp_path / "refined", replace(camera, fx=camera.fx * 1.01), assumed)
    assert read_focal_note(tmp_path / "refined/camera.json") is None


@pytest.mark.parametrize("name", ["camera.json", "points.ply", "path.svg", "part_2/trajectory_tum.txt"])
def test_files_of_others_are_not_replaced(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    for call in (refuse_foreign_files, write):
        with pytest.raises(SlamError, match=rf"holds 1 file that slam .*{name}: choose another output folder"):
            call(tmp_path)
    assert [path.read_text() for path in tmp_path.rglob("*") if path.is_file()] == ["mine"]


def test_own_files_are_replaced_also_those_of_a_killed_run(tmp_path):
    write(tmp_path)
    (tmp_path / "scale.json").unlink()  # the last file that a run writes
    write(tmp_path, LENSES["fisheye"])
    (tmp_path / ".slam").unlink()  # as in results of former versions
    refuse_foreign_files(tmp_path)
    (tmp_path / "scale.json").write_text('{"scale": 2.0}')
    with pytest.raises(SlamError, match="holds 7 files"):
        refuse_foreign_files(tmp_path)


def test_results_of_unknown_or_other_settings_are_refused(tmp_path):
    refuse_other_results(tmp_path, {"camera": "a"})
    write(tmp_path)
    with pytest.raises(SlamError, match="results of unknown settings"):
        refuse_other_results(tmp_path, {"camera": "a"})
    write(tmp_path, settings={"camera": "a", "model": "b"})
    refuse_other_results(tmp_path, {"camera": "a", "model": "b"})
    with pytest.raises(SlamError, match=r"another camera, another model.* \(--out\), or --overwrite"):
        refuse_other_results(tmp_path, {"camera": "c", "model": "d"})


@pytest.mark.parametrize("name", ["database.db", "models/0/images.bin"])
def test_the_colmap_project_of_others_is_not_removed(tmp_path, name):
    pytest.importorskip("pycolmap")
    from mono.slam.reconstruction.sfm import reconstruct
    from mono.slam.scale.colmap_model import SfmError

    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("mine")
    samples = [Sample(str(i), tmp_path / f"{i}.png", f"{i}.png") for i in range(3)]
    with pytest.raises(SfmError, match="was not made by slam"):
        reconstruct(samples, LENSES["pinhole"], tmp_path)
    assert [path.read_text() for path in tmp_path.rglob("*") if path.is_file()] == ["mine"]
