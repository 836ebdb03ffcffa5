"""Checkpoints of runs: damaged ones are named, with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mono.cli.main import main
from mono.system.errors import MetricDepthError
from mono.training.checkpoint import read_checkpoint
from tests.training.small import write_walls


def damage(path: Path, kind: str) -> None:
    content = bytearray(path.read_bytes())
    if kind == "a flipped bit":
        content[content.index(torch.arange(999.0).numpy().tobytes()) + 2000] ^= 1
    path.write_bytes({"truncated": content[: len(content) // 2], "junk": b"junk" * 99, "empty": b""}.get(kind, content))


@pytest.mark.parametrize("kind", ["truncated", "junk", "empty", "a flipped bit"])
def test_damage_is_found(tmp_path: Path, kind: str):
    path = tmp_path / "last.pth"
    torch.save({"model_state_dict": {"x": torch.arange(999.0)}, "step": 3}, path)
    assert read_checkpoint(path)["step"] == 3
    damage(path, kind)
    with pytest.raises(
        MetricDepthError, match=r"last.pth is damaged .*: restore it .* or move it, and weights beside it, away"
    ):
        read_checkpoint(path)


def test_what_is_no_checkpoint_is_named(tmp_path: Path):
    torch.save(torch.zeros(3), tmp_path / "last.pth")
    with pytest.raises(MetricDepthError, match=r"last.pth is damaged \(it holds a Tensor\)"):
        read_checkpoint(tmp_path / "last.pth")


def test_a_damaged_checkpoint_ends_a_run_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data, out = write_walls(tmp_path / "walls", 2), tmp_path / "out"
    out.mkdir()
    (out / "last.pth").write_bytes(b"PK\x03\x04 cut off")
    threads = torch.get_num_threads()
    try:
        words = ["--steps", "1", "--workers", "0", "--threads", "1", "--set", "sizes=[(64,96)]", "batch_pixels=12288"]
        assert main(["train", "lite.py", "--data", f"{data}:dense", "--out", str(out), *words, "init=''"]) == 2
    finally:
        torch.set_num_threads(threads)
    errors = [line for line in capsys.readouterr().err.splitlines() if "rror" in line]
    assert len(errors) == 1 and f"{out / 'last.pth'} is damaged" in errors[0]
