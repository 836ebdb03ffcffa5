"""Arbitrary and damaged bytes: readers give a result or their own error, never anything else."""

from __future__ import annotations

import random
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mono.io.depth import read_depth
from mono.io.exr import check_structure
from mono.io.images import read_image
from mono.io.normals import read_normals
from mono.system.errors import MetricDepthError

SETTINGS = settings(
    max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
STARTS = [
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\xff\xd8\xff\xe0\0\x10JFIF\0", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08",
    b"II+\0\x08\0\0\0",
    b"BM", b"GIF89a", b"RIFF\x20\0\0\0WEBPVP8 ", b"P6\n", b"\0\0\0\x0cjP  \r\n\x87\n", b"\0\0\0\x1cftypavif",
    b"\x93NUMPY\x01\0\x76\0{", b"PK\x03\x04", b"v/1\x01\x02\0\0\0channels\0", b"%!PS", b"",
]  # fmt: skip
READERS = {
    "a.jpg": read_image,
    "a.png": lambda path: read_depth(path, 1000),
    "a.tif": lambda path: read_depth(path, 1000),
    "a.npy": read_depth,
    "a.npz": read_depth,
    "a.exr": check_structure,
    "n.png": read_normals,
    "n.npy": read_normals,
}


@SETTINGS
@given(start=st.sampled_from(STARTS), rest=st.binary(max_size=300), name=st.sampled_from(sorted(READERS)))
def test_arbitrary_bytes(tmp_path: Path, start: bytes, rest: bytes, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(start + rest)
    try:
        READERS[name](path)  # type: ignore[operator]
    except MetricDepthError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("name", ["images", "depth", "exr", "normals"])
def test_damaged_files(tmp_path: Path, fuzzer: ModuleType, name: str) -> None:
    reader, rng = fuzzer.READERS[name], random.Random(name)
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    paths = reader.corpus(corpus)
    contents = [path.read_bytes() for path in paths]
    for path in paths:
        reader.read(path)  # all of them are valid
    outcomes = {"read": 0, "refused": 0}
    for i in range(400):
        path = tmp_path / paths[i % len(paths)].name
        path.write_bytes(fuzzer.mutate(contents[i % len(paths)], rng.choice(contents), rng))
        try:
            reader.read(path)
            outcomes["read"] += 1
        except MetricDepthError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 10
