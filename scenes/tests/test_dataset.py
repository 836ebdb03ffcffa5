"""The written data set: content, resume, shares."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from metricdepth_scenes.dataset import render_dataset

from mono.data.annotations import load_annotations
from mono.io.atomic import atomic_path

SMALL = {"weights": {"closeup": 1.0, "street": 0.5}, "pixels": 6_000, "seed": 4}


def digests(root: Path) -> dict[str, str]:
    files = [p for p in root.rglob("*") if p.is_file() and p.name != "progress.json"]
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("set")
    render_dataset(out, 6, **SMALL)  # type: ignore[arg-type]
    return out


def test_annotations_list_every_frame_and_depth_is_in_range(rendered: Path) -> None:
    files = json.loads((rendered / "annotations.json").read_text())["files"]
    assert [f["rgb"] for f in files] == [f"rgb/{k:06d}.jpg" for k in range(6)]
    for entry in files:
        rgb = cv2.imread(str(rendered / entry["rgb"]))
        stored = cv2.imread(str(rendered / entry["depth"]), cv2.IMREAD_UNCHANGED)
        assert stored.dtype == np.uint16
        assert stored.shape == rgb.shape[:2]
        metres = stored / entry["depth_scale"]
        assert metres[metres > 0].min() > 0.1
        assert metres.max() < 320
        assert entry["depth_scale"] == (1000.0 if metres.max() < 65 else 200.0)
        assert entry["cam_in"][0] > 0
        assert abs(entry["cam_in"][2] / rgb.shape[1] - 0.5) < 0.1
        assert entry["family"] in ("closeup", "street")


def test_the_folder_loads_as_an_annotated_data_set(rendered: Path) -> None:
    samples = load_annotations(rendered / "annotations.json")
    files = json.loads((rendered / "annotations.json").read_text())["files"]
    assert [s.name for s in samples] == [f"rgb/{k:06d}" for k in range(6)]
    for sample, entry in zip(samples, files, strict=True):
        assert sample.depth == rendered / entry["depth"]
        assert sample.depth_scale == entry["depth_scale"]
        assert sample.intrinsics == tuple(entry["cam_in"])


def test_what_a_killed_run_left_half_written_is_removed(rendered: Path) -> None:
    before = digests(rendered)
    with atomic_path(rendered / "rgb/half.jpg") as temporary:
        temporary.write_bytes(b"half")
    (rendered / "rgb/half.jpg").rename(temporary)
    assert digests(rendered) != before
    render_dataset(rendered, 6, **SMALL)  # type: ignore[arg-type]
    assert digests(rendered) == before


def test_a_run_continued_after_loss_gives_the_same_files(rendered: Path) -> None:
    before = digests(rendered)
    for k, path in enumerate(sorted(rendered.rglob("*.*g"))):
        if k % 2:
            path.unlink()
    assert len(digests(rendered)) < len(before)
    render_dataset(rendered, 6, **SMALL)  # type: ignore[arg-type]
    assert digests(rendered) == before


def test_more_workers_give_the_same_files(rendered: Path, tmp_path: Path) -> None:
    render_dataset(tmp_path, 6, workers=2, **SMALL)  # type: ignore[arg-type]
    assert digests(tmp_path) == digests(rendered)


def test_bad_requests_say_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frames is 0"):
        render_dataset(tmp_path, 0)
    with pytest.raises(ValueError, match="moon"):
        render_dataset(tmp_path, 1, weights={"moon": 1.0})
    with pytest.raises(FileNotFoundError, match=r"index\.json"):
        render_dataset(tmp_path, 1, assets=tmp_path / "nowhere")


def test_a_folder_is_not_continued_with_other_settings(rendered: Path) -> None:
    before = digests(rendered)
    with pytest.raises(ValueError, match=r"rendered with seed 4, pixels 6000; choose another folder"):
        render_dataset(rendered, 6, **(SMALL | {"seed": 5, "pixels": 7_000}))  # type: ignore[arg-type]
    assert digests(rendered) == before
