"""How `kedge demo` ends on a signal, wherever in Python that signal arrives."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import cast

import pytest
from rich.console import Console

from monitor.cli.demo import _ending
from monitor.demo.story import Story


class Closing:
    """A story of which only its end is told."""

    closed = False

    def close(self) -> None:
        self.closed = True


@pytest.mark.timeout(30)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_end_that_gets_lost_in_a_callback_is_told_again(number: signal.Signals, tmp_path: Path) -> None:
    story, before = Closing(), signal.getsignal(number)

    def play() -> None:
        with _ending(cast(Story, story), tmp_path, Console(quiet=True)):
            with suppress(SystemExit):  # as Python does around a fork
                os.kill(os.getpid(), number)
                time.sleep(5)
            os.kill(os.getpid(), number)  # a second Ctrl-C changes nothing
            time.sleep(5)

    with pytest.raises(SystemExit) as ended:
        play()
    assert ended.value.code == 128 + number
    assert story.closed
    assert signal.getsignal(number) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
