"""Results of a table of any size in a Parquet file, written group by group and resumed after a kill.

Every table of the source becomes one row group. It is first a file of its own in a hidden folder beside the
target, put there in one step, with what the group adds to the summary in its metadata. A later run goes on
after the last of these files. When all are there they are joined, so that the bytes of the target do not
depend on how often the work was interrupted.
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
"""What the unfinished work is of, in its folder."""

TAKEN = b"spectral_interp_summary"
"""Key of the metadata of a part, under which it says what it adds to the summary."""


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
    """Write the results of all rows of a source, and go on from what an earlier run has left.

    Parameters
    ----------
    work : Explaining or Predicting
    source : Source
        One that can be read again.
    target : Path
        Parquet file to write. An existing file stays until the new one is complete.
    identity : mapping
        Plain values that tell the model and the options apart.
    keep : sequence of str
        Columns to copy.
    advance : callable
        Takes the number of rows of every group that is done.
    done : callable
        Takes the number of all rows and their summary, None of predictions alone, once the target is there;
        after a kill before it returns, the next run calls it again.

    Raises
    ------
    ValueError
        If an earlier run that was not finished had another model, source or options, or another process is at
        it.
    OSError
        If a file cannot be written.

    Warns
    -----
    UserWarning
        Once for every column, at the end, of values in all rows that the model does not know.
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
    """Write what the work is of, or refuse to go on with other work."""
    journal, text = folder / JOURNAL, json.dumps(known, sort_keys=True)
    if not journal.exists():
        replace_file(journal, lambda draft: _write_text(draft, text))
        return
    earlier = json.loads(journal.read_text(encoding="utf-8"))
    if differing := sorted(name for name, value in json.loads(text).items() if earlier.get(name) != value):
        names = {"identity": "model or options", "keep": "columns to keep", "rows": "rows of a group"}
        what = " and ".join(names.get(name, name) for name in differing)
        raise ValueError(
            f"expected the {what} of the unfinished {target}, to go on with it; got another; finish it, or "
            f"remove {parts_of(target)} to begin anew"
        )


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _write_part(part: Path, made: Results, frame: Any, *, of: Path | None) -> None:
    """Write the results of a table, of the schema of the first part, with what they add to the summary."""
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
    """Return a writer of one row group a table; dictionaries only for text, as numbers hardly repeat."""
    texts = [field.name for field in schema if not pa.types.is_floating(field.type)]
    return pq.ParquetWriter(path, schema, use_dictionary=texts, compression="zstd", compression_level=1)


def _joined(parts: list[Path], target: Path, work: Predicting, findings: Findings) -> Summary | None:
    """Put all parts into the target, a row group each; return and note what they say together."""
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
