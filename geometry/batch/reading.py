"""A batch, read back."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geometry.batch.columns import COLUMNS, schema
from geometry.batch.folder import damaged, read_manifest
from geometry.choices import check_choice
from geometry.errors import PlanError

if TYPE_CHECKING:
    import pandas


def read_batch(folder: str | Path, record: str = "landings") -> "pandas.DataFrame":
    """Read what a batch recorded, of all heads.

    Args:
        folder: what ``geometry batch -o`` wrote; one that is not complete yet gives what is there.
        record: ``landings``, ``why``, ``census``, ``phantoms``, ``audit`` or ``errors``.

    Returns:
        The rows by head, space, metric, expression and rank; ``attrs`` says whether the batch is complete, and
        under which plan and version it was made.

    Raises:
        OptionError: no such record.
        PlanError: the folder holds no batch, or this one did not record that.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = Path(folder)
    check_choice("record", record, tuple(COLUMNS))
    manifest = read_manifest(folder)
    if manifest is None:
        raise PlanError(f"{str(folder)!r} holds no batch; expected a folder that `geometry batch -o` wrote")
    recorded = (*manifest["plan"]["record"], "errors")
    if record not in recorded:
        raise PlanError(f"record {record!r} arrived; this batch has {', '.join(recorded)}: run it with that in record")
    expected = schema(record)
    tables = []
    for file in _files(folder, record):
        try:
            tables.append(pq.read_table(file, schema=expected, partitioning=None))
        except (OSError, pa.ArrowException) as error:
            raise damaged(file, error) from error
    whole = pa.concat_tables(tables) if tables else expected.empty_table()
    frame: pandas.DataFrame = whole.to_pandas(types_mapper=_with_gaps() if record == "errors" else None)
    frame.attrs = {
        "complete": manifest.get("complete", False),
        "plan": manifest["plan"],
        "version": manifest["version"],
    }
    return frame


def first_error(folder: Path) -> str | None:
    """Return what went wrong first, in the order of the files' names: the head's spec and the message."""
    import pyarrow.parquet as pq

    for file in _files(folder, "errors"):
        row = pq.read_table(file, columns=["spec", "message"], partitioning=None).slice(0, 1).to_pylist()[0]
        return f"{row['spec']}: {row['message']}"
    return None


def _files(folder: Path, record: str) -> list[Path]:
    return sorted(path for path in (folder / record).rglob("*.parquet") if not path.name.startswith("."))


def _with_gaps() -> Callable[[Any], Any]:
    """Let whole numbers stay whole where some are missing: an error of a whole head has no expression's index."""
    import pandas as pd
    import pyarrow as pa

    return {pa.int64(): pd.Int64Dtype()}.get
