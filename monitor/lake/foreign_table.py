"""Delta tables of others, read in place: which data files each version added, and their rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from monitor.errors import Unavailable

# Files that these write hold rows that were there before. (MERGE is none of them: it may bring new rows.)
_REWRITES = ("OPTIMIZE", "VACUUM", "DELETE", "UPDATE", "RESTORE", "REORG", "TRUNCATE", "CLUSTER", "COMPUTE")


@dataclass(frozen=True, slots=True)
class AddedFiles:
    """The data files that one version of a table added, in a fixed order."""

    version: int
    paths: Sequence[str]


class ForeignTable:
    """A Delta table that somebody else writes. Raises Unavailable when it can't be read now."""

    def __init__(self, url: str, storage_options: Mapping[str, str], partitions: Mapping[str, str]) -> None:
        self.url = url
        self._options = dict(storage_options) or None
        self._partitions = partitions

    def added_after(self, version: int | None, pinned: int | None = None) -> Iterator[AddedFiles]:
        """What each later version added, in order. None: the files of the newest version (or `pinned`), as one.

        Versions that only rewrote rows come without files.
        """
        latest = self._open()
        if version is None:
            now = self._open(pinned) if pinned is not None else latest
            yield AddedFiles(now.version(), sorted(self._files(now)))
            return
        newest = latest.version()
        if newest <= version:
            return
        operations = {entry["version"]: entry.get("operation", "") for entry in latest.history(newest - version)}
        before = self._files(self._open(version))
        for number in range(version + 1, newest + 1):
            after = self._files(self._open(number))
            is_rewrite = str(operations.get(number, "")).upper().startswith(_REWRITES)
            yield AddedFiles(number, [] if is_rewrite else sorted(after - before))
            before = after

    def batches(self, version: int, path: str, columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
        """The rows of one file as of a version, with the columns of its partition, in a fixed order."""
        try:
            dataset = self._open(version).to_pyarrow_dataset()
            for fragment in dataset.get_fragments():
                if fragment.path == path:
                    wanted = list(columns) or None
                    yield from fragment.to_batches(schema=dataset.schema, columns=wanted, batch_size=rows)
        except (DeltaError, pa.ArrowException, OSError) as error:
            raise Unavailable(f"file {path!r} of the Delta table {self.url!r} can't be read: {_line(error)}") from error

    def _files(self, table: DeltaTable) -> set[str]:
        actions = pa.table(table.get_add_actions(flatten=True))
        wanted = {f"partition.{name}": value for name, value in self._partitions.items()}
        return {row["path"] for row in actions.to_pylist() if all(str(row.get(n)) == v for n, v in wanted.items())}

    def _open(self, version: int | None = None) -> DeltaTable:
        try:
            return DeltaTable(self.url, version=version, storage_options=self._options)
        except TableNotFoundError:
            raise Unavailable(f"there is no Delta table at {self.url!r} yet") from None
        except (DeltaError, OSError, ValueError) as error:
            which = "" if version is None else f" (version {version}; its log may have been cleaned up)"
            raise Unavailable(f"the Delta table {self.url!r}{which} can't be read: {_line(error)}") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:500]
