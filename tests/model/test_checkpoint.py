import os
import pickle
import re
import shutil

import pytest
import torch
from safetensors.torch import save_file

from mono.config import read_config
from mono.model import checkpoint
from mono.model.checkpoint import (
    CheckpointError,
    checked_sha256,
    find_checkpoint,
    identify,
    load_tensors,
)
from mono.model.depth_model import build_depth_model
from mono.model.download import download, fetch
from mono.model.tensor_files import module_name, read_tensors
from mono.model.zoo import MODELS
from mono.system.files import sha256
from tests.golden.checkpoints import TENSORS


def test_every_released_name_has_one_place():
    for network in MODELS.keys() - {"lite", "lite_detail"}:
        names = [module_name(name) for name in TENSORS[network]]
        assert len(set(names)) == len(names)
        assert [module_name("module." + name) for name in TENSORS[network]] == names
        assert [module_name(name) for name in names] == names


@pytest.mark.parametrize("network", ["vit_small", "vit_large", "vit_giant2"])
def test_released_vits_are_identified_and_complete(network):
    tensors = {module_name(name): torch.empty(shape, device="meta") for name, (_, _, shape) in TENSORS[network].items()}
    record = identify(tensors)
    assert record is MODELS[network]
    with torch.device("meta"):
        own = build_depth_model(**read_config(record.config).architecture).state_dict()
    left = {name for name in tensors if name not in own}
    assert own.keys() <= tensors.keys() and all(own[n].shape == tensors[n].shape for n in own)
    assert all(name == "encoder.mask_token" or ".norm3." in name for name in left) and len(left) == 13
    assert record.parameters == pytest.approx(sum(t.numel() for t in own.values()) / 1e6, abs=0.05)
    assert record.megabytes == round(sum(t.numel() for t in own.values()) * 4e-6)


def test_the_same_tensors_from_every_format(tiny_checkpoint, tmp_path):
    tensors = read_tensors(tiny_checkpoint)
    assert identify(tensors) is MODELS["convnext_tiny"]
    state = torch.load(tiny_checkpoint, weights_only=True)["model_state_dict"]
    torch.save({"module." + name: t for name, t in state.items()}, tmp_path / "bare.pth")
    torch.save({"model_state_dict": state}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    save_file(tensors, tmp_path / "own.safetensors")
    save_file(tensors, tmp_path / "model.pth")  # a file by another name
    for file in ("bare.pth", "old.pth", "own.safetensors", "model.pth"):
        again = read_tensors(tmp_path / file)
        assert again.keys() == tensors.keys()
        assert all(torch.equal(again[n], tensors[n]) for n in tensors), file


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/executed_by_a_checkpoint",)


def write_bad(kind, path, good):
    data = good.read_bytes()
    if kind == "missing":
        return
    if kind == "folder":
        path.mkdir()
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "web page":
        path.write_bytes(b"\n<!DOCTYPE html><html><title>Sign in</title></html>")
    elif kind == "lfs pointer":
        path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    elif kind == "text":
        path.write_bytes(b"weights? no.")
    elif kind == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif kind == "code":
        torch.save({"model_state_dict": {"a": torch.zeros(1)}, "extra": Evil()}, path)
    elif kind == "plain pickle with code":
        path.write_bytes(pickle.dumps(Evil()))
    elif kind == "no tensors":
        torch.save({"epoch": 3, "loss": 0.1}, path)
    elif kind == "safetensors":
        path.write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{}")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "there is no file"),
        ("folder", "it is a folder"),
        ("empty", "an empty file"),
        ("web page", "a web page"),
        ("lfs pointer", "a Git LFS pointer"),
        ("text", "no checkpoint: it begins with"),
        ("truncated", "damaged, or its download is incomplete"),
        ("code", "could run code when it is loaded; nothing was run"),
        ("plain pickle with code", "is damaged, or its download"),
        ("no tensors", "a dict with epoch, loss; expected"),
        ("safetensors", "header claims|list of tensors cannot be read"),
    ],
)
def test_a_wrong_file_is_named_and_not_run(kind, message, tiny_checkpoint, tmp_path):
    path = tmp_path / ("bad.safetensors" if kind == "safetensors" else "bad.pth")
    write_bad(kind, path, tiny_checkpoint)
    with pytest.raises(CheckpointError, match=message) as raised:
        read_tensors(path)
    assert str(path) in str(raised.value)
    assert not os.path.exists("/tmp/executed_by_a_checkpoint")


def test_loading_is_strict(tmp_path):
    network = torch.nn.Linear(3, 2)
    good = {"weight": torch.ones(2, 3), "bias": torch.zeros(2)}
    load_tensors(network, good, tmp_path / "x.pth", "toy")
    assert torch.equal(network.weight, torch.ones(2, 3))
    for wrong, message in (
        ({"weight": good["weight"]}, "1 tensors are missing, as bias"),
        (good | {"more": torch.zeros(1)}, "1 tensors are left over, as more"),
        (good | {"bias": torch.zeros(3)}, r"differ, as bias is \(3,\), not \(2,\)"),
        (good | {"bias": torch.tensor([0.0, torch.nan])}, "not finite, in bias"),
    ):
        with pytest.raises(CheckpointError, match=message):
            load_tensors(network, wrong, tmp_path / "x.pth", "toy")


def test_another_network_is_recognized(tiny_checkpoint):
    tensors = read_tensors(tiny_checkpoint)
    with pytest.raises(CheckpointError, match=r"is a checkpoint of convnext_tiny and does not fit convnext_large"):
        load_tensors(torch.nn.Linear(1, 1), tensors, tiny_checkpoint, "convnext_large")


def test_a_checkpoint_is_found_under_its_name_or_as_model_pth(tmp_path, monkeypatch):
    record = MODELS["convnext_large"]
    monkeypatch.setattr(checkpoint, "PACKAGE", tmp_path / "site" / "mono")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match="metricdepth download convnext_large"):
        find_checkpoint(record)
    (tmp_path / "weight").mkdir()
    (tmp_path / "weight" / "model.pth").write_bytes(b"x")
    assert find_checkpoint(record).name == "model.pth"
    (tmp_path / "weight" / record.file).write_bytes(b"x")
    assert find_checkpoint(record).name == record.file


def test_a_changed_file_does_not_match_its_checksum(tmp_path):
    path = tmp_path / "a.pth"
    path.write_bytes(b"abc")
    assert checked_sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    (tmp_path / "a.pth.sha256").write_text(f"{sha256(path)}  a.pth\n")
    assert checked_sha256(path) == sha256(path)
    path.write_bytes(b"abd")
    with pytest.raises(CheckpointError, match="damaged"):
        checked_sha256(path)


class FakeHub:
    """Serves one file from disk in the place of huggingface_hub's network functions."""

    def __init__(self, source, announced):
        self.source, self.announced = source, announced

    def install(self, monkeypatch):
        import huggingface_hub

        def fetch(repository, file, local_dir=None):
            if self.source is None:
                raise ConnectionError("no network")
            local_dir.mkdir(exist_ok=True)
            return shutil.copy(self.source, local_dir / file)

        monkeypatch.setattr(huggingface_hub, "hf_hub_download", fetch)
        metadata = type("Metadata", (), {"etag": f'"{self.announced}"'})
        monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", lambda url: metadata)


def test_a_download_is_verified_and_its_checksum_kept(tmp_path, monkeypatch):
    source = tmp_path / "source"
    source.write_bytes(b"abc")
    FakeHub(source, sha256(source)).install(monkeypatch)
    path = download("convnext_tiny", tmp_path / "weight")
    assert path.name == "convtiny_hourglass_v1.pth" and path.read_bytes() == b"abc"
    assert checked_sha256(path) == sha256(source)
    assert download("da3metric_large", tmp_path / "weight").name == "da3metric_large.safetensors"
    assert not (tmp_path / "weight" / "model.safetensors").exists()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")  # a new weight/ here, not that of the source tree or the package
    path = download("convnext_tiny")
    assert path == tmp_path / "elsewhere/weight/convtiny_hourglass_v1.pth"
    assert find_checkpoint(MODELS["convnext_tiny"]).resolve() == path


def test_a_damaged_download_is_removed(tmp_path, monkeypatch):
    source = tmp_path / "source"
    source.write_bytes(b"abc")
    FakeHub(source, "0" * 64).install(monkeypatch)
    with pytest.raises(CheckpointError, match="came damaged"):
        download("convnext_tiny", tmp_path / "weight")
    assert not list((tmp_path / "weight").iterdir())


def test_offline_says_what_to_fetch_and_where_to_put_it(tmp_path, monkeypatch):
    FakeHub(None, "").install(monkeypatch)
    with pytest.raises(CheckpointError, match=r"JUGGHM/Metric3D/resolve/main/convtiny_hourglass_v1.pth .* put it into"):
        download("convnext_tiny", tmp_path / "weight")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(checkpoint, "PACKAGE", tmp_path / "package/mono")
    monkeypatch.setattr(checkpoint, "cached_by_hub", lambda record: None)
    place = re.escape(f"into {tmp_path / 'weight'}")
    for ask in (lambda: download("convnext_tiny"), lambda: fetch(MODELS["convnext_tiny"])):
        with pytest.raises(CheckpointError, match=place):
            ask()
    with pytest.raises(CheckpointError, match=place):
        find_checkpoint(MODELS["convnext_tiny"])
    with pytest.raises(CheckpointError, match='no model "resnet"; known: lite'):
        download("resnet")
    with pytest.raises(CheckpointError, match="ships with the package"):
        download("lite")
