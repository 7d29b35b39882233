"""A dashboard that other machines can reach asks for a key that may read."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from monitor.db import keys
from monitor.db.database import Database
from monitor.db.keys import Role
from tests.dashboards.conftest import NOW, Open


def sign_in(page: AppTest, key: str) -> AppTest:
    page.text_input[0].set_value(key)
    return page.button[0].click().run()


def make_key(control: Path, role: Role) -> str:
    database = Database(f"sqlite:///{control}")
    with database.session() as session:
        return keys.create_key(session, "test", role, NOW)


def test_nothing_is_shown_before_a_key(control: Path, exposed: Open) -> None:
    page = exposed(control)
    assert [title.value for title in page.title] == ["Sign in"]
    assert not page.exception
    assert "churn" not in str(page.main)


@pytest.mark.parametrize("role", [Role.READ, Role.ADMIN])
def test_a_key_that_may_read_opens_the_dashboard(control: Path, exposed: Open, role: Role) -> None:
    page = sign_in(exposed(control), make_key(control, role))
    assert "Sign in" not in [title.value for title in page.title]
    assert not page.exception


def test_a_wrong_key_and_a_key_that_may_only_send_open_nothing(control: Path, exposed: Open) -> None:
    for key in ("", "kedge_admin_guess", make_key(control, Role.INGEST)):
        page = sign_in(exposed(control), key)
        assert [title.value for title in page.title] == ["Sign in"]
        assert page.error


def test_on_this_machine_no_key_is_asked_for(control: Path, open_page: Open) -> None:
    assert "Sign in" not in [title.value for title in open_page(control).title]
