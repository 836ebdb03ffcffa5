"""Help of commands: a sentence, an example, and the defaults of flags."""

from __future__ import annotations

import argparse
from typing import Any

from mono.cli.commands import Command


class HelpFormatter(argparse.HelpFormatter):
    """Formatter that adds the default of each flag that has one, and breaks no example."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return indent + text if text.startswith("example: ") else super()._fill_text(text, width, indent)

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text, default = action.help or "", action.default
        silent = default is None or default is argparse.SUPPRESS or isinstance(default, bool) or default in ((), [], "")
        if silent or not action.option_strings or "(default" in text:
            return text
        shown = ",".join(map(str, default)) if isinstance(default, (tuple, list)) else "%(default)s"
        return f"{text} (default: {shown})".lstrip()


def explain(parser: argparse.ArgumentParser, command: Command) -> None:
    """Give a command's parser its sentence, its example and defaults in the help.

    Args:
        parser: parser of the command.
        command: its row of the table.
    """
    if parser.description is None:
        parser.description = f"{command.summary[0].upper()}{command.summary[1:]}."
    if parser.epilog is None:
        parser.epilog = f"example: {command.example}"
    _polish(parser)


def _polish(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = HelpFormatter
    out = parser._option_string_actions.get("--out")
    if out is not None and "-o" not in parser._option_string_actions:  # every command that writes has the short form
        out.option_strings = ["-o", *out.option_strings]
        parser._option_string_actions["-o"] = out
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, child in action.choices.items():
                if child.description is None:
                    helps = {choice.dest: choice.help for choice in action._choices_actions}
                    child.description = helps.get(name)
                _polish(child)


def add_hidden(parser: Any, former: str, **values: Any) -> None:
    """Add a former spelling of a flag, which works and stays out of the help.

    Args:
        parser: parser or group that has the flag.
        former: the former spelling.
        values: arguments of `add_argument`, `dest` among them.
    """
    parser.add_argument(former, help=argparse.SUPPRESS, default=argparse.SUPPRESS, **values)
