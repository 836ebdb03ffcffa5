"""Text files of numbers: lines, separators and encodings."""

from __future__ import annotations

import codecs
import math
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mono.slam.trajectory.trajectory import TrajectoryError

MAX_BYTES = 256 * 2**20  # about three million poses
_COMMENT = re.compile(r"\s*#.*|(^|\s+)//.*|^%.*")
_CONTROL = re.compile(rb"[\0-\x08\x0e-\x19]")
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


@dataclass
class TextTable:
    """Lines of a text file, split at commas, semicolons or spaces.

    Attributes:
        path: the file.
        rows: fields of each line that holds data.
        numbers: line number of each row, from 1.
        header: text of the comments before the first row, and of a title line, in lower case.
        comma: True if the first row's fields are separated by commas or semicolons.
        notes: repairs made on reading, for the log.
    """

    path: Path
    rows: list[list[str]]
    numbers: list[int]
    header: str
    comma: bool
    notes: list[str] = field(default_factory=list)

    def place(self, row: int | np.signedinteger) -> str:
        """Name file and line of a row, for messages."""
        return f"{self.path}, line {self.numbers[int(row)]}"

    def values(self, columns: int, meaning: str) -> np.ndarray:
        """Parse the first `columns` fields of all rows.

        Args:
            columns: fields to parse; further ones are ignored.
            meaning: the columns' names, for messages.

        Returns:
            Finite numbers, (rows, columns) float64.

        Raises:
            TrajectoryError: a row is too short, or a field is not a finite number; the message names the line.
        """
        table = np.empty((len(self.rows), columns))
        for i, parts in enumerate(self.rows):
            if len(parts) < columns:
                raise TrajectoryError(f"{self.place(i)}: has {len(parts)} values; {columns} are needed ({meaning})")
            for j, part in enumerate(parts[:columns]):
                try:
                    table[i, j] = float(part)
                except ValueError:
                    raise TrajectoryError(f"{self.place(i)}: {part[:40]!r} is not a number") from None
                if not math.isfinite(table[i, j]):
                    raise TrajectoryError(f"{self.place(i)}: {part[:40]!r} is not finite; remove lines without a pose")
        return table


def read_table(path: Path) -> TextTable:
    """Read the lines of a text file of numbers.

    Empty lines and what follows #, // or, at the start of a line, % are skipped. A byte order mark, a title line
    and separators at the end of lines are tolerated, and noted.

    Raises:
        TrajectoryError: the file is missing, is not text, is JSON, is too large, or has no lines of data.
    """
    text, notes = read_text(path)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    numbered = [(line.strip(), i) for i, line in enumerate(lines, 1)]
    data = [(bare, i) for line, i in numbered if (bare := _COMMENT.sub("", line))]
    if data and data[0][0][0] in "{[":
        raise TrajectoryError(
            f"{path}: is JSON, not a trajectory; write its poses as lines of 'time tx ty tz qx qy qz qw', camera "
            "to world with x right, y down, z forward (transforms.json has y up, z backward)"
        )
    first = data[0][1] if data else len(lines) + 1
    header = [line for line, i in numbered if line.startswith("#") and i < first]
    if data and _is_title(data[0][0]):
        notes.append(f"line {first} is taken as a title: {data[0][0][:60]!r}")
        header.append(data.pop(0)[0])
    if not data:
        raise TrajectoryError(f"{path}: holds no poses")
    comma = "," in data[0][0] or ";" in data[0][0]
    rows = [_fields(line) for line, _ in data]
    return TextTable(Path(path), rows, [i for _, i in data], "\n".join(header).lower(), comma, notes)


def read_text(path: Path) -> tuple[str, list[str]]:
    """Decode a text file, with or without byte order mark.

    Returns:
        The text, and notes on its encoding for the log.

    Raises:
        TrajectoryError: the file is missing, unreadable, too large, or not text.
    """
    path = Path(path)
    try:
        if path.is_file() and path.stat().st_size > MAX_BYTES:
            raise TrajectoryError(f"{path}: is larger than {MAX_BYTES >> 20} MB; give a text file of poses")
        if path.exists() and not path.is_file():
            raise TrajectoryError(f"{path}: is not a regular file; give a text file of poses")
        data = path.read_bytes()
    except FileNotFoundError:
        raise TrajectoryError(f"{path}: there is no such file; check the path") from None
    except (OSError, ValueError) as error:
        if isinstance(error, TrajectoryError):
            raise
        raise TrajectoryError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or 'no path'})") from error
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            data, notes = data[len(mark) :], [f"a byte order mark ({encoding}) is skipped"]
            break
    else:
        encoding, notes = "utf-8", []
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if _CONTROL.search(data):
            raise TrajectoryError(f"{path}: is not text; give a TUM, KITTI or EuRoC text file") from error
        text = data.decode("latin-1")  # comments in an older encoding
    if "\0" in text:
        raise TrajectoryError(f"{path}: is not text (it holds zero bytes); give a TUM, KITTI or EuRoC text file")
    return text, notes


def _fields(line: str) -> list[str]:
    """Split a line at commas or semicolons if it has any, else at spaces."""
    if "," not in line and ";" not in line:
        return line.split()
    parts = [part.strip(" \t\"'") for part in line.replace(";", ",").split(",")]
    return parts[:-1] if parts[-1] == "" else parts


def _is_title(line: str) -> bool:
    """Tell whether a line names columns: several words, and no number."""
    parts = _fields(line)
    return len(parts) > 1 and all(part and not _is_number(part) for part in parts)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
