"""`slam` killed at random and run again: the same files as without the kills, and no others."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import PIL.Image
import pytest

from tests.slam.boxes import CAMERA, seen
from tests.slam.killed_run import COUNT, STEP
from tests.warm_process import WarmProcess

pytest.importorskip("pycolmap")


def start(frames: Path, out: Path) -> WarmProcess:
    focal = f"{CAMERA.fx},{CAMERA.fy},{CAMERA.cx},{CAMERA.cy}"
    words = ["slam", frames, "--out", out, "--intrinsics", focal, "--threads", 1]
    return WarmProcess("tests.slam.killed_run", *words)


def files(out: Path) -> dict[str, bytes]:
    """All files; of COLMAP's database, whose pages depend on the order of writes, the name only."""
    found = (path for path in sorted(out.rglob("*")) if path.is_file())
    return {str(p.relative_to(out)): b"" if p.name == "database.db" else p.read_bytes() for p in found}


@pytest.mark.parametrize("kills", [2, pytest.param(30, marks=pytest.mark.slow)])
def test_a_killed_run_ends_like_others(tmp_path: Path, kills: int) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    for i in range(COUNT):
        PIL.Image.fromarray(seen(i * STEP)[0]).save(frames / f"{i:04d}.png")
    begin = time.monotonic()
    assert start(frames, tmp_path / "whole").wait() == 0
    seconds = time.monotonic() - begin
    chance = random.Random(kills)
    for _ in range(kills):
        run = start(frames, tmp_path / "killed")
        time.sleep(chance.uniform(0, seconds))
        run.send_signal(signal.SIGKILL)
        run.wait()
    assert start(frames, tmp_path / "killed").wait() == 0
    whole, killed = files(tmp_path / "whole"), files(tmp_path / "killed")
    assert sorted(killed) == sorted(whole)
    assert [name for name in whole if whole[name] != killed[name]] == []
