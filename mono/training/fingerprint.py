"""Fingerprint of a training run, kept in its checkpoint to refuse other runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mono.config import ModelConfig
from mono.system.files import sha256
from mono.training.data.images import Frame
from mono.training.recipe import Recipe
from mono.training.schedule import Run


def fingerprint(config: ModelConfig, recipe: Recipe, run: Run, frames: Sequence[Frame], processes: int) -> str:
    """Serialize all settings that determine a run's weights as JSON.

    Length, machine and number of workers are left out; folders may move, and the start is known by its content.

    Args:
        config: network.
        recipe: hyperparameters.
        run: start and seed.
        frames: training images.
        processes: number of processes.
    """
    by_set: dict[str, list[Frame]] = {}
    for frame in frames:
        by_set.setdefault("/".join(Path(frame.data_set).parts[-2:]), []).append(frame)
    network = asdict(config)
    del network["path"], network["transform"]["guided"]
    start = {"from": run.start and f"{run.start.name} ({sha256(run.start)[:12]})", "seed": run.seed}
    start |= {"processes": processes, "precision": run.precision}
    data = {name: _summary(members) for name, members in by_set.items()}
    return json.dumps({"config": network, "recipe": asdict(recipe), "run": start, "data": data}, sort_keys=True)


def digest(text: str) -> str:
    """Shorten a fingerprint to 16 hexadecimal digits, which the weights of its run carry."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _summary(frames: Sequence[Frame]) -> str:
    digest = hashlib.sha256()
    for f in frames:
        digest.update(
            repr((f.rgb.name, f.depth and f.depth.name, f.depth_scale, f.intrinsics, f.family, f.kind)).encode()
        )
        if (f.depth_kind, f.depth_invalid) != ("z", None):
            digest.update(repr((f.depth_kind, f.depth_invalid)).encode())
    kinds = ", ".join(sorted({f.kind or "kind by the recipe" for f in frames}))
    return f"{len(frames)} frames ({kinds}; {digest.hexdigest()[:12]})"


def differences(former: str, now: str) -> list[str]:
    """List the differences of two fingerprints.

    Lines read "recipe.lr was 0.001 and is now 0.002".
    """
    before, after = (dict(_flat(json.loads(text), ())) for text in (former, now))
    names = [*before, *(name for name in after if name not in before)]
    return [
        f"{'.'.join(name)} was {before.get(name, 'absent')} and is now {after.get(name, 'absent')}"
        for name in names
        if _content(before, name) != _content(after, name)
    ]


def _content(values: Mapping[tuple[str, ...], Any], name: tuple[str, ...]) -> Any:
    """Return a value to compare; of the start, which may be renamed, the checksum."""
    value = values.get(name, "absent")
    return value.rpartition(" (")[2] if name == ("run", "from") and value else value


def _flat(value: Any, name: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, (*name, key))
    else:
        yield name, value
