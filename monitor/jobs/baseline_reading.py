"""Reading a baseline's profile: all its rows, its blocks of time, its segments, and what is usual in them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec

from monitor.baselines import BaselineProfile, SegmentReference
from monitor.engines import ProfileRequest
from monitor.jobs.stores import Stores
from monitor.profiles import WindowProfile
from monitor.quality import learn_limits
from monitor.segments import ALL, slicings
from monitor.windows import windows_between

LEAST_BLOCKS = 5
MOST_BLOCKS = 1000
PARTS = 10


def read_baseline(stores: Stores, model: str, request: ProfileRequest) -> BaselineProfile:
    """The whole, the blocks and the segments of the rows that are asked for, on the bins that are asked for."""
    spans = _block_spans(request.start, request.end, stores.window_size)
    dimensions, most = stores.settings.monitoring.dimensions(model), stores.settings.monitoring.most_segments
    whole = stores.engine.profile(request)
    profile = BaselineProfile(dict(request.columns), request.prediction, whole)
    requests = [replace(request, start=start, end=end) for start, end in spans]
    if not dimensions:
        blocks = tuple(b for each in requests if (b := stores.engine.profile(each)).service.rows)
    else:
        profiles = stores.engine.profiles(request, slicings(dimensions, profile, most))
        cuts = slicings(dimensions, msgspec.structs.replace(profile, segments=_references(profiles, [])), most)
        parts = [part for each in requests if (part := stores.engine.profiles(each, cuts))[ALL].service.rows]
        blocks = tuple(part[ALL] for part in parts)
        profile = msgspec.structs.replace(profile, segments=_references(profiles, parts))
    limits = learn_limits(whole, blocks, request.limits.outliers if request.limits else None)
    return msgspec.structs.replace(profile, blocks=blocks, limits=limits)


def _references(
    profiles: Mapping[str, WindowProfile], parts: Sequence[Mapping[str, WindowProfile]]
) -> dict[str, SegmentReference]:
    """Each segment's whole and its blocks."""
    return {
        key: SegmentReference(whole, tuple(part[key] for part in parts if key in part))
        for key, whole in profiles.items()
        if key != ALL
    }


def _block_spans(start: datetime, end: datetime, size: timedelta) -> list[tuple[datetime, datetime]]:
    """The windows the rows span, several to a block where they are more than a thousand.

    Ten equal parts of time where they are fewer than five.
    """
    several = math.ceil((end - start) / size / (MOST_BLOCKS - 1))
    windows = [(window.start, window.end) for window in windows_between(start, end, several * size)]
    if len(windows) >= LEAST_BLOCKS:
        return windows
    part = (end - start) / PARTS
    return [(start + i * part, start + (i + 1) * part if i < PARTS - 1 else end) for i in range(PARTS)]
