"""Means of weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from mono.cli.main import main
from mono.training.averaging import average_weights


def write(path: Path, value: float, steps: int = 3, name: str = "a.weight", size: int = 2) -> Path:
    save_file({name: torch.full((size, 2), value), "a.steps": torch.tensor(steps)}, str(path))
    return path


def test_the_mean_is_weighted_and_written_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    one, two = write(tmp_path / "one.safetensors", 1.0), write(tmp_path / "two.safetensors", 5.0)
    out = tmp_path / "mean.safetensors"
    assert main(["average", f"{one}=3", str(two), "--out", str(out)]) == 0
    assert f"0.75 {one}, 0.25 {two}" in capsys.readouterr().out
    tensors = load_file(str(out))
    assert tensors["a.weight"].dtype == torch.float16 and (tensors["a.weight"] == 2.0).all()
    assert tensors["a.steps"].item() == 3 and not tensors["a.steps"].is_floating_point()


def test_a_head_that_one_lacks_is_the_mean_of_the_others(tmp_path: Path):
    files = []
    for value in (1.0, 2.0, 4.0):
        head = {"decoder.edge_head.0.weight": torch.full((3,), value)} if value > 1 else {}
        files.append((tmp_path / f"{value}.safetensors", value))
        save_file({"a.weight": torch.full((2,), value), **head}, str(files[-1][0]))
    mean = average_weights(files)
    assert mean["a.weight"].tolist() == pytest.approx([21 / 7] * 2)
    assert mean["decoder.edge_head.0.weight"].tolist() == pytest.approx([20 / 6] * 3)


@pytest.mark.parametrize(
    "second, weight, message",
    [
        ({"name": "b.weight"}, 1.0, "different networks: only one has a.weight"),
        ({"size": 3}, 1.0, r"different networks: a.weight has the shapes \(3, 2\) and \(2, 2\)"),
        ({}, -1.0, "its weight is -1; it must be positive"),
    ],
)
def test_what_cannot_be_averaged_is_refused(tmp_path: Path, second: dict, weight: float, message: str):
    one, two = write(tmp_path / "one.safetensors", 1.0), write(tmp_path / "two.safetensors", 5.0, **second)
    with pytest.raises(ValueError, match=message):
        average_weights([(one, 1.0), (two, weight)])


def test_bad_words_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    one = write(tmp_path / "one.safetensors", 1.0)
    assert main(["average", str(one), "--out", str(tmp_path / "x")]) == 2
    assert "at least two checkpoints" in capsys.readouterr().err
    assert main(["average", str(one), f"{one}=much", "--out", str(tmp_path / "x")]) == 2
    assert 'the weight after "=" must be a number' in capsys.readouterr().err
