"""Fine-tuning: what is held out, which weights are kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mono.model.depth_model import build_depth_model
from mono.training.data.images import Frame, read_frames
from mono.training.finetune import finetune, samples_of, split
from mono.training.schedule import Run
from mono.training.trainer import Trainer
from tests.training.small import CONFIG, RECIPE, write_walls

TUNE = replace(RECIPE, ema=0.5, warmup=0.0, focal_jitter=0.0)


def frame(name: str, scene: str) -> Frame:
    return Frame(name, Path(name), name, intrinsics=(1.0, 1.0, 1.0, 1.0), family="a", data_set="a.json", scene=scene)


def test_about_a_share_of_the_scenes_is_held_out_and_stays_so():
    frames = [frame(f"{i}.png", f"s{i // 4}") for i in range(400)]
    kept, held = split(frames)
    assert sorted(map(id, kept + held)) == sorted(map(id, frames))
    assert {f.scene for f in kept}.isdisjoint(f.scene for f in held)
    assert 0.08 < len(held) / 400 < 0.24
    more = split([*frames, *(frame(f"x{i}.png", f"x{i}") for i in range(100))])[1]
    assert held == [f for f in more if f.scene.startswith("s")]


def test_two_scenes_are_one_to_train_on_and_one_to_score_on():
    for names in ("ab", "cd", "ef", "gh", "ij"):
        kept, held = split([frame(f"{n}.png", n) for n in names])
        assert len(kept) == len(held) == 1
    with pytest.raises(ValueError, match="one scene"):
        split([frame("a.png", "a"), frame("b.png", "a")])


def test_scored_images_are_spread(tmp_path: Path):
    frames = read_frames([write_walls(tmp_path, 5)])
    assert [s.rgb.name for s in samples_of(frames, 3)] == ["0.png", "2.png", "4.png"]
    assert len(samples_of(frames, 99)) == 5


def test_held_out_depth_is_read_as_trained_depth(tmp_path: Path):
    (frame,) = read_frames([write_walls(tmp_path, 1)])
    (sample,) = samples_of([replace(frame, depth_kind="ray", depth_invalid=(7.0,))], 1)
    assert (sample.depth_kind, sample.depth_invalid) == ("ray", (7.0,))


def start(folder: Path) -> tuple[torch.nn.Module, Path]:
    Trainer(CONFIG, RECIPE, Run(folder, steps=1)).save()
    network = build_depth_model(**CONFIG.architecture).eval()
    network.load_state_dict(torch.load(folder / "last.pth", weights_only=True)["model_state_dict"])
    return network, folder / "last.pth"


def test_the_better_weights_are_kept(tmp_path: Path):
    frames = read_frames([write_walls(tmp_path / "walls", 4)])
    network, path = start(tmp_path / "start")
    run = Run(tmp_path / "out", start=path, steps=40, precision="float32", workers=0)
    outcome = finetune(network, CONFIG, TUNE, frames[2:], samples_of(frames[:2], 9), run)
    assert outcome.improved and outcome.after.abs_rel < 0.7 * outcome.before.abs_rel
    name = "decoder.head.2.bias"
    assert not torch.equal(outcome.tensors[name], network.state_dict()[name])


def test_weights_that_did_not_improve_are_dropped(tmp_path: Path):
    walls = write_walls(tmp_path / "walls", 4)
    frames = read_frames([walls])
    # What is taught is wrong by a factor of 50.
    wrong = [replace(f, depth_scale=20.0) for f in frames[2:]]
    network, path = start(tmp_path / "start")
    run = Run(tmp_path / "out", start=path, steps=30, precision="float32", workers=0)
    outcome = finetune(network, CONFIG, TUNE, wrong, samples_of(frames[:2], 9), run)
    assert not outcome.improved
    for name, tensor in network.state_dict().items():
        assert torch.equal(outcome.tensors[name], tensor), name


def test_ground_truth_up_to_scale_is_refused(tmp_path: Path):
    file = write_walls(tmp_path, 2)
    frames = read_frames([f"{file}:relative"])
    network, path = start(tmp_path / "start")
    held = samples_of(read_frames([file]), 2)
    with pytest.raises(ValueError, match="relative ground truth has no metric scale"):
        finetune(network, CONFIG, TUNE, frames, held, Run(tmp_path / "out", start=path, steps=1))
    with pytest.raises(ValueError, match="relative ground truth has no metric scale"):
        samples_of(frames, 2)
