"""Tables that people and their programs write: plain ones, strange ones and broken ones, as files."""

import csv
import datetime
import gzip
import io
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st
from pyarrow.feather import write_feather

GAPS = ["", "NA", "NaN", "None", "null", "-", "?", "  ", "#N/A", "missing", "other"]
ODD_CELLS = [
    *GAPS, "inf", "-inf", "1e400", "1e300", "-1e300", "5e-324", "1" + "0" * 400, "1,5", "1.234,5", "$5",
    "5 %", "+3", "0x1F", "1_000", "1 000", "TRUE", "2024-01-03", "3.1.2024", "12:30", "a\nb", 'a"b', "=1+1",
    "<b>x</b>", "</script>", "$x$", "a_$", "🙂", "Ünïcødé", "x" * 300, "\t", "1+2j", "\u2212" + "5",
]  # fmt: skip
ODD_NAMES = [
    "", " ", " a", "a ", "A", "a", "y", "Y", "$x$", "$", "_x", "<b>x</b>", "</script>", "n" * 200, "n" * 3000,
    "a\nb", "Ü🙂", "1", "1.0", "nan", "None", "Unnamed: 0", "a,b", "a;b", 'a"b', "a.1", "{x}", "%s", "\\",
    "row", "column", "contribution", "level", "value", "unit", "method", "index", "target", "missing",
]  # fmt: skip
ROWS = [0, 1, 2, 9, 10, 11, 15]


# Columns of text, as a CSV file holds them: (generator, rows) → list of str


def _numbers(draw_values):
    return lambda rng, n: [repr(float(x)) for x in draw_values(rng, n)]


def _words(*words):
    return lambda rng, n: [str(word) for word in rng.choice(np.array(words, dtype=object), n)]


def _days(pattern):
    first = datetime.date(2020, 1, 1)
    return lambda rng, n: [
        (first + datetime.timedelta(days=int(d))).strftime(pattern) for d in rng.integers(0, 2000, n)
    ]


PLAIN = {
    "normal": _numbers(lambda rng, n: rng.normal(50, 10, n)),
    "integers": lambda rng, n: [str(x) for x in rng.integers(0, 100, n)],
    "skewed": _numbers(lambda rng, n: rng.lognormal(0, 2, n)),
    "two numbers": lambda rng, n: [str(x) for x in rng.integers(0, 2, n)],
    "words": _words("red", "green", "blue"),
    "booleans": _words(True, False),
}
SIZED = {
    "huge": _numbers(lambda rng, n: rng.normal(0, 1e300, n)),
    "largest": _numbers(lambda rng, n: rng.choice([1.7e308, -1.7e308, 1e308], n)),
    "tiny": _numbers(lambda rng, n: rng.normal(0, 1e-300, n)),
    "denormal": _numbers(lambda rng, n: 5e-324 * rng.integers(0, 9, n)),
    "all sizes": _numbers(lambda rng, n: rng.choice([-1, 1], n) * 10.0 ** rng.uniform(-300, 300, n)),
    "outlier": _numbers(lambda rng, n: np.where(np.arange(n) == n // 2, 1e300, rng.normal(size=n))),
    "large": _numbers(lambda rng, n: rng.normal(0, 1e150, n)),
    "small": _numbers(lambda rng, n: rng.normal(0, 1e-150, n)),
    "far from zero": _numbers(lambda rng, n: 1e15 + rng.normal(size=n)),
    "nearly constant": _numbers(lambda rng, n: 1e17 + 16.0 * rng.integers(0, 2, n)),
    "beyond int64": lambda rng, n: [str(10**19 + int(x)) for x in rng.integers(0, 10**6, n) * 10**12],
    "beyond float": lambda rng, n: [str(10**400 + int(x)) for x in rng.integers(0, 99, n)],
}
STRANGE = {
    "constant": _words(7),
    "constant word": _words("same"),
    "decimal commas": lambda rng, n: [f"{x:.2f}".replace(".", ",") for x in rng.normal(size=n)],
    "money": lambda rng, n: [f"${x:,.2f}" for x in rng.uniform(0, 1e6, n)],
    "percent": lambda rng, n: [f"{x:.0f} %" for x in rng.uniform(0, 100, n)],
    "dates": _days("%Y-%m-%d"),
    "German dates": _days("%d.%m.%Y"),
    "times of day": _days("%Y-%m-%d 12:30:00"),
    "months": _days("%Y-%m"),
    "identifiers": lambda rng, n: [f"u{x}" for x in rng.permutation(n)],
    "emoji and markup": _words("🙂", "<b>", "$x$", "a_$", "</script>", "a\nb", "x" * 300),
    "yes and no": _words("yes", "no", "Yes", " no"),
    "infinite": _words(1.0, 2.0, "inf"),
    "no values": _words(""),
    "numbers and dashes": _words(1.5, 2.5, 3.5, 4.5, "-"),
    "one dash": lambda rng, n: [
        "-" if i == n // 2 else repr(float(x)) for i, x in enumerate(rng.normal(size=n))
    ],
    "one value": lambda rng, n: ["5" if i == n // 2 else "" for i in range(n)],
    "numbers and gaps": lambda rng, n: [repr(float(x)) if x > -0.5 else "" for x in rng.normal(size=n)],
    "words and gaps": _words("red", "green", "", "NA"),
    "booleans and gaps": _words(True, False, ""),
}
READ = [*PLAIN.values(), *(SIZED[name] for name in ("huge", "tiny", "denormal", "all sizes"))]
READ += [STRANGE[name] for name in ("emoji and markup", "numbers and gaps", "constant")]
"""Kinds that mean the same to every reader of CSV."""

PLAIN_TARGETS = [PLAIN[name] for name in ("normal", "skewed", "two numbers", "booleans")]
TARGETS = {
    "rare class": lambda rng, n: ["b" if i == n // 2 else "a" for i in range(n)],
    "one class": _words("a"),
    "five classes": _words(*"abcde"),
    "rare number": lambda rng, n: ["1" if i == n // 2 else "0" for i in range(n)],
    "emoji classes": _words("🙂", "$<b>"),
    "classes of one row": lambda rng, n: [f"c{i}" for i in range(n)],
}

_cell = st.one_of(
    st.sampled_from(ODD_CELLS),
    st.floats().map(repr),
    st.integers().map(str),
    st.text(max_size=8),
    st.datetimes().map(str),
)


# Columns with types, as a Parquet file holds them: (generator, rows) → pyarrow array


def _gappy(values, rng):
    return [None if rng.random() < 0.2 else value for value in values]


def _whole(kind, low=0, high=1000):
    return lambda rng, n: pa.array(rng.integers(low, high, n)).cast(kind)


def _each(value, kind, gaps=False):
    """Return a maker of ``value(x)`` for whole numbers x, of a type that NumPy has not."""

    def make(rng, n):
        values = [value(int(x)) for x in rng.integers(0, 99, n)]
        return pa.array(_gappy(values, rng) if gaps else values, kind)

    return make


TYPED = {
    "float64": lambda rng, n: pa.array(rng.normal(size=n)),
    "float32": lambda rng, n: pa.array(rng.normal(size=n).astype(np.float32)),
    "float16": lambda rng, n: pa.array(rng.normal(size=n).astype(np.float16)),
    "NaN": lambda rng, n: pa.array(np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n))),
    "infinity": lambda rng, n: pa.array(np.where(rng.random(n) < 0.2, np.inf, rng.normal(size=n))),
    "constant": lambda rng, n: pa.array(np.full(n, 3.0)),
    "int8": _whole(pa.int8(), -100, 100),
    "int64 with gaps": _each(int, pa.int64(), gaps=True),
    "int64 beyond 2^53": _whole(pa.int64(), 2**62, 2**63 - 1),
    "uint64": lambda rng, n: pa.array(rng.integers(0, 2**64 - 1, n, dtype=np.uint64)),
    "bool": lambda rng, n: pa.array(rng.random(n) < 0.5),
    "bool with gaps": _each(lambda x: x < 50, pa.bool_(), gaps=True),
    "string": _each(lambda x: ("red", "green", "blue")[x % 3], pa.string()),
    "numbers as text": _each(lambda x: f"{x}.5", pa.large_string()),
    "categories": lambda rng, n: _each(lambda x: "ab"[x % 2], pa.string())(rng, n).dictionary_encode(),
    "numbers as categories": lambda rng, n: pa.array(rng.integers(0, 3, n)).dictionary_encode(),
    "dates as categories": lambda rng, n: (
        _whole(pa.int32(), 0, 3)(rng, n).cast(pa.date32()).dictionary_encode()
    ),
    "date": lambda rng, n: _whole(pa.int32())(rng, n).cast(pa.date32()),
    "timestamp": _whole(pa.timestamp("us")),
    "two timestamps": _whole(pa.timestamp("ns"), 0, 2),
    "timestamp of a zone": _whole(pa.timestamp("ns", "Europe/Oslo")),
    "timestamp out of range": _whole(pa.timestamp("s"), 2**36, 2**37),
    "time": _whole(pa.time64("us")),
    "duration": _whole(pa.duration("ms")),
    "decimal": _each(lambda x: Decimal(x) / 8, pa.decimal128(9, 3)),
    "decimal with gaps": _each(lambda x: Decimal(x) / 8, pa.decimal128(9, 3), gaps=True),
    "huge decimal": _each(lambda x: Decimal(10) ** 60 + x, pa.decimal256(70, 0)),
    "list": _each(lambda x: [x, 2], pa.list_(pa.int64())),
    "struct": _each(lambda x: {"u": x}, pa.struct({"u": pa.int64()})),
    "map": _each(lambda x: [("u", x)], pa.map_(pa.string(), pa.int64())),
    "binary": _each(lambda x: bytes([x]), pa.binary()),
    "null": lambda rng, n: pa.nulls(n),
}


# Files


@dataclass(frozen=True)
class Layout:
    """How a CSV file is written."""

    separator: str = ","
    encoding: str = "utf-8"
    newline: str = "\n"
    quoting: int = csv.QUOTE_MINIMAL
    header: bool = True
    damage: str = "none"


@dataclass(frozen=True)
class Table:
    """Columns of text or arrays with their names, which is the target, and how they are written.

    ``flips`` are bytes of the file that are overwritten: (place as a share of the file, new byte). ``packed``
    tables are Feather instead of Parquet, or gzipped CSV.
    """

    names: list[str]
    columns: list
    target: str
    layout: Layout | None = field(default_factory=Layout)
    flips: tuple[tuple[float, int], ...] = ()
    packed: bool = False

    def __str__(self):
        return f"{len(self.columns[0])} rows, {len(self.names)} columns: {self.names[:6]}, {self.layout}"

    @property
    def suffix(self):
        return ((".csv", ".csv.gz"), (".parquet", ".feather"))[self.layout is None][self.packed]

    def write(self, path):
        """Write the file; a Parquet or Feather file where there is no layout."""
        if self.layout is None:
            write = write_feather if self.packed else pq.write_table
            write(pa.table(self.columns, names=self.names), path)
        else:
            path.write_bytes(gzip.compress(self._csv(), mtime=0) if self.packed else self._csv())
        content = bytearray(path.read_bytes())
        for share, byte in self.flips:
            content[int(share * (len(content) - 1))] = byte
        path.write_bytes(content)

    def _csv(self):
        layout, text = self.layout, io.StringIO(newline="")
        writer = csv.writer(
            text, delimiter=layout.separator, lineterminator=layout.newline, quoting=layout.quoting
        )
        if layout.header:
            writer.writerow(self.names)
        writer.writerows(zip(*self.columns, strict=True))
        content = DAMAGES[layout.damage](text.getvalue(), layout)
        return content if isinstance(content, bytes) else content.encode(layout.encoding, errors="replace")

    def as_csv(self):
        """Return the table as it is written to CSV by a program that knows no types."""
        if self.layout:
            return self
        return replace(self, columns=[_as_text(column) for column in self.columns], layout=Layout())

    def without(self, place):
        return self._at([i for i in range(len(self.names)) if i != place])

    def reversed(self):
        return self._at(range(len(self.names))[::-1])

    def having(self, name, column):
        return replace(self, names=[*self.names, name], columns=[*self.columns, column])

    def replacing(self, place, column):
        columns = [column if i == place else old for i, old in enumerate(self.columns)]
        return replace(self, columns=columns)

    def _at(self, places):
        return replace(self, names=[self.names[i] for i in places], columns=[self.columns[i] for i in places])


def _lines(text, layout, change):
    lines = text.split(layout.newline)
    return layout.newline.join(change(lines))


DAMAGES = {
    "none": lambda text, layout: text,
    "empty": lambda text, layout: "",
    "blank": lambda text, layout: layout.newline * 3,
    "comment": lambda text, layout: f"# made by hand{layout.newline}{text}",
    "title": lambda text, layout: f"Table 1{layout.separator * 2}{layout.newline}{text}",
    "blank lines": lambda text, layout: text.replace(layout.newline, layout.newline * 2),
    "blank first": lambda text, layout: layout.newline * 2 + text,
    "short line": lambda text, layout: _lines(text, layout, lambda lines: [*lines[:3], "1", *lines[3:]]),
    "long line": lambda text, layout: _lines(
        text, layout, lambda lines: [*lines[:5], layout.separator.join("1" * 3000), *lines[5:]]
    ),
    "trailing separators": lambda text, layout: _lines(
        text, layout, lambda lines: [lines[0], *(line + layout.separator for line in lines[1:] if line)]
    ),
    "units below": lambda text, layout: _lines(
        text,
        layout,
        lambda lines: [lines[0], layout.separator * lines[0].count(layout.separator), *lines[1:]],
    ),
    "sum below": lambda text, layout: f"{text}Sum{layout.newline}",
    "open quote": lambda text, layout: f'{text}"1',
    "quote inside": lambda text, layout: text.replace("1", '"1', 1),
    "NUL": lambda text, layout: text[: len(text) // 2] + "\0" + text[len(text) // 2 :],
    "NUL late": lambda text, layout: text.encode() + b"1," * 40000 + b"\0",
    "cut": lambda text, layout: text.encode(layout.encoding, errors="replace")[:-5],
    "bad byte": lambda text, layout: text.encode(layout.encoding, errors="replace") + b"\xc3",
    "BOM twice": lambda text, layout: "\ufeff\ufeff" + text,
    "only a BOM": lambda text, layout: b"\xef\xbb\xbf",
    "control characters": lambda text, layout: text.replace("a", "\x1b[31m", 1),
    "old Mac": lambda text, layout: text.replace(layout.newline, "\r"),
    "Excel": lambda text, layout: f"sep={layout.separator}{layout.newline}{text}",
}


@dataclass(frozen=True)
class Plan:
    """What a table is made of before it is made; an oddity changes one thing about it."""

    rows: int
    columns: list
    names: list[str]
    target: Any
    target_name: str = "y"
    layout: Layout | None = field(default_factory=Layout)
    flips: tuple[tuple[float, int], ...] = ()
    packed: bool = False

    def made(self, draw):
        """Return the table, with values from one seed."""
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        columns = [kind(rng, self.rows) for kind in (*self.columns, self.target)]
        if self.layout is None:
            columns = [c if isinstance(c, pa.Array) else _typed_if_number(c) for c in columns]
        else:
            columns = [_as_text(c) if isinstance(c, pa.Array) else c for c in columns]
        names = [*self.names, self.target_name]
        return Table(names, columns, self.target_name, self.layout, self.flips, self.packed)


def _having(**changes):
    return lambda draw, plan: replace(plan, **changes)


def _written(**changes):
    def apply(draw, plan):
        return replace(plan, layout=replace(plan.layout or Layout(), **changes))

    return apply


def _flipped(**changes):
    flip = st.tuples(st.floats(0, 1), st.integers(0, 255))
    flips = st.lists(flip, min_size=1, max_size=4).map(tuple)
    return lambda draw, plan: replace(plan, flips=draw(flips), **changes)


def _named(draw, plan):
    names, place = list(plan.names), draw(st.integers(0, len(plan.names) - 1))
    names[place] = draw(_odd_name)
    return replace(plan, names=names)


def _target_named(draw, plan):
    return replace(plan, target_name=draw(_odd_name))


def _column(kind):
    def apply(draw, plan):
        columns, place = list(plan.columns), draw(st.integers(0, len(plan.columns) - 1))
        columns[place] = kind
        return replace(plan, columns=columns, layout=_layout_for(kind, plan))

    return apply


def _target(kind):
    return lambda draw, plan: replace(plan, target=kind, layout=_layout_for(kind, plan))


def _layout_for(kind, plan):
    return None if kind in TYPED.values() else plan.layout


def _cells(draw, plan):
    columns, place = list(plan.columns), draw(st.integers(0, len(plan.columns) - 1))
    columns[place] = _with_cells(columns[place], draw(_cell), draw(_share))
    return replace(plan, columns=columns)


def _target_cells(draw, plan):
    return replace(plan, target=_with_cells(plan.target, draw(_cell), draw(_share)))


def _made_up(draw, plan):
    cells = draw(st.lists(_cell, min_size=1, max_size=6))
    return _column(lambda rng, n: [cells[i] for i in rng.integers(0, len(cells), n)])(draw, plan)


def _wide(draw, plan):
    wide = [plan.columns[i % len(plan.columns)] for i in range(1000)]
    return replace(plan, columns=wide, names=[*plan.names, *(f"w{i}" for i in range(1000 - len(plan.names)))])


def _with_cells(kind, cell, share):
    def make(rng, n):
        column = kind(rng, n)
        if isinstance(column, pa.Array):
            return column
        return [cell if hit else old for hit, old in zip(rng.random(n) < share, column, strict=True)]

    return make


def _as_text(column):
    return ["" if value is None else str(value) for value in column.to_pylist()]


def _typed_if_number(cells):
    """Return text as a program with types would store it: as numbers where every cell is one."""
    try:
        return pa.array([float(cell) if cell else None for cell in cells], pa.float64())
    except ValueError:
        return pa.array(cells, pa.string())


_odd_name = st.one_of(st.sampled_from(ODD_NAMES), st.sampled_from(ODD_NAMES), st.text(max_size=9))
_share = st.sampled_from([0.02, 0.1, 0.5, 0.9])

ODDITIES = {
    "nothing": lambda draw, plan: plan,
    "Parquet": _having(layout=None),
    "Feather": _having(layout=None, packed=True),
    "gzip": _having(packed=True),
    **{f"{rows} rows": _having(rows=rows) for rows in ROWS},
    **{f"separator {mark!r}": _written(separator=mark) for mark in ";\t| "},
    **{f"in {name}": _written(encoding=name) for name in ("utf-8-sig", "utf-16", "latin-1", "cp1252")},
    **{f"line ends {end!r}": _written(newline=end) for end in ("\r\n", "\r")},
    **{f"quotes {how}": _written(quoting=how) for how in (csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC)},
    "no header": _written(header=False),
    **{f"damage: {name}": _written(damage=name) for name in DAMAGES},
    **{f"damaged Parquet {i}": _flipped(layout=None) for i in range(4)},
    **{f"damaged Feather {i}": _flipped(layout=None, packed=True) for i in range(2)},
    **{f"damaged gzip {i}": _flipped(layout=Layout(), packed=True) for i in range(2)},
    **{f"column of {name}": _column(kind) for name, kind in (SIZED | STRANGE | TYPED).items()},
    **{f"target of {name}": _target(kind) for name, kind in (SIZED | STRANGE | TARGETS | TYPED).items()},
    **{f"odd name {i}": _named for i in range(6)},
    **{f"odd name of the target {i}": _target_named for i in range(3)},
    **{f"odd cells {i}": _cells for i in range(6)},
    **{f"odd cells of the target {i}": _target_cells for i in range(3)},
    **{f"cells made up {i}": _made_up for i in range(6)},
    "1,000 columns": _wide,
    "no columns": _having(columns=[], names=[]),
}
"""What may be odd about a table: a function of (draw, plan) that returns the changed plan."""

_SECOND = [name for name in ODDITIES if name not in ("1,000 columns", "no columns")]


@st.composite
def tables(draw, oddity):
    """A table with one oddity, and now and then with one or two more."""
    kinds = draw(st.lists(st.sampled_from(list(PLAIN.values())), min_size=3, max_size=5))
    plan = Plan(
        rows=draw(st.sampled_from([60, 40, 120, 25])),
        columns=kinds,
        names=[f"c{i}" for i in range(len(kinds))],
        target=draw(st.sampled_from(PLAIN_TARGETS)),
    )
    for name in draw(st.lists(st.sampled_from(_SECOND), max_size=2)):
        plan = ODDITIES[name](draw, plan)
    return ODDITIES[oddity](draw, plan).made(draw)


@st.composite
def changed(draw, table):
    """The table that a model is shown later: the same one, or one that someone has changed."""
    place, last = draw(st.integers(0, len(table.names) - 1)), len(table.names) - 1
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kinds = SIZED | STRANGE if table.layout else SIZED | STRANGE | TYPED
    column = kinds[draw(st.sampled_from(sorted(kinds)))](rng, len(table.columns[0]))
    column = column if table.layout or isinstance(column, pa.Array) else _typed_if_number(column)
    changes = {
        "same": lambda: table,
        "other column": lambda: table.replacing(place, column),
        "column missing": lambda: table.without(place),
        "no target": lambda: table.without(last),
        "other target": lambda: table.replacing(last, column),
        "column more": lambda: table.having(draw(st.sampled_from(ODD_NAMES)), column),
        "order": table.reversed,
        "CSV": table.as_csv,
    }
    return changes[draw(st.sampled_from(list(changes)))]()


@st.composite
def tables_in_dialects(draw):
    """A table of numbers, words and gaps under odd names, in one of the dialects that are read."""
    names = st.sampled_from([name for name in ODD_NAMES if name.strip() and name == name.lstrip()])
    names = draw(
        st.lists(names, min_size=2, max_size=6, unique_by=str.strip).filter(lambda n: n[0] != "Unnamed: 0")
    )
    kinds = [draw(st.sampled_from(READ)) for _ in names]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    newline = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    layout = Layout(
        separator=draw(st.sampled_from([",", ";", "\t", "|"])),
        encoding=draw(st.sampled_from(["utf-8", "utf-8-sig"])),
        newline=newline,
        quoting=csv.QUOTE_ALL
        if newline == "\r"
        else draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        damage=draw(st.sampled_from(["none", "blank first"])),
    )
    rows = draw(st.integers(1, 30))
    columns = [kind(rng, rows) for kind in kinds]
    return Table(names, columns, names[-1], layout)
