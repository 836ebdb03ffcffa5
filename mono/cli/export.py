"""`metricdepth export`: model as one file for other programs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mono.cli import arguments
from mono.cli.values import batch_size, image_size

_FORMATS = ("onnx", "openvino", "torchscript", "exported-program", "litert", "coreml")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("export")
    parser.add_argument("format", choices=_FORMATS, help="file format")
    arguments.add_model_flags(parser)
    parser.add_argument(
        "--out", type=Path, metavar="FILE",
        help="write .onnx, .xml (OpenVINO, with a .bin beside it), .ts, .pt2, .tflite (LiteRT) or .mlpackage (Core ML) "
        "(default: MODEL with that suffix)",
    )  # fmt: skip
    group = parser.add_argument_group("form of the file")
    group.add_argument(
        "--network-only", action="store_true", default=None, help="write the network without the canonical transform, "
        "which a file NAME.preprocess.json describes (litert and coreml: always)",
    )  # fmt: skip
    group.add_argument(
        "--size", type=image_size, metavar="WxH", help="fix the size of the photo, or of the bare network's input",
    )  # fmt: skip
    group.add_argument(
        "--batch", type=batch_size, metavar="N", help="add a batch axis of N images, or of any number (any)"
    )
    group.add_argument(
        "--layout", choices=("nchw", "nhwc"), help="order the axes so (default: nhwc; of the network alone nchw)"
    )
    group.add_argument(
        "--precision", choices=("float32", "float16"), default="float32",
        help="compute in this precision; inputs and outputs are float32 (float16: onnx and coreml, --network-only) "
        "(default: float32)",
    )  # fmt: skip
    group.add_argument(
        "--centered", action="store_true", help="leave out the input of the principal point, for --network-only: it is "
        "taken to be the input's center",
    )  # fmt: skip
    group.add_argument("--opset", type=int, metavar="N", help="write this version of ONNX's operators")
    group.add_argument("--input-name", default="image", metavar="NAME", help="name of the image (default: image)")
    group.add_argument("--output-name", default="depth", metavar="NAME", help="name of the depth (default: depth)")
    group.add_argument(
        "--fit", choices=("pad", "tight"), help="pad images to the network's full input, or to its stride"
    )
    group.add_argument("--sky", choices=("invalid", "far", "keep"), help="write this depth of sky (default: invalid)")
    arguments.add_config_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Export, and return the exit code."""
    from mono.cli.model_options import with_fit, with_sky
    from mono.config import parse_options
    from mono.conversion.formats import FORMATS
    from mono.export.options import ExportOptions
    from mono.export.write import description_path, export
    from mono.inference.load import load_model

    config = with_sky(with_fit(parse_options(args.options), args.fit), args.sky)
    predictor = load_model(args.model, checkpoint=args.checkpoint, device="cpu", precision="float32", options=config)
    path = args.out or Path(predictor.name + FORMATS[args.format].suffix)
    options = ExportOptions(
        args.network_only, args.size, args.batch, args.layout, args.precision, args.opset, args.input_name,
        args.output_name, args.centered,
    )  # fmt: skip
    agreements = export(predictor, args.format, path, options)
    which = "depth" if args.precision == "float32" else "the median depth"
    for agreement in agreements:
        width, height = agreement.size
        sys.stdout.write(
            f"  {width}x{height}, focal length {agreement.focal:g} px: {which} equals eager to {agreement.depth:.1e}, "
            f"confidence to {agreement.confidence:.1e}\n"
        )
    alone = args.network_only or FORMATS[args.format].network_only
    sys.stdout.write(f"written: {path}" + f" and {description_path(path)}, which describes the rest" * alone)
    if agreements:
        sys.stdout.write(f"; run it: metricdepth predict PHOTO --model {path}\n")
    else:
        sys.stdout.write("; it was not compared with the model: Core ML runs on macOS only\n")
    return 0
