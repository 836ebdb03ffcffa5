"""The loop: it learns, it continues where it stopped, and its weights load."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mono.canonical import CanonicalTransform
from mono.config import ModelConfig
from mono.model.checkpoint import load_tensors, read_tensors
from mono.model.depth_model import build_depth_model
from mono.training.loop import LAST, PROGRESS, Run, Trainer, export, rate, train
from mono.training.mixed_data import BatchPlan, MixedFrames, loader, read_frames
from mono.training.objective import compute_losses
from mono.training.recipe import Recipe
from mono.training.validate import read_sets, validate

CONFIG = ModelConfig(
    encoder="tf_efficientnet_lite0",
    decoder="LiteDecoder",
    widths=(16, 16, 16, 16),
    depth_range=(0.1, 200.0),
    transform=CanonicalTransform(
        crop_size=(96, 128), focal_length=60.0, mode="image", fit="tight", mean=(127.0,) * 3, std=(128.0,) * 3
    ),
    path=Path("small.py"),
)
LOSSES = {"log_l1": 1.0, "silog": 0.5, "gradient": 0.5, "rpnl": 0.25, "laplace": 0.1, "sky": 0.1}
RECIPE = Recipe(sizes=((64, 96),), batch_pixels=2 * 64 * 96, frozen_blocks=1, losses=LOSSES, lr=3e-3, encoder_lr=1e-3)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small operations on several threads take long where other work shares the processor."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def annotations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two walls: a dark one at 2 m and a bright one at 8 m."""
    folder = tmp_path_factory.mktemp("walls")
    files = []
    for i, (grey, depth) in enumerate([(40, 2.0), (220, 8.0)]):
        Image.fromarray(np.full((64, 96, 3), grey, np.uint8)).save(folder / f"{i}.png")
        Image.fromarray(np.full((64, 96), depth * 1000).astype(np.uint16)).save(folder / f"d{i}.png")
        entry = {"rgb": f"{i}.png", "depth": f"d{i}.png", "depth_scale": 1000.0, "cam_in": [60.0, 60.0, 47.5, 31.5]}
        files.append(entry)
    (folder / "annotations.json").write_text(json.dumps({"files": files}))
    return folder / "annotations.json"


def run_steps(trainer: Trainer, annotations: Path, until: int) -> list[float]:
    frames = read_frames([annotations])
    plan = BatchPlan.of(frames, trainer.recipe, CONFIG.transform.focal_length, trainer.run.seed)
    batches = iter(loader(MixedFrames(frames, CONFIG.transform, trainer.recipe, 160.0), plan, trainer.step, 0))
    return [trainer.update(*next(batches))["loss"] for _ in range(until - trainer.step)]


def test_a_stopped_run_continues_bit_for_bit(tmp_path: Path, annotations: Path):
    run = Run(tmp_path, steps=6, precision="float32")
    whole = Trainer(CONFIG, RECIPE, run)
    expected = run_steps(whole, annotations, 6)

    first = Trainer(CONFIG, RECIPE, run)
    assert not first.resume()
    seen = run_steps(first, annotations, 3)
    first.save()
    second = Trainer(CONFIG, RECIPE, replace(run))
    assert second.resume() and second.step == 3
    seen += run_steps(second, annotations, 6)

    assert seen == expected
    for name, tensor in whole.average.state_dict().items():
        assert torch.equal(tensor, second.average.state_dict()[name]), name


def test_training_learns_and_leaves_what_it_promises(tmp_path: Path, annotations: Path):
    run = Run(tmp_path, steps=40, precision="float32", workers=0, every=(1e9, 10, 20))
    recipe = replace(RECIPE, ema=0.8, focal_jitter=0.0)
    trainer = train(CONFIG, recipe, read_frames([annotations]), read_sets([annotations], 2), run)
    lines = [json.loads(line) for line in (tmp_path / PROGRESS).read_text().splitlines()]
    assert [line["step"] for line in lines] == [10, 20, 20, 30, 40, 40]
    assert lines[4]["log_l1"] < 0.6 * lines[0]["log_l1"]
    assert set(LOSSES) <= set(lines[0])
    assert lines[5]["validation"][annotations.parent.name]["abs_rel"] < 1

    weights = tmp_path / "w.safetensors"
    export(tmp_path / LAST, weights, {"config": "small.py"})
    network = build_depth_model(CONFIG.encoder, CONFIG.decoder, CONFIG.widths, CONFIG.depth_range).eval()
    load_tensors(network, read_tensors(weights), weights, "small.py")
    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        assert torch.allclose(network(image).depth, trainer.average(image).depth, rtol=0.05)
    assert set(torch.load(tmp_path / LAST, weights_only=True)) >= {"model_state_dict", "optimizer_state_dict", "step"}


def test_what_is_done_is_not_trained_again(tmp_path: Path, annotations: Path):
    run = Run(tmp_path, steps=2, precision="float32", workers=0)
    frames = read_frames([annotations])
    train(CONFIG, RECIPE, frames, {}, run)
    before = torch.load(tmp_path / LAST, weights_only=True)
    again = train(CONFIG, RECIPE, frames, {}, run)
    assert again.step == 2
    for name, tensor in again.average.state_dict().items():
        assert torch.equal(tensor, before["model_state_dict"][name])


def test_a_gradient_that_is_not_finite_changes_nothing(tmp_path: Path):
    trainer = Trainer(CONFIG, RECIPE, Run(tmp_path, steps=10, precision="float32"))
    before = {n: p.clone() for n, p in trainer.network.named_parameters()}
    image = torch.full((2, 3, 64, 96), math.nan)
    trainer.update(image, torch.full((2, 1, 64, 96), 3.0))
    assert all(torch.equal(p, before[n]) for n, p in trainer.network.named_parameters())


def test_rate_rises_then_falls():
    assert rate(0.0, 0.1) == 0.01
    assert rate(0.05, 0.1) == pytest.approx(0.5)
    assert rate(0.1, 0.1) == pytest.approx(1.0)
    assert rate(0.55, 0.1) == pytest.approx(0.505)
    assert rate(1.0, 0.1) == pytest.approx(0.01)


def test_a_run_is_measured_by_the_clock_or_by_steps(tmp_path: Path):
    assert Run(tmp_path, minutes=2).share_done(999, 60) == 0.5
    assert Run(tmp_path, steps=10).share_done(4, 1e9) == 0.4


def test_losses_know_sky_from_unknown():
    network = build_depth_model(CONFIG.encoder, CONFIG.decoder, CONFIG.widths, CONFIG.depth_range).eval()
    with torch.no_grad():
        output = network(torch.randn(1, 3, 64, 64))
    weights = dict(LOSSES, rpnl=0.0)
    unknown = compute_losses(output, torch.zeros(1, 1, 64, 64), weights, 100.0, torch.Generator())
    sky = compute_losses(output, torch.full((1, 1, 64, 64), -1.0), weights, 100.0, torch.Generator())
    assert "rpnl" not in unknown
    assert unknown["sky"].item() == 0 and unknown["log_l1"].item() == 0
    # An untrained network says sqrt(0.1 * 200) everywhere.
    assert sky["sky"].item() == pytest.approx(math.log(100 / math.sqrt(20)), rel=1e-3)
    assert sky["log_l1"].item() == 0


def test_validation_by_hand(annotations: Path):
    network = build_depth_model(CONFIG.encoder, CONFIG.decoder, CONFIG.widths, (1.0, 16.0)).eval()
    (score,) = validate(network, CONFIG.transform, read_sets([annotations], 5)).values()
    # It says 4 m where 2 m and 8 m are true.
    assert score.abs_rel == pytest.approx((1.0 + 0.5) / 2, rel=1e-3)
    assert score.delta1 == 0 and score.aligned_delta1 == 1
    assert score.scale == pytest.approx((0.5 + 2) / 2, rel=1e-3)
    assert score.spread == pytest.approx(math.log(4) / 2, rel=1e-3)


def test_images_are_spread_over_a_set(annotations: Path):
    (chosen,) = read_sets([annotations], 1).values()
    assert len(chosen) == 1


def test_training_can_start_from_a_checkpoint(tmp_path: Path):
    first = Trainer(CONFIG, RECIPE, Run(tmp_path, steps=1))
    first.save()
    again = Trainer(CONFIG, RECIPE, Run(tmp_path / "b", steps=1, seed=5, start=tmp_path / LAST))
    for name, tensor in first.average.state_dict().items():
        assert torch.equal(tensor, again.average.state_dict()[name]), name
