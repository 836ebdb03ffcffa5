"""Training of the focal-length network: angles of crops, a step that learns, and calibration."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from mono.model.checkpoint import read_tensors
from mono.model.focal_network import FocalNetwork
from mono.system.errors import MetricDepthError
from mono.training import focal, focal_errors, focal_views, mix_style
from mono.training.focal import FocalRun, train_focal
from mono.training.focal_errors import calibrate, measure
from mono.training.focal_views import View, crop_of, draw_tangent, read_part, read_views


def view(width: int = 320, height: int = 240, focal: float = 200.0, gray: int = 90, scene: str = "a") -> View:
    file = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), gray, np.uint8)).save(file, "PNG")
    return View(file.getvalue(), (width, height), focal, ((width - 1) / 2, (height - 1) / 2), scene)


def test_the_angle_of_a_whole_view_and_of_its_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(focal_views, "draw_tangent", lambda rng: 9.0)  # parts are as large as they can be
    part, angle = read_part(view(), 4 / 3, np.random.default_rng(0), change=False)
    assert part.shape == (96, 128, 3) and angle == pytest.approx(0.0)  # half the diagonal is 200 px
    part, angle = read_part(view(), 1.0, np.random.default_rng(0), change=False)
    assert part.shape == (112, 112, 3) and angle == pytest.approx(math.log(math.hypot(240, 240) / 400))


def test_crops_have_the_angle_that_was_drawn_and_stay_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(focal_views, "draw_tangent", lambda rng: 0.5)
    rng, widths = np.random.default_rng(0), []
    for _ in range(200):
        left, top, width, height = crop_of(view(), 4 / 3, rng)
        assert left >= 0 and top >= 0 and left + width <= 320 and top + height <= 240
        widths.append(width)
    assert set(widths) == {160, 320}  # half of the diagonal's angle, or the whole view
    assert 0.75 < np.mean(np.array(widths) == 160) < 0.95


def test_drawn_lenses_are_those_of_photographs() -> None:
    rng = np.random.default_rng(0)
    lenses = 21.63 / np.array([draw_tangent(rng) for _ in range(4000)])
    assert 27 < np.median(lenses) < 32
    assert lenses.min() >= 14 and lenses.max() <= 160
    assert 0.6 < np.mean((lenses > 22) & (lenses < 45)) < 0.9


def write_photos(folder: Path, count: int) -> Path:
    """Bright pictures of a wide camera, and dark ones of a long one."""
    folder.mkdir()
    files = []
    for i in range(count):
        gray, f = [(40, 220.0), (220, 60.0)][i % 2]
        Image.fromarray(np.full((72, 96, 3), gray, np.uint8)).save(folder / f"{i}.png")
        files.append({"rgb": f"{i}.png", "cam_in": [f, f, 47.5, 35.5], "scene": f"s{i // 2}"})
    file = folder / "annotations.json"
    file.write_text(json.dumps({"files": files}))
    return file


def test_a_short_training_learns_what_separates_two_lenses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(focal_views, "augment", lambda rgb, rng: rgb)
    monkeypatch.setattr(focal_views, "draw_tangent", lambda rng: 9.0)  # crops are whole views
    monkeypatch.setattr(focal, "_ASPECTS", (4 / 3,))
    views = read_views([write_photos(tmp_path / "a", 8)])
    assert [len(part) for part in views] == [8] and views[0][3].scene == "s1" and views[0][0].focal == 220
    network = train_focal(views, views, FocalRun(minutes=0.05, batch=4, lr=3e-3, seed=1))
    errors = measure(network, views[0])
    assert errors.constant == pytest.approx(math.log(220 / 60) / 2, abs=0.01)
    angles = errors.angles + errors.values
    assert angles[1::2].mean() > angles[::2].mean() + 0.1


def test_training_starts_from_the_encoder_of_a_depth_network(tmp_path: Path) -> None:
    start = Path(__file__).parents[2] / "weight" / "lite.safetensors"
    views = [[view()]]
    network = train_focal(views, views, FocalRun(minutes=1e-9, start=start))
    name = "encoder.backbone.blocks.2.0.conv_pw.weight"
    torch.testing.assert_close(network.state_dict()[name], read_tensors(start)[name].float())


def test_a_start_with_other_layers_is_refused(tmp_path: Path) -> None:
    save_file({"encoder.stem.weight": torch.zeros(2)}, str(tmp_path / "other.safetensors"))
    with pytest.raises(MetricDepthError, match=r"other\.safetensors has no encoder\.backbone"):
        train_focal([[view()]], [[view()]], FocalRun(minutes=1, start=tmp_path / "other.safetensors"))
    wide = FocalNetwork(width=128).state_dict()
    save_file(wide, str(tmp_path / "wide.safetensors"))
    with pytest.raises(MetricDepthError, match=r"tensors differ, as .*project\.weight is"):
        train_focal([[view()]], [[view()]], FocalRun(minutes=1, start=tmp_path / "wide.safetensors"))
    with pytest.raises(MetricDepthError, match="minutes are 0; they must be a positive number"):
        FocalRun(minutes=0)


@pytest.mark.parametrize("share, mixed", [(1.0, {4}), (0.0, set())])
def test_styles_are_mixed_where_asked_for(share: float, mixed: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[int] = []
    monkeypatch.setattr(mix_style, "exchange_statistics", lambda maps: called.append(len(maps)) or maps)
    train_focal([[view()]], [[view()]], FocalRun(minutes=0.02, batch=4, mix_style=share))
    assert set(called) == mixed and len(called) % 2 == 0  # each batch, at two stages
    with pytest.raises(MetricDepthError, match=r"mix_style is 1\.5; it must be a share, from 0"):
        FocalRun(minutes=1, mix_style=1.5)


def test_calibration_holds_two_thirds_of_the_errors_and_finds_what_they_share(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    count = 600
    own, shared = rng.normal(0, 0.3, count), np.repeat(rng.normal(0, 0.4, count // 6), 6)
    values, scales = own + shared, np.full(count, 0.1)
    views = [view(8, 6, scene=str(i // 6)) for i in range(count)]
    monkeypatch.setattr(
        focal_errors, "measure",
        lambda network, views: focal_errors.Errors(values, scales, np.zeros(count), float(network.calibration[0])),
    )  # fmt: skip
    network = FocalNetwork()
    calibrate(network, [views])
    factor, common = network.calibration.tolist()
    assert factor == pytest.approx(5.0, rel=0.08)  # 0.5 over 0.1
    assert common == pytest.approx(0.16 / 0.25, abs=0.15)
    assert focal_errors.measure(network, views).held == pytest.approx(0.683, abs=0.01)


def test_images_that_cannot_be_read_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = write_photos(tmp_path / "a", 3)
    (tmp_path / "a" / "1.png").write_bytes(b"no image")
    (views,) = read_views([file])
    assert [view.focal for view in views] == [220, 220]
    assert "1.png" in caplog.text and "this image is left out" in caplog.text


def test_images_without_a_camera_are_refused(tmp_path: Path) -> None:
    file = write_photos(tmp_path / "a", 1)
    file.write_text(json.dumps({"files": [{"rgb": "0.png"}]}))
    with pytest.raises(MetricDepthError, match="cam_in"):
        read_views([file])
    file.write_text(json.dumps({"files": []}))
    with pytest.raises(MetricDepthError):
        read_views([file])
