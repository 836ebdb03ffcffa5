"""The `metricdepth` command."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Sequence

from mono.cli import (
    annotate,
    average,
    bench,
    compare,
    eval_odom,
    evaluate,
    export,
    finetune,
    fuse,
    models,
    predict,
    rescale,
    scenes,
    slam,
    train,
)
from mono.system.errors import MetricDepthError
from mono.system.threads import wait_without_spinning
from mono.system.versions import __version__


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit code: 0 done, 1 some inputs failed, 2 wrong input, 130 interrupted."""
    parser = argparse.ArgumentParser(
        prog="metricdepth", description="Metric depth and point clouds from single images, for any camera."
    )
    parser.add_argument("--version", action="version", version=f"metricdepth {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for module in (
        predict,
        evaluate,
        compare,
        annotate,
        models,
        scenes,
        train,
        finetune,
        average,
        export,
        bench,
        slam,
        rescale,
        fuse,
        eval_odom,
    ):
        module.add_parser(commands)
    args = parser.parse_args(argv)
    return guarded(args.run, args)


def guarded(command: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    """Run a command and return its exit code.

    Errors of the library and of the system end in one line; any other exception is a bug, and is raised.
    """
    wait_without_spinning()
    logging.basicConfig(
        level=logging.DEBUG if getattr(args, "verbose", False) else logging.WARNING, format="%(levelname)s: %(message)s"
    )
    logging.getLogger("mono").setLevel(logging.DEBUG if getattr(args, "verbose", False) else logging.INFO)
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        return command(args)
    except (MetricDepthError, OSError) as error:
        logging.getLogger(__name__).debug("traceback", exc_info=error)
        sys.stderr.write(f"error: {error}\n")
        return 2
    except KeyboardInterrupt:
        hint = ": the same command goes on where it stopped" if getattr(args, "resumes", False) else ""
        sys.stderr.write(f"interrupted{hint}\n")
        return 130
    except Exception:
        sys.stderr.write("This is a bug in metricdepth: please report it with the command and the traceback.\n")
        raise
