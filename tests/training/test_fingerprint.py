"""Fingerprints of runs and their differences."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mono.training.data.images import read_frames
from mono.training.fingerprint import differences, fingerprint
from mono.training.schedule import Run
from tests.training.small import CONFIG, RECIPE


def test_a_run_of_two_is_not_continued_by_one(tmp_path: Path, annotations: Path):
    one, two = (
        fingerprint(CONFIG, RECIPE, Run(tmp_path, steps=1), read_frames([annotations]), count) for count in (1, 2)
    )
    assert differences(two, one) == ["run.processes was 2 and is now 1"]


def test_equal_runs_have_equal_fingerprints_and_each_change_is_named(tmp_path: Path, annotations: Path):
    frames = read_frames([annotations])
    first = fingerprint(CONFIG, RECIPE, Run(tmp_path, steps=1), frames, 1)
    assert first == fingerprint(CONFIG, RECIPE, Run(tmp_path / "elsewhere", steps=9), frames, 1)
    assert differences(first, first) == []
    lists = differences(
        first,
        fingerprint(CONFIG, replace(RECIPE, lr=0.5), Run(tmp_path, steps=1, seed=3, precision="float32"), frames, 1),
    )
    assert sorted(lists) == [
        "recipe.lr was 0.003 and is now 0.5",
        "run.precision was bfloat16 and is now float32",
        "run.seed was 0 and is now 3",
    ]


def test_a_start_may_be_renamed(tmp_path: Path):
    prints = []
    for name in ("a.pth", "b (1).pth"):
        (tmp_path / name).write_text("same")
        prints.append(fingerprint(CONFIG, RECIPE, Run(tmp_path, steps=1, start=tmp_path / name), [], 1))
    assert prints[0] != prints[1] and differences(*prints) == []


def test_a_start_is_known_by_its_content(tmp_path: Path):
    prints = []
    for name in "ab":
        start = tmp_path / name / "model.safetensors"
        start.parent.mkdir()
        start.write_text(name)
        prints.append(fingerprint(CONFIG, RECIPE, Run(tmp_path, steps=1, start=start), [], 1))
    (difference,) = differences(*prints)
    assert difference == ("run.from was model.safetensors (ca978112ca1b) and is now model.safetensors (3e23e8160039)")
