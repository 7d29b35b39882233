"""Answers are worked out once per object and per what else they depend on, and not kept for ever."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from monitor.identity_cache import IdentityCache


class Thing:
    """Something to know about."""


def test_an_answer_is_made_once_per_object_and_condition() -> None:
    cache: IdentityCache[int] = IdentityCache()
    made: list[str] = []

    def make(name: str) -> int:
        made.append(name)
        return len(made)

    one, other = Thing(), Thing()
    assert cache.get(one, "a", lambda: make("one a")) == cache.get(one, "a", lambda: make("again")) == 1
    assert cache.get(one, "b", lambda: make("one b")) == 2
    assert cache.get(other, "a", lambda: make("other a")) == 3
    assert made == ["one a", "one b", "other a"]


def test_the_oldest_answers_are_forgotten_and_their_objects_kept_until_then() -> None:
    cache: IdentityCache[int] = IdentityCache(most=2)
    things = [Thing() for _ in range(3)]
    for at, thing in enumerate(things):
        cache.get(thing, "", lambda at=at: at)  # type: ignore[misc]
    assert cache.get(things[2], "", lambda: 99) == 2
    assert cache.get(things[0], "", lambda: 99) == 99


def test_many_threads_get_the_same_answer() -> None:
    cache: IdentityCache[int] = IdentityCache()
    thing = Thing()
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: cache.get(thing, "", lambda: 7), range(200))) == {7}
