"""A batch, read back."""

from pathlib import Path
from typing import TYPE_CHECKING

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
    files = sorted(path for path in (folder / record).rglob("*.parquet") if not path.name.startswith("."))
    expected = schema(record)
    tables = []
    for file in files:
        try:
            tables.append(pq.read_table(file, schema=expected, partitioning=None))
        except (OSError, pa.ArrowException) as error:
            raise damaged(file, error) from error
    frame: pandas.DataFrame = (pa.concat_tables(tables) if tables else expected.empty_table()).to_pandas()
    frame.attrs = {
        "complete": manifest.get("complete", False),
        "plan": manifest["plan"],
        "version": manifest["version"],
    }
    return frame
