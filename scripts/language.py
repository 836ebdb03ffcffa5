"""Check the language of docstrings.

Usage: python scripts/language.py [FOLDER ...]

Counts summary lines that open with an article, a quantifier or a question word, the median length of summaries in
words, and public functions without a docstring. Prints a line per folder and lists what is to be changed; exits with 1
if a limit is exceeded. Default folders: mono and scenes.
"""

from __future__ import annotations

import argparse
import ast
import re
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

OPENINGS = frozenset(
    "a an the all each every any some one both no what how where whether which whose who when".split()  # noqa: SIM905
)
MOST_OPENINGS = 0.05
MOST_WORDS = 9
_NOT_DOCUMENTED = ("configs", "tests")  # folders without an interface of their own


@dataclass(frozen=True)
class Function:
    """Function of a source file.

    Attributes:
        place: file, line and name.
        public: no part of its name is private, and it is not nested in another function.
        summary: first paragraph of the docstring; None if there is none.
    """

    place: str
    public: bool
    summary: str | None

    @property
    def words(self) -> list[str]:
        """Return the words of the summary."""
        return re.findall(r"[\w'-]+", self.summary or "")

    @property
    def opens_badly(self) -> bool:
        """Tell if the summary opens with a word of `OPENINGS`."""
        return bool(self.words) and self.words[0].lower() in OPENINGS


def functions(file: Path) -> Iterator[Function]:
    """Yield the functions and methods of a file."""

    def walk(node: ast.AST, public: bool) -> Iterator[Function]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                text = ast.get_docstring(child)
                summary = text and " ".join(text.split("\n\n")[0].split())
                documented = public and not child.name.startswith("_") and not _is_overload(child)
                yield Function(f"{file}:{child.lineno} {child.name}", documented, summary)
                yield from walk(child, False)
            elif isinstance(child, ast.ClassDef):
                yield from walk(child, public and not child.name.startswith("_"))
            else:
                yield from walk(child, public)

    yield from walk(ast.parse(file.read_text(encoding="utf-8")), True)


def _is_overload(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell overloads, whose documentation stands at the implementation."""
    return any(isinstance(name, ast.Name) and name.id == "overload" for name in function.decorator_list)


def check(folder: Path) -> tuple[str, list[str], bool]:
    """Count the functions of a folder.

    Returns:
        A line of counts, the places to change, and True if all limits hold.
    """
    files = [p for p in sorted(folder.rglob("*.py")) if not set(_NOT_DOCUMENTED) & set(p.parts)]
    found = [function for file in files for function in functions(file)]
    documented = [function for function in found if function.summary]
    public = [function for function in found if function.public]
    badly = [function for function in documented if function.opens_badly]
    missing = [function for function in public if not function.summary]
    median = statistics.median(len(function.words) for function in documented) if documented else 0
    share = len(badly) / max(len(documented), 1)
    line = (
        f"{folder}: {100 * share:.1f} % of {len(documented)} docstrings open badly, "
        f"median {median:g} words, {len(missing)} of {len(public)} public functions without docstring"
    )
    places = [f"  {f.place}: {f.summary}" for f in badly] if share > MOST_OPENINGS else []
    places += [f"  {f.place}: no docstring" for f in missing]
    return line, places, share <= MOST_OPENINGS and median <= MOST_WORDS and not missing


def main(argv: Sequence[str] | None = None) -> int:
    """Check folders and return the exit code."""
    parser = argparse.ArgumentParser(description="Check the language of docstrings.")
    parser.add_argument("folders", nargs="*", type=Path, default=[Path("mono"), Path("scenes")])
    good = True
    for folder in parser.parse_args(argv).folders:
        line, places, holds = check(folder)
        sys.stdout.write("\n".join([line, *places]) + "\n")
        good = good and holds
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
