"""`metricdepth view`: look at the results of a run in the app."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mono.cli.app import add_server_flags, require_server, serve


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("view")
    parser.add_argument("results", type=Path, metavar="OUT", help="output folder of metricdepth predict, with depth")
    parser.add_argument("--rerun", type=Path, metavar="FILE.rrd", help="write a recording for the Rerun viewer instead")
    add_server_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the recording, or serve until interrupted."""
    from mono.app.results import saved_results

    if args.rerun:
        from mono.app.rerun_recording import write_recording

        count = write_recording(args.rerun, saved_results(args.results))
        sys.stdout.write(f"{args.rerun}: {count} photo{'s' * (count != 1)}; open it with: rerun {args.rerun}\n")
        return 0
    require_server()
    from mono.app.server import App

    return serve(App({}, ready=saved_results(args.results)), args.port, args.open)
