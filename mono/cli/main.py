"""Entry point of the `metricdepth` command."""

from __future__ import annotations

import argparse
import difflib
import importlib
import itertools
import logging
import os
import select
import shlex
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from mono.cli.commands import COMMANDS
from mono.cli.help import CommandParser, explain
from mono.system.errors import MetricDepthError
from mono.system.threads import wait_briefly
from mono.system.versions import __version__


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: the command and its arguments; None: those of the process.

    Returns:
        Exit code: 0 done, 1 some inputs failed, 2 wrong input, 130 interrupted, 141 nobody reads the output.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help", "help"):
        sys.stdout.write(overview())
        return 0
    if words[0] == "--version":
        sys.stdout.write(f"metricdepth {__version__}\n")
        return 0
    if words[0] not in COMMANDS:
        sys.stderr.write(f"error: {_explain_unknown(words)}\n")
        return 2
    args = build_parser(words[0]).parse_args(words)
    return guarded(args.run, args)


def build_parser(name: str) -> argparse.ArgumentParser:
    """Build the program's parser with one command alone."""
    command = COMMANDS[name]
    parser = CommandParser(prog="metricdepth")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    importlib.import_module(f"mono.cli.{command.module}").add_parser(commands)
    explain(commands.choices[name], command)
    return parser


def overview() -> str:
    """Write the program's help: all commands by group."""
    lines = ["usage: metricdepth COMMAND ...", "", "Metric depth and point clouds from single images, for any camera."]
    for group, commands in itertools.groupby(COMMANDS.values(), lambda command: command.group):
        lines += ["", f"{group}:", *(f"  {command.name:12}{command.summary}" for command in commands)]
    lines += [
        "",
        f"example: {COMMANDS['predict'].example}",
        "metricdepth COMMAND --help explains a command; --version prints the version.",
    ]
    return "\n".join(lines) + "\n"


def guarded(command: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    """Run a command and return its exit code.

    Errors of the library and of the system end in one line; any other exception is a bug, and is raised.
    """
    wait_briefly()
    verbose = getattr(args, "verbose", False)
    logging.basicConfig(level=logging.DEBUG if verbose else logging.WARNING, format="%(levelname)s: %(message)s")
    logging.getLogger("mono").setLevel(logging.DEBUG if verbose else logging.INFO)
    warnings.filterwarnings("ignore", module=r"PIL\.")  # readers say what matters of them
    logging.getLogger("huggingface_hub").propagate = False  # it has a handler of its own
    try:
        code = command(args)
        sys.stdout.flush()
        return code
    except (MetricDepthError, OSError) as error:
        if isinstance(error, BrokenPipeError) and _nobody_reads():  # as of `metricdepth models | head -1`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is written at the end
            return 128 + 13  # as by the signal SIGPIPE
        logging.getLogger(__name__).debug("traceback", exc_info=error)
        sys.stderr.write(f"error: {_explain(error)}\n")
        return 2
    except KeyboardInterrupt:
        hint = ": the same command goes on where it stopped" if getattr(args, "resumes", False) else ""
        sys.stderr.write(f"interrupted{hint}\n")
        return 130
    except Exception:
        sys.stderr.write("This is a bug in metricdepth: please report it with the command and the traceback.\n")
        raise


def _nobody_reads() -> bool:
    """Tell if the output's reader has ended."""
    if not hasattr(select, "poll"):  # on Windows
        return False
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _explain(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename2 or error.filename!s:.200}: {error.strerror}"
    return str(error)


def _explain_unknown(words: Sequence[str]) -> str:
    """Explain a first word that is no command, with the command that was probably meant."""
    word = words[0]
    if near := difflib.get_close_matches(word, COMMANDS, 1):
        return f'there is no command "{word}"; did you mean "metricdepth {near[0]}"?'
    if Path(word).suffix or "*" in word or _exists(word):
        return f"{word} is no command; to predict its depth: metricdepth predict {shlex.join(words)}"
    return f'there is no command "{word}"; metricdepth --help lists them'


def _exists(word: str) -> bool:
    try:
        return Path(word).exists()
    except (OSError, ValueError):  # too long for a path, or no path at all
        return False
