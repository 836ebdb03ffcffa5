from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest

from mono.calibration.fit import align_depth
from mono.calibration.known import AlignmentError, Known
from mono.calibration.sources import AlignOptions
from mono.cli.align_flags import add_align_flags, align_options
from mono.cli.main import main
from mono.data.sample import Sample
from mono.io.depth import read_depth, write_depth

colmap = pytest.importorskip("pycolmap")

from mono.slam.scale.colmap_depth import ColmapDepth  # noqa: E402
from mono.slam.scale.colmap_model import camera_of, image_points  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Model of 6 images whose points have exact depth."""
    options = colmap.SyntheticDatasetOptions()
    options.num_rigs, options.num_cameras_per_rig, options.num_frames_per_rig = 1, 1, 6
    options.num_points3D, options.num_points2D_without_point3D = 150, 3
    colmap.set_random_seed(1)
    path = tmp_path_factory.mktemp("sparse")
    colmap.synthesize_dataset(options).write_binary(str(path))
    return path


def smooth_depth(model: object, image_id: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Depth map that is right in 9x9 pixels around each keypoint, as far as they are alone."""
    camera = camera_of(model, image_id)
    uv, z, _ = image_points(model, image_id)
    depth = np.zeros((camera.height, camera.width), np.float32)
    for (u, v), value in zip(np.rint(uv - 0.5).astype(int), z, strict=True):
        depth[max(v - 4, 0) : v + 5, max(u - 4, 0) : u + 5] = value
    return depth, uv, z


def test_depth_is_brought_to_the_unit_of_the_model(folder: Path) -> None:
    model = colmap.Reconstruction(str(folder))
    finder = ColmapDepth(folder)
    options = AlignOptions(Known(unit="model"), finder=finder)
    for image_id in model.reg_image_ids():
        name = str(model.images[image_id].name)
        depth, _, z = smooth_depth(model, image_id)
        known = options.find(Sample(name, Path("frames") / name, name), camera_of(model, image_id))
        aligned, found = align_depth(100 * depth, camera_of(model, image_id), known, "scale")
        assert found.scale == pytest.approx(0.01, rel=1e-3) and found.unit == "model"
        assert found.used > 0.5 * len(z) and found.spread < 5e-3
        assert np.median(np.abs(aligned[depth > 0] / depth[depth > 0] - 1)) < 1e-3
    with pytest.raises(AlignmentError, match="has no image other"):
        finder.find(Sample("other", Path("other.png"), "other.png"), camera_of(model))
    assert len(options.settings()["finder"]) >= 3


def test_align_takes_a_model_and_refuses_metres_beside_it(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = colmap.Reconstruction(str(folder))
    image_id = model.reg_image_ids()[0]
    depth, _, _ = smooth_depth(model, image_id)
    stem = Path(str(model.images[image_id].name)).stem
    write_depth(tmp_path / "saved" / f"{stem}.png", 3 * depth, camera_of(model, image_id))
    words = ["align", str(tmp_path / "saved"), "--align", str(folder), "-o", str(tmp_path / "out")]
    assert main([*words, "--depth-format", "npy"]) == 0
    aligned = read_depth(tmp_path / "out" / "depth" / f"{stem}.npy")
    assert np.median(aligned[depth > 0] / depth[depth > 0]) == pytest.approx(1, abs=2e-3)
    assert "scale x0.333" in capsys.readouterr().out
    assert main([*words, "--camera-height", "1.5"]) == 2
    assert "has a unit of its own" in capsys.readouterr().err
    parser = argparse.ArgumentParser()
    add_align_flags(parser)
    for flags, unit in (([], "model"), (["--align-metric"], "m")):
        assert align_options(parser.parse_args(["--align", str(folder), *flags])).known.unit == unit
    assert main(["align", str(tmp_path / "saved"), "--align-metric", "--known", "3,4:2", "-o", str(tmp_path)]) == 2
    assert "--align-metric is for a COLMAP model" in capsys.readouterr().err
