"""Segments: slices of a window by a tag, by the version that served, or by a feature's value."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from monitor.baselines import BaselineProfile, SegmentReference
from monitor.dimensions import VERSION, Dimension
from monitor.errors import InvalidValue
from monitor.identity_cache import IdentityCache
from monitor.profiles import NumericProfile, WindowProfile

ALL = "all"
OTHER = "other"
MISSING = "(missing)"
"""The value of rows that have none."""
MOST_SEGMENTS = 20
PARTS = 4
LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class Slicing:
    """How one dimension is cut: at most `most` values, those `kept` and then the largest; the rest is `other`.

    `edges` cut a numeric feature as those of a profile do. Values of rows without one are called "(missing)". With
    `if_several` a window of one version, whose only segment would be the whole, is not cut.
    """

    dimension: Dimension
    kept: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()
    most: int = MOST_SEGMENTS
    if_several: bool = False

    @property
    def is_closed(self) -> bool:
        """Whether `other` holds the same values in every window, so that segments merge whatever came."""
        return len(self.kept) >= self.most


def is_wanted(slicing: Slicing, whole: WindowProfile) -> bool:
    """Whether a window with this profile is cut this way."""
    return not slicing.if_several or len(whole.versions) > 1


def segment_key(dimension: Dimension, value: str) -> str:
    """What tables call a segment: `region=eu`. Very long values are cut and told apart by a digest.

    >>> segment_key(Dimension("feature", "age"), "(30, 45]")
    'age=(30, 45]'
    """
    key = f"{dimension.name}={value}".replace("\0", "")
    if len(key) <= LONGEST_KEY:
        return key
    return f"{key[: LONGEST_KEY - 17]}…{hashlib.blake2b(key.encode(), digest_size=8).hexdigest()}"


def choose_values(counts: Mapping[str, int], slicing: Slicing) -> tuple[str, ...]:
    """The values with a segment of their own: those kept, then the largest; ties in alphabetical order.

    A value that is itself called `other` is counted with the others. A baseline knows very long values by their keys.

    >>> choose_values({"a": 1, "b": 5, "c": 5}, Slicing(VERSION, kept=("z",), most=2))
    ('z', 'b')
    """
    name = slicing.dimension.name
    cut = {segment_key(slicing.dimension, v): v for v in counts if len(name) + len(v) >= LONGEST_KEY}
    kept = tuple(cut.get(f"{name}={value}", value) for value in slicing.kept[: slicing.most])
    ranked = sorted((v for v in counts if v != OTHER and v not in kept), key=lambda value: (-counts[value], value))
    return (*kept, *ranked[: slicing.most - len(kept)])


def coarse_edges(profile: NumericProfile, parts: int = PARTS) -> tuple[float, ...]:
    """At most parts - 1 of the profile's edges, which cut its rows into parts as equal as its bins allow."""
    edges: list[float] = []
    below, at = 0, 1
    for edge, count in zip(profile.edges, profile.counts, strict=False):
        below += count
        if at < parts and below < profile.n and below * parts >= at * profile.n:
            edges.append(edge)
            at = below * parts // profile.n + 1
    return tuple(edges)


def bin_names(edges: Sequence[float]) -> tuple[str, ...]:
    """What the bins that these edges cut are called.

    >>> bin_names((30, 45.5))
    ('(-inf, 30]', '(30, 45.5]', '(45.5, inf)')
    """
    texts = [f"{edge:g}" for edge in edges]
    if len(set(texts)) < len(texts):
        texts = [repr(float(edge)) for edge in edges]
    lows, highs = ["-inf", *texts], [f"{text}]" for text in texts] + ["inf)"]
    return tuple(f"({low}, {high}" for low, high in zip(lows, highs, strict=True))


def slicings(
    dimensions: Sequence[Dimension], baseline: BaselineProfile | None, most: int = MOST_SEGMENTS
) -> list[Slicing]:
    """How a window is cut so that its segments are the baseline's, as far as it has some.

    A numeric feature is cut into coarse parts of its own baseline, so without one (or with a constant) there is none.
    Versions are always told apart where a window has several.
    """
    found = []
    for dimension in dimensions:
        column = baseline.whole.columns.get(dimension.name) if baseline and dimension.kind == "feature" else None
        if dimension.kind == "feature" and column is None:
            continue
        if isinstance(column, NumericProfile):
            if edges := coarse_edges(column):
                found.append(Slicing(dimension, (*bin_names(edges), MISSING), edges, len(edges) + 2))
            continue
        found.append(Slicing(dimension, _known_values(dimension, baseline)[:most], (), most))
    if VERSION not in dimensions:
        found.append(Slicing(VERSION, most=most, if_several=True))
    return found


def _known_values(dimension: Dimension, baseline: BaselineProfile | None) -> tuple[str, ...]:
    """The values that the baseline has segments of, the largest first, without those it calls `other`."""
    prefix = f"{dimension.name}="
    segments = baseline.segments if baseline else {}
    sized = {
        key[len(prefix) :]: segment.whole.service.rows for key, segment in segments.items() if key.startswith(prefix)
    }
    return tuple(sorted((value for value in sized if value != OTHER), key=lambda value: (-sized[value], value)))


_cut: IdentityCache[BaselineProfile] = IdentityCache(1024)


def segment_baseline(baseline: BaselineProfile | None, key: str) -> BaselineProfile | None:
    """The baseline of one segment, on the same bins; None where it holds none.

    A version that it doesn't know is compared with all of it: versions take turns at serving the same people.
    """
    if baseline is None or key == ALL:
        return baseline
    segment = baseline.segments.get(key)
    if segment is None:
        return baseline if key.startswith(segment_key(VERSION, "")) else None
    return _cut.get(baseline, key, lambda: _cut_out(baseline, segment))


def _cut_out(baseline: BaselineProfile, segment: SegmentReference) -> BaselineProfile:
    return msgspec.structs.replace(baseline, whole=segment.whole, blocks=segment.blocks, segments={})


def matches(pattern: str, key: str) -> bool:
    """Whether a monitor of this segment looks at that one: `all` and `region=eu` at itself, `region=*` at every region,
    `*` at every segment.

    >>> [matches("region=*", key) for key in ("region=eu", "age=other", "all")], matches("*", "all")
    ([True, False, False], False)
    """
    if key == ALL or pattern == ALL:
        return pattern == key
    return pattern in ("*", key) or (pattern.endswith("=*") and key.startswith(pattern[:-1]))


def check_pattern(pattern: str) -> str:
    """The pattern, if monitors may have it. Raises InvalidValue."""
    name, equals, value = pattern.partition("=")
    if pattern in (ALL, "*") or (name and equals and value and len(pattern) <= LONGEST_KEY):
        return pattern
    raise InvalidValue(f"segment {pattern!r} is not usable; accepted: all, *, NAME=VALUE such as region=eu, NAME=*")


def merge_slices(parts: Sequence[Mapping[str, WindowProfile]], slicing: Slicing) -> dict[str, WindowProfile] | None:
    """One dimension's segments of a longer window from those of its parts, by key; None when they can't be known.

    A part that had to put values into `other` can't say which; unless every part had the same values there.
    """
    prefix, other = f"{slicing.dimension.name}=", segment_key(slicing.dimension, OTHER)
    merged: dict[str, WindowProfile] = {}
    for part in parts:
        for key, profile in _slices(part, prefix, slicing).items():
            merged[key] = merged[key].merge(profile) if key in merged else profile
    if slicing.if_several and len(merged) < 2:
        return {}
    if slicing.is_closed or not merged:
        return merged
    if other in merged:
        return None
    sizes = {key[len(prefix) :]: profile.service.rows for key, profile in merged.items()}
    kept = {segment_key(slicing.dimension, value) for value in choose_values(sizes, slicing)}
    result = {key: profile for key, profile in merged.items() if key in kept}
    for key, profile in merged.items():
        if key not in kept:
            result[other] = result[other].merge(profile) if other in result else profile
    return result


def _slices(part: Mapping[str, WindowProfile], prefix: str, slicing: Slicing) -> dict[str, WindowProfile]:
    found = {key: profile for key, profile in part.items() if key.startswith(prefix)}
    if not found and slicing.if_several and part[ALL].service.rows:  # one version served it all
        found = {segment_key(VERSION, version): part[ALL] for version in part[ALL].versions}
    return found
