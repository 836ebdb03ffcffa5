"""Means of weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from mono.cli.main import main
from mono.system.errors import MetricDepthError
from mono.training.averaging import average_weights
from mono.training.first_weights import PACKAGE, read_first_weights
from mono.training.loop import write_weights


def write(path: Path, value: float, steps: int = 3, name: str = "a.weight", size: int = 2) -> Path:
    save_file({name: torch.full((size, 2), value), "a.steps": torch.tensor(steps)}, str(path))
    return path


def test_the_mean_is_weighted_and_written_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    one, two = write(tmp_path / "one.safetensors", 1.0), write(tmp_path / "two.safetensors", 5.0)
    out = tmp_path / "mean.safetensors"
    assert main(["average", f"{one}=3", str(two), "--out", str(out)]) == 0
    assert f"0.75 {one}, 0.25 {two}" in capsys.readouterr().out
    assert main(["average", f"{one}=3", str(two), "--out", str(out)]) == 2
    assert "exists, and would be replaced" in capsys.readouterr().err
    assert main(["average", f"{one}=3", str(two), "--out", str(out), "--overwrite"]) == 0
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


def test_a_share_of_the_encoder_is_what_it_was_before_all_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    pytest.importorskip(PACKAGE)
    first = read_first_weights()
    trained = {f"encoder.{n}": t + 1 if t.is_floating_point() else t + 7 for n, t in first.items()}
    file = tmp_path / "one.safetensors"
    write_weights(trained | {"decoder.head.weight": torch.ones(2)}, file, {})
    assert main(["average", str(file), "--init-share", "0.25", "--out", str(tmp_path / "x.safetensors")]) == 0
    assert "0.25 of the encoder from ImageNet" in capsys.readouterr().out
    one = load_file(str(tmp_path / "x.safetensors"))
    by_stage = average_weights([(file, 1.0)], [0.125, 0, 0, 0.25, 0, 0.5, 0])
    parts = {"conv_stem": 0.125, "blocks.3.0.conv_pw": 0.25, "blocks.5.1.bn1": 0.5, "blocks.6.0.conv_pw": 0}
    for part, share in parts.items():
        name = f"backbone.{part}.weight"
        assert torch.allclose(one[f"encoder.{name}"].float(), first[name] + 0.75, rtol=2e-3, atol=2e-3)
        assert torch.allclose(by_stage[f"encoder.{name}"], first[name] + 1 - share, rtol=2e-3, atol=2e-3)
    for mean in (one, by_stage):
        assert mean["encoder.backbone.bn1.num_batches_tracked"] == first["backbone.bn1.num_batches_tracked"] + 7
    assert by_stage["decoder.head.weight"].tolist() == [1, 1]
    short = {name: tensor for name, tensor in trained.items() if "blocks.5" not in name and "blocks.6" not in name}
    write_weights(short, tmp_path / "short.safetensors", {})
    mean = average_weights([(tmp_path / "short.safetensors", 1.0)], [0, 0, 0, 0, 0.5, 0, 0])
    name = "backbone.blocks.4.0.conv_pw.weight"
    assert set(mean) == set(short) and torch.allclose(mean[f"encoder.{name}"], first[name] + 0.5, rtol=2e-3, atol=2e-3)
    for shares in ([1.0], [0.1, 0.2], [-0.1]):
        with pytest.raises(MetricDepthError, match="one number or 7, from 0 to below 1"):
            average_weights([(file, 1.0)], shares)
    deeper = trained | {"encoder.backbone.blocks.1.2.bn1.bias": torch.ones(2)}
    write_weights(deeper, tmp_path / "deeper.safetensors", {})
    with pytest.raises(
        MetricDepthError, match=r"EfficientNet-Lite0.*: 1 tensors are left over, as backbone\.blocks\.1\.2\.bn1\.bias"
    ):
        average_weights([(tmp_path / "deeper.safetensors", 1.0)], [0.5])


@pytest.mark.parametrize(
    "words, message",
    [
        (["--init-share", "a,b"], '"a,b" must be a number'),
        (["--init-share", ""], '"" must be a number'),
        (["--init-share", "nan"], "from 0 to below 1"),
        ([], "or one and a share of the first weights"),
    ],
)
def test_shares_that_cannot_be_are_named(
    tmp_path: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
):
    one = write(tmp_path / "one.safetensors", 1.0)
    try:
        code = main(["average", str(one), *words, "--out", str(tmp_path / "x")])
    except SystemExit as error:
        code = error.code
    assert code == 2 and message in capsys.readouterr().err


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
    assert main(["average", f"{one}=0", f"{one}=0", "--out", str(tmp_path / "x")]) == 2
    assert "its weight is 0; it must be positive" in capsys.readouterr().err
    assert main(["average", str(one), f"{one}=much", "--out", str(tmp_path / "x")]) == 2
    assert 'the weight after "=" must be a number' in capsys.readouterr().err


def test_a_file_to_average_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    first, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    for file, value in ((first, 1.0), (second, 3.0)):
        write_weights({"x": torch.tensor([value])}, file, {})
    before = first.read_bytes()
    assert main(["average", f"{first}=0.7", str(second), "--out", str(tmp_path / "." / "a.safetensors")]) == 2
    assert "is one of the files to average" in capsys.readouterr().err
    assert first.read_bytes() == before
