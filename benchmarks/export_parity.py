"""Compare exported files with their models: a table of formats, networks, sizes and cameras.

Usage: python benchmarks/export_parity.py [--models lite,vit_small] [--formats onnx,openvino] [--json FILE]

Models without a checkpoint here get random weights, with small refinement steps, as trained networks have. Every file
is compared at three sizes and cameras; those with a batch axis on a batch, too.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

import torch

import mono
from mono.config import read_config
from mono.conversion.formats import FORMATS, missing_writers
from mono.export.options import ExportOptions
from mono.export.write import export
from mono.inference.network import NetworkPredictor
from mono.model.depth_model import build_depth_model
from mono.model.zoo import MODELS
from mono.system.errors import MetricDepthError

_SMALL = {"vit": (168, 112), "": (320, 256)}  # (width, height) of networks alone [px]


def random_model(name: str) -> NetworkPredictor:
    """Return a model of the zoo with its weights, or with random ones where there is no checkpoint."""
    options = {"data_basic.fit": "pad"} if name.startswith("da3") else None
    if MODELS[name].repository is None:
        model = mono.load_model(name, device="cpu")
        assert isinstance(model, NetworkPredictor)
        return model
    torch.manual_seed(0)
    config = read_config(MODELS[name].config, options)
    network = build_depth_model(**config.architecture).eval().requires_grad_(False)
    if config.iterations is not None:
        for conv in (network.decoder.update_block.flow_head.conv2d, network.decoder.update_block.flow_head.conv2n):
            conv.weight.mul_(0.05)
            conv.bias.mul_(0.05)
    cpu = torch.device("cpu")
    return NetworkPredictor(
        network, config.transform, cpu, "float32", name, Path("random"), "0" * 64, config.architecture
    )


def forms(name: str, kind: str) -> dict[str, ExportOptions]:
    """List the forms of a file to try."""
    vit = MODELS[name].config.startswith("vit") or name.startswith("da3")
    small = _SMALL["vit" if vit else ""]
    alone = {"network alone": ExportOptions(network_only=True, size=small, batch=1)}
    if kind in ("litert", "coreml"):
        return alone
    whole = {"whole": ExportOptions()}
    if kind != "onnx":
        return whole | alone
    half = ExportOptions(network_only=True, size=small, batch=1, precision="float16")
    return whole | {"whole batch nchw": ExportOptions(batch=0, layout="nchw")} | alone | {"network alone float16": half}


def main() -> None:
    """Export, compare and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default="lite,lite_detail,convnext_tiny,vit_small")
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("--forms", default="", help="forms to try, as 'whole,network alone'; default: all")
    parser.add_argument("--crop", help="HxW of the input of networks with random weights [px]; default: the config's")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows = []
    print("| model | format | form | depth | confidence | normals | sky | s |\n|---|---|---|---|---|---|---|---|")
    for name in args.models.split(","):
        model = random_model(name)
        if args.crop and MODELS[name].repository is not None:
            crop = tuple(map(int, args.crop.split("x")))
            model = replace(model, transform=replace(model.transform, crop_size=crop))
        for kind in args.formats.split(","):
            if missing_writers(kind):
                continue
            for form, options in forms(name, kind).items():
                if args.forms and form not in args.forms.split(","):
                    continue
                row = compare(model, kind, options)
                rows.append({"model": name, "format": kind, "form": form} | row)
                print(f"| {name} | {kind} | {form} | {line(row)} |", flush=True)
                if args.json:
                    args.json.write_text(json.dumps(rows, indent=1))


def compare(model: NetworkPredictor, kind: str, options: ExportOptions) -> dict[str, object]:
    """Export once, and return the differences or the error."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        try:
            agreements = export(model, kind, Path(folder) / f"model{FORMATS[kind].suffix}", options)
        except MetricDepthError as error:
            return {"error": str(error)}
    return {"agreements": [asdict(a) for a in agreements], "seconds": time.perf_counter() - start}


def line(row: dict[str, object]) -> str:
    """Format a row: the largest difference over the cameras, for each map."""
    agreements = row.get("agreements")
    if not isinstance(agreements, list):
        return f"{row['error']} | | | |"
    if not agreements:
        return f"written, not run | | | | {row['seconds']:.0f}"
    largest = {key: max(a[key] for a in agreements) for key in ("depth", "confidence", "normal", "sky")}
    return " | ".join([*(f"{value:.1e}" if value else "-" for value in largest.values()), f"{row['seconds']:.0f}"])


if __name__ == "__main__":
    main()
