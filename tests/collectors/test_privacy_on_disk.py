"""Nothing that privacy takes out touches the disk: every file is searched for it, whichever way a record went."""

from __future__ import annotations
