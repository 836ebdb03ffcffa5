"""Validation scores, checked by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from PIL import Image

from mono.model.depth_model import build_depth_model
from mono.model.output import NetworkOutput
from mono.training.validate import read_sets, validate
from tests.training.small import CONFIG, write_walls


def test_validation_by_hand(annotations: Path):
    network = build_depth_model(**{**CONFIG.architecture, "depth_range": (1.0, 16.0)}).eval()
    (score,) = validate(network, CONFIG.transform, read_sets([annotations], 5)).values()
    # It says 4 m where 2 m and 8 m are true.
    assert score.abs_rel == pytest.approx((1.0 + 0.5) / 2, rel=1e-3)
    assert score.delta1 == 0 and score.aligned_delta1 == 1
    assert score.scale == pytest.approx((0.5 + 2) / 2, rel=1e-3)
    assert score.spread == pytest.approx(math.log(4) / 2, rel=1e-3)


def test_images_are_spread_over_a_set(tmp_path: Path):
    (chosen,) = read_sets([write_walls(tmp_path / "walls", 9)], 3).values()
    assert [sample.rgb.stem for sample in chosen] == ["0", "4", "8"]


def test_a_pixel_without_depth_counts_as_wrong(annotations: Path):
    network = build_depth_model(**{**CONFIG.architecture, "depth_range": (1.0, 16.0)}).eval()
    inside = network.forward

    def half_lost(image: torch.Tensor, center: torch.Tensor) -> NetworkOutput:
        output = inside(image, center)
        output.depth[..., : output.depth.shape[3] // 2] = 1e9
        return output

    network.forward = half_lost  # type: ignore[method-assign]
    (score,) = validate(network, CONFIG.transform, read_sets([annotations], 5)).values()
    # 4 m for 2 m and 8 m in one half, nothing in the other, whose relative error is 1.
    assert score.abs_rel == pytest.approx((1.0 + 0.5) / 4 + 0.5, rel=0.02)


def test_what_cannot_be_scored_is_left_out_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    network = build_depth_model(**{**CONFIG.architecture, "depth_range": (1.0, 16.0)}).eval()
    path = write_walls(tmp_path / "some", 4)
    Image.open(path.parent / "d0.png").resize((48, 32), Image.Resampling.NEAREST).save(path.parent / "d0.png")
    (path.parent / "2.png").write_bytes(b"no image")
    (path.parent / "d3.png").write_bytes(b"no depth")
    sets = read_sets([path, write_walls(tmp_path / "none", 1)], 4)
    (tmp_path / "none" / "0.png").unlink()
    for _ in range(2):
        (score,) = validate(network, CONFIG.transform, sets).values()
        assert score.abs_rel == pytest.approx((1.0 + 0.5) / 2, rel=1e-3)
    messages = [r.getMessage() for r in caplog.records]
    for part in ("2.png", "d3.png", "none/0.png", 'no image of "none" can be scored'):
        assert sum(part in message for message in messages) == 1, part


def test_sets_of_one_name_are_kept_apart(tmp_path: Path):
    first, second = (write_walls(tmp_path / name / "val") for name in "ab")
    assert list(read_sets([first, second], 1)) == ["val", str(second)]


def test_only_metres_validate(tmp_path: Path):
    path = write_walls(tmp_path / "walls")
    with pytest.raises(ValueError, match="relative ground truth has no metric scale"):
        read_sets([f"{path}:relative"], 1)
    with pytest.raises(ValueError, match="0 validation images"):
        read_sets([path], 0)


def test_a_set_may_be_a_folder_and_is_named_by_it(annotations: Path):
    assert read_sets([annotations.parent], 5) == read_sets([annotations], 5)
    assert list(read_sets([annotations.parent], 5)) == [annotations.parent.name]
