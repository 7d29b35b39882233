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
    """The data files that a table got up to and with this version, in a fixed order."""

    version: int
    paths: Sequence[str]


class ForeignTable:
    """A Delta table that somebody else writes. Raises Unavailable when it can't be read now."""

    def __init__(self, url: str, storage_options: Mapping[str, str], partitions: Mapping[str, str]) -> None:
        self.url = url
        self._options = dict(storage_options) or None
        self._partitions = partitions

    def added_after(self, version: int | None, pinned: int | None = None) -> Iterator[AddedFiles]:
        """What was added after a version (None: since the table began), up to the newest version or to `pinned`.

        Versions that follow each other are taken together, under the number of the last, unless some of them only
        rewrote rows: then each is taken by itself, and those come without files. Asked again with that number as
        `pinned`, the answer begins with the same files.
        """
        latest = self._open()
        newest = latest.version() if pinned is None else pinned
        if version is None:
            yield AddedFiles(newest, sorted(self._files(self._open(newest))))
            return
        if newest <= version:
            return
        rewrites = self._rewrites(latest, version, newest)
        before = self._files(self._open(version))
        for number in range(version + 1, newest + 1) if rewrites else [newest]:
            after = self._files(self._open(number))
            yield AddedFiles(number, [] if number in rewrites else sorted(after - before))
            before = after

    def _rewrites(self, latest: DeltaTable, version: int, newest: int) -> set[int]:
        """The versions in (version, newest] that brought no new rows."""
        return {
            entry["version"]
            for entry in latest.history(latest.version() - version)
            if entry["version"] <= newest and str(entry.get("operation", "")).upper().startswith(_REWRITES)
        }

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
