"""Two processes at one run learn what one does with twice the batch."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mono.training.data.images import read_frames
from mono.training.loop import train
from mono.training.schedule import LAST, PROGRESS, Run
from tests.training.shared_run import SLOW
from tests.training.small import CONFIG, RECIPE
from tests.warm_process import WarmProcess


def in_two_processes(annotations: Path, out: Path, steps: int) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "test"}
    processes = [
        WarmProcess(
            "tests.training.shared_run",
            *(annotations, out, steps),
            environment={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]
    assert [process.wait(300) for process in processes] == [0, 0]


def curve(out: Path) -> list[dict[str, Any]]:
    names = ("step", "loss", "norm", *RECIPE.losses)
    lines = [json.loads(line) for line in (out / PROGRESS).read_text().splitlines()]
    return [{name: line[name] for name in names} for line in lines]


@pytest.mark.integration
def test_two_processes_are_one_with_twice_the_batch_and_continue(tmp_path: Path, annotations: Path):
    shared = tmp_path / "shared"
    in_two_processes(annotations, shared, 2)
    in_two_processes(annotations, shared, 4)
    assert sorted(p.name for p in shared.iterdir()) == [LAST, PROGRESS]

    alone = tmp_path / "alone"
    recipe = replace(SLOW, batch_pixels=2 * RECIPE.batch_pixels)
    run = Run(alone, steps=2, precision="float32", workers=0, every=(0.0, 1, 500))
    for steps in (2, 4):
        train(CONFIG, recipe, read_frames([annotations]), {}, replace(run, steps=steps))
    assert [line["step"] for line in curve(shared)] == [1, 2, 3, 4]
    for ours, theirs in zip(curve(shared), curve(alone), strict=True):
        assert ours["norm"] == pytest.approx(theirs["norm"], rel=1e-3)
        ours["norm"] = theirs["norm"]
        assert ours == pytest.approx(theirs, rel=1e-5, abs=1.1e-5)  # the file has five digits
