"""Exported files: a full disk leaves nothing, damaged metadata ends in a message."""

import json
import os
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import mono
from mono.conversion import formats
from mono.conversion.formats import SUFFIXES, missing_writers
from mono.conversion.run_file import METADATA_KEY
from mono.export.capture import capture
from mono.export.options import ExportOptions, resolve_signature
from mono.inference import exported
from mono.system.errors import BackendError, MetricDepthError


@pytest.mark.skipif(os.name != "posix", reason="file sizes cannot be limited here")
@pytest.mark.parametrize("kind", SUFFIXES)
def test_a_full_disk_ends_in_a_message_and_leaves_nothing(kind, tmp_path, toy_predictor):
    if reason := missing_writers(kind):
        pytest.skip(reason)
    import resource

    options = ExportOptions(network_only=True, size=(96, 64), batch=1)
    write = capture(toy_predictor, kind, resolve_signature(toy_predictor, kind, options), options)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))  # [bytes], more than the tests' own output takes
    try:
        with pytest.raises((MetricDepthError, OSError)):
            write(tmp_path / f"toy{SUFFIXES[kind]}", {"filling": "x" * 400_000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def exported_toy(toy_file):
    return toy_file("torchscript", fit="pad")[0]


def with_metadata(monkeypatch, text):
    """Have the toy's file hold other metadata."""
    kind = formats.FORMATS["torchscript"]
    changed = replace(kind, opener=lambda path: (kind.opener(path)[0], text))
    monkeypatch.setitem(formats.FORMATS, "torchscript", changed)


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
        exported, "open_exported", lambda path, trust, device: (run, formats._parse_metadata(path, holder["text"]))
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
def test_damaged_files_that_are_data_end_in_a_message(kind, tmp_path, monkeypatch, toy_file):
    if reason := missing_writers(kind):
        pytest.skip(reason)
    monkeypatch.setenv("METRICDEPTH_CACHE", str(tmp_path / "cache"))
    made = toy_file(kind, network_only=True, size=(96, 64))[0]
    path = Path(shutil.copytree(made.parent, tmp_path / "copy")) / made.name
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
