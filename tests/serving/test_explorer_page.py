"""The page in a real browser, on a model made by hand: what a reader does, and what comes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from serving.app import Options
from serving.model_config import ModelConfig
from serving.models import Models
from serving.request_log import log_nowhere
from serving.server import bound_socket, serving_on, url_of
from tests.serving.chromium import NAMES, Page, browsing, found_chromium
from tests.serving.film_bundle import LAST_TIME, STATE_BYTES, FilmBundle

CHROMIUM = found_chromium()
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason=f"no browser: none of {', '.join(NAMES)} is on the PATH"
)
TITLES = "[...document.querySelectorAll('#answer-rows .title')].map(e => e.textContent)"
EVENTS = "[...document.querySelectorAll('#events .title')].map(e => e.textContent)"


@contextmanager
def serving_films(folder: Path, *, plain: bool = False) -> Iterator[tuple[str, FilmBundle]]:
    """A server of a model `films` with the page: its address, and the model."""
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "saved_model.pb").write_text("by hand")
    bundle = FilmBundle(plain=plain)
    models = Models([ModelConfig("films", folder)], poll_seconds=0.05, load=lambda _: bundle)
    options = Options(explorer=True, log=log_nowhere)
    with bound_socket("127.0.0.1", 0) as bound, models.watched():
        assert models.await_available(60)
        with serving_on(bound, models, options):
            yield url_of(bound), bundle


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    assert CHROMIUM is not None
    with browsing(CHROMIUM, tmp_path_factory.mktemp("browser")) as page:
        yield page


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, FilmBundle]]:
    with serving_films(tmp_path_factory.mktemp("films")) as served:
        yield served


@pytest.fixture
def page(browser: Page, films: tuple[str, FilmBundle]) -> Iterator[Page]:
    """The page with its first history, f23 being the last event; silent up to the end."""
    url, bundle = films
    opened(browser, url)
    bundle.asked.clear()
    yield browser
    assert browser.complaints() == []
    assert {one.split("/")[2] for one in browser.requested()} == {url.split("/")[2]}


def opened(browser: Page, url: str) -> None:
    browser.events.clear()
    browser.open("about:blank")
    browser.open(f"{url}/explore")
    browser.wait_for("document.querySelectorAll('#answer-rows .title').length === 10")
    settle(browser)


def settle(page: Page) -> None:
    """Waits until all that was asked is answered and said."""
    page.wait_for("document.getElementById('main').getAttribute('aria-busy') === 'false'")


def film(number: int) -> str:
    return f"<b>Film</b> & {number % 24}"


def films_from(number: int, count: int = 10) -> list[str]:
    return [film(number + step) for step in range(count)]


def focused(page: Page) -> str:
    found = page.value(
        "document.activeElement.id || document.activeElement.getAttribute('aria-label')"
        " || document.activeElement.textContent"
    )
    return str(found)


def tab_to(page: Page, name: str) -> None:
    """Goes on by the Tab key until the focus is on what is called so."""
    for _ in range(80):
        if focused(page).startswith(name):
            return
        page.press("Tab")
    raise AssertionError(f"the Tab key never comes to {name}")


def test_the_slider_changes_the_list(page: Page) -> None:
    assert page.value(EVENTS) == [film(1), film(0), film(23)]
    assert page.value(TITLES) == films_from(0)
    page.value("document.getElementById('gap').focus()")
    page.press("End")
    page.wait_for(f"{TITLES}[0] === {json.dumps(film(17))}")
    settle(page)
    assert page.value(TITLES) == [film(n) for n in (*range(17, 24), 0, 1, 2)]
    assert page.value("document.getElementById('gap').getAttribute('aria-valuetext')") == (
        "30 days, level 2 of 0 to 2"
    )
    page.wait_for(
        "document.getElementById('summary').textContent === '30 days after the last event "
        "(level 2); first is <b>Film</b> & 17; 7 of 10 are not among the answers at 0 s.'"
    )
    page.press("Home")
    page.wait_for(f"{TITLES}[0] === {json.dumps(film(0))}")


def test_a_gap_can_be_pressed(page: Page) -> None:
    page.value("document.querySelector('#gap-marks [data-gap=\"60\"]').click()")
    page.wait_for(f"{TITLES}[0] === {json.dumps(film(9))}")
    pressed = "[...document.querySelectorAll('[aria-pressed=true]')].map(e => e.textContent)"
    assert page.value(pressed) == ["1 min"]
    assert page.value("document.getElementById('gap').value") == "112"


def test_an_added_event_goes_into_history_and_state(
    page: Page, films: tuple[str, FilmBundle]
) -> None:
    _, bundle = films
    page.value("document.querySelector('#gap-marks [data-gap=\"3600\"]').click()")
    page.wait_for(f"{TITLES}[0] === {json.dumps(film(17))}")
    settle(page)
    bundle.asked.clear()
    page.value("document.querySelector('#answer-rows button').click()")
    page.wait_for(f"{TITLES}[0] === {json.dumps(film(18))}")
    settle(page)
    assert page.value(EVENTS) == [film(1), film(0), film(23), film(17)]
    (update,) = [asked for name, asked in bundle.asked if name == "update"]
    assert update["items"] == [["f17"]]
    assert update["times"] == [[LAST_TIME + 80 + 3600]]
    assert "start" not in [name for name, _ in bundle.asked]
    size = page.value("document.getElementById('state-size').textContent")
    assert size.startswith(f"{STATE_BYTES} bytes, however long the history; update changed ")
    check = page.value("document.getElementById('state-check').textContent")
    assert "the same items in the same order" in check
    trail = page.value(
        "[...document.querySelectorAll('#state-trail code')].map(e => e.textContent)"
    )
    assert trail == ["start", "update", "update"]


def test_an_edited_history_begins_a_state_anew(page: Page, films: tuple[str, FilmBundle]) -> None:
    page.value("document.querySelector('[data-key=remove-0]').focus()")
    page.press("Enter")
    page.wait_for(f"{EVENTS}.length === 2")
    settle(page)
    assert page.value(EVENTS) == [film(0), film(23)]
    asked = films[1].asked
    assert [name for name, _ in asked if name in ("start", "update")] == ["start", "update"]
    (update,) = [inputs for name, inputs in asked if name == "update"]
    assert update["items"] == [["f0", "f23"]]
    assert focused(page) == f"Remove {film(0)}"


def test_it_can_be_asked_by_the_state_alone(page: Page, films: tuple[str, FilmBundle]) -> None:
    page.value(
        "{const way = document.getElementById('way'); way.value = 'recommend_from_state';"
        "way.dispatchEvent(new Event('change'))}"
    )
    settle(page)
    assert films[1].asked[-1][0] == "recommend_from_state"
    assert page.value(TITLES) == films_from(0)


def test_the_keyboard_alone_does_it(page: Page) -> None:
    tab_to(page, "gap")
    page.press("PageUp", 9)
    page.wait_for("document.getElementById('gap-value').textContent.includes('level 2')")
    tab_to(page, "query")
    page.write("film</b> & 5")
    page.wait_for("document.querySelectorAll('#found li').length === 1")
    page.press("Enter")
    page.wait_for(f"{EVENTS}.length === 4")
    assert page.value(EVENTS)[-1] == film(5)
    settle(page)
    tab_to(page, f"Add {film(6)}")
    page.press("Enter")
    page.wait_for(f"{EVENTS}.length === 5")
    settle(page)
    assert focused(page) == f"Add {film(7)}, 0 s after the last event"


def test_what_the_model_reads_is_asked_for(page: Page, films: tuple[str, FilmBundle]) -> None:
    page.value(
        "{const set = (e, value) => {e.value = value; e.dispatchEvent(new Event('change'))};"
        "set(document.querySelector('[data-key=feedback-2]'), '4.5');"
        "set(document.querySelector('[data-key=type-2]'), 'view');"
        "set(document.querySelector('#user input'), '33')}"
    )
    settle(page)
    name, inputs = films[1].asked[-1]
    assert name == "recommend"
    (feedback,), (types,) = inputs["feedback"], inputs["event_types"]
    assert [one for one in feedback if one == one] == [4.5]
    assert types == ["buy", "buy", "view"]
    assert inputs["user_age"] == [33.0]


def test_a_typed_history_is_used_and_a_bad_one_refused(page: Page) -> None:
    type_in = "document.getElementById('typed-ids').value = "
    press = "document.getElementById('typed-use').click()"
    page.value(f"{type_in}'f3\\nno such film\\t5\\nf4\\t7200'; {press}")
    page.wait_for(f"{TITLES}[0] === {json.dumps(film(5))}")
    settle(page)
    assert page.value(EVENTS) == [film(3), "no such film (unknown to the model)", film(4)]
    page.value(f"{type_in}'f3\\tsoon'; {press}")
    error = page.value("document.getElementById('error').textContent")
    assert error == 'History: got a gap of "soon", expected whole seconds, 0 or more'
    assert len(page.value(EVENTS)) == 3


def test_fewer_answers_than_asked_are_shown_as_they_are(page: Page) -> None:
    page.value(
        "{document.getElementById('exclude-seen').checked = true;"
        "const k = document.getElementById('k'); k.value = '50';"
        "k.dispatchEvent(new Event('change'))}"
    )
    page.wait_for(f"{TITLES}.length === 21")


def test_the_request_shown_is_the_one_that_was_sent(page: Page) -> None:
    curl = page.value("document.getElementById('curl').textContent")
    body = json.loads(curl.removeprefix("curl -d '").split("' 'http")[0])
    assert body["inputs"]["history"] == [["f1", "f0", "f23"]]
    assert curl.endswith("/v1/models/films:predict'")
    answer = json.loads(page.value("document.getElementById('answer').textContent"))
    assert answer["outputs"]["items"][0][0] == "f0"


@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_is_wider_than_the_window(
    page: Page, films: tuple[str, FilmBundle], width: int
) -> None:
    page.open(f"{films[0]}/explore", width=width)
    page.wait_for("document.querySelectorAll('#answer-rows .title').length === 10")
    settle(page)
    page.value("document.querySelector('#browse').click()")
    page.wait_for("document.querySelectorAll('#found li').length === 8")
    wide = page.value(
        "[...document.body.querySelectorAll('*')].filter(e => !e.closest('.scroll, .skip, svg')"
        " && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)"
        ".map(e => e.outerHTML.slice(0, 200))"
    )
    assert wide == []


def test_every_control_has_a_name(page: Page) -> None:
    nameless = page.value(
        "[...document.querySelectorAll('button, input, select, textarea')].filter(e =>"
        " !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length))"
        ".map(e => e.outerHTML)"
    )
    assert nameless == []


def test_a_model_without_titles_states_and_features_has_its_page(
    browser: Page, tmp_path: Path
) -> None:
    with serving_films(tmp_path / "plain", plain=True) as (url, bundle):
        browser.events.clear()
        browser.open(f"{url}/explore")
        browser.wait_for("document.querySelectorAll('#answer-rows .title').length === 10")
        settle(browser)
        assert browser.value(EVENTS) == []
        assert browser.value("document.getElementById('state-panel').hidden")
        browser.value("document.getElementById('query').focus()")
        browser.write("f7")
        browser.press("Enter")
        browser.wait_for(f"{TITLES}[0] === 'f8'")
        assert browser.value(EVENTS) == ["f7"]
        assert bundle.asked[-1][1]["history"] == [["f7"]]
        assert browser.complaints() == []


def test_a_refusal_is_shown(page: Page, films: tuple[str, FilmBundle]) -> None:
    """A model that is not served any more, say."""
    page.value('fetch = async () => new Response(\'{"error": "no more"}\', {status: 404})')
    page.value("document.getElementById('gap').value = 300")
    page.value("document.getElementById('gap').dispatchEvent(new Event('input'))")
    page.wait_for("document.getElementById('error').textContent === 'no more'")
