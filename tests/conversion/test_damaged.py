"""Damaged exported files: a prediction or one message, never a runtime's own error."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mono.conversion.formats import SUFFIXES, open_exported
from mono.conversion.integrity import checked_run
from mono.conversion.signature import Signature
from mono.conversion.torch_file import write_torchscript
from mono.system.errors import BackendError, MetricDepthError

NEEDS = {"onnx": ("onnx", "onnxscript", "onnxruntime"), "openvino": ("openvino",)}
STARTS = [b"", b"PK\3\4", b"\x08\x0a\x12\x07pytorch", b'<?xml version="1.0"?>\n<net name="a" version="11">']


@pytest.mark.parametrize("kind", ["onnx", "openvino", "torchscript", "exported-program"])
def test_damaged_files(tmp_path: Path, fuzzer: ModuleType, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NEEDS.get(kind, ()):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    monkeypatch.setenv("METRICDEPTH_CACHE", str(tmp_path / "cache"))
    reader, rng = fuzzer.READERS[kind], random.Random(kind)
    (path,) = reader.corpus(tmp_path)
    prediction = reader.read(path)
    gray = fuzzer._scene().astype(np.float32) @ np.float32([0.01, 1, 0.5]) + 1
    np.testing.assert_allclose(prediction.depth, np.where(gray < 300, gray, gray), rtol=1e-4)
    content, refused = path.read_bytes(), 0
    for _ in range(40):
        damaged = tmp_path / f"fuzzed{path.suffix}"
        damaged.write_bytes(fuzzer.mutate(content, content, rng))
        try:
            reader.read(damaged)
        except MetricDepthError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused >= (40 if kind == "openvino" else 20)


@settings(max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.sampled_from(STARTS), rest=st.binary(max_size=200), suffix=st.sampled_from(sorted(SUFFIXES.values())))
def test_arbitrary_bytes(tmp_path: Path, start: bytes, rest: bytes, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(start + rest)
    with pytest.raises(BackendError) as caught:
        open_exported(path, trust=True)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_changed_weights_are_found(tmp_path: Path) -> None:
    script = torch.jit.script(torch.nn.Linear(50, 50))
    path = tmp_path / "a.ts"
    write_torchscript(script, path, {"model": "a"})
    content = bytearray(path.read_bytes())
    weight = script.weight.detach().numpy().tobytes()[:64]
    content[content.index(weight)] ^= 1
    path.write_bytes(content)
    with pytest.raises(BackendError, match="damaged"):
        open_exported(path, trust=True)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (lambda image: (image[..., 0].astype(np.float32), image[..., 0]), "gives no depth of the image's size"),
        (lambda image: (np.ones((2, 2), np.float32),) * 2, "gives no depth of the image's size"),
        (lambda image: (np.ones(image.shape[:2], np.float32),), "gives no depth of the image's size"),
        (lambda image: 1 / 0, "cannot run on an image of 4x3"),
    ],
)
def test_what_a_file_returns_is_checked(output, message: str) -> None:
    run = checked_run(lambda arrays: output(arrays[0]), Path("a.onnx"), Signature())
    with pytest.raises(BackendError, match=message):
        run([np.zeros((3, 4, 3), np.uint8), np.ones(4, np.float32)])
