"""Plug-ins: third parties' members enter like ours, can't take our names, and say what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.drift import DriftMethod, get_method
from monitor.errors import ConfigError
from monitor.plugins import DRIFT_METHODS, FAMILIES, Family


def install(folder: Path, distribution: str, group: str, **members: str) -> None:
    """What installing a package leaves behind: its metadata with the entry points."""
    info = folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    points = "\n".join(f"{name} = {value}" for name, value in members.items())
    (info / "entry_points.txt").write_text(f"[{group}]\n{points}\n")


@pytest.fixture
def site_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that packages can be installed into, searched before our own."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.group)
def test_every_member_of_every_family_can_be_loaded(family: Family) -> None:
    assert family.names()
    for name in family.names():
        assert family.load(name) is not None


def test_families_have_names_and_groups_of_their_own() -> None:
    assert len({family.group for family in FAMILIES}) == len({family.noun for family in FAMILIES}) == len(FAMILIES)
    assert all(family.group.startswith("kedge.") for family in FAMILIES)


def test_another_packages_member_is_found(site_packages: Path) -> None:
    (site_packages / "energy_drift.py").write_text(
        "from monitor.drift import DriftMethod\n"
        "chebyshev = DriftMethod('chebyshev', 'a test', lambda p, q: abs(p - q).max())\n"
    )
    install(site_packages, "energy-drift", "kedge.drift_methods", chebyshev="energy_drift:chebyshev")
    assert "chebyshev" in DRIFT_METHODS.names()
    method = get_method("chebyshev")
    assert isinstance(method, DriftMethod)
    assert method.name == "chebyshev"


def test_our_own_names_cant_be_taken(site_packages: Path) -> None:
    (site_packages / "impostor.py").write_text("jensenshannon = 'an impostor'\n")
    install(site_packages, "impostor", "kedge.drift_methods", jensenshannon="impostor:jensenshannon")
    assert DRIFT_METHODS.names().count("jensenshannon") == 1
    assert isinstance(get_method("jensenshannon"), DriftMethod)


def test_an_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(ConfigError) as caught:
        get_method("mystery")
    assert str(caught.value) == (
        "drift method 'mystery' is not known; accepted: " + ", ".join(sorted(DRIFT_METHODS.names()))
    )


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("no_such_module_at_all:thing", "No module named 'no_such_module_at_all'"),
        ("monitor.drift:no_such_thing", "no_such_thing"),
        ("broken_on_import:thing", "division by zero"),
    ],
)
def test_a_member_that_cant_be_imported_names_itself(site_packages: Path, value: str, why: str) -> None:
    (site_packages / "broken_on_import.py").write_text("1 / 0\n")
    install(site_packages, "broken", "kedge.drift_methods", broken=value)
    with pytest.raises(ConfigError, match=f"drift method 'broken' .*can't be loaded: .*{why}") as caught:
        DRIFT_METHODS.load("broken")
    assert value in str(caught.value)


def test_a_family_without_members_says_so() -> None:
    empty = Family("thing", "kedge.things_nobody_has")
    assert empty.names() == []
    with pytest.raises(ConfigError, match="thing 'x' is not known"):
        empty.load("x")
