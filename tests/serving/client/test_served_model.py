"""Both clients against the embedded server: their answers are those in process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import serving
from serving.client.answers import Page, Recommendation
from serving.client.questions import (
    DescribeItems,
    Recommend,
    RecommendFromState,
    SimilarItems,
    Start,
    Update,
)
from tfhrnn.answer_options import AnswerOptions
from tfhrnn.histories import Histories
from tfhrnn.predictor import Predictor, texts
from tfhrnn.recommender import HRNNRecommender

T0 = 1_000_000_000
FILMS = [f"film {n}, é" for n in range(30)]
TIMES = [T0, T0 + 70, T0 + 9000]
PATIENT: dict[str, Any] = {"timeout_seconds": 60}  # however busy the machine is
USER: dict[str, Any] = {"age": 31, "group": "a"}


class Served(NamedTuple):
    """A model in process, and a client of the server that has it."""

    predictor: Predictor
    client: serving.Client
    url: str


@pytest.fixture(scope="module")
def served(trained: HRNNRecommender, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    base: Path = tmp_path_factory.mktemp("served") / "tiny"
    trained.export(base)
    with (
        serving.running("tiny", base, timeout_seconds=600) as url,
        serving.Client(url, "tiny", **PATIENT) as client,
    ):
        yield Served(trained.predictor, client, url)


def in_process(
    served: Served, histories: Histories, when: list[int], options: AnswerOptions
) -> list[Recommendation]:
    arrays = served.predictor.inputs(histories, options, query_time=np.array(when))
    found = served.predictor.ask("recommend", arrays)
    rows = []
    for items, log_p, cold in zip(
        texts(found["items"]).tolist(),
        found["log_probabilities"].tolist(),
        found["cold"].tolist(),
        strict=True,
    ):
        count = sum(item != "" for item in items)
        rows.append(Recommendation(tuple(items[:count]), tuple(log_p[:count]), tuple(cold[:count])))
    return rows


def same(found: Recommendation, expected: Recommendation, atol: float = 1e-6) -> None:
    assert (found.items, found.cold) == (expected.items, expected.cold)
    np.testing.assert_allclose(found.log_probabilities, expected.log_probabilities, atol=atol)


OPTIONS: list[dict[str, Any]] = [
    {"k": 5},
    {"k": 40, "exclude_seen": True},
    {"k": 3, "allow": FILMS[4:12], "deny": [FILMS[5]]},
    {"k": 4, "exploration": 1.0, "seed": 9},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_recommendations_are_those_in_process(served: Served, options: dict[str, Any]) -> None:
    feedback = [4.0, None, 2.0]
    found = served.client.recommend(
        FILMS[:3], TIMES, feedback=feedback, user=USER, gap=3600, **options
    )
    numbers = [[np.nan if value is None else value for value in feedback]]
    columns = {name: [value] for name, value in USER.items()}
    histories = Histories(["0"], [FILMS[:3]], [TIMES], numbers, columns)
    (expected,) = in_process(served, histories, [TIMES[-1] + 3600], AnswerOptions(**options))
    same(found, expected)


def test_what_is_left_out_is_unknown(served: Served) -> None:
    found = served.client.recommend(FILMS[:2], TIMES[:2], query_time=T0 + 100)
    histories = Histories(["0"], [FILMS[:2]], [TIMES[:2]], [[np.nan] * 2])
    (expected,) = in_process(served, histories, [T0 + 100], AnswerOptions())
    same(found, expected)
    assert len(found.items) == 10


def test_a_new_item_competes_by_its_features(served: Served) -> None:
    new = {"new": {"genres": "Drama"}, FILMS[3]: {}}
    found = served.client.recommend([], [], query_time=T0, k=40, cold_items=new)
    assert dict(zip(found.items, found.cold, strict=True))["new"]
    assert sum(found.cold) == 1 and len(found.items) == 31
    assert sum(np.exp(found.log_probabilities)) == pytest.approx(1.0, abs=1e-5)


def test_datetimes_and_seconds_say_the_same(served: Served) -> None:
    times = [datetime.fromtimestamp(time, timezone.utc) for time in TIMES]
    found = served.client.recommend(FILMS[:3], times, query_time=times[-1])
    assert found == served.client.recommend(FILMS[:3], TIMES, gap=0)


def test_several_users_in_one_request_are_each_alone(served: Served) -> None:
    questions = [
        Recommend(FILMS[:3], TIMES, gap=60, k=4, user=USER),
        Recommend([], [], query_time=T0, k=2, deny=FILMS[:5]),
        Recommend(FILMS[7:8], [T0], gap=99_999, k=3, feedback=[5.0], allow=FILMS[:9]),
    ]
    found = served.client.ask_all(questions)
    for one, question in zip(found, questions, strict=True):
        same(one, served.client.ask(question), atol=1e-5)
    assert [len(one.items) for one in found] == [4, 2, 3]
    assert served.client.ask_all([]) == []


def test_updates_of_a_state_answer_as_the_history(served: Served) -> None:
    state = served.client.start(user=USER)
    for item, time, said in zip(FILMS[:3], TIMES, [4.0, None, 2.0], strict=True):
        state = served.client.update(state, [item], [time], feedback=[said])
    when = TIMES[-1] + 500
    options: dict[str, Any] = {"k": 6, "exclude_seen": True, "query_time": when}
    whole = served.client.recommend(
        FILMS[:3], TIMES, feedback=[4.0, None, 2.0], user=USER, **options
    )
    same(served.client.recommend_from_state(state, **options), whole, atol=1e-5)
    begun = served.client.start(user=USER)
    at_once = served.client.update(begun, FILMS[:3], TIMES, feedback=[4.0, None, 2.0])
    same(served.client.recommend_from_state(at_once, **options), whole, atol=1e-5)
    asked = [*FILMS[4:7], "none"]
    by_state = served.client.rank_from_state(state, asked, query_time=when)
    by_history = served.client.rank(
        FILMS[:3], TIMES, asked, feedback=[4.0, None, 2.0], user=USER, query_time=when
    )
    np.testing.assert_allclose(by_state.log_probabilities, by_history.log_probabilities, atol=1e-5)
    assert by_history.items == (*FILMS[4:7], "none") and by_history.feedback is None
    assert by_history.log_probabilities[3] == -np.inf


def test_states_in_one_request(served: Served) -> None:
    begun = served.client.ask_all([Start(), Start(USER)])
    assert begun[0] != begun[1] and served.client.start() == begun[0]
    told = [Update(begun[0], FILMS[:1], [T0]), Update(begun[1], FILMS[:3], TIMES)]
    states = served.client.ask_all(told)
    answers = served.client.ask_all([RecommendFromState(one, query_time=T0) for one in states])
    assert answers[0].log_probabilities != answers[1].log_probabilities


def test_similar_items(served: Served) -> None:
    found = served.client.ask_all([SimilarItems(FILMS[0], k=4), SimilarItems("none")])
    expected = served.predictor.ask("similar_items", {"items": [FILMS[0]], "k": [4]})
    assert found[0].items == tuple(texts(expected["items"])[0].tolist())
    np.testing.assert_allclose(found[0].similarities, expected["similarities"][0], atol=1e-6)
    assert (found[1].items, found[1].similarities) == ((), ())
    assert len(served.client.similar_by_features({"genres": "Comedy"}, k=3).items) == 3


def test_items_are_described(served: Served) -> None:
    client, asked = served.client, [FILMS[4], "none", FILMS[0]]
    found = client.describe_items(asked)
    expected = served.predictor.ask("describe_items", {"items": [asked]})
    assert [one.item for one in found] == asked
    assert [one.known for one in found] == [True, False, True]
    assert [one.title for one in found] == texts(expected["titles"])[0].tolist()
    shares = [one.popularity for one in found]
    np.testing.assert_allclose(shares, expected["popularity"][0], atol=1e-6)
    features = [str(one.features["genres"]) for one in found]
    assert features == texts(expected["item_genres"])[0].tolist()
    assert client.describe_items([]) == ()
    same = client.ask_all([DescribeItems(asked[:1]), DescribeItems(asked)])
    assert same == [found[:1], found]


def test_items_are_searched_by_pages(served: Served) -> None:
    client = served.client
    first = client.search_items("film 1", k=4)
    assert first.items[0].title.lower().startswith("film 1") and first.found >= 11
    pages = [client.search_items("film 1", k=4, offset=at) for at in range(0, first.found, 4)]
    ids = [one.item for page in pages for one in page.items]
    assert len(ids) == len(set(ids)) == first.found
    assert client.describe_items(ids) == tuple(one for page in pages for one in page.items)
    assert client.search_items("no such words") == Page((), 0)


def test_the_model_says_what_it_is(served: Served) -> None:
    info = served.client.model_info()
    assert info.fingerprint == served.predictor.state_bytes.fingerprint
    assert info.state_size == len(served.client.start()) == served.predictor.state_bytes.length
    assert (info.catalogue_items, info.preset) == (30, "best")
    assert info.thresholds == served.predictor.thresholds
    assert info.card["name"] == "tiny" and "tensorflow" in info.versions


def test_async_is_sync(served: Served) -> None:
    async def asked() -> list[Any]:
        async with serving.AsyncClient(served.url, "tiny", version=1, **PATIENT) as client:
            state = await client.update(await client.start(user=USER), FILMS[:3], TIMES)
            return await asyncio.gather(
                client.recommend(FILMS[:3], TIMES, gap=60, k=4, user=USER),
                client.recommend_from_state(state, query_time=T0 + 10**5),
                client.rank(FILMS[:3], TIMES, FILMS[:2], gap=60),
                client.rank_from_state(state, FILMS[:2], query_time=T0 + 10**5),
                client.similar_items(FILMS[1]),
                client.similar_by_features({"genres": "Horror"}),
                client.describe_items(FILMS[:2]),
                client.search_items("film", k=3),
                client.model_info(),
                client.ask_all([Start(USER)]),
            )

    client = served.client
    state = client.update(client.start(user=USER), FILMS[:3], TIMES)
    assert asyncio.run(asked()) == [
        client.recommend(FILMS[:3], TIMES, gap=60, k=4, user=USER),
        client.recommend_from_state(state, query_time=T0 + 10**5),
        client.rank(FILMS[:3], TIMES, FILMS[:2], gap=60),
        client.rank_from_state(state, FILMS[:2], query_time=T0 + 10**5),
        client.similar_items(FILMS[1]),
        client.similar_by_features({"genres": "Horror"}),
        client.describe_items(FILMS[:2]),
        client.search_items("film", k=3),
        client.model_info(),
        client.ask_all([Start(USER)]),
    ]


def test_the_servers_refusals_are_told(served: Served) -> None:
    with pytest.raises(serving.ServingError, match="no state") as caught:
        served.client.update(b"nothing", FILMS[:1], [T0])
    assert caught.value.status == 400
    with (
        serving.Client(served.url, "other") as other,
        pytest.raises(serving.ServingError, match="other") as caught,
    ):
        other.model_info()
    assert caught.value.status == 404


def test_a_state_of_another_model_is_told_apart(served: Served) -> None:
    state = served.client.start(user=USER)
    other = state[:5] + bytes([state[5] ^ 1]) + state[6:]
    with pytest.raises(serving.StaleStateError) as caught:
        served.client.recommend_from_state(other, query_time=T0)
    known = served.client.model_info().fingerprint
    assert caught.value.message == (
        f"state_bytes: got the state of another model, expected one of {known}"
    )
    assert "assertion failed" in caught.value.raw
    with pytest.raises(serving.ServingError) as damaged:
        served.client.recommend_from_state(state[:-1] + bytes([state[-1] ^ 1]), query_time=T0)
    assert damaged.value.message == "state_bytes: got a damaged state"
    assert not isinstance(damaged.value, serving.StaleStateError)


def test_what_the_model_does_not_read_is_said(served: Served) -> None:
    with pytest.raises(ValueError, match="event_types: got a value, but the model does not read"):
        served.client.recommend(FILMS[:1], [T0], event_types=["buy"])
    with pytest.raises(ValueError, match=r"user_size: got a value.*user_age, user_group"):
        served.client.start(user={"size": 3})


def test_nobody_there_is_a_connection_error(served: Served) -> None:
    with serving.server.bound_socket("127.0.0.1", 0) as bound:
        url = serving.server.url_of(bound)
    with (
        serving.Client(url, "tiny") as client,
        pytest.raises(serving.ServingConnectionError) as caught,
    ):
        client.model_info()
    assert caught.value.status is None and url in str(caught.value)

    async def asked() -> None:
        async with serving.AsyncClient(url, "tiny") as client:
            await client.model_info()

    with pytest.raises(serving.ServingConnectionError, match=f"{url}/v1/.*Connection refused"):
        asyncio.run(asked())
    assert str(caught.value).endswith("Connection refused")  # once


def test_the_readme_runs(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    code = text.split("## From Python")[1].split("```python")[1].split("```")[0]
    address = '"http://127.0.0.1:8501", "tfhrnn"'
    assert address in code
    exec(code.replace(address, f'"{served.url}", "tiny", timeout_seconds=60'), {})
    best, by_state, ranked, *_ = capsys.readouterr().out.splitlines()
    assert best.startswith(by_state.removesuffix(")")) and len(ranked) > 2
