"""Hooks of the documentation site: pages that are kept elsewhere, and the command line from its parser.

`mkdocs build --strict` calls them (see mkdocs.yml).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

from mono.cli.commands import COMMANDS
from mono.cli.main import build_parser, overview

ROOT = Path(__file__).parents[1]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "benchmarks.md",
}  # pages kept outside docs/, and their names on the site
_LINK = re.compile(r"(\]\()([^)#:\s]+)((?:#[^)\s]*)?\))")


def on_files(files: Files, config: Any) -> Files:
    """Add pages and pictures that are kept outside of docs/, and the command line's reference."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=_on_site((ROOT / source).read_text(), Path(source).parent)))
    for path in [ROOT / "LICENSE", *sorted((ROOT / "media").rglob("*.*"))]:
        if path.suffix not in (".py", ".pyc"):
            files.append(File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)))
    files.append(File.generated(config, "command-line.md", content=command_line()))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Point links of pages in docs/ to the site."""
    return markdown if page.file.generated_by else _on_site(markdown, Path("docs"))


def _on_site(markdown: str, folder: Path) -> str:
    """Rewrite links between files of the repository to links between pages; other files become plain text."""

    def target(match: re.Match[str]) -> str:
        path = (ROOT / folder / match[2]).resolve()
        if not path.is_relative_to(ROOT):
            return match[0]
        name = path.relative_to(ROOT).as_posix()
        return match[1] + PAGES.get(name, name.removeprefix("docs/")) + match[3]

    markdown = _LINK.sub(target, markdown)
    kept = r"\[([^\]]+)\]\((?:benchmarks/|data/|mono/|examples/|scenes/|scripts/|tests/|weight/)[^)]*\)"
    return re.sub(kept, r"\1", markdown)


def command_line() -> str:
    """Write the reference of all commands from their parsers, as Markdown."""
    parts = ["# Command line", "", "```text", overview().rstrip(), "```"]
    for name, command in COMMANDS.items():
        if name != "scenes":  # its help comes from another distribution
            text = _subparser(name).format_help().rstrip()
            parts += [
                "",
                f"## {name}",
                "",
                f"{command.summary[0].upper()}{command.summary[1:]}.",
                "",
                "```text",
                text,
                "```",
            ]
    return "\n".join(parts) + "\n"


def _subparser(name: str) -> Any:
    actions = [action for action in build_parser(name)._actions if isinstance(action.choices, dict)]
    return actions[0].choices[name]
