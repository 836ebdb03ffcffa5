"""`metricdepth view`: look at the results of a run in the app."""

from __future__ import annotations

import argparse
from pathlib import Path

from mono.cli.app import add_server_flags, require_server, serve


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("view")
    parser.add_argument("results", type=Path, metavar="OUT", help="output folder of metricdepth predict, with depth")
    add_server_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted."""
    require_server()
    from mono.app.results import saved_results
    from mono.app.server import App

    return serve(App({}, ready=saved_results(args.results)), args.port, args.open)
