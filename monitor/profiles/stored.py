"""Profiles as they are stored: one blob per window, and many of them merged without unpacking each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np

from monitor.errors import InvalidValue
from monitor.profiles.packed import Layout, PackedColumns, layout_of, merge_packed, pack, read_layout, unpack
from monitor.profiles.service import ServiceProfile
from monitor.profiles.window import WindowProfile


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    """`layout` is empty where the digest is that of bins the reader knows: a model's windows are on its baseline's, and
    the edges of fifty columns take more room than their counts. `rest` is all but the columns."""

    digest: bytes
    layout: bytes
    kind: str
    integers: bytes
    floats: bytes
    rest: msgspec.Raw


@dataclass(frozen=True, slots=True)
class MergedWindows:
    """Many windows as one. `left_out` are positions of windows whose columns are on other bins than the last one's:
    they count in everything but the columns and the prediction."""

    profile: WindowProfile
    left_out: tuple[int, ...] = ()


def encode_profile(profile: WindowProfile, like: WindowProfile | None = None) -> bytes:
    """The profile as bytes. Its bins are left out where they are those of `like`, which decoding needs then."""
    packed = pack(profile.columns, profile.prediction)
    known = like is not None and _layout(like).key == packed.layout.key
    kind = np.min_scalar_type(int(packed.integers.max(initial=0))).newbyteorder("<")
    rest = msgspec.structs.replace(profile, columns={}, prediction=None)
    return msgspec.msgpack.encode(
        _Stored(
            packed.layout.digest,
            b"" if known else packed.layout.key,
            kind.str,
            packed.integers.astype(kind).tobytes(),
            packed.floats.astype("<f8").tobytes(),
            msgspec.Raw(msgspec.msgpack.encode(rest)),
        )
    )


def decode_profile(payload: bytes, like: WindowProfile | None = None) -> WindowProfile:
    """The profile that `encode_profile` stored, now or in an earlier version of Kedge.

    Raises InvalidValue when its bins were left out and are not those of `like`.
    """
    packed, rest = _read(payload, _known([like] if like is not None else []))
    return _whole(packed, rest)


def merge_all(profiles: Iterable[WindowProfile]) -> WindowProfile:
    """The same as merging one by one, in one go. Raises InvalidValue when a column is on different bins."""
    parts = [(pack(profile.columns, profile.prediction), profile) for profile in profiles]
    if not parts:
        return WindowProfile()
    by_layout: dict[bytes, list[PackedColumns]] = {}
    for packed, _ in parts:
        by_layout.setdefault(packed.layout.key, []).append(packed)
    whole = WindowProfile()
    for some in by_layout.values():
        columns, prediction = unpack(merge_packed(some))
        whole = whole.merge(WindowProfile(columns=columns, prediction=prediction))
    rest = _merge_rests([_without_columns(profile) for _, profile in parts])
    return msgspec.structs.replace(rest, columns=whole.columns, prediction=whole.prediction)


def merge_stored(
    payloads: Sequence[bytes], likes: Iterable[WindowProfile] = (), fields: frozenset[str] | None = None
) -> MergedWindows:
    """Many stored windows merged, their columns on the bins of the last one. `likes` know bins that were left out.

    With `fields`, only these (`service`, `labelled` …) are merged beside the columns and the prediction, which is
    faster; the others are as if there had been no rows. Raises InvalidValue when bins were left out that none of
    `likes` has, and for a field that profiles don't have.
    """
    known = _known(likes)
    parts = [_read(payload, known, fields) for payload in payloads]
    if not parts:
        return MergedWindows(WindowProfile())
    wanted = parts[-1][0].layout
    packed = merge_packed([packed for packed, _ in parts if packed.layout.key == wanted.key])
    left_out = tuple(i for i, (packed, _) in enumerate(parts) if packed.layout.key != wanted.key)
    rest = _merge_rests([rest for _, rest in parts], fields)
    return MergedWindows(_whole(packed, rest), left_out)


def stored_service(payload: bytes) -> ServiceProfile:
    """The service part of a stored profile, for which nobody needs to know its bins."""
    rest = _STORED.decode(payload).rest if _is_packed(payload) else msgspec.Raw(payload)
    return _read_rest(rest, frozenset({"service"})).service


def _read(
    payload: bytes, known: Mapping[bytes, Layout], fields: frozenset[str] | None = None
) -> tuple[PackedColumns, WindowProfile]:
    if not _is_packed(payload):
        profile = msgspec.msgpack.decode(payload, type=WindowProfile)
        rest = _read_rest(msgspec.Raw(payload), fields)
        return pack(profile.columns, profile.prediction), _without_columns(rest)
    stored = _STORED.decode(payload)
    layout = read_layout(stored.layout) if stored.layout else known.get(stored.digest)
    if layout is None:
        raise InvalidValue("a stored profile is on bins that are not known; pass the baseline it was compared with")
    integers = np.frombuffer(stored.integers, dtype=stored.kind)
    floats = np.frombuffer(stored.floats, dtype="<f8").reshape(-1, 4)
    return PackedColumns(layout, integers, floats), _read_rest(stored.rest, fields)


def _read_rest(rest: msgspec.Raw, fields: frozenset[str] | None) -> WindowProfile:
    if fields is None:
        return _REST.decode(rest)
    if not fields:
        return WindowProfile()
    found = _decoder(fields).decode(rest)
    return WindowProfile(**{name: getattr(found, name) for name in fields})


@lru_cache
def _decoder(fields: frozenset[str]) -> msgspec.msgpack.Decoder[Any]:
    """Reads some of a profile's fields and skips the others."""
    known = {field.name: field for field in msgspec.structs.fields(WindowProfile)}
    if unknown := fields - known.keys():
        raise InvalidValue(f"profiles have no {sorted(unknown)}; accepted: {', '.join(known)}")
    some = [(name, known[name].type, getattr(WindowProfile(), name)) for name in sorted(fields)]
    return msgspec.msgpack.Decoder(msgspec.defstruct("SomeFields", some, frozen=True))


def _is_packed(payload: bytes) -> bool:
    """A MessagePack array; profiles of earlier versions are maps."""
    return 0x90 <= payload[0] <= 0x9F


def _known(likes: Iterable[WindowProfile]) -> dict[bytes, Layout]:
    layouts = [_layout(like) for like in likes]
    return {layout.digest: layout for layout in layouts}


def _layout(profile: WindowProfile) -> Layout:
    prediction = [] if profile.prediction is None else [(None, profile.prediction)]
    return layout_of([*profile.columns.items(), *prediction])


def _whole(packed: PackedColumns, rest: WindowProfile) -> WindowProfile:
    columns, prediction = unpack(packed)
    return msgspec.structs.replace(rest, columns=columns, prediction=prediction)


def _without_columns(profile: WindowProfile) -> WindowProfile:
    return msgspec.structs.replace(profile, columns={}, prediction=None)


def _merge_rests(rests: Sequence[WindowProfile], fields: frozenset[str] | None = None) -> WindowProfile:
    """Field by field, as only some may be wanted; a dictionary is merged as the profile that holds nothing else is."""
    names = fields if fields is not None else [field.name for field in msgspec.structs.fields(WindowProfile)]
    merged = {}
    for name in names:
        values = [getattr(rest, name) for rest in rests]
        if hasattr(values[0], "merge"):
            merged[name] = _merge_pairs(values)
        elif any(values):
            alone = [WindowProfile(**{name: value}) for value in values if value]
            merged[name] = getattr(_merge_pairs(alone), name)
    return WindowProfile(**merged)


def _merge_pairs(values: Sequence[Any]) -> Any:
    """Merged in pairs, then pairs of pairs: one after the other would copy what has been merged so far each time."""
    while len(values) > 1:
        pairs = zip(values[::2], values[1::2], strict=False)
        values = [*(a.merge(b) for a, b in pairs), *values[len(values) // 2 * 2 :]]
    return values[0]


_STORED = msgspec.msgpack.Decoder(_Stored)
_REST = msgspec.msgpack.Decoder(WindowProfile)
