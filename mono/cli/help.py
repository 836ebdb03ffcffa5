"""Help of commands: a sentence, an example, and the defaults of flags."""

from __future__ import annotations

import argparse
import difflib
import re
from typing import Any, NoReturn

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


class CommandParser(argparse.ArgumentParser):
    """Parser whose errors are one line, with the flag that was probably meant."""

    def error(self, message: str) -> NoReturn:
        """Print the error and end with exit code 2."""
        hints = [f'did you mean "{near[0]}"?' for word in _unknown_flags(message) if (near := self._near(word))]
        if re.search(r"unrecognized arguments:( -?[\d.]+)+$", message):
            hints.append("numbers of one flag are joined by commas, without spaces")
        notes = "".join(f" ({hint})" for hint in hints)
        family = self._family()
        prog = family[1].prog if len(family) == 2 else self.prog
        self.exit(2, f"error: {message}{notes}; {prog} --help lists the flags\n")

    def _family(self) -> list[argparse.ArgumentParser]:
        """Return this parser and those of its commands, of which only the called one is built."""
        groups = (action for action in self._actions if isinstance(action, argparse._SubParsersAction))
        return [self, *(child for group in groups for child in group.choices.values())]

    def _near(self, flag: str) -> list[str]:
        known = [name for parser in self._family() for name in parser._option_string_actions]
        return difflib.get_close_matches(flag.partition("=")[0], known, 1)


def _unknown_flags(message: str) -> list[str]:
    _, found, words = message.partition("unrecognized arguments: ")
    return [word for word in words.split() if word.startswith("--")] if found else []


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
