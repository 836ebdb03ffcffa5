"""Parquet tables with a column of images, read, and tables of results, written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mono.scale_out.mapper import RESULT_COLUMNS
from mono.scale_out.samples import PLAIN_COLUMNS, ShardError, ShardSample, key_problem, plain_values
from mono.system.errors import MetricDepthError

PARQUET_SUFFIX = ".parquet"
IMAGE_COLUMNS = ("image", "jpg", "jpeg", "png", "webp", "content", "bytes")
KEY_COLUMNS = ("key", "__key__")
_ROWS = 16  # read at a time
_GROUP_BYTES = 1 << 25  # of images in a row group that is written


def read_parquet(path: Path, image_column: str | None = None) -> Iterator[ShardSample]:
    """Read the rows of a Parquet file one after another.

    Images are a column of bytes, or of structures with "bytes" as Hugging Face datasets write them. Optional columns
    are "key" or "__key__", "intrinsics" and "fx"; without keys, a row's key is its number.

    Args:
        path: the file.
        image_column: name of the column of images; None: the first one of `IMAGE_COLUMNS`.

    Yields:
        Samples in the order of the file, with the problem of those that cannot be used.

    Raises:
        ShardError: the file is no Parquet file, is damaged, or has no column of images.
        MetricDepthError: pyarrow is not installed.
    """
    pyarrow = _pyarrow()
    count = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            image = _image_column(path, file.schema_arrow, image_column)
            key = next((name for name in KEY_COLUMNS if name in file.schema_arrow.names), None)
            columns = [image, *(n for n in (key, "intrinsics", "fx") if n and n in file.schema_arrow.names)]
            seen: set[str] = set()
            for batch in file.iter_batches(_ROWS, columns=columns):
                for row in batch.to_pylist():
                    yield _sample(_key(row[key]) if key else f"{count:09d}", row, image, seen)
                    count += 1
    except ShardError:
        raise
    except FileNotFoundError:
        raise ShardError(f"{path}: there is no such file; check the path") from None
    except (pyarrow.ArrowException, OSError, ValueError) as error:  # of damaged pages: OSError, too
        where = f" after {count} rows" if count else ""
        raise ShardError(f"{path}: is no Parquet file, or is damaged{where}; copy or download it again") from error


def read_keys(data: bytes | None) -> list[str]:
    """Read the keys of an index; none where it is missing, damaged, or another table."""
    pyarrow = _pyarrow()
    try:
        return pyarrow.parquet.read_table(pyarrow.BufferReader(data or b""), columns=["key"])["key"].to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError, KeyError):
        return []


def _image_column(path: Path, schema: Any, wanted: str | None) -> str:
    names = ", ".join(schema.names) or "none"
    if wanted is not None and wanted not in schema.names:
        raise ShardError(f"{path}: there is no column {wanted!r} (columns: {names}); check --image-column")
    found = [wanted] if wanted is not None else [name for name in IMAGE_COLUMNS if name in schema.names]
    types = _pyarrow().types
    for name in found:
        if schema.names.count(name) > 1:
            raise ShardError(f"{path}: there are two columns {name!r}; rename one")
        kind = schema.field(name).type
        if types.is_struct(kind):
            kind = kind.field("bytes").type if kind.get_field_index("bytes") >= 0 else None
        if kind is not None and (types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)):
            return name
    if found:
        raise ShardError(f"{path}: column {found[0]!r} holds no bytes of image files; name another --image-column")
    raise ShardError(f"{path}: there is no column of images (columns: {names}); name it by --image-column")


def _key(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="surrogateescape")
    return "" if value is None else str(value)


def _sample(key: str, row: dict[str, Any], image: str, seen: set[str]) -> ShardSample:
    data = row[image]["bytes"] if isinstance(row[image], dict) else row[image]
    problem = key_problem(key, seen)
    return ShardSample(key, data, row.get("intrinsics"), row.get("fx"), problem, writable=not problem)


class TableWriter:
    """Writer of rows into a Parquet file, with images or as an index without."""

    def __init__(self, path: Path, depth_scale: int | None = None) -> None:
        """Open the file.

        Args:
            path: path of the Parquet file.
            depth_scale: stored value of one meter, for a table with depth and mask; None: an index without images.

        Raises:
            MetricDepthError: pyarrow is not installed.
            OSError: the file cannot be written.
        """
        pyarrow = _pyarrow()
        types = {int: pyarrow.int64(), float: pyarrow.float64(), str: pyarrow.string(), bytes: pyarrow.binary()}
        names = RESULT_COLUMNS if depth_scale else PLAIN_COLUMNS
        fields = [("key", pyarrow.string()), *((name, types[RESULT_COLUMNS[name]]) for name in names)]
        fields += [("depth_scale", pyarrow.int64())] if depth_scale else []
        self._schema, self._table, self._depth_scale = pyarrow.schema(fields), pyarrow.Table, depth_scale
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0
        self._file = pyarrow.parquet.ParquetWriter(path, self._schema)

    def write(self, rows: list[dict[str, Any]]) -> None:
        """Write rows; see `RowWriter`."""
        for row in rows:
            values = plain_values(row)
            values["key"] = values["key"].encode("utf-8", "replace").decode()
            if self._depth_scale:
                values |= {"depth": row["depth"], "mask": row["mask"], "depth_scale": self._depth_scale}
                self._bytes += len(row["depth"]) + len(row["mask"])
            self._rows.append(values)
        if self._bytes > _GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        """Write what is left, and the end of the file; see `RowWriter`."""
        if self._rows:
            self._flush()
        self._file.close()

    def _flush(self) -> None:
        self._file.write_table(self._table.from_pylist(self._rows, self._schema))
        self._rows, self._bytes = [], 0


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError:
        raise MetricDepthError("shards need the package pyarrow: pip install 'metricdepth[webdataset]'") from None
    return pyarrow
