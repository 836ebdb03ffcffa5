"""A folder of free textures, models, skies and photographs, described by its index.json."""

from __future__ import annotations

import json
import struct
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np

from metricdepth_scenes.meshes import Mesh, box_uv, joined, soup
from mono.system.errors import MetricDepthError

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """File of the index.

    `size` is its real size [m] (a texture's tile, a model's extents x, y, z).
    """

    file: str
    kind: str
    category: str
    name: str
    size: tuple[float, ...]
    textured: bool
    style: str


@dataclass(frozen=True, eq=False)
class Part:
    """Material number k of a model.

    An image (H, W, 3) uint8 or None, and a linear color (3,).
    """

    image: np.ndarray | None
    color: np.ndarray

    @cached_property
    def levels(self) -> tuple[np.ndarray, ...]:
        """Return the image and its halvings.

        Empty without an image.
        """
        return () if self.image is None else pyramid(self.image)


@dataclass(frozen=True)
class Model:
    """Model in scene axes.

    Z up, standing on z = 0, centered; its materials are numbered in `parts`.
    """

    mesh: Mesh
    parts: tuple[Part, ...]


def pyramid(image: np.ndarray) -> tuple[np.ndarray, ...]:
    """Halve an image repeatedly; returns all levels."""
    levels = [np.ascontiguousarray(image)]
    while min(levels[-1].shape[:2]) > 2:
        h, w = levels[-1].shape[:2]
        levels.append(cv2.resize(levels[-1], (max(w // 2, 1), max(h // 2, 1)), interpolation=cv2.INTER_AREA))
    return tuple(levels)


class Assets:
    """Reader of an asset folder.

    Keeps the last assets decoded.

    Raises:
        FileNotFoundError: the folder has no index.json.
    """

    def __init__(self, root: Path | str, keep: int = 160) -> None:
        self.root = Path(root)
        index = self.root / "index.json"
        if not index.is_file():
            raise FileNotFoundError(f"assets: {index} does not exist; give the folder that holds index.json")
        self._by_kind: dict[tuple[str, str], list[Entry]] = defaultdict(list)
        for raw in json.loads(index.read_text()):
            entry = _entry(raw)
            self._by_kind[entry.kind, entry.category].append(entry)
        self._cache: OrderedDict[str, Any] = OrderedDict()
        self._keep = keep

    def entries(self, kind: str, categories: Sequence[str]) -> list[Entry]:
        """List the entries of a kind and category."""
        return [e for c in categories for e in self._by_kind.get((kind, c), ())]

    def image(self, file: str, limit: int = 1024) -> np.ndarray:
        """Read an image as RGB.

        Longer side at most `limit` [px], (H, W, 3) uint8.
        """
        return self.kept(f"{file}@{limit}", lambda: self.read_image(file, limit))

    def model(self, file: str) -> Model:
        """Read a model."""
        return self.kept(file, lambda: read_glb(self.root / file))

    def sky_is_open(self, file: str) -> bool:
        """Tell if a sky image is bright and empty above the horizon."""

        def look() -> bool:
            band = cv2.cvtColor(self.image(file)[150:210], cv2.COLOR_RGB2GRAY)
            return bool(band.mean() > 120 and band.std() < 42)

        return self.kept(f"open:{file}", look)

    def sky_labels(self, file: str) -> np.ndarray | None:
        """Read a panorama's labels, from sky_labels/NAME.png.

        (H, W) uint8, 0 unknown, 1 a surface, 2 sky; None: it has none.
        """
        path = self.root / "sky_labels" / f"{Path(file).stem}.png"
        if not path.is_file():
            return None
        labels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if labels is None or labels.max() > 2 or labels.shape != self.image(file).shape[:2]:
            raise MetricDepthError(
                f"assets: {path} is no map of labels: make it a gray PNG of the panorama's size (at most 1024 wide) of "
                "0 (unknown), 1 (surface), 2 (sky)"
            )
        return labels

    def pure_sky(self, file: str) -> np.ndarray | None:
        """Read a panorama and fill what is no sky with the sky above it.

        None without labels, or where more than 5 % of the image at 45 degrees of elevation is no sky.
        """
        labels = self.sky_labels(file)
        if labels is None or (labels[len(labels) // 4] == 2).mean() < 0.95:
            return None
        return self.kept(f"pure:{file}", lambda: _filled(self.image(file), labels))

    def read_image(self, file: str, limit: int) -> np.ndarray:
        """Read an image as RGB, (H, W, 3) uint8."""
        image = cv2.imread(str(self.root / file), cv2.IMREAD_COLOR)
        if image is None:
            raise MetricDepthError(f"assets: {self.root / file} cannot be read as an image")
        scale = limit / max(image.shape[:2])
        if scale < 1:
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)

    def kept(self, key: str, make: Callable[[], T]) -> T:
        """Return `make`'s result for a key.

        Made once and kept for a while.
        """
        if key not in self._cache:
            self._cache[key] = make()
            while len(self._cache) > self._keep:
                self._cache.popitem(last=False)
        self._cache.move_to_end(key)
        return self._cache[key]


def _filled(panorama: np.ndarray, labels: np.ndarray) -> np.ndarray:
    above = np.argmax(labels != 2, axis=0)  # first row that is no sky
    above[(labels == 2).all(0)] = len(labels)
    edge = np.maximum(above - 6, 0)
    colors = panorama[edge, np.arange(panorama.shape[1])].astype(np.float32)
    around = np.concatenate([colors] * 3)[None]
    colors = cv2.GaussianBlur(around, (0, 0), 12)[0, len(colors) : 2 * len(colors)]
    rows = np.arange(len(panorama))[:, None]
    share = np.clip((rows - edge + 6) / 6, 0, 1)[..., None]  # from the sky to the fill, over six rows
    return np.rint(panorama * (1 - share) + colors * share).astype(np.uint8)


def _entry(raw: dict[str, Any]) -> Entry:
    extents = raw.get("extents_xyz_m")
    size = tuple(float(v) for v in extents) if extents else (float(raw.get("real_size_m") or 0.0),)
    name = raw.get("name") or Path(raw["file"]).stem
    return Entry(raw["file"], raw["kind"], raw["category"], name, size, bool(raw.get("textured")), raw.get("style", ""))


def read_glb(path: Path) -> Model:
    """Read a binary glTF of indexed triangles without node transforms (the kind in the index)."""
    data = path.read_bytes()
    length = struct.unpack("<I", data[12:16])[0]
    head = json.loads(data[20 : 20 + length])
    blob = data[28 + length :]

    def view(index: int) -> tuple[int, int]:
        v = head["bufferViews"][index]
        return v.get("byteOffset", 0), v["byteLength"]

    def accessor(index: int, dtype: type, width: int) -> np.ndarray:
        a = head["accessors"][index]
        start = view(a["bufferView"])[0] + a.get("byteOffset", 0)
        return np.frombuffer(blob, dtype, a["count"] * width, start).reshape(-1, width)

    meshes: list[Mesh] = []
    parts: list[Part] = []
    for node in head["nodes"]:
        if "mesh" not in node:
            continue
        for prim in head["meshes"][node["mesh"]]["primitives"]:
            part = _part(head, blob, prim.get("material"), view)
            ids = accessor(prim["indices"], np.uint32, 1)[:, 0]
            at = prim["attributes"]
            tri = accessor(at["POSITION"], np.float32, 3)[ids].reshape(-1, 3, 3)[..., [0, 2, 1]] * (1, -1, 1)
            uv = accessor(at["TEXCOORD_0"], np.float32, 2)[ids].reshape(-1, 3, 2) if part.image is not None else None
            meshes.append(soup(tri, box_uv(tri.astype(np.float32)) if uv is None else uv, True, len(parts)))
            parts.append(part)
    mesh = joined(meshes)
    low, high = mesh.bounds()
    center = (low + high) / 2
    return Model(mesh.placed(-center[0], -center[1], -low[2]), tuple(parts))


def _part(head: dict[str, Any], blob: bytes, material: int | None, view: Callable[[int], tuple[int, int]]) -> Part:
    pbr = head["materials"][material].get("pbrMetallicRoughness", {}) if material is not None else {}
    color = np.array(pbr.get("baseColorFactor", (0.6, 0.6, 0.6, 1))[:3], np.float32)
    image = None
    if "baseColorTexture" in pbr:
        source = head["images"][head["textures"][pbr["baseColorTexture"]["index"]]["source"]]
        start, size = view(source["bufferView"])
        bgr = cv2.imdecode(np.frombuffer(blob, np.uint8, size, start), cv2.IMREAD_COLOR)
        image = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB) if bgr is not None else None
    return Part(image, color)
