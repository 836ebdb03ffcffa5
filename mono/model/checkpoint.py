"""Find, verify, identify and load checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mono.model.tensor_files import CheckpointError as CheckpointError
from mono.model.tensor_files import read_tensors as read_tensors
from mono.model.zoo import MODELS, ModelRecord
from mono.system.files import sha256
from mono.system.memory import page_out

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

PACKAGE = Path(__file__).resolve().parents[1]
DEFAULT_FILE = "model.pth"
_LARGE = 2e9  # [bytes] of tensors, above which pages of a checkpoint are given back while it is copied


def weight_folders() -> list[Path]:
    """List the folders of checkpoints: ./weight, the source tree's and the package's."""
    folders = [Path("weight"), PACKAGE.parent / "weight", PACKAGE / "weight"]
    return [f for i, f in enumerate(folders) if f.is_dir() and f.resolve() not in [g.resolve() for g in folders[:i]]]


def download_folder() -> Path:
    """Return the folder that downloads are put into: weight/ of the working directory, absolute."""
    return Path("weight").resolve()


def find_checkpoint(record: ModelRecord) -> Path:
    """Find a zoo model's checkpoint: its released name or `model.pth` in weight/, else in the hub's cache.

    Raises:
        CheckpointError: there is none; the message says how to get it.
    """
    for name in (record.file, DEFAULT_FILE):
        for folder in weight_folders():
            if (folder / name).is_file():
                return folder / name
    if cached := cached_by_hub(record):
        return cached
    raise CheckpointError(
        f"there is no checkpoint of {record.name}: run `metricdepth download {record.name}`, put {record.file} (or "
        f"{DEFAULT_FILE}) into {download_folder()}, or let it be fetched: METRICDEPTH_DOWNLOAD=1 "
        "(for load_model in Python: download=True)"
    )


def cached_by_hub(record: ModelRecord) -> Path | None:
    """Return a zoo model's checkpoint in the hub's cache, or None; nothing is fetched."""
    if record.repository is None:
        return None
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(record.repository, record.hub_file or record.file)
    return Path(found) if isinstance(found, str) else None


def record_of_config(config: str) -> ModelRecord | None:
    """Return the zoo model with this config file name, or None."""
    return next((r for r in MODELS.values() if config in (r.config, *r.variants)), None)


def find_unnamed_checkpoint(config: str) -> Path:
    """Find `weight/model.pth`, for a config that is no zoo model's.

    Args:
        config: file name of the config, for the message.

    Raises:
        CheckpointError: there is none; the message says what to give.
    """
    for folder in weight_folders():
        if (folder / DEFAULT_FILE).is_file():
            return folder / DEFAULT_FILE
    raise CheckpointError(f"config {config} belongs to no model of the zoo: give a checkpoint too")


def checked_sha256(path: Path) -> str:
    """Compute a file's SHA-256 and verify it.

    It is compared with `<file>.sha256` beside the file, if there is one, and with the name of the file in the hub's
    cache, where large files are named by their hash.

    Raises:
        CheckpointError: the two differ.
    """
    found = sha256(path)
    blob = path.resolve()
    if blob.parent.name == "blobs" and len(blob.name) == 64 and blob.name != found:
        raise CheckpointError(f"{path} is damaged: its content has another hash; delete {blob} and fetch it again")
    beside = path.with_name(path.name + ".sha256")
    if beside.is_file():
        words = beside.read_bytes()[:1000].decode(errors="replace").split()
        if not words or words[0] != found:
            raise CheckpointError(f"{path} does not match its checksum in {beside.name}: it is damaged, fetch it again")
    return found


def identify(tensors: Mapping[str, Tensor]) -> ModelRecord | None:
    """Find the zoo model of tensors, or None."""
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
    """Copy tensors into a network, strictly.

    They are copied one by one: at no time are all of them in memory twice.

    Args:
        network: network to fill; it may have been built on the meta device.
        tensors: values by the network's own names, as from `read_tensors`.
        path: checkpoint file, for messages.
        expected: name or config of the network, for messages.
        device: device of the filled network.
        dtypes: types of tensors that differ from the network's own.

    Raises:
        CheckpointError: a tensor is missing, left over, of another shape or kind, or not finite; the message names the
            first few.
    """
    own = network.state_dict()
    missing = [n for n in own if n not in tensors]
    unexpected = [n for n in tensors if n not in own]
    shapes = [
        f"{n} is {_described(tensors[n])}, not {_described(own[n])}"
        for n in own
        if n in tensors and _described(tensors[n]) != _described(own[n])
    ]
    if missing or unexpected or shapes:
        record = identify(tensors)
        kind = f"a checkpoint of {record.name}" if record else "a checkpoint of an unknown network"
        raise CheckpointError(
            f"{path} is {kind} and does not fit {expected}: "
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


def _described(tensor: Tensor) -> str:
    kind = "" if tensor.is_floating_point() else f" {tensor.dtype}"
    return f"{tuple(tensor.shape)}{kind}"


def _some(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
