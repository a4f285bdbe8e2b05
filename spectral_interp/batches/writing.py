"""Results of a table of any size in a Parquet file, written group by group, resumable after a kill.

Every table of the source becomes one row group. It is first written atomically to a separate file in a hidden
folder next to the target; its metadata hold the group's part of the summary. A later run continues after the
last of these files. When all files exist, they are joined, so the bytes of the target do not depend on
interruptions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..files.staging import check_place, finish, parts_of, replace_file, resumable
from ..streams import Source
from .explaining import METADATA, Explaining, Predicting, Results
from .inputs import Findings
from .summaries import Summary

JOURNAL = "journal.json"
"""Name of the file that identifies the unfinished work, in its folder."""

TAKEN = b"spectral_interp_summary"
"""Key in the metadata of a part of its addition to the summary."""


def write_batches(
    work: Predicting,
    source: Source,
    target: Path,
    *,
    identity: Mapping[str, Any],
    keep: Sequence[str] = (),
    advance: Callable[[int], object] = lambda rows: None,
    done: Callable[[int, Summary | None], object] = lambda rows, summary: None,
) -> None:
    """Write the results of all rows of a source; resume the work of an earlier run, if there is any.

    Parameters
    ----------
    work : Explaining or Predicting
    source : Source
        Source that can be read again.
    target : Path
        Parquet file to write. An existing file is kept until the new one is complete.
    identity : mapping
        Plain values that identify the model and the options.
    keep : sequence of str
        Columns to copy.
    advance : callable
        Called with the number of rows of every finished group.
    done : callable
        Called with the number of all rows and their summary (None for predictions alone) once the target
        exists. After a kill before it returns, the next run calls it again.

    Raises
    ------
    ValueError
        If an unfinished earlier run had another model, source or options, or another process is writing.
    OSError
        If a file cannot be written.

    Warns
    -----
    UserWarning
        At the end, once for every column with values that the model does not know, over all rows.
    """
    check_place(target)
    if source.one_pass:
        raise ValueError(
            f"expected a source that can be read again, so that writing can resume; got {source.name}; pass "
            "a path, or a callable that returns a new iterator"
        )
    known = {"identity": dict(identity), "source": source.identity(), "rows": source.rows, "keep": list(keep)}
    with resumable(target) as folder:
        _check_journal(folder, target, known)
        made, n_rows = Results(work, keep), 0
        parts: list[Path] = []
        for number, frame in enumerate(source.frames()):
            part = folder / f"{number:08d}.parquet"
            if not part.exists():
                _write_part(part, made, frame, of=parts[0] if parts else None)
            parts.append(part)
            n_rows += len(frame)
            advance(len(frame))
        done(n_rows, _joined(parts, target, work, made.findings))
        finish(target)
    made.findings.warn()


def _check_journal(folder: Path, target: Path, known: dict[str, Any]) -> None:
    """Write the identity of the work, or raise an error if the unfinished work is another."""
    journal, text = folder / JOURNAL, json.dumps(known, sort_keys=True)
    if not journal.exists():
        replace_file(journal, lambda draft: _write_text(draft, text))
        return
    earlier = json.loads(journal.read_text(encoding="utf-8"))
    if differing := sorted(name for name, value in json.loads(text).items() if earlier.get(name) != value):
        names = {"identity": "model or options", "keep": "columns to keep", "rows": "rows of a group"}
        what = " and ".join(names.get(name, name) for name in differing)
        raise ValueError(
            f"expected the {what} of the unfinished {target} to resume it; got another; finish it, or "
            f"remove {parts_of(target)} to start again"
        )


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _write_part(part: Path, made: Results, frame: Any, *, of: Path | None) -> None:
    """Write the results of a table, in the schema of the first part, with their addition to the summary."""
    if made.schema is None and of is not None:
        made.schema = pq.read_schema(of).remove_metadata().with_metadata(_meaning(of))
    own, whole = Findings(), made.findings
    made.findings = own
    if isinstance(made.work, Explaining):
        made.work.summary = Summary.of(made.work.model)
    batch = made.of(frame)
    made.findings = whole
    taken = {"findings": own.state()}
    if isinstance(made.work, Explaining) and made.work.summary is not None:
        taken["summary"] = made.work.summary.state()
    metadata = {**(batch.schema.metadata or {}), TAKEN: json.dumps(taken).encode()}
    table = pa.Table.from_batches([batch]).replace_schema_metadata(metadata)
    replace_file(part, partial(_write_table, table))


def _meaning(part: Path) -> dict[bytes, bytes]:
    metadata: dict[bytes, bytes] = pq.read_schema(part).metadata
    return {METADATA: metadata[METADATA]}


def _write_table(table: pa.Table, path: Path) -> None:
    with _writer(path, table.schema) as writer:
        writer.write_table(table)


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Return a writer of one row group per table; dictionaries only for text, as numbers seldom repeat."""
    texts = [field.name for field in schema if not pa.types.is_floating(field.type)]
    return pq.ParquetWriter(path, schema, use_dictionary=texts, compression="zstd", compression_level=1)


def _joined(parts: list[Path], target: Path, work: Predicting, findings: Findings) -> Summary | None:
    """Write all parts into the target, one row group each; add their findings, and return the summary."""
    whole = Summary.of(work.model) if isinstance(work, Explaining) else None
    schema = pq.read_schema(parts[0]).remove_metadata().with_metadata(_meaning(parts[0]))

    def write(draft: Path) -> None:
        nonlocal whole
        with _writer(draft, schema) as writer:
            for part in parts:
                table = pq.read_table(part)
                taken = json.loads(table.schema.metadata[TAKEN])
                findings.restore(taken["findings"])
                if whole is not None:
                    whole = whole.merge(whole.restored(taken["summary"]))
                writer.write_table(table.replace_schema_metadata(schema.metadata))

    moved = parts_of(target) / target.name
    replace_file(moved, write)
    moved.replace(target)
    return whole
