"""Where the pictures of read pages lie."""

from pathlib import Path

from shared.documents import path_of


def pictures_of(data_dir: Path, sha256: str) -> Path:
    """The folder with the pictures of a paper's pages, `1.jpg` and on."""
    return path_of(data_dir / "readings", sha256)
