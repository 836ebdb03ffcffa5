"""Depth columns of Spark tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mono.scale_out.mapper import INPUT_COLUMNS, RESULT_COLUMNS, DepthMapper
from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    import pandas
    from pyspark.sql import DataFrame

_TYPES = {bytes: "binary", int: "bigint", float: "double", str: "string"}


def depth_columns(frame: DataFrame, mapper: DepthMapper, image: str = "image") -> DataFrame:
    """Replace the images of a Spark table by depth.

    Rows go to Python as Arrow batches of pandas tables; `spark.sql.execution.arrow.maxRecordsPerBatch` bounds their
    length. The tables of the source "binaryFile" have the column "content".

    Args:
        frame: table with a column of image files, and optionally "intrinsics" (array of fx, fy, cx, cy) and "fx" [px].
        mapper: the mapper; a column of the table with the name of a result is replaced.
        image: name of the column of images.

    Returns:
        Table with the other columns and `RESULT_COLUMNS`; computed when it is used.

    Raises:
        MetricDepthError: the table has no such column.
    """
    if image not in frame.columns:
        raise MetricDepthError(f"the table has columns {', '.join(frame.columns)}; name the one of the images")
    kept = [f for f in frame.schema.fields if f.name not in (image, *INPUT_COLUMNS, *RESULT_COLUMNS)]
    schema = [f"`{f.name}` {f.dataType.simpleString()}" for f in kept]
    schema += [f"`{name}` {_TYPES[kind]}" for name, kind in RESULT_COLUMNS.items()]
    names = [f.name for f in kept] + list(RESULT_COLUMNS)

    def map_tables(tables: Iterator[pandas.DataFrame]) -> Iterator[pandas.DataFrame]:
        """Map pandas tables in a worker."""
        import pandas

        for table in tables:
            columns: dict[str, Any] = {str(name): list(table[name]) for name in table.columns}
            columns["image"] = columns.pop(image)
            yield pandas.DataFrame(mapper(columns))[names]

    return frame.mapInPandas(map_tables, ", ".join(schema))
