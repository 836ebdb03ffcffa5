"""Resuming a stopped run: exact, and refused for another run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from mono.training.data.images import read_frames
from mono.training.loop import export, train, write_weights
from mono.training.recipe import Recipe
from mono.training.schedule import LAST, PROGRESS, WEIGHTS, Run
from mono.training.trainer import Trainer
from tests.training.small import CONFIG, RECIPE, write_walls

RANDOM = replace(RECIPE, drop_path=0.3, losses={**RECIPE.losses, "vnl": 0.1, "pwn": 0.1})


def same(a: Any, b: Any, where: str = "") -> None:
    assert type(a) is type(b), where
    if isinstance(a, torch.Tensor):
        assert a.dtype == b.dtype and torch.equal(a, b), where
    elif isinstance(a, dict):
        assert list(a) == list(b), where
        for key in a:
            same(a[key], b[key], f"{where}.{key}")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), where
        for i, (left, right) in enumerate(zip(a, b, strict=True)):
            same(left, right, f"{where}.{i}")
    else:
        assert a == b, where


def content(out: Path) -> dict[str, Any]:
    state = torch.load(out / LAST, weights_only=True)
    assert state.pop("seconds") > 0
    assert state["progress"].pop("since") >= 0
    return state


def lines(out: Path) -> list[dict[str, Any]]:
    clock = ("images_per_second", "minutes", "minutes_left")
    read = [json.loads(line) for line in (out / PROGRESS).read_text().splitlines()]
    return [{name: value for name, value in line.items() if name not in clock} for line in read]


class Killed(Exception):
    pass


def kill_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    update = Trainer.update

    def mortal(self: Trainer, batch: Any) -> dict[str, float]:
        if self.step == step:
            raise Killed
        return update(self, batch)

    monkeypatch.setattr(Trainer, "update", mortal)


@pytest.mark.parametrize("workers", [0, 1])
def test_three_steps_a_kill_and_three_more_are_six(
    tmp_path: Path, annotations: Path, monkeypatch: pytest.MonkeyPatch, workers: int
):
    frames = read_frames([annotations])
    run = Run(tmp_path / "whole", steps=6, precision="float32", workers=workers, every=(0.0, 2, 500))
    train(CONFIG, RANDOM, frames, {}, run)
    broken = replace(run, out=tmp_path / "broken")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_at(3, patch)
        train(CONFIG, RANDOM, frames, {}, broken)
    assert content(broken.out)["step"] == 3
    torch.manual_seed(99)
    train(CONFIG, RANDOM, frames, {}, broken)
    same(content(run.out), content(broken.out))
    assert lines(run.out) == lines(broken.out)
    assert [line["step"] for line in lines(run.out)] == [2, 4, 6]
    weights = []
    for out in (run.out, broken.out):
        export(out / LAST, out / WEIGHTS, {"config": "small.py", "commit": "unknown", "from": "", "finetuned": "true"})
        weights.append((out / WEIGHTS).read_bytes())
    assert weights[0] == weights[1]


def test_steps_after_the_checkpoint_are_repeated_and_logged_once(
    tmp_path: Path, annotations: Path, monkeypatch: pytest.MonkeyPatch
):
    frames = read_frames([annotations])
    run = Run(tmp_path / "whole", steps=5, precision="float32", workers=0, every=(1e9, 1, 500))
    train(CONFIG, RECIPE, frames, {}, run)
    broken = replace(run, out=tmp_path / "broken")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_at(2, patch)
        train(CONFIG, RECIPE, frames, {}, replace(broken, every=(0.0, 1, 500)))
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_at(4, patch)
        train(CONFIG, RECIPE, frames, {}, broken)
    with open(broken.out / PROGRESS, "a") as file:
        file.write('{"step": 5, "lo')
    assert len((broken.out / PROGRESS).read_text().splitlines()) == 5
    assert content(broken.out)["step"] == 2
    train(CONFIG, RECIPE, frames, {}, broken)
    assert [line["step"] for line in lines(broken.out)] == [1, 2, 3, 4, 5]
    assert lines(run.out) == lines(broken.out)


def test_a_run_by_the_clock_goes_on_with_the_time_that_is_left(tmp_path: Path, annotations: Path):
    frames = read_frames([annotations])
    run = Run(tmp_path, minutes=10.0, precision="float32", workers=0, every=(1e9, 1, 500))
    first = Trainer(CONFIG, RECIPE, run, frames)
    first.step, first.seconds = 50, 599.9
    first.progress.since = 599.0
    first.progress.add({"loss": 3.0}, images=9)
    tmp_path.mkdir(exist_ok=True)
    first.save()
    done = train(CONFIG, RECIPE, frames, {}, run)
    assert done.seconds >= 600 and done.step > 50
    line = json.loads((tmp_path / PROGRESS).read_text().splitlines()[0])
    assert line["step"] == 51 and line["minutes_left"] == 0 and line["minutes"] == pytest.approx(10, abs=0.2)
    # The 9 images of before count, over the time since 599 s; 2 more were seen in this step.
    assert line["images_per_second"] == pytest.approx(11 / (60 * line["minutes"] - 599.0), rel=0.5)


@pytest.mark.parametrize(
    "recipe, config, seed, expected",
    [
        (replace(RECIPE, lr=0.5), CONFIG, 0, "recipe.lr was 0.003 and is now 0.5"),
        (replace(RECIPE, losses={"silog": 1.0}), CONFIG, 0, "recipe.losses.log_l1 was 1.0 and is now absent"),
        (RECIPE, replace(CONFIG, depth_range=(0.1, 90.0)), 0, r"config.depth_range was .* and is now \[0.1, 90.0\]"),
        (RECIPE, CONFIG, 7, "run.seed was 0 and is now 7"),
    ],
)
def test_another_run_is_refused(
    tmp_path: Path, annotations: Path, recipe: Recipe, config: Any, seed: int, expected: str
):
    frames = read_frames([annotations])
    run = Run(tmp_path, steps=1, precision="float32", workers=0)
    Trainer(CONFIG, RECIPE, run, frames).save()
    with pytest.raises(ValueError, match=expected):
        train(config, recipe, frames, {}, replace(run, seed=seed))


def test_other_data_is_refused_and_a_moved_folder_is_not(tmp_path: Path):
    run = Run(tmp_path / "out", steps=1, precision="float32", workers=0)
    run.out.mkdir()
    Trainer(CONFIG, RECIPE, run, read_frames([write_walls(tmp_path / "a" / "walls", 2)])).save()
    moved = read_frames([write_walls(tmp_path / "b" / "walls", 2)])
    assert Trainer(CONFIG, RECIPE, run, moved).resume()
    more = read_frames([write_walls(tmp_path / "c" / "walls", 3)])
    with pytest.raises(ValueError, match=r"data.walls/annotations.json was 2 frames .* and is now 3 frames"):
        Trainer(CONFIG, RECIPE, run, more).resume()
    sparse = [replace(f, kind="sparse") for f in moved]
    with pytest.raises(ValueError, match=r"is now 2 frames .sparse"):
        Trainer(CONFIG, RECIPE, run, sparse).resume()


def test_a_checkpoint_without_fingerprint_is_refused(tmp_path: Path):
    trainer = Trainer(CONFIG, RECIPE, Run(tmp_path, steps=1))
    torch.save({"model_state_dict": trainer.average.state_dict()}, tmp_path / LAST)
    with pytest.raises(ValueError, match="choose another --out"):
        trainer.resume()


def test_a_run_can_be_made_longer(tmp_path: Path, annotations: Path):
    frames = read_frames([annotations])
    run = Run(tmp_path, steps=1, precision="float32", workers=0)
    assert train(CONFIG, RECIPE, frames, {}, run).step == 1
    assert train(CONFIG, RECIPE, frames, {}, replace(run, steps=2)).step == 2


def test_weights_that_the_run_has_not_written_are_refused(tmp_path: Path, annotations: Path):
    frames, metadata = read_frames([annotations]), {"config": "small.py", "commit": "unknown"}
    run = Run(tmp_path, steps=1, precision="float32", workers=0)
    weights = tmp_path / WEIGHTS
    weights.write_bytes(b"of another program")
    with pytest.raises(ValueError, match=r"model.safetensors was not written by this run.*another --out"):
        train(CONFIG, RECIPE, frames, {}, run)
    assert weights.read_bytes() == b"of another program" and not (tmp_path / LAST).exists()
    weights.unlink()
    for steps in (1, 1, 2):  # once, again, and longer
        assert train(CONFIG, RECIPE, frames, {}, replace(run, steps=steps)).step == steps
        export(tmp_path / LAST, weights, metadata)
    other = replace(run, out=tmp_path / "other", seed=1)
    train(CONFIG, RECIPE, frames, {}, other)
    export(other.out / LAST, weights, metadata)  # now beside a checkpoint of the first run
    with pytest.raises(ValueError, match="was not written by this run"):
        train(CONFIG, RECIPE, frames, {}, replace(run, steps=3))


def test_weights_of_a_former_version_are_the_run_s_own(tmp_path: Path, annotations: Path):
    run = Run(tmp_path, steps=1, precision="float32", workers=0)
    trainer = train(CONFIG, RECIPE, read_frames([annotations]), {}, run)
    write_weights(trainer.average.state_dict(), tmp_path / WEIGHTS, {"config": "small.py", "commit": "unknown"})
    assert train(CONFIG, RECIPE, read_frames([annotations]), {}, replace(run, steps=2)).step == 2
    (tmp_path / LAST).unlink()
    with pytest.raises(ValueError, match="was not written by this run"):
        train(CONFIG, RECIPE, read_frames([annotations]), {}, run)
