"""Write what is generated into `docs/`: `make docs`."""

from deploy.docs import pages
from shared.db import ROOT


def main() -> None:
    """Write every generated page, and take away those that no longer have a source."""
    made = pages.made()
    for path in pages.committed() - made.keys():
        path.unlink()
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(f"{len(made)} 页 pages: {ROOT / 'docs'}")


if __name__ == "__main__":
    main()
