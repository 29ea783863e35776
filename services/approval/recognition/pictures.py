"""Where the pictures of read pages lie."""

from pathlib import Path

from shared.shelves import Folder


def pictures_of(data_dir: Path, sha256: str) -> Path:
    """The folder with the pictures of a paper's pages, `1.jpg` and on."""
    return Folder(data_dir / "readings").place(sha256)
