"""`metricdepth models` and `metricdepth download`: released models and their checkpoints."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add both commands."""
    parser = commands.add_parser("models")
    parser.set_defaults(run=list_models)
    parser = commands.add_parser("download")
    parser.add_argument("model", help="name of a model, as listed by `metricdepth models`")
    parser.add_argument(
        "--to", type=Path, metavar="DIR", help="folder to write (default: weight/ of the working directory)"
    )
    parser.set_defaults(run=download)


def list_models(args: argparse.Namespace) -> int:
    """Print the models of the zoo; return the exit code."""
    from mono.model.checkpoint import DEFAULT_FILE, cached_by_hub, weight_folders
    from mono.model.zoo import MODELS

    for record in MODELS.values():
        found = [f / record.file for f in weight_folders() if (f / record.file).is_file()]
        found += [cached] if (cached := cached_by_hub(record)) else []
        sys.stdout.write(
            f"{record.name}\n"
            f"  {record.parameters:g} M parameters, {record.megabytes} MB, config {record.config}\n"
            f"  trained on: {record.trained_on}\n"
            f"  confidence: {record.confidence}\n"
            f"  paper: {record.paper}\n"
            f"  license: {record.licence}\n"
            f"  on disk: {found[0] if found else f'no; {record.url}'}\n"
        )
    brought = [f / DEFAULT_FILE for f in weight_folders() if (f / DEFAULT_FILE).is_file()]
    if brought:
        sys.stdout.write(f"{brought[0]} is used for models without a checkpoint of their own\n")
    return 0


def download(args: argparse.Namespace) -> int:
    """Download a model's checkpoint; return the exit code."""
    from mono.model.download import download

    path = download(args.model, args.to)
    sys.stdout.write(f"{path} is there, with its checksum in {path.name}.sha256\n")
    return 0
