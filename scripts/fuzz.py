"""Fuzz the readers of files: damaged inputs must give a result or a MetricDepthError, within bounds of time and memory.

    python scripts/fuzz.py --seconds 600 [--reader images --reader depth] [--seed 1] [--keep crashes]

Every reader stands in one table with the valid files it starts from. A mutation changes, cuts, repeats or mixes bytes,
sets numbers to their limits, and repairs the checksums of PNG chunks half of the time, so that damage gets deeper.
Readers run in a child process whose address space is limited; inputs that crash or hang it count as findings, too.
"""

# ruff: noqa: T201
# Its findings go to standard output.

from __future__ import annotations

import argparse
import contextlib
import io
import json
import logging
import multiprocessing
import os
import random
import resource
import struct
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mono.system.errors import MetricDepthError

SLOW = 10.0  # [s] for one input
MEMORY = 2 << 30  # [bytes] beyond what the process has at its start


@dataclass(frozen=True)
class Reader:
    """Reader under test.

    Attributes:
        read: opens one file.
        corpus: makes valid files in a folder.
        allowed: exceptions that callers handle, besides `MetricDepthError`.
    """

    read: Callable[[Path], object]
    corpus: Callable[[Path], list[Path]]
    allowed: tuple[type[BaseException], ...] = ()


# ---- readers


def _images(path: Path) -> object:
    from mono.io.images import image_cost, read_image

    image_cost(path)
    return read_image(path)


def _depth(path: Path) -> object:
    from mono.io.depth import read_depth
    from mono.io.no_depth import find_no_depth

    return find_no_depth(read_depth(path, None if path.suffix == ".exr" else 1000.0))


def _normals(path: Path) -> object:
    from mono.io.normals import read_normals

    return read_normals(path)


def _exr(path: Path) -> object:
    from mono.io.exr import check_structure

    return check_structure(path)


def _video(path: Path) -> object:
    from mono.io.video import Video

    video = Video(path)
    for i in range(min(len(video), 10)):
        with contextlib.suppress(MetricDepthError):
            video.frame(i)
    return video.close()


def _camera(path: Path) -> object:
    from mono.io.cameras.files import camera_from_file

    return camera_from_file(path, 64, 48, path.with_suffix(".jpg"))


def _annotations(path: Path) -> object:
    from mono.data.annotations import load_annotations

    return load_annotations(path)


def _manifest(path: Path) -> object:
    from mono.runs.manifest import Manifest

    manifest = Manifest(path.parent, path.name)
    return list(manifest.walk(["a", "b"]))


def _trajectory(path: Path) -> object:
    from mono.slam.trajectory.files import read_trajectory

    return read_trajectory(path)


def _checkpoint(path: Path) -> object:
    from mono.model.checkpoint import read_tensors

    return read_tensors(path)


def _exported(path: Path) -> object:
    from mono.geometry.camera import Camera
    from mono.inference.exported import open_predictor

    predictor = open_predictor(path, "cpu", None, "eager", None, None, trust=True)
    return predictor.predict(_scene(), Camera.centered(50.0, 64, 48))


def _image_record(path: Path) -> object:
    from mono.evaluation.report.image_records import read_image_record

    return read_image_record(path)


# ---- valid files


def _scene() -> np.ndarray:
    y, x = np.mgrid[:48, :64]
    return np.stack([x * 4, y * 5, (x + y) * 2], -1).astype(np.uint8)


def _image_corpus(folder: Path) -> list[Path]:
    exif = Image.Exif()
    exif[0x0112], exif[0x0110] = 6, "Phone"
    exif.get_ifd(0x8769)[0xA405] = 26
    image = Image.fromarray(_scene())
    options: list[tuple[str, str, dict[str, Any]]] = [
        ("a.jpg", "JPEG", {"exif": exif}),
        ("b.jpg", "JPEG", {"progressive": True}),
        ("c.png", "PNG", {"exif": exif}),
        ("d.webp", "WEBP", {}),
        ("e.tif", "TIFF", {"compression": "tiff_lzw"}),
        ("f.tif", "TIFF", {}),
        ("g.bmp", "BMP", {}),
        ("h.gif", "GIF", {}),
        ("i.jp2", "JPEG2000", {}),
        ("j.ppm", "PPM", {}),
        ("k.avif", "AVIF", {}),
        ("l.heic", "HEIF", {}),
    ]
    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
    paths = []
    for name, kind, more in options:
        with contextlib.suppress(KeyError, OSError):
            image.save(folder / name, kind, **more)
            paths.append(folder / name)
    Image.fromarray(_scene()[..., 0].astype(np.uint16) * 16).save(folder / "m.png")
    image.convert("RGBA").save(folder / "n.png")
    image.convert("P").save(folder / "o.png")
    return [*paths, *(folder / name for name in ("m.png", "n.png", "o.png"))]


def _depth_corpus(folder: Path) -> list[Path]:
    depth = np.linspace(0, 9, 48 * 64, dtype=np.float32).reshape(48, 64)
    Image.fromarray((depth * 1000).astype(np.uint16)).save(folder / "a.png")
    Image.fromarray(depth).save(folder / "b.tif")
    np.save(folder / "c.npy", depth)
    np.savez_compressed(folder / "d.npz", depth=depth)
    np.savez(folder / "e.npz", a=depth, depth=depth.astype(np.float64))
    paths = [folder / name for name in ("a.png", "b.tif", "c.npy", "d.npz", "e.npz")]
    with contextlib.suppress(MetricDepthError):  # without OpenEXR
        from mono.io.depth import write_depth

        write_depth(folder / "f.exr", depth)
        paths.append(folder / "f.exr")
    return paths


def _exr_corpus(folder: Path) -> list[Path]:
    box = struct.pack("<4i", 0, 0, 7, 1)
    fields = [
        ("channels", "chlist", b"Z\0" + struct.pack("<iB3xii", 2, 0, 1, 1) + b"\0"),
        ("compression", "compression", b"\2"),
        ("dataWindow", "box2i", box),
    ]
    header = struct.pack("<II", 0x01312F76, 2)
    for name, kind, data in fields:
        header += f"{name}\0{kind}\0".encode() + struct.pack("<I", len(data)) + data
    header += b"\0"
    chunk = zlib.compress(bytes(32))
    chunks = [struct.pack("<iI", y, len(chunk)) + chunk for y in (0, 1)]
    offsets = [len(header) + 16, len(header) + 16 + len(chunks[0])]
    (folder / "a.exr").write_bytes(header + struct.pack("<2Q", *offsets) + b"".join(chunks))
    return [folder / "a.exr"]


def _normal_corpus(folder: Path) -> list[Path]:
    from mono.io.normals import write_normal

    normal = np.tile(np.float32([0.0, 0.6, -0.8]), (48, 64, 1))
    for name in ("a.png", "b.npy"):
        write_normal(folder / name, normal, "depth")
    return [folder / "a.png", folder / "b.npy"]


def _video_corpus(folder: Path) -> list[Path]:
    import av

    paths = []
    for name in ("a.mp4", "b.mkv", "c.avi"):
        with av.open(str(folder / name), "w") as container:
            stream = container.add_stream("mpeg4", rate=10)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for i in range(5):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(np.roll(_scene(), i, 1), "rgb24")))
            container.mux(stream.encode())
        paths.append(folder / name)
    return paths


def _texts(**files: str) -> Callable[[Path], list[Path]]:
    def make(folder: Path) -> list[Path]:
        paths = []
        for name, text in files.items():
            path = folder / name.replace("__", ".")
            path.write_text(text)
            paths.append(path)
        return paths

    return make


def _checkpoint_corpus(folder: Path) -> list[Path]:
    import safetensors.torch
    import torch

    tensors = {"encoder.weight": torch.ones(4, 3), "encoder.bias": torch.zeros(4, dtype=torch.float16)}
    torch.save({"model_state_dict": tensors}, folder / "a.pth")
    torch.save(tensors, folder / "b.pth", _use_new_zipfile_serialization=False)
    safetensors.torch.save_file(tensors, folder / "c.safetensors")
    return [folder / name for name in ("a.pth", "b.pth", "c.safetensors")]


def _exported_corpus(kind: str) -> Callable[[Path], list[Path]]:
    def make(folder: Path) -> list[Path]:
        from dataclasses import asdict

        import torch

        from mono.conversion import onnx_file, openvino_file, torch_file
        from mono.conversion.formats import SUFFIXES
        from mono.geometry.canonical import CanonicalTransform

        class Toy(torch.nn.Module):
            """Depth from brightness."""

            def __init__(self) -> None:
                super().__init__()
                self.scale = torch.nn.Parameter(torch.tensor([0.01, 1.0, 0.5]), requires_grad=False)

            def forward(self, image: torch.Tensor, intrinsics: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
                gray = (image.float() * self.scale).sum(-1)
                return gray * intrinsics[0] / 50 + 1, gray * 0 + self.scale[2]

        path = folder / f"a{SUFFIXES[kind]}"
        metadata = {
            "model": "toy",
            "architecture": {},
            "transform": asdict(CanonicalTransform((32, 64))),
            "format": kind,
        }
        inputs = torch.from_numpy(_scene()), torch.tensor([50.0, 50.0, 31.5, 23.5])
        if kind == "torchscript":
            torch_file.write_torchscript(torch.jit.trace(Toy(), inputs), path, metadata)
            return [path]
        dynamic = torch.export.Dim.DYNAMIC
        program = torch.export.export(Toy(), inputs, dynamic_shapes=({0: dynamic, 1: dynamic}, None))
        names = ("image", "intrinsics"), ("depth", "confidence")
        if kind == "onnx":
            onnx_file.write_onnx(onnx_file.to_onnx(program, *names), path, metadata)
        elif kind == "openvino":
            openvino_file.write_openvino(openvino_file.to_openvino(program, *names), path, metadata)
            path.with_name("fuzzed.bin").write_bytes(path.with_suffix(".bin").read_bytes())
        else:
            torch_file.write_exported_program(program, path, metadata)
        return [path]

    return make


def _annotation_corpus(folder: Path) -> list[Path]:
    for name in ("a.png", "b.png"):
        Image.fromarray(_scene()).save(folder / name)
    first = {"rgb": "a.png", "depth": "b.png", "depth_scale": 1000, "cam_in": [50, 50, 31.5, 23.5]}
    (folder / "a.json").write_text(json.dumps({"files": [first, {"rgb": "b.png"}]}))
    return [folder / "a.json"]


def _record_corpus(folder: Path) -> list[Path]:
    from mono.evaluation.protocols import PROTOCOLS
    from mono.evaluation.report.image_records import save_image_record

    depth = np.linspace(1, 9, 48 * 64, dtype=np.float32).reshape(48, 64)
    save_image_record(folder / "a.json", _scene(), depth, depth * 1.1, PROTOCOLS[0], depth)
    return [folder / "a.json"]


_CAMERA = {"fx": 50.0, "fy": 50.0, "cx": 31.5, "cy": 23.5, "width": 64, "height": 48, "distortion": [0.1, 0.0]}
_RECORD = {"name": "a", "input": "a.jpg", "status": "ok", "key": "0", "outputs": {"depth": "depth/a.png"}}
_POSES = [f"{i}.0 {i} 0 0.5 0 0 0 1" for i in range(6)]

READERS = {
    "images": Reader(_images, _image_corpus),
    "depth": Reader(_depth, _depth_corpus),
    "exr": Reader(_exr, _exr_corpus),
    "normals": Reader(_normals, _normal_corpus),
    "videos": Reader(_video, _video_corpus),
    "cameras": Reader(
        _camera,
        _texts(
            a__json=json.dumps(_CAMERA),
            cameras__txt="1 PINHOLE 64 48 50 50 31.5 23.5\n",
        ),
    ),
    "annotations": Reader(_annotations, _annotation_corpus),
    "manifests": Reader(_manifest, _texts(manifest__jsonl="\n".join(json.dumps(_RECORD) for _ in range(3)) + "\n")),
    "trajectories": Reader(
        _trajectory,
        _texts(
            tum__txt="\n".join(_POSES),
            kitti__txt="\n".join("1 0 0 0 0 1 0 0 0 0 1 " + str(i) for i in range(5)),
            euroc__csv="#timestamp,p\n" + "\n".join(f"{i}000000000,{i},0,0,1,0,0,0" for i in range(5)),
        ),
    ),
    "checkpoints": Reader(_checkpoint, _checkpoint_corpus),
    "image records": Reader(_image_record, _record_corpus),
    **{
        kind: Reader(_exported, _exported_corpus(kind))
        for kind in ("onnx", "openvino", "torchscript", "exported-program")
    },
}

# ---- mutation

_EXTREMES = [bytes([0] * 4), bytes([255] * 4), b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\1", b"\1\0\0\0"]
_TOKENS = [
    b"1e308",
    b"-1",
    b"NaN",
    b"null",
    b"[]",
    b"{}",
    b'"',
    b"\0",
    b"99999999999999999999",
    b"../../x",
    b"[" * 5000,
]


def mutate(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Damage a file.

    Args:
        data: valid file.
        other: another valid file, to mix in.
        rng: source of randomness.

    Returns:
        Damaged bytes.
    """
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        if not out:
            break
        # Headers are small and matter most.
        place = rng.randrange(min(len(out), rng.choice((64, 512, len(out)))))
        kind = rng.randrange(8)
        if kind == 0:
            out[place] = rng.randrange(256)
        elif kind == 1:
            out[place] ^= 1 << rng.randrange(8)
        elif kind == 2:
            extreme = rng.choice(_EXTREMES)[: rng.choice((2, 4))]
            out[place : place + len(extreme)] = extreme
        elif kind == 3:
            out[place : place + rng.randrange(1, 64)] = b""
        elif kind == 4:
            out[place:place] = out[place : place + rng.randrange(1, 256)] * rng.randrange(1, 4)
        elif kind == 5:
            token = rng.choice(_TOKENS)
            out[place : place + rng.choice((0, len(token)))] = token
        elif kind == 6:
            length = rng.randrange(1, 256)
            start = rng.randrange(max(1, len(other)))
            out[place : place + length] = other[start : start + length]
        else:
            del out[place + 1 :]
    return repair_png(bytes(out)) if rng.random() < 0.5 else bytes(out)


def repair_png(data: bytes) -> bytes:
    """Set the checksums of a PNG's chunks right, for other files do nothing.

    Args:
        data: content of a file.

    Returns:
        The same with right checksums.
    """
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        return data
    out, place = bytearray(data), 8
    while place + 12 <= len(out):
        (length,) = struct.unpack_from(">I", out, place)
        end = place + 8 + length
        if end + 4 > len(out):
            break
        out[end : end + 4] = struct.pack(">I", zlib.crc32(out[place + 4 : end]))
        place = end + 4
    return bytes(out)


# ---- the run


def _serve(name: str, pipe: Connection) -> None:
    """Read the files whose paths come through a pipe, and answer with an outcome for each."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    reader = READERS[name]
    with contextlib.suppress(Exception), tempfile.TemporaryDirectory() as folder:
        for path in reader.corpus(Path(folder)):  # imports and caches
            with contextlib.suppress(MetricDepthError):
                reader.read(path)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    pipe.send("ready")
    while (path := pipe.recv()) is not None:
        try:
            reader.read(Path(path))
            pipe.send(("read", ""))
        except MetricDepthError as error:
            pipe.send(("explained", str(error)))
        except reader.allowed as error:
            pipe.send(("explained", str(error)))
        except BaseException as error:  # noqa: BLE001 - whatever escapes is the finding
            stream = io.StringIO()
            traceback.print_exception(error, file=stream)
            pipe.send((f"escaped {type(error).__name__}", stream.getvalue()))


class _Child:
    def __init__(self, name: str) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("fork").Process(target=_serve, args=(name, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self._pipe.recv()

    def outcome(self, path: Path) -> tuple[str, str]:
        self._pipe.send(str(path))
        if not self._pipe.poll(SLOW):
            self.stop()
            return f"longer than {SLOW:g} s", ""
        try:
            return self._pipe.recv()  # type: ignore[no-any-return]
        except EOFError:
            self._process.join()
            return f"process ended ({self._process.exitcode})", ""

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    def stop(self) -> None:
        self._process.kill()
        self._process.join()


def fuzz(name: str, seconds: float, seed: int, keep: Path) -> Counter[str]:
    """Fuzz one reader.

    Args:
        name: key of `READERS`.
        seconds: time to spend.
        seed: seed of the mutations.
        keep: folder that receives the first inputs of each finding.

    Returns:
        Number of inputs by outcome.
    """
    rng = random.Random(f"{name} {seed}")
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as temporary:
        corpus = Path(temporary, "corpus")
        corpus.mkdir()
        paths = READERS[name].corpus(corpus)
        contents = [path.read_bytes() for path in paths]
        child = _Child(name)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not child.alive:
                child = _Child(name)
            i = rng.randrange(len(paths))
            path = corpus / f"fuzzed{paths[i].suffix}"  # beside the files that it names
            path.write_bytes(mutate(contents[i], rng.choice(contents), rng))
            outcome, detail = child.outcome(path)
            outcomes[outcome] += 1
            if outcome not in ("read", "explained") and outcomes[outcome] <= 5:
                keep.mkdir(parents=True, exist_ok=True)
                target = keep / f"{name.replace(' ', '_')}-{outcome.replace(' ', '_')}-{outcomes[outcome]}{path.suffix}"
                target.write_bytes(path.read_bytes())
                target.with_name(target.name + ".txt").write_text(detail)
        child.stop()
    return outcomes


def main() -> int:
    """Fuzz the chosen readers and print their outcomes; returns 1 if anything escaped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="time for all readers together (default: 60)")
    parser.add_argument("--reader", action="append", choices=list(READERS), help="fuzz only this reader (repeatable)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the mutations (default: 0)")
    parser.add_argument("--keep", type=Path, default=Path("fuzz_findings"), help="folder for inputs of findings")
    args = parser.parse_args()
    names = args.reader or list(READERS)
    bad = 0
    for name in names:
        try:
            outcomes = fuzz(name, args.seconds / len(names), args.seed, args.keep)
        except ImportError as error:
            print(f"{name:14} not fuzzed: {error}")
            continue
        bad += sum(count for outcome, count in outcomes.items() if outcome not in ("read", "explained"))
        print(
            f"{name:14} {sum(outcomes.values()):7} inputs: ", ", ".join(f"{n} {o}" for o, n in outcomes.most_common())
        )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
