"""The documents point to what is there, and say what the code says."""
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
LINK = re.compile(r"\]\(([^)#\s]*)(#[^)\s]*)?\)")
NAMED = re.compile(r"`((?:audio|daemon|schedule|web-admin|systemd|tests|tools|docs)/[\w./*-]+)`")


def anchors(page):
    """The anchors of a page's headings, as the usual renderers make them."""
    heads = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=[str(p.relative_to(ROOT)) for p in PAGES])
def test_links_lead_somewhere(page):
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        to = (page.parent / target).resolve() if target else page
        assert to.exists(), f"{page.name} points to {target}"
        if anchor:
            assert anchor[1:] in anchors(to), f"{page.name} points to {target}{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=[str(p.relative_to(ROOT)) for p in PAGES])
def test_named_files_are_there(page):
    for name in NAMED.findall(page.read_text(encoding="utf-8")):
        assert list(ROOT.glob(name.rstrip("/"))), f"{page.name} names {name}"


def test_every_key_of_the_configuration_is_explained():
    keys = re.findall(r'^\t\{"(\w+)",\s*"(\w+)",', (ROOT / "daemon/config.c").read_text(encoding="utf-8"), re.M)
    assert len(keys) > 10
    table = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
    for section, key in keys:
        rows = [row for row in table.splitlines() if row.startswith(f"| `[{section}]") and f"{key}`" in row]
        assert rows, f"docs/operating.md does not explain [{section}] {key}"


def test_every_command_is_in_the_manual():
    source = (ROOT / "daemon/dalabactl.c").read_text(encoding="utf-8")
    page = (ROOT / "docs/dalabactl.1").read_text(encoding="utf-8").replace("\\-", "-")
    table = source[source.index("commands[] = {"):]
    commands = re.findall(r'^\t\{"([a-z ]+)", "[A-Z ]*"', table, re.M)
    options = re.findall(r'^\t\{"([a-z]+)",', source[:source.index("commands[] = {")], re.M)
    assert len(commands) > 8 and len(options) > 12
    for word in [*commands, *(f"--{option}" for option in options)]:
        assert word in page, f"docs/dalabactl.1 does not have {word}"
