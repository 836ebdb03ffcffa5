"""COLMAP models that are damaged, cut short or incomplete: a message, and the process lives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mono.slam.scale.colmap_model import image_points, read_model
from mono.slam.scale.estimate import ScaleError

colmap = pytest.importorskip("pycolmap")


@pytest.fixture(params=["bin", "txt"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    options = colmap.SyntheticDatasetOptions()
    options.num_rigs, options.num_cameras_per_rig, options.num_frames_per_rig = 1, 1, 4
    options.num_points3D = 20
    model = colmap.synthesize_dataset(options)
    (model.write_binary if request.param == "bin" else model.write_text)(str(tmp_path))
    return tmp_path


def test_a_missing_file_is_named(model: Path) -> None:
    suffix = next(model.glob("images.*")).suffix
    (model / f"points3D{suffix}").unlink()
    with pytest.raises(ScaleError, match=rf"lacks points3D{suffix} \(there are cameras{suffix}, images{suffix}\)"):
        read_model(model)


def test_images_may_refer_to_points_that_were_removed(model: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = read_model(model)
    assert not caplog.records
    whole.write_text(str(model))
    (model / "images.bin").unlink(missing_ok=True)
    *points, removed = (model / "points3D.txt").read_text().splitlines()
    (model / "points3D.txt").write_text("\n".join(points))
    read = read_model(model)
    count = (len(removed.split()) - 8) // 2  # id, position, color and error, then pairs of image and keypoint
    assert f"refer {count} times to points that its points3D lacks" in caplog.text
    kept, all_of_them = (sum(len(image_points(m, i)[0]) for i in m.images) for m in (read, whole))
    assert kept == all_of_them - count > 0


@pytest.mark.parametrize("part", ["cameras", "images", "points3D"])
def test_files_that_are_cut_short_or_overwritten_end_in_a_message(model: Path, part: str) -> None:
    file = next(model.glob(f"{part}.*"))
    data = file.read_bytes()
    random = np.random.default_rng(1).integers(0, 256, len(data), dtype=np.uint8).tobytes()
    for damaged in (data[: len(data) // 2], b"\xff" * 64, random, b"1 PINHOLE x 1 1 1 1 1\n" * 3):
        file.write_bytes(damaged)
        try:
            assert read_model(model).num_reg_images()  # a text file that ends early is a smaller model
        except ScaleError as error:
            assert str(model) in str(error) and "COLMAP model" in str(error)


def test_a_full_disk_ends_in_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    from mono.slam.reconstruction import colmap_database
    from mono.slam.scale.colmap_model import SfmError

    (tmp_path / "database.db").write_bytes(bytes(1000))
    colmap_database.check_space_for_matches(tmp_path / "database.db")
    monkeypatch.setattr(colmap_database.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(SfmError, match="free some space"):
        colmap_database.check_space_for_matches(tmp_path / "database.db")
