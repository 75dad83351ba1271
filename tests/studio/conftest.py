"""A browser, and a server that keeps pictures."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from running_server import RunningServer, running_server

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE_MILLISECONDS = 20_000
# Records frames, shown pictures and what is in flight from the first moment on: a request for a
# picture is, from its sending until its answer is there, or until it is cancelled.
WATCH = """
window.frames_ = []; window.shown_ = []; window.mostInFlight_ = 0;
let inFlight = 0;
const send = window.fetch;
window.fetch = async (url, options) => {
  if (!/^\\/v1\\/(generate|stylize)$/.test(url)) return send(url, options);
  window.mostInFlight_ = Math.max(window.mostInFlight_, ++inFlight);
  let response;
  try { response = await send(url, options); } catch (error) { inFlight -= 1; throw error; }
  const text = response.text.bind(response);
  response.text = () => text().finally(() => (inFlight -= 1));
  return response;
};
(function turn() { window.frames_.push(performance.now()); requestAnimationFrame(turn); })();
new PerformanceObserver((list) => {
  for (const { startTime, duration, detail } of list.getEntries())
    window.shown_.push({ from: startTime, until: startTime + duration, mix: detail });
}).observe({ type: "measure" });
"""
OpenPage = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    # Not for the session: its event loop runs as long as it does, and no test of other modules
    # could have one of its own.
    if CHROMIUM is None:
        pytest.skip("Debian's package chromium is not installed")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        # Debian's build needs it where tests run as root.
        launched = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream",
            ],
        )
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def keeping_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    store = str(tmp_path_factory.mktemp("studio"))
    with running_server("--store", store, "--max-backlog", "64") as running:
        yield running


@pytest.fixture
def open_page(browser: Any, keeping_server: RunningServer) -> Iterator[OpenPage]:
    """Opens the studio; whatever the page complains of fails the test, unless it is expected."""
    contexts, complaints = [], []

    def opened(view: str, http: str = "", expected: str = "\0", **options: Any) -> Any:
        settings = {"locale": "en-GB", "reduced_motion": "reduce", "accept_downloads": True}
        context = browser.new_context(**(settings | options))
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        context.add_init_script(WATCH)
        page = context.new_page()

        def listen(message: Any) -> None:
            if message.type in {"error", "warning"} and expected not in message.text:
                complaints.append(message.text)

        page.on("console", listen)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{http or keeping_server.http}/#{view}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
