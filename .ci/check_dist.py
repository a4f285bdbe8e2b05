"""Check dist/: the wheel holds the package, the sdist the repository, and the metadata is valid."""

import subprocess
import tarfile
import zipfile
from pathlib import Path

from packaging.metadata import Metadata

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Compare the archives with the files that git knows."""
    (wheel,), (sdist,) = ROOT.glob("dist/*.whl"), ROOT.glob("dist/*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = {name for name in archive.namelist() if ".dist-info/" not in name}
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        Metadata.from_email(archive.read(metadata), validate=True)
    with tarfile.open(sdist) as archive:
        in_sdist = {name.partition("/")[2] for name in archive.getnames()}

    _compare("wheel", in_wheel, _tracked("spectral_interp"))
    hidden = {name for name in _tracked() if name.startswith(".")}
    _compare("sdist", in_sdist & _tracked(), _tracked() - hidden)


def _tracked(*folders: str) -> set[str]:
    """Return the paths of the files in git's index."""
    command = ["git", "ls-files", "-z", *folders]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split("\0")) - {""}


def _compare(archive: str, found: set[str], expected: set[str]) -> None:
    """Stop with a message where an archive lacks files or has others."""
    if found != expected:
        missing, other = sorted(expected - found), sorted(found - expected)
        raise SystemExit(f"expected the files of git in the {archive}; got {missing=}, {other=}")
    print(f"{archive}: {len(found)} files, as in git")


if __name__ == "__main__":
    main()
