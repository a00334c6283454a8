"""A page in Chromium, as fixtures; what it logs as an error and asks of a network fails the test."""

import os
import shutil
from urllib.parse import urlsplit

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Nothing listens there: no request leaves this machine, but for which there is no proxy.
    "--proxy-server=127.0.0.1:9",
]
SECONDS = 60
"""How long a page is waited for."""
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window. For a module, as this thread cannot run another asyncio loop meanwhile."""
    from playwright.sync_api import expect, sync_playwright

    # A page that is looked at while other tests run may take long to come.
    expect.set_options(timeout=SECONDS * 1000)
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed: the page is not looked at in a browser")
    # Chromium does not start its sandbox as root.
    arguments = BROWSER_ARGUMENTS + (["--no-sandbox"] if os.geteuid() == 0 else [])
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=arguments)
        yield chromium
        chromium.close()


def host_of_network(url: str) -> str | None:
    """The host that a request would leave this machine for, if it would."""
    parts = urlsplit(url)
    inside = parts.scheme in {"file", "data", "blob", "about"} or parts.hostname in LOOPBACK
    return None if inside else parts.hostname or url


@pytest.fixture
def page(browser):
    """A fresh page at 1200 px; errors in its console, and requests to another machine, fail the test.

    The list page.problems has what went wrong so far; a test that expects a problem empties it.
    """
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    context.set_default_timeout(SECONDS * 1000)
    page = context.new_page()
    page.problems = []

    def look_at(request) -> None:
        host = host_of_network(request.url)
        if host is not None:
            page.problems.append(f"a request to {host}: {request.url}")

    def look_at_message(message) -> None:
        if message.type == "error":
            page.problems.append(f"console: {message.text}")

    # No route, by which every request would wait for this process.
    context.on("request", look_at)
    context.on("console", look_at_message)
    context.on(
        "weberror", lambda error: page.problems.append(f"page error: {error.error.stack or error.error}")
    )
    yield page
    problems = list(page.problems)
    context.close()
    assert not problems, "\n".join(problems)
