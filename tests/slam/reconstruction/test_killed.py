"""`slam` killed at random and run again: the same files as without the kills, and no others."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import PIL.Image
import pytest

from tests.slam.boxes import CAMERA, seen

pytest.importorskip("pycolmap")

_COUNT, _STEP = 8, 3
_RUN = f"""
import sys, types
from mono.cli import session
from mono.cli.main import main
from tests.slam.boxes import seen
known = {{seen(i * {_STEP})[0].tobytes(): seen(i * {_STEP})[1] for i in range({_COUNT})}}
class Exact:
    def predict(self, image, camera):
        return types.SimpleNamespace(depth=known[image.tobytes()])
session.load_metric_predictor = lambda *_: Exact()
print("ready", flush=True)
sys.exit(main(sys.argv[1:]))
"""


def start(frames: Path, out: Path) -> subprocess.Popen[bytes]:
    focal = f"{CAMERA.fx},{CAMERA.fy},{CAMERA.cx},{CAMERA.cy}"
    words = ["slam", str(frames), "--out", str(out), "--intrinsics", focal, "--threads", "1"]
    root = str(Path(__file__).parents[3])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    run = subprocess.Popen(
        [sys.executable, "-c", _RUN, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=root,
        env=environment,
    )
    assert run.stdout is not None and run.stdout.readline() == b"ready\n"
    return run


def files(out: Path) -> dict[str, bytes]:
    """All files; of COLMAP's database, whose pages depend on the order of writes, the name only."""
    found = (path for path in sorted(out.rglob("*")) if path.is_file())
    return {str(p.relative_to(out)): b"" if p.name == "database.db" else p.read_bytes() for p in found}


@pytest.mark.parametrize("kills", [3, pytest.param(30, marks=pytest.mark.slow)])
def test_a_killed_run_ends_like_others(tmp_path: Path, kills: int, request: pytest.FixtureRequest) -> None:
    if kills > 3 and "slow" not in request.config.getoption("markexpr"):
        pytest.skip("takes minutes: run it with -m slow")
    frames = tmp_path / "frames"
    frames.mkdir()
    for i in range(_COUNT):
        PIL.Image.fromarray(seen(i * _STEP)[0]).save(frames / f"{i:04d}.png")
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
