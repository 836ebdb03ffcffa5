from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from mono.runs import manifest as module
from mono.runs.manifest import Manifest


def _record(name: str, **more: Any) -> dict[str, Any]:
    return {
        "input": f"/photos/{name}.jpg",
        "name": name,
        "status": "ok",
        "key": "k1",
        "outputs": {"depth": f"depth/{name}.png"},
        **more,
    }


def _make_output(folder: Path, name: str) -> None:
    (folder / "depth").mkdir(parents=True, exist_ok=True)
    (folder / "depth" / f"{name}.png").write_bytes(b"1")


def _lines(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "manifest.jsonl").read_text("ascii")
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def test_each_input_is_listed_once(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    manifest.add(_record("a", seconds=1))
    manifest.add(_record("b"))
    manifest.add(_record("a", seconds=2))
    assert [(record["name"], record.get("seconds")) for record in manifest.records] == [("b", None), ("a", 2)]
    assert manifest.records == Manifest(tmp_path).records == _lines(tmp_path)


def test_repeated_lines_of_another_writer_are_merged(tmp_path: Path) -> None:
    lines = [_record("a", seconds=1), _record("b"), _record("a", seconds=2)]
    (tmp_path / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert [record.get("seconds") for record in Manifest(tmp_path).records] == [None, 2]
    assert [line["name"] for line in _lines(tmp_path)] == ["b", "a"]


def test_a_run_killed_at_any_byte_goes_on(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    manifest = Manifest(whole)
    names = ["a", "übung 2", "c\nd"]
    for name in names:
        manifest.add(_record(name))
    data = (whole / "manifest.jsonl").read_bytes()
    ends = [index + 1 for index, byte in enumerate(data) if byte == ord("\n")]
    cut = tmp_path / "cut"
    cut.mkdir()
    for size in range(len(data) + 1):
        (cut / "manifest.jsonl").write_bytes(data[:size])
        opened = Manifest(cut)
        # A line that only lacks its line break is complete.
        kept = sum(end - 1 <= size for end in ends)
        assert [record["name"] for record in opened.records] == names[:kept]
        assert len(_lines(cut)) == kept
        for name in names[kept:]:
            opened.add(_record(name))
        assert (cut / "manifest.jsonl").read_bytes() == data


@pytest.mark.parametrize(
    "damage", [b"\xff\xfe\x00", b"[1, 2]", b'"a"', b'{"name": 3, "status": "ok"}', b'{"name": "x"}', b""]
)
def test_damaged_lines_anywhere_are_dropped(tmp_path: Path, damage: bytes) -> None:
    good = [json.dumps(_record(name)).encode() for name in "ab"]
    (tmp_path / "manifest.jsonl").write_bytes(b"\n".join([good[0], damage, good[1]]) + b"\n")
    assert [record["name"] for record in Manifest(tmp_path).records] == ["a", "b"]
    assert [line["name"] for line in _lines(tmp_path)] == ["a", "b"]


def test_opening_and_adding_do_not_rewrite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "atomic_path", lambda path: pytest.fail("the manifest was rewritten"))
    manifest = Manifest(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    for name in "abc":
        manifest.add(_record(name))
    assert len(Manifest(tmp_path / "new").records) == 3


def test_drop_forgets_names_on_disk_too(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    for name in "abc":
        _make_output(tmp_path, name)
        manifest.add(_record(name))
    manifest.drop(["a", "c", "unknown"])
    assert manifest.get("a") is None
    assert [line["name"] for line in _lines(tmp_path)] == ["b"]


def test_records_are_read_one_by_one_in_the_order_asked_for(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    for name in "abc":
        manifest.add(_record(name))
    manifest.add(_record("a", seconds=3))  # the other records lie elsewhere in the file from here on
    manifest.add(_record("d"))
    assert [record["name"] for record in manifest.walk(["d", "x", "a", "b"])] == ["d", "a", "b"]
    assert [record["name"] for record in manifest.walk()] == ["b", "c", "a", "d"]
    assert manifest.get("a") == _record("a", seconds=3)


def test_records_are_not_kept_in_memory(tmp_path: Path) -> None:
    count, size = 300, 20_000
    tracemalloc.start()
    try:
        manifest = Manifest(tmp_path)
        for i in range(count):
            manifest.add(_record(f"{i}", error="x" * size))
        kept = tracemalloc.get_traced_memory()[0]
        opened = Manifest(tmp_path)
        opened.drop(["7"])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert kept < 2000 * count
    assert peak < 2000 * count + 20 * size
    assert len(opened.records) == count - 1 and opened.get("299") == _record("299", error="x" * size)


def test_names_that_no_encoding_can_carry(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    Manifest(tmp_path).add(_record(name))
    assert Manifest(tmp_path).records[0]["name"] == name


@pytest.mark.parametrize(
    "record",
    [
        {"status": "ok"},
        {"name": "a"},
        {"name": "a", "status": "ok"},
        {"name": "a", "status": "done"},
        _record("a", x=object()),
        _record("a", x=float("nan")),
    ],
)
def test_wrong_records_are_refused_and_leave_no_trace(tmp_path: Path, record: dict[str, Any]) -> None:
    manifest = Manifest(tmp_path)
    with pytest.raises(ValueError, match="manifest record"):
        manifest.add(record)
    assert manifest.records == []
    assert not manifest.path.exists()


def test_a_full_disk_leaves_the_manifest_as_it_was(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    manifest = Manifest(tmp_path)
    manifest.add(_record("a"))
    size = manifest.path.stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, limits[1]))
    try:
        with pytest.raises(OSError, match=r"large|No space left"):
            manifest.add(_record("b"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert [line["name"] for line in _lines(tmp_path)] == ["a"]
    assert [record["name"] for record in manifest.records] == ["a"]
    manifest.add(_record("b"))
    assert [line["name"] for line in _lines(tmp_path)] == ["a", "b"]
