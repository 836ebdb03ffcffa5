"""Names of images that have results in the output folder already."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mono.data.sample import Sample, fold_name
from mono.runs.manifest import Manifest


def keep_names(samples: Sequence[Sample], manifest: Manifest) -> list[Sample]:
    """Give images the names of their results in a folder.

    A name's suffix depends on the other images of its run: "a.jpg" alone is "a", beside "a.png" it is "a_jpg". Another
    one in a later run would leave results behind that pass for those of the other image.

    Args:
        samples: images of the run; frames of videos keep their names, and so do images that differ by more.
        manifest: records of the folder.

    Returns:
        The samples in order, with unique names; as they were where former names would clash.
    """
    known = {record["name"]: _path_of(record) for record in manifest.walk(sample.name for sample in samples)}
    images = {os.path.abspath(s.rgb): s.name for s in samples if type(s) is Sample}  # noqa: PTH100
    moved = {path: name for path, name in images.items() if known.get(name) != path}
    former = defaultdict(list)
    for record in manifest.walk() if moved else ():
        name = moved.get(_path_of(record)) if record["status"] == "ok" else None
        if name is not None and _plain(name, record["path"]) == _plain(record["name"], record["path"]):
            former[name].append(record["name"])
    kept = [replace(s, name=former[s.name][0]) if len(former.get(s.name, ())) == 1 else s for s in samples]
    return kept if len({fold_name(sample.name) for sample in kept}) == len(kept) else list(samples)


def _plain(name: str, path: str) -> str:
    """Return a name without what tells it from others; see `unique_names`."""
    suffix = Path(path).suffix.replace(".", "_")
    return re.sub(rf"{re.escape(suffix)}(-[0-9a-f]{{12}})?$", "", name)


def _path_of(record: dict) -> str:
    return os.path.abspath(record["path"]) if "path" in record else ""  # noqa: PTH100  # resolve() would follow links
