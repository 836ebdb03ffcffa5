"""`metricdepth measure`: distances, paths and areas between pixels of a photo."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from mono.cli import arguments, camera_flags, console, session, values
from mono.cli.align_flags import add_align_flags, align_options
from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    from mono.inference.measurement import Measurement
    from mono.inference.prediction import Prediction


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("measure")
    parser.add_argument("photo", metavar="PHOTO", help="image file")
    parser.add_argument(
        "pixels", nargs="+", type=values.pixel, metavar="X,Y",
        help="pixels of the upright photo, from 0 at the top left; one is measured from the camera",
    )  # fmt: skip
    parser.add_argument("--area", action="store_true", help="close the path and measure the flat area inside")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments.add_model_flags(parser)
    camera_flags.add_camera_flags(parser, sweep=False)
    add_align_flags(parser)
    arguments.add_machine_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Predict the photo, measure in it and print."""
    from mono.data.folder import find_images
    from mono.inference.measurement import measure
    from mono.system.distributed import join_ranks

    align = align_options(args)
    samples = find_images([args.photo])
    if len(samples) != 1:
        raise MetricDepthError(f"{args.photo}: {len(samples)} images; name the one to measure in")
    predictor = session.load_predictor(args, args.model, args.checkpoint, join_ranks("None"), 1)
    photo = samples[0].read()
    found = camera_flags.camera_resolver(args).resolve_for(samples[0], photo)
    prediction = predictor.predict(photo.rgb, found)
    if align is not None:
        distances = align.find(samples[0], prediction.camera, photo.full_size, prediction.depth)
        prediction = prediction.aligned(distances, align.model)
    measured = measure(prediction, args.pixels, args.area, photo.full_size)
    if args.json:
        known = {"image": samples[0].source, "pixels": args.pixels, **measured.values()}
        known["camera_detail"] = prediction.camera_detail
        sys.stdout.write(f"{json.dumps(known | prediction.notes())}\n")
    else:
        _say(samples[0].source, args.pixels, measured, prediction)
    return 0


def _say(source: str, pixels: list[tuple[float, float]], measured: Measurement, prediction: Prediction) -> None:
    unit = "m" if prediction.alignment is None or prediction.alignment.unit == "m" else "units of the model"
    first, last = (f"({x:g}, {y:g})" for x, y in (pixels[0], pixels[-1]))
    length = f"{_digits(measured.length)} {unit}"
    if measured.area is not None:
        text = f"{_digits(measured.area)} {unit}2 inside a path of {length}"
    elif measured.straight is None:
        text = f"{length} from the camera to {first}"
    elif len(pixels) == 2:
        text = f"{length} from {first} to {last}"
    else:
        text = f"{length} along the path, {_digits(measured.straight)} {unit} from {first} to {last}"
    error = "" if measured.relative_error is None else f", standard error {measured.relative_error:.0%}"
    sys.stdout.write(f"{source}: {text}{error}\n")
    if measured.horizontal is not None and measured.vertical is not None:
        across, up = _digits(measured.horizontal), _digits(measured.vertical)
        sys.stdout.write(f"  {across} {unit} horizontal and {up} {unit} vertical, if the camera was held level\n")
    if prediction.alignment is not None:
        sys.stdout.write(f"  aligned: {prediction.alignment.describe()}\n")
    console.say_focal_sources({prediction.camera_source: 1})


def _digits(value: float) -> str:
    """Write a number with three digits, as 1.40."""
    return f"{value:#.3g}".rstrip(".") if value < 1000 else f"{value:.0f}"
