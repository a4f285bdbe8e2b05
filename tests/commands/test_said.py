"""What is printed, warned of and refused holds no character that commands a terminal."""

import warnings

import pytest

from spectral_interp.commands import process

NAME = "\x1b]0;owned\x07\u202eab\x9bc"


def test_lines_warnings_and_errors_are_visible(capsys, monkeypatch):
    def work():
        process.say(f"figures: {NAME}\nmodel certified")
        warnings.warn(f"column {NAME} is odd", stacklevel=1)
        raise ValueError(f"expected a column; got {NAME}")

    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    monkeypatch.setattr(warnings, "filters", [("always", None, Warning, None, 0)])
    with pytest.raises(SystemExit) as ended:
        process.run("spectral-interp test", work)
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == "figures: [U+001B]]0;owned[U+0007][U+202E]ab[U+009B]c↵model certified\n"
    assert len(err.splitlines()) == 2
    assert all(char.isprintable() or char == "\n" for char in err)
