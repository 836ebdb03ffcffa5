"""Shards of small images, and a mapper with a fast network."""

from __future__ import annotations

import io
import json
import tarfile
import time
from dataclasses import dataclass

import numpy as np
from PIL import Image

from mono.scale_out.mapper import DepthMapper
from tests.toys import toy_predictor


@dataclass(frozen=True)
class ToyMapper(DepthMapper):
    """Mapper with the network of `tests.toys`, which sleeps for each batch."""

    pause: float = 0.0

    def predictor(self):
        time.sleep(self.pause)
        return toy_predictor()


def jpeg(seed: int, size=(48, 40)) -> bytes:
    file = io.BytesIO()
    values = np.random.default_rng(seed).integers(0, 255, (*size[::-1], 3), np.uint8)
    Image.fromarray(values).save(file, "JPEG")
    return file.getvalue()


def write_tar(path, files):
    with tarfile.open(path, "w") as tar:
        for name, data in files:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def write_shards(folder, shards=3, images=5):
    folder.mkdir(parents=True, exist_ok=True)
    for shard in range(shards):
        files = []
        for i in range(images):
            key = f"{shard:05d}{i:04d}"
            files.append((f"{key}.jpg", jpeg(1000 * shard + i)))
            files.append((f"{key}.json", json.dumps({"fx": 40.0 + i}).encode()))
            files.append((f"{key}.txt", b"caption"))
        write_tar(folder / f"{shard:05d}.tar", files)
    return folder


def results(folder):
    """Bytes of all tar and Parquet files of a folder."""
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir()) if p.suffix in (".tar", ".parquet")}
