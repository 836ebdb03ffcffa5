import os

import pytest

from mono.system.files import cached_while_unchanged, json_object, sha256


def test_a_file_is_hashed_after_the_bytes_before_it(tmp_path):
    (tmp_path / "a").write_bytes(b"bc")
    assert sha256(tmp_path / "a", b"a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_file_is_read_again_when_it_changes(tmp_path):
    reads = []

    @cached_while_unchanged(maxsize=4)
    def read(path, times):
        reads.append(path.name)
        return path.read_text() * times

    path = tmp_path / "a"
    path.write_text("x")
    assert [read(path, 2), read(path, 2), read(path, 3)] == ["xx", "xx", "xxx"] and len(reads) == 2
    path.write_text("yz")  # another size
    os.utime(path, ns=(0, 0))
    assert read(path, 1) == "yz"
    path.write_text("ab")
    os.utime(path, ns=(0, 1))  # another time
    assert read(path, 1) == "ab" and len(reads) == 4
    path.unlink()
    with pytest.raises(FileNotFoundError):
        read(path, 1)


@pytest.mark.parametrize("data", [None, b"", "[1]", "null", "{", b"\xff\xfe\xfa", '{"a":' * 100_000])
def test_what_is_no_json_object_is_none(data):
    assert json_object(data) is None


def test_json_objects_are_parsed():
    assert json_object(b'{"a": 1}') == json_object('{"a": 1}') == {"a": 1}
