# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Links in the documents of this repository lead somewhere."""

from __future__ import annotations

import re

import pytest
from checkout import ROOT, files_in_git

FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
ELSEWHERE = re.compile(r"[a-z]+:")
"""Links with a scheme, as of web pages, are not looked up here."""


@pytest.fixture(scope="module")
def documents():
    return [ROOT / name for name in files_in_git() if name.endswith(".md")]


def links_of(document):
    found = re.findall(r"\]\(([^)\s]*)\)", FENCED.sub("", document.read_text()))
    return [link for link in found if not ELSEWHERE.match(link)]


def anchors_of(document):
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#{1,6} +(.+?) *$", FENCED.sub("", document.read_text()), re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    slugs = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain]
    return {f"{slug}-{n}" if (n := slugs[:index].count(slug)) else slug for index, slug in enumerate(slugs)}


def leads_somewhere(document, link):
    path, _, anchor = link.partition("#")
    target = document.parent / path if path else document
    return target.exists() and (not anchor or anchor in anchors_of(target))


def test_every_link_within_the_repository_leads_to_a_file_and_to_a_heading_that_are_there(documents):
    links = [(document, link) for document in documents for link in links_of(document)]
    linking = {document.relative_to(ROOT).as_posix() for document, _ in links}
    assert {"README.md", "docs/models.md", "dope_ros/models/dope-lite.md"} <= linking
    assert any("#" in link for _, link in links)
    dead = [f"{document.relative_to(ROOT)}: {link}" for document, link in links]
    dead = [said for said, of in zip(dead, links, strict=True) if not leads_somewhere(*of)]
    assert not dead


def test_headings_have_the_anchors_that_github_gives_them(tmp_path):
    document = tmp_path / "page.md"
    document.write_text("# One\n\n## 8-bit integers, on `CPUs`\n\n```\n# no heading\n```\n\n## One\n")
    assert anchors_of(document) == {"one", "8-bit-integers-on-cpus", "one-1"}
    assert leads_somewhere(document, "#one-1")
    assert not leads_somewhere(document, "#two")
    assert not leads_somewhere(document, "page.md#no-heading")
    assert not leads_somewhere(document, "none.md")
