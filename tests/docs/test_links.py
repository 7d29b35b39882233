"""Every relative link and anchor of every page leads somewhere, and every page is linked from the index."""

from __future__ import annotations

import posixpath

import pytest

from tests.docs.pages import ROOT, anchors, links, pages


@pytest.mark.parametrize("page", pages())
def test_its_links_lead_somewhere(page: str) -> None:
    for link in links(page):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = posixpath.normpath(posixpath.join(posixpath.dirname(page), path)) if path else page
        assert (ROOT / target).exists(), f"{page} links to {target}, which does not exist"
        if anchor:
            assert target in pages(), f"{page} names an anchor of {target}, which is no page"
            assert anchor in anchors(target), f"{page} links to #{anchor} of {target}; it has {sorted(anchors(target))}"


def test_every_page_is_linked_from_the_index() -> None:
    linked = {posixpath.normpath(posixpath.join("docs", link.partition("#")[0])) for link in links("docs/index.md")}
    assert {page for page in pages() if page.startswith("docs/")} - {"docs/index.md"} - linked == set()


def test_a_broken_link_would_be_found() -> None:
    assert "the-nouns" in anchors("docs/concepts.md")
    assert "how-to/slack.md" in links("docs/index.md")
    assert "no-such-heading" not in anchors("docs/concepts.md")
