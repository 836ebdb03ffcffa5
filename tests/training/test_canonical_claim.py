"""The twin experiment: its twins see the same, its cameras are what they say, and a tiny run gives its page."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from mono.geometry.camera import Camera
from mono.training.data.images import read_frames
from mono.training.data.sampling import SampleSpec

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "canonical_claim.py"


@pytest.fixture(scope="module")
def claim() -> ModuleType:
    spec = importlib.util.spec_from_file_location("canonical_claim", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def frames_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames of 12 scenes by a camera wide and fine enough for all cameras of the experiment."""
    folder, rng, files = tmp_path_factory.mktemp("scenes"), np.random.default_rng(0), []
    for i in range(12):
        Image.fromarray(rng.integers(0, 255, (360, 480, 3), np.uint8)).save(folder / f"{i}.png")
        depth = np.full((360, 480), 2.0 + i)
        np.save(folder / f"{i}.npy", depth.astype(np.float32))
        cam_in = [300.0, 300.0, 239.5, 179.5]
        files.append({"rgb": f"{i}.png", "depth": f"{i}.npy", "cam_in": cam_in, "scene": i})
    (folder / "annotations.json").write_text(json.dumps({"files": files}))
    return folder / "annotations.json"


def test_photographs_are_by_cameras_of_one_sensor_and_the_focal_length_asked_for(
    claim: ModuleType, frames_file: Path, tmp_path: Path
):
    paths = claim.photograph(read_frames([frames_file]), (180.0, 530.0), tmp_path, 5)
    for focal, path in paths.items():
        entries = json.loads(path.read_text())["files"]
        assert len(entries) == 5
        for entry in entries:
            assert Image.open(path.parent / entry["rgb"]).size == (112, 84)
            fx, fy, cx, cy = entry["cam_in"]
            assert fx * 256 / 112 == pytest.approx(focal, rel=0.01) and fy == pytest.approx(fx, rel=0.01)
            assert (cx, cy) == pytest.approx((55.5, 41.5), abs=1)
            assert np.load(path.parent / entry["depth"])["depth"].shape == (84, 112)
    assert claim.window(Camera.centered(300.0, 480, 360), 150.0) is None  # it would see more than there is
    assert claim.window(Camera.centered(300.0, 480, 360), 700.0) is None  # it would see finer


def test_twins_see_the_same_and_are_asked_for_different_numbers(claim: ModuleType, frames_file: Path, tmp_path: Path):
    paths = claim.photograph(read_frames([frames_file]), claim.TRAINED, tmp_path, 99)
    frames = read_frames(list(paths.values()))
    transform = claim.config_of("label").transform
    assert claim.config_of("none").transform == transform
    label = claim.MixedFrames(frames, transform, claim.RECIPE, 160.0)
    none = claim.Untransformed(frames, transform, claim.RECIPE, 160.0)
    focals = set()
    for i, frame in enumerate(frames):
        ours, theirs = label[SampleSpec(i, claim.INPUT, i)], none[SampleSpec(i, claim.INPUT, i)]
        assert torch.equal(ours.image, theirs.image)
        assert theirs.factor == 1 and torch.allclose(ours.target, theirs.target * ours.factor)
        focal = frame.intrinsics[0] * 256 / 112
        assert ours.factor.item() == pytest.approx(claim.CANONICAL / focal, rel=0.02)
        assert theirs.target.unique().numpy() == pytest.approx(np.load(frame.depth)["depth"].max())
        focals.add(round(focal / 10) * 10)
    assert focals == {220, 290, 380}


@pytest.mark.integration
def test_a_tiny_run_gives_the_page_and_is_not_done_twice(
    claim: ModuleType, frames_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(claim, "RECIPE", replace(claim.RECIPE, batch_pixels=1))
    monkeypatch.setattr(cv2, "setNumThreads", lambda n: None)
    out, page, drawn = tmp_path / "out", tmp_path / "page.md", tmp_path / "claim.svg"
    command = ["claim", "--data", str(frames_file), "--out", str(out), "--seeds", "0", "--steps", "1"]
    command += ["--images", "2", "--precision", "float32", "--write", str(page), "--picture", str(drawn)]
    monkeypatch.setattr(sys, "argv", command)
    page.write_text("# Before\n\n<!-- canonical-claim -->\nold\n<!-- /canonical-claim -->\nafter\n")
    claim.main()
    text = page.read_text()
    assert text.startswith("# Before") and text.endswith("<!-- /canonical-claim -->\nafter\n") and "old" not in text
    rows = [line for line in text.splitlines() if line.startswith("| rendered")]
    assert len(rows) == 9 and sum("trained" in row for row in rows) == 3
    assert drawn.read_text().lstrip().startswith("<?xml") and str(drawn) in text
    assert len(list(out.glob("*/scores.json"))) == 3
    monkeypatch.setattr(claim, "train", None)
    claim.main()
    assert page.read_text() == text
    monkeypatch.setattr(sys, "argv", [*command, "--frames", "3"])
    with pytest.raises(SystemExit, match="other settings"):
        claim.main()


def test_spread_is_over_seeds(claim: ModuleType):
    assert claim.spread([0.1, 0.2, 0.3]) == "0.200 ± 0.100"
    assert claim.spread([0.1]) == "0.100"
