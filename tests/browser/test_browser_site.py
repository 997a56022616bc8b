"""The built site in a real browser: read as files, asking nobody, searched without a server, light and dark."""

from pathlib import Path

import pytest
from visiting import Visit

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.slow
@pytest.mark.parametrize("page", ["index", "api/heads", "data/organisms/whole/index"])
def test_the_search_finds_without_a_server(site: Path, visit: Visit, page: str):
    opened = visit((site / f"{page}.html").as_uri())
    opened.locator(".md-search__input").click()
    opened.locator(".md-search__input").type("hubness")
    first = opened.locator(".md-search-result__link").first
    first.wait_for()
    found = [link.get_attribute("href") or "" for link in opened.locator(".md-search-result__link").all()]
    assert any(link.startswith((site / "audit.html").as_uri()) for link in found)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", ["index", "tutorial", "cli", "families", "api/landings"])
def test_pages_fit_a_telephone_and_are_as_the_system_is_set(site: Path, visit: Visit, page: str, scheme: str):
    opened = visit((site / f"{page}.html").as_uri(), scheme=scheme, width=390)
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390
    expected = {"light": "default", "dark": "slate"}[scheme]
    assert opened.evaluate("document.body.getAttribute('data-md-color-scheme')") == expected
