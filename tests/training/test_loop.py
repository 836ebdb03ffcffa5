"""The loop: it learns, and its weights load."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mono.model.checkpoint import load_tensors, read_tensors
from mono.model.depth_model import build_depth_model
from mono.system.errors import MetricDepthError
from mono.training.data.batch import Batch
from mono.training.data.images import read_frames
from mono.training.loop import export, train
from mono.training.schedule import LAST, PROGRESS, Run
from mono.training.trainer import Trainer
from mono.training.validate import read_sets
from tests.training.small import CONFIG, LOSSES, RECIPE, write_walls


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


@pytest.mark.parametrize("steps, last", [(99, 21), (3, 3)])
def test_a_lost_network_ends_the_run_and_is_not_saved(
    tmp_path: Path, annotations: Path, monkeypatch: pytest.MonkeyPatch, steps: int, last: int
):
    update, taken = Trainer.update, []

    def lost(self: Trainer, batch: Batch) -> dict[str, float]:
        taken.append(self.step)
        if self.step == 0:
            return update(self, batch)
        self.step += 1
        return {"loss": math.nan, "norm": math.nan, "rate": 1.0}

    monkeypatch.setattr(Trainer, "update", lost)
    run = Run(tmp_path, steps=steps, precision="float32", workers=0, every=(0.0, 20, 500))
    with pytest.raises(MetricDepthError, match=r"is not finite since step 1: lower lr .* \(0.003 and 0.001"):
        train(CONFIG, RECIPE, read_frames([annotations]), {}, run)
    assert len(taken) == last and torch.load(tmp_path / LAST, weights_only=True)["step"] == 1


def test_a_checkpoint_that_cannot_be_written_ends_a_run_only_at_its_end(
    tmp_path: Path, annotations: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def full(content: object, path: Path) -> None:
        path.write_bytes(b"a part")
        raise RuntimeError("[enforce fail at inline_container.cc:603]")

    monkeypatch.setattr(torch, "save", full)
    run = Run(tmp_path, steps=2, precision="float32", workers=0, every=(0.0, 1, 500))
    with pytest.raises(MetricDepthError, match=r"last\.pth cannot be written: is the disk full"):
        train(CONFIG, RECIPE, read_frames([annotations]), {}, run)
    assert caplog.text.count("Training goes on") == 2 and [f.name for f in tmp_path.iterdir()] == [PROGRESS]


def test_images_that_are_trained_on_and_unreadable_ones_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = write_walls(tmp_path / "walls", 3)
    (tmp_path / "walls" / "2.png").write_bytes(b"no image")
    run = Run(tmp_path / "out", steps=8, precision="float32", workers=1)
    trainer = train(CONFIG, RECIPE, read_frames([path]), read_sets([path], 2), run)
    assert "2 of 2 validation images are trained on too, as " in caplog.text
    assert trainer.unreadable.sum() == 1
    assert train(CONFIG, RECIPE, read_frames([path]), {}, run).unreadable.tolist() == [False, False, True]


def test_what_is_done_is_not_trained_again(tmp_path: Path, annotations: Path, caplog: pytest.LogCaptureFixture):
    run = Run(tmp_path, steps=2, precision="float32", workers=0)
    frames = read_frames([annotations])
    train(CONFIG, RECIPE, frames, {}, run)
    before = torch.load(tmp_path / LAST, weights_only=True)
    again = train(CONFIG, RECIPE, frames, {}, replace(run, steps=1))
    assert again.step == 2 and "has 2 steps already: nothing is left to train" in caplog.text
    for name, tensor in again.average.state_dict().items():
        assert torch.equal(tensor, before["model_state_dict"][name])
