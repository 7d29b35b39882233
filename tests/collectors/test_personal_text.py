"""What looks personal in a text is found, and what only resembles it is left alone."""

from __future__ import annotations

import doctest
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors import personal_text
from collectors.personal_text import KINDS, redact
from monitor.privacy_settings import PrivacySettings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail ann.o'neil+x@mail.example.co.uk, b@example.io.", "mail [email], [email]."),
        ("pay with 2024 4111 1111 1111 1111 now", "pay with 2024 [card] now"),
        ("4111111111111111", "[card]"),
        ("3782-822463-10005", "[card]"),
        ("to DE89 3704 0044 0532 0130 00 AND MORE", "to [iban] AND MORE"),
        ("gb82WEST12345698765432", "[iban]"),
        ("from 10.0.0.1.", "from [ip]."),
        ("from fe80::1ff:fe23:4567:890a or ::ffff:10.1.2.3", "from [ip] or ::ffff:[ip]"),
        ("call +44 20 7946 0958 or (555) 123-4567", "call [phone] or [phone]"),
        ("call 0171-1234567, 030 / 1234567 or 06 12 34 56 78", "call [phone], [phone] or [phone]"),
    ],
)
def test_it_is_replaced_by_its_kind(text: str, expected: str) -> None:
    found: list[str] = []
    assert redact(text, KINDS, found) == expected
    assert len(found) == expected.count("[")
    assert all(each in text for each in found)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024-03-05T03:33:59.490137",
        "05.03.2024 1234",
        "12:30:45",
        "std::vector",
        "version 1.2.3.4.5, 256.1.1.1",
        "4111 1111 1111 1112",
        "1700000000000",
        "14642743634293743168",
        "01234567-1234-4123-8123-123456789012",
        "DE88370400440532013000",
        "ZZ12 3456 7890 1234 5678",
        "0.123456789012",
        "user@localhost",
    ],
)
def test_what_only_resembles_it_is_left_alone(text: str) -> None:
    assert redact(text, KINDS) == text


def test_only_the_kinds_that_were_asked_for_are_replaced() -> None:
    assert redact("a@example.com 10.0.0.1", ["ip"]) == "a@example.com [ip]"


@given(st.text(max_size=60))
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    once = redact(text, KINDS)
    assert redact(once, KINDS) == once


@pytest.mark.parametrize(
    "piece", ["a", "1 ", "1:", "a@", "a.b@c.", "DE89 ", "+1-(", "4111 ", "1.", "0-", "a1", "0123 "]
)
def test_no_text_takes_long(piece: str) -> None:
    started = time.process_time()
    redact(piece * (20_000 // len(piece)) + "@", KINDS)
    assert time.process_time() - started < 1


def test_the_kinds_are_those_of_the_settings() -> None:
    assert PrivacySettings(redact=KINDS).redact == KINDS


def test_examples_in_docstrings_are_true() -> None:
    result = doctest.testmod(personal_text)
    assert (result.failed, result.attempted) == (0, 1)
