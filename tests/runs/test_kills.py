"""Runs that are killed at any moment, and continued: the same bytes, and no stray file."""

import json
import random
import signal
import subprocess
import time

import numpy as np
import pytest

from tests.test_do_test import files_of, write_photos
from tests.warm_process import WarmProcess

POINTS = ("journal", "drop", "remove", "write", "record", "finish")


def start(*words, kill_at=None):
    return WarmProcess("tests.kill_points", kill_at or "none:0", *words)


def stray_files(out):
    """Files of the folder that no record names."""
    records = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    named = set()
    for record in records:
        for paths in record["outputs"].values():
            named.update([paths] if isinstance(paths, str) else paths)
    return sorted(set(files_of(out)) - named)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = write_photos(tmp_path_factory.mktemp("photos"), 12)
    entries = []
    for i in range(12):
        np.save(folder / f"{i}.npy", np.random.default_rng(i).uniform(1, 9, (36, 48)).astype(np.float32))
        entries.append({"rgb": f"{i:03}.png", "depth": f"{i}.npy", "cam_in": [60, 60, 23.5, 17.5]})
    (folder / "annotations.json").write_text(json.dumps({"files": entries}))
    return folder


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_a_critical_point_leaves_no_stray_file(photos, tmp_path, point):
    """Depth of one focal length is replaced by clouds of another, killed on the way; then the first is asked for."""
    out = tmp_path / "out"
    assert start(photos, out, "--save", "depth,vis", "--focal", 60).wait() == 0
    expected = files_of(out)
    killed = start(photos, out, "--save", "pcd", "--focal", 70, "--overwrite", kill_at=f"{point}:3")
    assert killed.wait() == -signal.SIGKILL
    assert start(photos, out, "--save", "depth,vis", "--focal", 60, "--overwrite").wait() == 0
    assert files_of(out) == expected and stray_files(out) == []


@pytest.mark.parametrize("point", ["write", "record"])
def test_a_kill_while_outputs_are_added_keeps_the_former_ones(photos, tmp_path, point):
    out = tmp_path / "out"
    assert start(photos, out, "--save", "depth", "--focal", 60).wait() == 0
    before = files_of(out)
    assert start(photos, out, "--save", "vis,pcd", "--focal", 60, kill_at=f"{point}:5").wait() == -signal.SIGKILL
    assert start(photos, out, "--save", "depth", "--focal", 60).wait() == 0
    assert before.items() <= files_of(out).items() and stray_files(out) == []


def test_files_of_others_are_not_removed_after_a_kill(photos, tmp_path):
    """A file that may be replaced, but that no run has written, is no leftover."""
    (tmp_path / "out" / "depth").mkdir(parents=True)
    (tmp_path / "out" / "depth" / "011.png").write_text("mine")
    killed = start(photos, tmp_path / "out", "--save", "depth", "--focal", 60, "--overwrite", kill_at="write:2")
    assert killed.wait() == -signal.SIGKILL
    assert start(photos / "000.png", tmp_path / "out", "--save", "depth", "--focal", 60).wait() == 0
    assert (tmp_path / "out" / "depth" / "011.png").read_text() == "mine"


def _kill_at_random(words, out, kills, seconds, expected):
    """Kill runs at random moments; a run that ends before its kill is compared, and begun again elsewhere."""
    chance, done, number = random.Random(kills), 0, 0
    while done < kills:
        process, begun = start(words[0], out / str(number), *words[1:]), time.monotonic()
        try:
            assert process.wait(chance.uniform(0, seconds)) == 0
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            done += process.wait() == -signal.SIGKILL
        else:
            assert files_of(out / str(number)) == expected and stray_files(out / str(number)) == []
            number += 1
            seconds = min(seconds, time.monotonic() - begun)  # the first run may have met a busy machine
    assert start(words[0], out / str(number), *words[1:]).wait() == 0
    assert files_of(out / str(number)) == expected and stray_files(out / str(number)) == []


@pytest.mark.parametrize("kills", [3, pytest.param(30, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["predict", "evaluate"])
def test_runs_killed_at_random_end_in_the_same_bytes(photos, tmp_path, kind, kills):
    data = photos if kind == "predict" else photos / "annotations.json"
    words = ["--focal", 60, "--pause", 0.15]
    everything = "depth,vis,pcd,normal,mask,confidence,points,mesh"
    words += ["--save", everything] if kind == "predict" else ["--save", "depth", "--evaluate"]
    begun = time.monotonic()
    assert start(data, tmp_path / "whole", *words).wait() == 0
    seconds = time.monotonic() - begun
    _kill_at_random([data, *words], tmp_path, kills, seconds, files_of(tmp_path / "whole"))
