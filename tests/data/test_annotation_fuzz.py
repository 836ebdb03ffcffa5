"""Annotation files of any content: samples or messages, never another error."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from mono.data.annotations import AnnotationError, load_annotations
from mono.data.check import check_annotations
from mono.data.entries import KEYS

NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([0, -1, 10**400, 1e308, 5e-324, float("nan"), float("inf"), 65535, True]),
)
PATHS = st.sampled_from(
    ["a.png", "d.png", "d.npy", ".\\a.png", "./a.png", "..", "/dev/zero", "/dev/stdin", "pipe.png", "a\0.png",
     "\ud800.png", "x" * 300 + ".png", "C:\\a.png", "\\\\host\\a.png", "loop.png", "~/a.png", ""]
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(st.none(), NUMBERS, PATHS, st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=16,
)
CAMERAS = st.one_of(
    VALUES, st.lists(NUMBERS, min_size=4, max_size=4), st.lists(st.lists(NUMBERS, min_size=3, max_size=4))
)
ENTRIES = st.one_of(
    VALUES,
    st.fixed_dictionaries({"rgb": PATHS}, optional={key: CAMERAS if "in" in key else VALUES for key in KEYS[1:]}),
    st.fixed_dictionaries(
        {"rgb": st.just("a.png"), "depth": st.sampled_from(["d.png", "d.npy"]), "depth_scale": NUMBERS},
        optional={"depth_kind": st.sampled_from(["z", "ray"]), "depth_invalid": NUMBERS, "cam_in": CAMERAS},
    ),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fuzz")
    Image.new("RGB", (32, 24)).save(path / "a.png")
    values = np.full((24, 32), 2000, np.uint16)
    values[:5] = 65535
    Image.fromarray(values).save(path / "d.png")
    np.save(path / "d.npy", values.astype(np.float32))
    os.mkfifo(path / "pipe.png")
    (path / "loop.png").symlink_to("loop.png")
    return path


@settings(max_examples=80, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(VALUES, st.lists(ENTRIES, max_size=3), st.fixed_dictionaries({"files": st.lists(ENTRIES)})))
def test_any_json_gives_samples_or_messages(folder: Path, content: Any) -> None:
    path = folder / "data.json"
    path.write_text(json.dumps(content))
    try:
        samples = load_annotations(path)
    except AnnotationError as error:
        message = str(error)
        message.encode()
        assert all(line.isprintable() for line in message.splitlines())
        return
    assert samples
    for finding in check_annotations(path).findings:
        assert str(finding)


@settings(max_examples=80, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_any_bytes_give_messages(folder: Path, content: bytes) -> None:
    path = folder / "bytes.json"
    path.write_bytes(content)
    with pytest.raises(AnnotationError):
        load_annotations(path)


def test_pipes_and_devices_do_not_hang(folder: Path) -> None:
    os.mkfifo(folder / "pipe.json")
    for path in (folder / "pipe.json", Path("/dev/zero")):
        with pytest.raises(AnnotationError, match="is no regular file"):
            load_annotations(path)
    for name in ("pipe.png", "/dev/zero", "loop.png"):
        (folder / "data.json").write_text(json.dumps([{"rgb": name}]))
        with pytest.raises(AnnotationError, match="is no regular file"):
            load_annotations(folder / "data.json")


def test_deep_nesting_inside_an_entry(folder: Path) -> None:
    for depth in (500, 900, 5000):
        text = '[{"rgb": "a.png", "cam_in": ' + "[" * depth + "1" + "]" * depth + ', "intrinsic": [1, 2, 3, 4]}]'
        (folder / "data.json").write_text(text)
        with pytest.raises(AnnotationError):
            load_annotations(folder / "data.json")
