"""Images, shards and mappers of `benchmarks/scale_out.py`."""

from __future__ import annotations

import io
import random
import tarfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from mono.scale_out.mapper import RESULT_COLUMNS, DepthMapper

ROOT = Path(__file__).resolve().parents[1]
PIXEL = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")  # no image: `FakeMapper` reads none
SIZES = ((320, 240), (240, 320), (256, 256), (384, 216), (288, 352))
BAD = 10


@dataclass(frozen=True)
class FakeMapper(DepthMapper):
    """Mapper that computes nothing: constant results of a few hundred bytes.

    Attributes:
        pause: time for each batch of rows [s].
    """

    pause: float = 0.0

    def resolved(self) -> DepthMapper:
        """Return the mapper; it has no model to look up."""
        return self

    def settings(self) -> dict[str, Any]:
        """Name the results."""
        return {"model": "fake", "depth_scale": self.depth_scale}

    def __call__(self, batch: dict[str, Sequence[Any]]) -> dict[str, list[Any]]:
        """Return constant columns."""
        time.sleep(self.pause)
        empty = {bytes: b"x" * 200, int: 8, float: 1.5, str: ""}
        rows = len(batch["key"])
        return {"key": list(batch["key"])} | {n: [empty[k]] * rows for n, k in RESULT_COLUMNS.items()}


_TINY: list[Any] = []


@dataclass(frozen=True)
class TinyMapper(DepthMapper):
    """Mapper with a network of one operation on 16 x 24 pixels; images are decoded and PNGs encoded as always.

    Attributes:
        pause: time for each batch of rows [s].
    """

    pause: float = 0.0

    def predictor(self) -> Any:
        """Return the network, made once a process."""
        if not _TINY:
            _TINY.append(_tiny_predictor())
        time.sleep(self.pause)
        return _TINY[0]


def _tiny_predictor() -> Any:
    import torch

    from mono.geometry.canonical import CanonicalTransform
    from mono.inference.network import NetworkPredictor
    from mono.model.depth_model import NetworkOutput

    class Tiny(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> NetworkOutput:
            depth = 12.5 + 7.5 * torch.tanh(image.mean(1, keepdim=True))
            return NetworkOutput(depth, torch.ones_like(depth))

    torch.set_num_threads(1)
    return NetworkPredictor(
        network=Tiny(), transform=CanonicalTransform((16, 24), fit="tight"), device=torch.device("cpu"),
        precision="float32", name="tiny", checkpoint=Path("tiny.pth"), checksum="0" * 64,
    )  # fmt: skip


def encode(image: PIL.Image.Image, quality: int = 92) -> bytes:
    """Encode an image as JPEG."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def photos(count: int, seed: int = 0, faults: int = BAD) -> list[dict[str, Any]]:
    """Cut photos of several sizes out of the demo's photos and rendered frames; `faults` of them are bad.

    Returns:
        Rows with "key", "image" (bytes of a file) and "fx" (of every third image None: assumed).
    """
    generator = random.Random(seed)
    paths = sorted(p for p in (ROOT / "data").rglob("*") if p.suffix in (".jpg", ".png") and p.parent.name != "depth")
    sources = [PIL.Image.open(path).convert("RGB") for path in paths]
    rows: list[dict[str, Any]] = []
    for i in range(count):
        source, size = generator.choice(sources), SIZES[i % len(SIZES)]
        width = generator.uniform(0.5, 1) * min(source.width, source.height * size[0] / size[1])
        height = width * size[1] / size[0]
        left, top = generator.uniform(0, source.width - width), generator.uniform(0, source.height - height)
        crop = source.resize(size, PIL.Image.Resampling.BILINEAR, (left, top, left + width, top + height))
        rows.append({"key": f"{i:09d}", "image": encode(crop), "fx": None if i % 3 == 0 else size[0] * 0.9})
    good = rows[1]["image"]
    bad = [b"", b"no image", good[:300], good[: len(good) // 2], b"\xff\xd8" + bytes(500), None, b"{}", good[2:], PIXEL,
           bytes(range(256))]  # fmt: skip
    for i, image in enumerate(bad[:faults]):
        rows[(i * count + count // 2) // BAD]["image"] = image
    return rows


def write_tables(folder: Path, rows: list[dict[str, Any]], of: int) -> None:
    """Write Parquet files of `of` rows each."""
    import pyarrow
    import pyarrow.parquet

    folder.mkdir(parents=True)
    fields = [("key", pyarrow.string()), ("image", pyarrow.binary()), ("fx", pyarrow.float64())]
    for i in range(0, len(rows), of):
        table = pyarrow.Table.from_pylist(rows[i : i + of], pyarrow.schema(fields))
        pyarrow.parquet.write_table(table, folder / f"{i // of:05d}.parquet")


def write_shards(folder: Path, images: int, of: int, contents: Sequence[bytes] = (PIXEL,)) -> None:
    """Write tar shards of `of` samples each, whose images are `contents` in turn."""
    folder.mkdir(parents=True)
    for shard in range(-(-images // of)):
        with tarfile.open(folder / f"{shard:05d}.tar", "w") as tar:
            for i in range(min(of, images - shard * of)):
                data = contents[(shard * of + i) % len(contents)]
                member = tarfile.TarInfo(f"{shard:05d}{i:05d}.jpg")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))


def tiny_images(count: int = 997) -> list[bytes]:
    """Make JPEGs of 32 x 24 pixels."""
    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 255, (count, 3, 4, 3), np.uint8)
    return [encode(PIL.Image.fromarray(one).resize((32, 24), PIL.Image.Resampling.BILINEAR)) for one in coarse]
