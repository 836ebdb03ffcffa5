"""The loop: it learns, and its weights load."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import torch

from mono.model.checkpoint import load_tensors, read_tensors
from mono.model.depth_model import build_depth_model
from mono.training.data.images import read_frames
from mono.training.loop import export, train
from mono.training.schedule import LAST, PROGRESS, Run
from mono.training.validate import read_sets
from tests.training.small import CONFIG, LOSSES, RECIPE


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
    network = build_depth_model(**CONFIG.architecture).eval()
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
