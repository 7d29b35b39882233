"""Damaging a log: bytes, tokens, lines, JSON trees, headers. The same seed does the same damage."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from collectors.formats import Log

MOST_BYTES = 200_000
NUMBERS = [
    "0",
    "-0.0",
    "1e999",
    "-1e999",
    "9" * 400,
    "-" + "9" * 30,
    "1e-400",
    "9223372036854775808",
    "1.5",
    "NaN",
    "Infinity",
]
TEXTS = [
    '""',
    '"\\ud800"',
    '"\\u0000"',
    '"' + "x" * 300 + '"',
    '"NaN"',
    '"2026-13-45T99:99"',
    '"9999-12-31T23:59:59-23:59"',
    '"1e30"',
    '"é\U0001f980"',
    '"a/b"',
]
OTHERS = ["null", "true", "[]", "{}", "[[]]", '{"a":{"b":[1]}}', "[1,2,3]", '[[1,2],["a",null]]']
TOKENS = [token.encode() for token in NUMBERS + TEXTS + OTHERS]
BYTES = [
    b"\x00",
    b"\xff",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"\xf0\x9f",
    b"\xef\xbb\xbf",
    b"\r\n",
    b"\n",
    b"\x0b",
    b",",
    b'"',
    b"\\",
    b"[" * 3000,
    b'{"a":' * 2000,
]
VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    7,
    10**40,
    -(2**63) - 1,
    2**64,
    1e308,
    1.5,
    float("nan"),
    float("inf"),
    "",
    "x" * 300,
    "\x00",
    "\ud800",
    "NaN",
    "1e999",
    "2026-02-30",
    "0001-01-01T00:00:00+14:00",
    [],
    {},
    [[]],
    [1, 2],
    [None],
    {"a": 1},
    {"": None},
    [["a", 1.5], ["b", None]],
    [[[1]]],
    {"inputs": []},
    {"predictions": [1, 2, 3]},
]

_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_TEXT = re.compile(rb'"(?:[^"\\\n]|\\.)*"')
_KEY = re.compile(rb'"(?:[^"\\\n]|\\.)*"\s*:')

Damage = Callable[[random.Random, bytes, bytes], bytes]


def damaged(rng: random.Random, log: Log, others: Sequence[Log]) -> Log:
    """The log with one to four things wrong; `others` lend bytes and headers."""
    other = rng.choice(others)
    if rng.random() < 0.25:
        log = _other_surroundings(rng, log, other)
    body = log.body
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        body = rng.choice(DAMAGES)(rng, body, other.body)
    return replace(log, body=body[:MOST_BYTES], memory={})


def flip(rng: random.Random, body: bytes, _: bytes) -> bytes:
    changed = bytearray(body)
    for _each in range(min(len(changed), rng.randint(1, 8))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def truncate(rng: random.Random, body: bytes, _: bytes) -> bytes:
    return body[: rng.randint(0, len(body))]


def behead(rng: random.Random, body: bytes, _: bytes) -> bytes:
    return body[rng.randint(0, len(body)) :]


def cut_out(rng: random.Random, body: bytes, _: bytes) -> bytes:
    start, end = _span(rng, body)
    return body[:start] + body[end:]


def repeat(rng: random.Random, body: bytes, _: bytes) -> bytes:
    start, end = _span(rng, body)
    return body[:end] + body[start:end] * rng.randint(1, 5) + body[end:]


def splice(rng: random.Random, body: bytes, other: bytes) -> bytes:
    start, end = _span(rng, other)
    here = rng.randint(0, len(body))
    return body[:here] + other[start:end] + body[here:]


def insert(rng: random.Random, body: bytes, _: bytes) -> bytes:
    here = rng.randint(0, len(body))
    return body[:here] + rng.choice(BYTES + TOKENS) + body[here:]


def other_number(rng: random.Random, body: bytes, _: bytes) -> bytes:
    return _replace_one(rng, body, _NUMBER, rng.choice(TOKENS))


def other_text(rng: random.Random, body: bytes, _: bytes) -> bytes:
    return _replace_one(rng, body, _TEXT, rng.choice(TOKENS))


def other_field(rng: random.Random, body: bytes, _: bytes) -> bytes:
    """Something between two commas becomes something else, as in a line of CSV."""
    fields = body.split(b",")
    fields[rng.randrange(len(fields))] = rng.choice(TOKENS + BYTES)
    return b",".join(fields)


def double_key(rng: random.Random, body: bytes, _: bytes) -> bytes:
    found = list(_KEY.finditer(body))
    if not found:
        return body
    key = rng.choice(found)
    return body[: key.start()] + key.group() + rng.choice(TOKENS) + b"," + body[key.start() :]


def shuffle_lines(rng: random.Random, body: bytes, other: bytes) -> bytes:
    lines = body.splitlines(keepends=True) + other.splitlines(keepends=True)[: rng.randint(0, 2)]
    rng.shuffle(lines)
    return b"".join(lines[: rng.randint(1, len(lines))] if lines else lines)


def other_tree(rng: random.Random, body: bytes, _: bytes) -> bytes:
    """One line that is JSON gets another value somewhere, or loses or gains a key; text that holds JSON is opened."""
    lines = body.split(b"\n") if rng.random() < 0.8 else [body]
    at = rng.randrange(len(lines))
    try:
        tree = json.loads(lines[at])
        lines[at] = json.dumps(_changed(rng, tree)).encode()
    except (ValueError, RecursionError):
        return body
    return b"\n".join(lines)


DAMAGES: list[Damage] = [
    flip,
    truncate,
    behead,
    cut_out,
    repeat,
    splice,
    insert,
    other_number,
    other_text,
    other_field,
    double_key,
    shuffle_lines,
    *[other_tree] * 8,
]


def _changed(rng: random.Random, tree: Any) -> Any:
    if isinstance(tree, str) and tree[:1] in ("{", "[") and rng.random() < 0.8:
        try:
            return json.dumps(_changed(rng, json.loads(tree)))
        except (ValueError, RecursionError):
            return tree
    if not isinstance(tree, (dict, list)) or not tree or rng.random() < 0.15:
        return rng.choice(VALUES)
    if isinstance(tree, dict):
        return _changed_object(rng, dict(tree))
    place = rng.randrange(len(tree))
    match rng.randrange(6):
        case 0:
            return tree[:place] + tree[place + 1 :]
        case 1:
            return [*tree, tree[place]]
        case 2:
            return [tree] * rng.randint(1, 3)
        case _:
            return [*tree[:place], _changed(rng, tree[place]), *tree[place + 1 :]]


def _changed_object(rng: random.Random, tree: dict[str, Any]) -> dict[str, Any]:
    key = rng.choice(list(tree))
    match rng.randrange(8):
        case 0:
            del tree[key]
        case 1:
            tree[rng.choice(["", "\x00", "x" * 300, key.upper(), "unknown", "a.b[0]"])] = rng.choice(VALUES)
        case 2:
            tree[rng.choice(list(tree))] = tree[key]
        case _:
            tree[key] = _changed(rng, tree[key])
    return tree


def _other_surroundings(rng: random.Random, log: Log, other: Log) -> Log:
    """Other headers or another path: swapped, missing, or with odd values."""
    headers = dict(log.headers)
    match rng.randrange(5):
        case 0:
            headers = dict(other.headers)
        case 1 if headers:
            del headers[rng.choice(list(headers))]
        case 2 if headers:
            odd = ["", "x" * 9000, "\x00", "é", "{}", '{"a":', "-1", "nan", "9" * 400, "2026-99-99", "[" * 3000]
            headers[rng.choice(list(headers))] = rng.choice(odd)
        case 3 if headers:
            one, two = rng.choice(list(headers)), rng.choice(list(headers))
            headers[one], headers[two] = headers[two], headers[one]
        case _:
            return replace(
                log, path=rng.choice([other.path, "", "/", "../..", "x" * 5000, "a/b=c/%00", "/v1/models//infer"])
            )
    return replace(log, headers=headers)


def _span(rng: random.Random, body: bytes) -> tuple[int, int]:
    start = rng.randint(0, len(body))
    return start, min(len(body), start + rng.choice((1, 2, 8, 40, 400)))


def _replace_one(rng: random.Random, body: bytes, pattern: re.Pattern[bytes], token: bytes) -> bytes:
    found = list(pattern.finditer(body))
    if not found:
        return body
    one = rng.choice(found)
    return body[: one.start()] + token + body[one.end() :]
