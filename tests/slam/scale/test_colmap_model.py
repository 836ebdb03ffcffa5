"""COLMAP models: ratios at their keypoints, and the model in metres."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mono.cli.main import main
from mono.data.sample import Sample
from mono.slam.scale.colmap_model import (
    choose_images,
    image_log_ratios,
    model_name_finder,
    read_model,
    rescaled,
    write_model,
)
from mono.slam.scale.estimate import ScaleError
from mono.slam.scale.model_scale import ModelImage, scale_model
from tests.slam.depth import DepthBy

colmap = pytest.importorskip("pycolmap")

SCALE = 3.7


@pytest.fixture(scope="module")
def model():
    options = colmap.SyntheticDatasetOptions()
    options.num_rigs, options.num_cameras_per_rig, options.num_frames_per_rig = 1, 1, 8
    options.num_points3D, options.num_points2D_without_point3D = 120, 3
    colmap.set_random_seed(1)
    return colmap.synthesize_dataset(options)


def images_of(model, ids: list[int]) -> list[ModelImage]:
    return [ModelImage(i, Sample(str(i), Path(f"{i}.png"), f"{i}.png")) for i in ids]


def depth_by(model, scale_of=lambda i: SCALE) -> DepthBy:
    return DepthBy(lambda sample: depth_of(model, int(sample.name), scale_of(int(sample.name))))


def depth_of(model, image_id: int, scale: float = SCALE) -> np.ndarray:
    """Depth that is right at the keypoints and missing elsewhere; COLMAP's first pixel has its centre at (0.5, 0.5)."""
    image = model.images[image_id]
    camera = model.cameras[image.camera_id]
    depth = np.zeros((camera.height, camera.width))
    for seen in image.points2D:
        if seen.has_point3D():
            z = (image.cam_from_world() * model.points3D[seen.point3D_id].xyz)[2]
            left, top = np.floor(seen.xy - 0.5).astype(int)
            depth[max(top - 1, 0) : top + 3, max(left - 1, 0) : left + 3] = scale * z
    return depth


def test_ratios_are_those_of_predicted_and_point_depth(model) -> None:
    for image_id in model.reg_image_ids():
        ratios = image_log_ratios(model, image_id, depth_of(model, image_id))
        assert len(ratios) > 40
        np.testing.assert_allclose(np.median(ratios), np.log(SCALE), atol=1e-9)
        assert (np.abs(ratios - np.log(SCALE)) < 1e-9).mean() > 0.8


def test_keypoints_meet_depth_at_their_own_pixel_centre(model) -> None:
    """Depth that rises along the image shows a shift of half a pixel."""
    image_id = sorted(model.reg_image_ids())[0]
    camera = model.cameras[model.images[image_id].camera_id]
    rising = np.broadcast_to(1 / (1 + 1e-4 * np.arange(camera.width)), (camera.height, camera.width))
    seen = [p for p in model.images[image_id].points2D if p.has_point3D()]
    ratios = image_log_ratios(model, image_id, rising)
    z = np.array([(model.images[image_id].cam_from_world() * model.points3D[p.point3D_id].xyz)[2] for p in seen])
    expected = -np.log(1 + 1e-4 * (np.array([p.xy[0] for p in seen]) - 0.5)) - np.log(z)
    np.testing.assert_allclose(np.sort(ratios), np.sort(expected), atol=1e-7)


def test_a_model_becomes_metric_by_its_own_transform(model, tmp_path: Path) -> None:
    found = scale_model(model, images_of(model, choose_images(model)), depth_by(model))
    assert found.estimate.scale == pytest.approx(SCALE, rel=1e-6) and len(found.estimate.images) == 8
    metric = rescaled(model, found.estimate.scale)
    write_model(metric, tmp_path / "model")
    again = read_model(tmp_path / "model")
    for i in model.reg_image_ids():
        old, new = model.images[i], again.images[i]
        np.testing.assert_allclose(new.projection_center(), SCALE * old.projection_center(), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(
            new.cam_from_world().rotation.matrix(), old.cam_from_world().rotation.matrix(), atol=1e-9
        )
    assert again.compute_mean_reprojection_error() == pytest.approx(model.compute_mean_reprojection_error(), abs=1e-9)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model"]
    write_model(model, tmp_path / "model")  # in place of the other, with the usual rights
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model"]
    np.testing.assert_allclose(read_model(tmp_path / "model").images[i].projection_center(), old.projection_center())
    (tmp_path / "plain").mkdir()
    assert (tmp_path / "model").stat().st_mode == (tmp_path / "plain").stat().st_mode
    (tmp_path / "model/notes.txt").write_text("mine")
    with pytest.raises(ScaleError, match="holds notes"):
        write_model(model, tmp_path / "model")
    assert (tmp_path / "model/notes.txt").read_text() == "mine"


def test_depth_of_another_shape_is_refused(model) -> None:
    image_id = sorted(model.reg_image_ids())[0]
    with pytest.raises(ScaleError, match="not the same shape"):
        image_log_ratios(model, image_id, depth_of(model, image_id).T)


def test_parts_of_different_scale_are_refused(model) -> None:
    with pytest.raises(ScaleError, match="the reconstruction is broken"):
        scale_model(
            model, images_of(model, choose_images(model)), depth_by(model, lambda i: SCALE * (3 if i % 2 else 1))
        )


def test_images_are_found_by_their_files_names_and_chosen_evenly(model) -> None:
    find = model_name_finder(model)
    image_id = sorted(model.reg_image_ids())[3]
    name = str(model.images[image_id].name)
    assert find(name) == find(f"somewhere/{Path(name).name}") == image_id and find("other.jpg") is None
    renamed = colmap.Reconstruction(model)
    for k, i in enumerate(sorted(renamed.reg_image_ids())):
        renamed.images[i].name = f"cam{k % 2}/{k // 2:04d}.png"
    find = model_name_finder(renamed)
    assert [find(f"project/images/cam{k % 2}/{k // 2:04d}.png") for k in range(8)] == sorted(renamed.reg_image_ids())
    assert find("0001.png") is None  # of which camera?
    assert len(choose_images(model, 3)) == 3 and choose_images(model, 3, [image_id]) == [image_id]
    with pytest.raises(ScaleError, match="no registered image"):
        choose_images(model, 3, [])


def test_the_command_takes_a_model_with_saved_depth(model, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cv2 = pytest.importorskip("cv2")
    write_model(model, tmp_path / "sparse", text=True)
    for folder in ("frames", "depth"):
        (tmp_path / folder).mkdir()
    for i in model.reg_image_ids():
        stem = Path(str(model.images[i].name)).stem
        cv2.imwrite(str(tmp_path / f"frames/{stem}.png"), np.zeros((16, 16), np.uint8))
        np.save(tmp_path / f"depth/{stem}.npy", depth_of(model, i).astype(np.float32))
    arguments = ["rescale", str(tmp_path / "sparse"), "--frames", str(tmp_path / "frames"), "--pred"]
    assert main([*arguments, str(tmp_path / "depth"), "--out", str(tmp_path / "out")]) == 0
    assert json.loads((tmp_path / "out/scale.json").read_text())["scale"] == pytest.approx(SCALE, rel=1e-5)
    assert (tmp_path / "out/model/points3D.txt").is_file()
    assert main([*arguments, str(tmp_path / "depth"), "--out", str(tmp_path / "out"), "--windowed"]) == 2
    assert "one similarity only" in capsys.readouterr().err
    with pytest.raises(ScaleError, match="no COLMAP model"):
        read_model(tmp_path)
    write_model(model, tmp_path / "project/model", text=True)
    in_place = ["rescale", str(tmp_path / "project/model"), *arguments[2:], str(tmp_path / "depth")]
    assert main([*in_place, "--out", str(tmp_path / "project")]) == 2
    assert "is the model that is read" in capsys.readouterr().err


def test_depth_is_predicted_with_the_models_own_camera(model, tmp_path: Path, monkeypatch, capsys) -> None:
    """Not with an assumed one, which would be another scale."""
    import cv2

    write_model(model, tmp_path / "sparse")
    (tmp_path / "frames").mkdir()
    for i in model.reg_image_ids():
        camera = model.cameras[model.images[i].camera_id]
        black = np.zeros((camera.height, camera.width, 3), np.uint8)
        black[0, 0] = i  # so that the network knows what it sees
        cv2.imwrite(str(tmp_path / f"frames/{Path(str(model.images[i].name)).stem}.png"), black)

    class Network:
        def predict(self, image, found):
            camera = found.camera
            image_id = int(image[0, 0, 0])
            depth = (
                depth_of(model, image_id) * camera.fx / model.cameras[model.images[image_id].camera_id].focal_length_x
            )
            return SimpleNamespace(depth=depth)

    monkeypatch.setattr("mono.cli.session.load_metric_predictor", lambda *_: Network())
    monkeypatch.setattr("mono.cli.session.run_metadata", lambda _: {})
    words = ["rescale", str(tmp_path / "sparse"), "--frames", str(tmp_path / "frames"), "--out", str(tmp_path / "out")]
    assert main(words) == 0
    report = json.loads((tmp_path / "out/scale.json").read_text())
    assert report["scale"] == pytest.approx(SCALE, rel=1e-5)
    assert report["camera"]["focal_px"] == [pytest.approx(model.cameras[1].focal_length_x, abs=0.1)]
    assert "the model's own" in capsys.readouterr().out
    twice = [*words, "--focal-px", str(2 * model.cameras[1].focal_length_x)]
    assert main(twice) == 2
    assert f"{tmp_path / 'out/model'}: exists, and would be replaced" in capsys.readouterr().err
    assert json.loads((tmp_path / "out/scale.json").read_text()) == report
    assert main([*twice, "--overwrite"]) == 0
    assert json.loads((tmp_path / "out/scale.json").read_text())["scale"] == pytest.approx(2 * SCALE, rel=1e-5)
