"""Damaged checkpoints end in a message, whatever byte is wrong, and claim no memory before they are refused."""

import random
import struct
import zipfile

import pytest
import torch
from safetensors.torch import save_file

from mono.model.checkpoint import checked_sha256, load_tensors
from mono.model.tensor_files import CheckpointError, read_tensors

GOOD = {"a.weight": torch.ones(3, 4), "a.bias": torch.zeros(3), "steps": torch.tensor(7)}


def written(folder, kind):
    path = folder / ("a.safetensors" if kind == "safetensors" else "a.pth")
    if kind == "safetensors":
        save_file(GOOD, path)
    else:
        torch.save({"model_state_dict": GOOD}, path, _use_new_zipfile_serialization=kind == "zip")
    return path


def fuzzed(data, rng):
    """Change, cut, repeat or overwrite some of the bytes."""
    bytes_ = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        place = rng.randrange(len(bytes_))
        action = rng.randrange(5)
        if action == 0:
            bytes_[place] ^= 1 << rng.randrange(8)
        elif action == 1:
            bytes_[place] = rng.randrange(256)
        elif action == 2:
            bytes_[place : place + 8] = struct.pack("<Q", rng.choice((0, 2**31, 2**40, 2**63, 2**64 - 1)))
        elif action == 3:
            del bytes_[place : place + rng.randrange(1, 40)]
        else:
            bytes_[place:place] = bytes_[max(0, place - 30) : place]
    return bytes(bytes_) or b"\0"


@pytest.mark.parametrize("kind", ["zip", "old", "safetensors"])
def test_damaged_bytes_end_in_a_message(tmp_path, kind):
    good, rng, refused = written(tmp_path, kind).read_bytes(), random.Random(3), 0
    path = tmp_path / ("damaged" + (".safetensors" if kind == "safetensors" else ".pth"))
    network = torch.nn.Module()
    network.a = torch.nn.Linear(4, 3)
    network.register_buffer("steps", torch.tensor(0))
    for _ in range(400):
        path.write_bytes(fuzzed(good, rng))
        try:
            load_tensors(network, read_tensors(path), path, "toy")
        except CheckpointError as error:
            refused += 1
            assert str(path) in str(error) and "\n" not in str(error)
    assert refused > 100


def test_sizes_are_compared_with_the_file_before_anything_is_read(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(struct.pack("<Q", 2**40) + b"{}")
    with pytest.raises(CheckpointError, match=r"header claims 1099511627776 bytes, the file has 10"):
        read_tensors(path)
    good, bomb = written(tmp_path, "zip"), tmp_path / "bomb.pth"
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, bytes(50_000_000) if name.endswith("data/0") else source.read(name))
    assert bomb.stat().st_size < 100_000
    with pytest.raises(CheckpointError, match=r"member '.*' is not stored as torch\.save does"):
        read_tensors(bomb)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({1: torch.zeros(1)}, "a tensor is named 1; names must be text"),
        ({"a": torch.zeros(1), "module.a": torch.ones(1)}, "two tensors for one place"),
        ({"a": torch.zeros(2, 2).to_sparse()}, "tensor a is sparse"),
        ({"a": torch.zeros(2, device="meta")}, "tensor a is sparse, quantized or empty of values"),
    ],
)
def test_tensors_that_no_network_has(tmp_path, content, message):
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=message):
        read_tensors(tmp_path / "a.pth")


def test_tensors_of_another_kind_are_refused(tmp_path):
    network = torch.nn.Linear(2, 2)
    with pytest.raises(CheckpointError, match=r"bias is \(2,\) torch.complex64, not \(2,\)"):
        load_tensors(network, {"weight": torch.ones(2, 2), "bias": torch.ones(2) * 1j}, tmp_path / "a.pth", "toy")


def test_a_checksum_file_of_other_bytes_is_a_mismatch(tmp_path):
    (tmp_path / "a.pth").write_bytes(b"abc")
    (tmp_path / "a.pth.sha256").write_bytes(b"\xff\xfe\x00 a.pth")
    with pytest.raises(CheckpointError, match="does not match its checksum"):
        checked_sha256(tmp_path / "a.pth")
