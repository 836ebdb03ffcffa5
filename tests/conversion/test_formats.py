"""Exported files: a full disk leaves nothing, damaged metadata ends in a message."""

import importlib.util
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

import mono
from mono.conversion import formats
from mono.conversion.formats import METADATA_KEY, SUFFIXES
from mono.export.write import export
from mono.inference import exported
from mono.system.errors import BackendError

ROOT = Path(__file__).parents[2]
LIMITED = """
import resource, sys
from pathlib import Path
from mono.conversion.formats import SUFFIXES
from mono.export import write
from mono.system.errors import MetricDepthError
from tests.toys import toy_predictor
kind, out = sys.argv[1], Path(sys.argv[2])
writer = write._writer(toy_predictor(), kind)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    writer(out / f"toy{SUFFIXES[kind]}", {"filling": "x" * 3000})
except (MetricDepthError, OSError) as error:
    print("refused:", error)
"""


@pytest.mark.skipif(os.name != "posix", reason="file sizes cannot be limited here")
@pytest.mark.parametrize("kind", SUFFIXES)
def test_a_full_disk_ends_in_a_message_and_leaves_nothing(kind, tmp_path):
    needed = {"onnx": "onnxscript", "openvino": "openvino"}.get(kind)
    if needed and importlib.util.find_spec(needed) is None:
        pytest.skip(f"{needed} is not installed")
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, kind, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "refused:" in done.stdout and list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def exported_toy(tmp_path_factory):
    from tests.toys import toy_predictor

    path = tmp_path_factory.mktemp("exported") / "toy.ts"
    export(toy_predictor(), "torchscript", path)
    return path


def with_metadata(monkeypatch, text):
    """Have the toy's file hold other metadata."""
    opened = formats._open_torchscript
    monkeypatch.setattr(formats, "_open_torchscript", lambda path: (opened(path)[0], text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "was not written by `metricdepth export`"),
        ("[1, 2]", "its metadata is not a JSON object"),
        ('{"transform"', "its metadata is not a JSON object"),
        ("[" * 100_000, "its metadata is not a JSON object"),
        ('"' + "x" * 2_000_000 + '"', "its metadata is not a JSON object"),
        ("{}", "its metadata is damaged or of another version"),
        (json.dumps({"transform": 3, "model": "a", "format": "onnx", "architecture": {}}), "its metadata is damaged"),
    ],
)
def test_metadata_that_is_not_ours(monkeypatch, exported_toy, text, message):
    with_metadata(monkeypatch, text)
    with pytest.raises(BackendError, match=message):
        mono.load_model(exported_toy, trust=True)


def test_damaged_metadata_ends_in_a_message(monkeypatch, exported_toy):
    text = json.dumps(dict(mono.load_model(exported_toy, trust=True).metadata))
    run = formats.open_exported(exported_toy, trust=True)[0]
    rng, refused, holder = random.Random(5), 0, {}
    monkeypatch.setattr(
        exported, "open_exported", lambda path, trust: (run, formats._parse_metadata(path, holder["text"]))
    )
    for _ in range(500):
        damaged = list(text)
        for _ in range(rng.choice((1, 3, 10))):
            damaged[rng.randrange(len(damaged))] = rng.choice('0-"[]{},:x\0é')
        holder["text"] = "".join(damaged)
        try:
            predictor = mono.load_model(exported_toy, trust=True)
            assert isinstance(predictor.name, str) and predictor.transform.crop_size
        except BackendError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 200


@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_damaged_files_that_are_data_end_in_a_message(kind, tmp_path, monkeypatch):
    if importlib.util.find_spec({"onnx": "onnxruntime"}.get(kind, kind)) is None:
        pytest.skip(f"{kind} is not installed")
    from tests.toys import toy_predictor

    monkeypatch.setenv("METRICDEPTH_CACHE", str(tmp_path / "cache"))
    path = tmp_path / f"toy{SUFFIXES[kind]}"
    export(toy_predictor(), kind, path)
    good = path.read_bytes()
    start = good.index(METADATA_KEY.encode())
    for place in (0, 1, 7, start, start + 15, start + 40, len(good) // 2):
        path.write_bytes(good[:place] + b"\xff\x00{" + good[place + 3 :])
        try:
            mono.load_model(path)
        except BackendError as error:
            assert str(path) in str(error) and "\n" not in str(error)
    path.write_bytes(good[: len(good) // 2])
    with pytest.raises(BackendError, match="damaged"):
        mono.load_model(path)
