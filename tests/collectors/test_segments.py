"""Segments: what was appended is there, and goes only when nobody needs it."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.segments import SegmentWriter, bytes_in, read_payload, sweep


@settings(max_examples=30, deadline=None)
@given(groups=st.lists(st.lists(st.binary(max_size=100), min_size=1, max_size=4), max_size=5))
def test_every_payload_is_read_back_from_its_place(
    tmp_path_factory: pytest.TempPathFactory, groups: list[list[bytes]]
) -> None:
    folder = tmp_path_factory.mktemp("segments")
    writer = SegmentWriter(folder)
    places = [place for group in groups for place in writer.append(group)]
    sent = [payload for group in groups for payload in group]
    assert [read_payload(folder, *place, len(payload)) for place, payload in zip(places, sent, strict=True)] == sent
    assert bytes_in(folder) == sum(map(len, sent))
    writer.close()


def test_a_segment_in_use_or_named_stays_and_others_go(tmp_path: Path) -> None:
    first, second = SegmentWriter(tmp_path), SegmentWriter(tmp_path)
    (kept, _), (gone, _) = first.append([b"a"])[0], second.append([b"b"])[0]
    assert sweep(tmp_path, set) == 0
    first.close()
    second.close()
    assert sweep(tmp_path, lambda: {kept}) == 1
    assert [path.stem for path in tmp_path.iterdir()] == [kept]
    assert kept != gone


def test_the_segment_of_a_writer_that_was_killed_goes(tmp_path: Path) -> None:
    program = f"""
        import os, signal
        from pathlib import Path
        from collectors.segments import SegmentWriter
        SegmentWriter(Path({str(tmp_path)!r})).append([b"x"])
        os.kill(os.getpid(), signal.SIGKILL)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    assert sweep(tmp_path, set) == 1


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert (bytes_in(tmp_path / "none"), sweep(tmp_path / "none", set)) == (0, 0)
    with pytest.raises(FileNotFoundError):
        read_payload(tmp_path, "none", 0, 1)
