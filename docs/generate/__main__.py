"""`python -m docs.generate`: bring docs/reference up to date."""

from __future__ import annotations

from docs.generate import FOLDER, PAGES, write

if __name__ == "__main__":
    written = write()
    print("\n".join(f"written: {FOLDER.name}/{name}" for name in written) or f"all {len(PAGES)} pages are up to date")
