"""From pictures of a painted box to metric paths: COLMAP, the scale, the command, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from mono.cli import session
from mono.cli.main import main
from mono.data.camera_source import CameraResolver, ResolvedCamera
from mono.data.sample import Sample
from mono.slam import read_trajectory
from mono.slam.reconstruction.colmap_database import image_names
from mono.slam.reconstruction.metric_paths import SlamError, camera_of_frames, paths_by_sfm
from mono.slam.reconstruction.sfm_options import SfmOptions
from mono.slam.scale.colmap_model import SfmError
from mono.slam.trajectory.odometry_metrics import compare_trajectories
from mono.slam.trajectory.trajectory import Trajectory
from tests.slam.boxes import CAMERA, seen, walk
from tests.slam.depth import DepthBy, ModelSettings

pytest.importorskip("pycolmap")

_COUNT, _STEP = 14, 3


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """A folder of frames: every third of the way."""
    folder = tmp_path_factory.mktemp("frames")
    for i in range(_COUNT):
        PIL.Image.fromarray(seen(i * _STEP)[0]).save(folder / f"{i:04d}.png")
    return folder


@pytest.fixture(scope="module")
def known():
    """Exact depth by picture."""
    return {seen(i * _STEP)[0].tobytes(): seen(i * _STEP)[1] for i in range(_COUNT)}


class Exact(ModelSettings):
    """A predictor that knows the truth, times a factor."""

    def __init__(self, known, factor=1.0):
        super().__init__()
        self.known, self.factor = known, factor

    def predict(self, image, camera):
        import types

        assert camera.camera.fx == pytest.approx(CAMERA.fx, rel=0.2)
        return types.SimpleNamespace(depth=self.known[image.tobytes()] * np.float32(self.factor))


def _ground_truth():
    return Trajectory.of_frames(walk(_COUNT * _STEP)[::_STEP])


def test_colmap_meets_frames_in_their_order(caplog) -> None:
    def named(*paths: str) -> list[str]:
        return image_names([Sample(Path(p).stem, Path(p), p) for p in paths])

    assert named("a/1.png", "a/2.png") == ["1.png", "2.png"] and not caplog.records
    assert named("a/9.png", "a/10.png") == ["000000_9.png", "000001_10.png"]
    assert named("a/1.png", "b/1.png") == ["000000_1.png", "000001_1.png"]
    assert "numbered" in caplog.text
    assert image_names([Sample("clip/000003", Path("clip.mp4"), "clip.mp4:000003")]) == ["clip/000003"]


def test_the_command_gives_the_metric_path(frames, known, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(session, "load_metric_predictor", lambda *_: Exact(known, 1.1))
    out = tmp_path / "out"
    focal = f"{CAMERA.fx},{CAMERA.fy},{CAMERA.cx},{CAMERA.cy}"
    arguments = ["slam", str(frames), "--out", str(out), "--intrinsics", focal, "--threads", "1"]
    assert main(arguments) == 0
    message = capsys.readouterr().out
    assert "14 of 14 frames have a pose, in 1 part(s)" in message and "one camera: given" in message
    found = read_trajectory(out / "trajectory_tum.txt")
    np.testing.assert_array_equal(found.times, range(_COUNT))
    errors = compare_trajectories(found, _ground_truth())
    assert errors.scale_error == pytest.approx(0.1, abs=0.01)  # the depth's own bias
    assert errors.aligned["sim3"].ate.rmse < 0.01
    np.testing.assert_allclose(found.poses[0], np.eye(4), atol=1e-6)
    kitti = read_trajectory(out / "trajectory_kitti.txt")
    np.testing.assert_allclose(kitti.poses, found.poses, atol=1e-9)
    content = json.loads((out / "scale.json").read_text())
    (part,) = content["parts"]
    assert part["status"] == "metric" and part["frames"] == _COUNT and part["first"] == "0000"
    assert 0 < part["standard_error"] < 0.01 and part["frames_used"] >= 10
    resolver = CameraResolver(camera_file=out / "camera.json")
    assert resolver.resolve(CAMERA.width, CAMERA.height).camera == CAMERA
    for name in ("points.ply", "path.svg", "frames.txt", "colmap/metric/0/images.bin"):
        assert (out / name).is_file()
    # The metric COLMAP model has the same camera centres.
    import pycolmap

    model = pycolmap.Reconstruction(str(out / "colmap" / "metric" / "0"))
    centres = np.array([model.images[i].projection_center() for i in sorted(model.reg_image_ids())])
    np.testing.assert_allclose(centres, found.positions, atol=1e-6)


def test_odometry_gives_the_metric_path_too(frames, known, tmp_path, monkeypatch, capsys):
    pytest.importorskip("gtsam")
    monkeypatch.setattr(session, "load_metric_predictor", lambda *_: Exact(known))
    out = tmp_path / "out"
    focal = f"{CAMERA.fx},{CAMERA.fy},{CAMERA.cx},{CAMERA.cy}"
    assert main(["slam", str(frames), "--out", str(out), "--method", "vo", "--intrinsics", focal]) == 0
    errors = compare_trajectories(read_trajectory(out / "trajectory_tum.txt"), _ground_truth())
    assert abs(errors.scale_error) < 0.03 and errors.aligned["sim3"].ate.rmse < 0.03
    assert json.loads((out / "scale.json").read_text())["method"] == "vo"


def test_a_path_of_other_settings_is_replaced_only_when_asked(frames, known, tmp_path, monkeypatch, capsys):
    pytest.importorskip("gtsam")
    monkeypatch.setattr(session, "load_metric_predictor", lambda *_: Exact(known))
    out = tmp_path / "out"
    focal = f"{CAMERA.fx},{CAMERA.fy},{CAMERA.cx},{CAMERA.cy}"
    command = ["slam", str(frames), "--out", str(out), "--threads", "1"]
    assert main([*command, "--intrinsics", focal]) == 0
    (out / "notes.txt").write_text("mine")
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    assert main([*command, "--intrinsics", focal, "--method", "vo"]) == 2
    assert f"{out} holds results of another --method, which would be replaced" in capsys.readouterr().err
    assert main([*command, "--focal-px", "180"]) == 2
    assert "holds results of another camera, which" in capsys.readouterr().err
    assert main([*command, "--intrinsics", focal, "--scale-frames", "9"]) == 2
    error = capsys.readouterr().err
    assert "other --scale-frames" in error and "another output folder (--out), or --overwrite" in error
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before
    assert main([*command, "--intrinsics", focal]) == 0  # the same again
    again = {p: p.read_bytes() for p in out.rglob("*") if p.is_file() and p.name != "database.db"}
    assert again == {p: data for p, data in before.items() if p.name != "database.db"}
    assert main([*command, "--intrinsics", focal, "--method", "vo", "--overwrite"]) == 0
    assert json.loads((out / "scale.json").read_text())["method"] == "vo"
    assert not (out / "colmap").exists() and (out / "notes.txt").read_text() == "mine"


def test_a_model_whose_depth_disagrees_is_flagged_and_not_scaled(frames, known, tmp_path, monkeypatch, capsys):
    from mono.data.folder import find_images

    noise = iter(np.random.default_rng(3).normal(0, 0.8, 100))
    paths, unread = paths_by_sfm(
        find_images([frames]),
        ResolvedCamera(CAMERA, "given", "given"),
        DepthBy(lambda rgb: known[rgb.tobytes()] * np.float32(np.exp(next(noise))), images=True),
        tmp_path / "colmap",
        SfmOptions(threads=1),
    )
    assert not unread
    (path,) = paths
    assert not path.metric and path.scale is None
    assert "images disagree on the scale" in path.problem
    assert not (tmp_path / "colmap" / "metric").exists()


def test_colmap_refines_a_focal_length_that_is_off(frames, known, tmp_path):
    from mono.data.folder import find_images

    wrong = replace(CAMERA, fx=1.08 * CAMERA.fx, fy=1.08 * CAMERA.fy)
    depth = DepthBy(lambda rgb: known[rgb.tobytes()], images=True)
    options = SfmOptions(threads=1, refine_focal=True)
    paths, _ = paths_by_sfm(
        find_images([frames]), ResolvedCamera(wrong, "assumed", "a guess"), depth, tmp_path / "colmap", options
    )
    assert paths[0].camera.fx == pytest.approx(CAMERA.fx, rel=0.03)
    assert paths[0].details["focal_px"] == pytest.approx(paths[0].camera.focal, abs=0.01)
    # Depth is predicted with what COLMAP found.
    assert {f.camera.fx for f in depth.cameras} == {paths[0].camera.fx}
    assert depth.cameras[0].detail == "a guess; refined by COLMAP"


def test_frames_that_cannot_be_used_are_named_and_too_few_refused(frames, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(session, "load_metric_predictor", lambda *_: ModelSettings())
    few = tmp_path / "few"
    few.mkdir()
    for i in range(2):
        (few / f"{i}.png").write_bytes((frames / f"000{i}.png").read_bytes())
    arguments = ["--out", str(tmp_path / "out"), "--focal-px", "170"]
    assert main(["slam", str(few), *arguments]) == 2
    assert "there are 2 frames; at least 3" in capsys.readouterr().err
    assert main(["slam", str(frames), *arguments, "--method", "vo", "--refine-focal"]) == 2
    assert "--refine-focal is for --method sfm" in capsys.readouterr().err
    assert main(["slam", str(frames), *arguments, "--method", "vo", "--scale-frames", "9"]) == 2
    assert "--scale-frames is for --method sfm" in capsys.readouterr().err
    assert main(["slam", str(frames), *arguments, "--start", "2"]) == 2
    assert "--start and --end are seconds of a video" in capsys.readouterr().err
    (few / "0.png").write_bytes(b"x")
    (few / "1.png").write_bytes(b"")
    from mono.data.folder import find_images

    with pytest.raises(SlamError, match="none of the 2 frames can be read"):
        camera_of_frames(find_images([few]), CameraResolver())
    with pytest.raises(SfmError, match="max_features"):
        SfmOptions(max_features=1)


def test_pictures_without_texture_give_no_path(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(session, "load_metric_predictor", lambda *_: ModelSettings())
    for i in range(4):
        PIL.Image.fromarray(np.full((96, 128, 3), 90 + i, np.uint8)).save(tmp_path / f"{i}.png")
    assert main(["slam", str(tmp_path), "--out", str(tmp_path / "out"), "--focal-px", "100", "--threads", "1"]) == 2
    assert "no camera path is found from 4 frames" in capsys.readouterr().err


def test_without_the_packages_the_extra_is_named(frames, tmp_path, monkeypatch, capsys):
    import sys

    for method, package in (("sfm", "pycolmap"), ("vo", "gtsam")):
        monkeypatch.setitem(sys.modules, package, None)
        assert main(["slam", str(frames), "--out", str(tmp_path / "out"), "--method", method]) == 2
        assert "pip install 'metricdepth[slam]'" in capsys.readouterr().err
