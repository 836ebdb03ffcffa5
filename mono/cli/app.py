"""`metricdepth app`: look at depth and measure in photos, in a browser."""

from __future__ import annotations

import argparse
import socket
import sys
from pathlib import Path

from mono.cli import arguments, camera_flags, session
from mono.system.distributed import Ranks
from mono.system.errors import MetricDepthError


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("app")
    parser.add_argument("--model", default="lite", help="zoo name, config or checkpoint")
    parser.add_argument("--compare", metavar="MODEL", help="load a second model, to compare with")
    add_server_flags(parser)
    camera_flags.add_camera_flags(parser, sweep=False)
    arguments.add_machine_flags(parser)
    parser.set_defaults(run=run, checkpoint=None)


def add_server_flags(parser: argparse.ArgumentParser) -> None:
    """Add the port, and the flag that opens a browser."""
    parser.add_argument("--port", type=int, default=8420, metavar="N", help="listen on this port; 0: any free one")
    parser.add_argument("--open", action="store_true", help="open the page in the browser of this machine")


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted."""
    require_server()
    from mono.app.server import App
    from mono.inference.load import require_metric

    names = dict.fromkeys([args.model, *([args.compare] if args.compare else [])])
    predictors = {name: require_metric(session.load_predictor(args, name, None, Ranks(), images=1)) for name in names}
    return serve(App(predictors, camera_flags.camera_resolver(args), examples=examples()), args.port, args.open)


def require_server() -> None:
    """Explain a missing web server.

    Raises:
        MetricDepthError: starlette or uvicorn is not installed.
    """
    try:
        import starlette
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MetricDepthError('the app needs a web server: pip install "metricdepth[app]"') from error
    del starlette


def serve(app: object, port: int, browse: bool) -> int:
    """Serve an app on the loopback address, until interrupted."""
    import uvicorn

    from mono.app.server import App, create_app

    assert isinstance(app, App)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or "ports go from 0 to 65535"
        raise MetricDepthError(f"port {port} cannot be used ({reason}): choose another with --port") from error
    listener.listen(128)  # from here on the address works, while the server starts
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    sys.stdout.write(f"Open {address} in a browser of this machine; Ctrl+C ends.\n")
    sys.stdout.flush()
    if browse:
        import webbrowser

        webbrowser.open(address)
    config = uvicorn.Config(create_app(app), log_level="warning", timeout_keep_alive=30, limit_concurrency=256)
    uvicorn.Server(config).run([listener])
    return 0


def examples() -> dict[str, Path]:
    """Find the photos that ship."""
    root = Path(__file__).parents[1]
    folders = (root.parent / "data" / "wild_demo", root / "demo" / "wild_demo")
    return {path.name: path for folder in folders if folder.is_dir() for path in sorted(folder.glob("*.jpg"))}
