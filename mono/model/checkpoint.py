"""Checkpoint files: finding, identifying and loading them. The only part of `mono.model` that touches files."""

from __future__ import annotations

import hashlib
import pickle
import re
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mono.model.zoo import MODELS, ModelRecord
from mono.system.errors import MetricDepthError
from mono.system.memory import page_out

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

PACKAGE = Path(__file__).resolve().parents[1]
DEFAULT_FILE = "model.pth"
_LARGE = 2e9  # [bytes] of tensors, from where a checkpoint's pages are given back while it is copied


class CheckpointError(MetricDepthError):
    """A checkpoint cannot be used; the message names the file, what it is and what was expected."""


def weight_folders() -> list[Path]:
    """Where checkpoints are looked for: ./weight, the source tree's weight/, and the one inside the package."""
    folders = [Path("weight"), PACKAGE.parent / "weight", PACKAGE / "weight"]
    return [f for i, f in enumerate(folders) if f.is_dir() and f.resolve() not in [g.resolve() for g in folders[:i]]]


def find_checkpoint(record: ModelRecord) -> Path:
    """The file of a zoo model: under its released name, or as `weight/model.pth`.

    Raises:
        CheckpointError: it is nowhere; says how to get it.
    """
    for name in (record.file, DEFAULT_FILE):
        for folder in weight_folders():
            if (folder / name).is_file():
                return folder / name
    raise CheckpointError(
        f"there is no checkpoint of {record.name}: run `metricdepth download {record.name}`, "
        f"or put {record.file} (or {DEFAULT_FILE}) into weight/"
    )


def find_checkpoint_of_config(config: str) -> Path:
    """The file of a config without a checkpoint of its own: that of the zoo's model with it, or `weight/model.pth`.

    Raises:
        CheckpointError: it is nowhere; says what to give.
    """
    record = next((r for r in MODELS.values() if config in (r.config, *r.variants)), None)
    if record:
        return find_checkpoint(record)
    for folder in weight_folders():
        if (folder / DEFAULT_FILE).is_file():
            return folder / DEFAULT_FILE
    raise CheckpointError(f"config {config} is of no model in the zoo: give a checkpoint too")


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def checked_sha256(path: Path) -> str:
    """SHA-256 of a file; compared with the `<file>.sha256` beside it if there is one.

    Raises:
        CheckpointError: the two differ.
    """
    found = sha256(path)
    beside = path.with_name(path.name + ".sha256")
    if beside.is_file():
        words = beside.read_text().split()
        if not words or words[0] != found:
            raise CheckpointError(f"{path} does not match its checksum in {beside.name}: it is damaged, fetch it again")
    return found


def module_name(name: str) -> str:
    """The name in our networks of a tensor of a released checkpoint (own names pass unchanged).

    ConvNeXt's and DINOv2's are renamed to timm's, the decoders' are kept.
    """
    name = name.removeprefix("module.").removeprefix("depth_model.")
    name = re.sub(r"^encoder\.(cls_token|pos_embed|patch_embed\.|norm\.)", r"encoder.trunk.\1", name)
    name = re.sub(r"^encoder\.register_tokens", "encoder.trunk.reg_token", name)
    name, blocks = re.subn(r"^encoder\.blocks\.\d+\.(\d+)\.", r"encoder.trunk.blocks.\1.", name)
    if blocks:
        name = name.replace(".mlp.w12.", ".mlp.fc1.").replace(".mlp.w3.", ".mlp.fc2.")
    name = re.sub(r"^encoder\.downsample_layers\.0\.(\d)", r"encoder.trunk.stem_\1", name)
    name = re.sub(r"^encoder\.downsample_layers\.(\d)\.(\d)", r"encoder.trunk.stages_\1.downsample.\2", name)
    name, stages = re.subn(r"^encoder\.stages\.(\d)\.(\d+)", r"encoder.trunk.stages_\1.blocks.\2", name)
    if stages:
        for theirs, timms in ((".dwconv.", ".conv_dw."), (".pwconv1.", ".mlp.fc1."), (".pwconv2.", ".mlp.fc2.")):
            name = name.replace(theirs, timms)
    return name


# DINOv2's mask token serves its pretraining only; a norm3 is stored a second time as downsample.1 beside it.
_UNUSED = re.compile(r"encoder\.mask_token$|decoder\.context_feature_encoder\..*\.norm3\.")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a `.pth` or `.safetensors` file under our networks' names. No code in it is run.

    Raises:
        CheckpointError: it is no checkpoint, is damaged, or holds Python objects other than tensors and plain values.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no file {path}" + (": it is a folder" if path.is_dir() else ""))
    with open(path, "rb") as file:
        head = file.read(512)
    _refuse_what_is_no_checkpoint(path, head)
    tensors = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    named = {module_name(name): tensor for name, tensor in tensors.items()}
    return {name: tensor for name, tensor in named.items() if not _UNUSED.match(name)}


def _refuse_what_is_no_checkpoint(path: Path, head: bytes) -> None:
    start = head.lstrip().lower()
    if not head:
        found = "an empty file"
    elif start.startswith((b"<!doctype", b"<html", b"<?xml")):
        found = "a web page: the download was a page about the file, not the file"
    elif start.startswith(b"version https://git-lfs"):
        found = "a Git LFS pointer: run `git lfs pull`, or download the file itself"
    elif path.suffix == ".safetensors" or head.startswith((b"PK\x03\x04", b"\x80")):
        return
    else:
        found = f"no checkpoint: it begins with {head[:12]!r}"
    raise CheckpointError(f"{path} is {found} (expected a .pth written by torch.save, or .safetensors)")


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise CheckpointError(f"{path} is damaged or no safetensors file: {error}") from error


def _read_torch(path: Path) -> dict[str, Tensor]:
    import torch

    try:
        # Memory mapping leaves optimizer state on disk; only the zip format of torch 1.6 and later has it.
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        names = re.findall(r"GLOBAL ([\w.]+)|`?([\w.]+)`? was not an allowed global", str(error))
        what = next((a or b for a, b in names), "")
        if not what:
            raise CheckpointError(f"{path} is damaged or no checkpoint: {_first_line(error)}") from error
        raise CheckpointError(
            f"{path} holds a Python object ({what}) that could run code when it is loaded; nothing was run. "
            f"Save its tensors alone: torch.save({{'model_state_dict': model.state_dict()}}, file)"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path} is damaged, or its download is incomplete: {_first_line(error)}") from error
    if isinstance(content, Mapping) and "model_state_dict" in content:
        content = content["model_state_dict"]
    named = isinstance(content, Mapping)
    if not named or not content or not all(isinstance(v, torch.Tensor) for v in content.values()):
        keys = f" with {', '.join(map(str, list(content)[:6]))}" if named else ""
        raise CheckpointError(
            f"{path} holds a {type(content).__name__}{keys}; expected a dict with model_state_dict, or of tensors alone"
        )
    return dict(content)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def identify(tensors: Mapping[str, Tensor]) -> ModelRecord | None:
    """The zoo model that a checkpoint's tensors belong to, or None."""
    for record in MODELS.values():
        name, shape = record.mark
        if name in tensors and tuple(tensors[name].shape) == shape:
            return record
    return None


def load_tensors(
    network: nn.Module,
    tensors: Mapping[str, Tensor],
    path: Path,
    expected: str,
    device: torch.device | str = "cpu",
    dtypes: Mapping[str, torch.dtype] | None = None,
) -> None:
    """Copies tensors into a network, strictly, one by one: there is no second copy of all of them.

    Args:
        network: the network to fill; it may have been built on the meta device.
        tensors: by the network's own names, as `read_tensors` gives them.
        path: named in errors.
        expected: the network's name or config, named in errors.
        device: where the network's tensors shall be.
        dtypes: of tensors that shall not have the network's own.

    Raises:
        CheckpointError: a tensor is missing, left over, or of another shape; names the first few.
    """
    own = network.state_dict()
    missing = [n for n in own if n not in tensors]
    unexpected = [n for n in tensors if n not in own]
    shapes = [
        f"{n} is {tuple(tensors[n].shape)}, not {tuple(own[n].shape)}"
        for n in own
        if n in tensors and tensors[n].shape != own[n].shape
    ]
    if missing or unexpected or shapes:
        record = identify(tensors)
        what = f"a checkpoint of {record.name}" if record else "a checkpoint of an unknown network"
        raise CheckpointError(
            f"{path} is {what} and does not fit {expected}: "
            + "; ".join(
                f"{len(names)} tensors {problem}, as {_some(names)}"
                for names, problem in ((missing, "are missing"), (unexpected, "are left over"), (shapes, "differ"))
                if names
            )
        )
    state, broken = {}, []
    large = sum(t.nbytes for t in tensors.values()) > _LARGE
    for name, tensor in tensors.items():
        state[name] = tensor.to(device, (dtypes or {}).get(name, own[name].dtype), copy=True)
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            broken.append(name)
        if large and tensor.device.type == "cpu":
            page_out(tensor.data_ptr(), tensor.nbytes)
    if broken:
        raise CheckpointError(f"{path} holds values that are not finite, in {_some(broken)}")
    network.load_state_dict(state, assign=True)


def _some(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


def download(name: str, folder: Path | None = None) -> Path:
    """Fetches a zoo model's checkpoint with progress and resume, verifies it, and keeps its checksum beside it.

    Args:
        name: of the model.
        folder: where to; the first of `weight_folders`, or a new ./weight.

    Raises:
        CheckpointError: there is no such model, it ships with the package, the file cannot be fetched, or what came is
            not what its server announced.
    """
    if name not in MODELS:
        raise CheckpointError(f'there is no model "{name}"; known: {", ".join(MODELS)}')
    record = MODELS[name]
    if record.repository is None:
        raise CheckpointError(f"{name} ships with the package: there is nothing to download")
    folder = folder or next(iter(weight_folders()), Path("weight"))
    by_hand = f"fetch {record.url} on a machine that can, and put it into {folder}/"
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

    try:
        path = Path(hf_hub_download(record.repository, record.file, local_dir=folder))
        announced = (get_hf_file_metadata(hf_hub_url(record.repository, record.file)).etag or "").strip('"')
    except OSError as error:  # all of the hub's network errors are
        raise CheckpointError(f"{record.file} cannot be fetched ({_first_line(error)}): {by_hand}") from error
    found = sha256(path)
    # The hub announces SHA-256 for large files; a shorter tag is a git hash and says nothing about the content.
    if len(announced) == 64 and announced != found:
        path.unlink()
        raise CheckpointError(f"{record.file} came damaged (SHA-256 {found}, announced {announced}); {by_hand}")
    path.with_name(path.name + ".sha256").write_text(f"{found}  {path.name}\n")
    return path
