"""The predictor in process: what comes out for whatever a client may send."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.answer_options import AnswerOptions
from tfhrnn.data.event_log import EventLog
from tfhrnn.histories import Histories
from tfhrnn.layers import retrieval
from tfhrnn.predictor import Predictor, texts
from tfhrnn.recommender import HRNNRecommender

T0 = 1_000_000_000
FILMS = [f"film {n}, é" for n in range(30)]


@pytest.fixture(scope="module")
def predictor(trained: HRNNRecommender) -> Predictor:
    return trained.predictor


def ask(
    predictor: Predictor,
    items: list[list[str]],
    *,
    times: list[list[int]] | None = None,
    feedback: list[list[float]] | None = None,
    query_time: list[int] | int = T0 + 10_000,
    k: list[int] | int = 30,
    exclude_seen: list[bool] | bool = False,
    age: list[float] | float = 30.0,
    group: list[str] | str = "a",
    **options: Any,
) -> tuple[Any, Any]:
    """Sends raw tensors, as a client would; times stand 10 s apart where they are left out."""
    rows, width = len(items), max(map(len, items))
    times = times or [[T0 + 10 * n for n in range(len(row))] for row in items]
    feedback = feedback or [[4.0] * len(row) for row in items]

    def padded(lists: list[Any], filler: object) -> Any:
        return np.array([row + [filler] * (width - len(row)) for row in lists]).reshape(rows, width)

    found = predictor.ask(
        "recommend",
        {
            **AnswerOptions(**options).inputs(rows, predictor.item_specs),
            "history": padded(items, ""),
            "times": padded(times, 0),
            "feedback": padded(feedback, 0.0),
            "user_age": np.broadcast_to(age, rows),
            "user_group": np.broadcast_to(group, rows),
            "query_time": np.broadcast_to(query_time, rows),
            "k": np.broadcast_to(k, rows),
            "exclude_seen": np.broadcast_to(exclude_seen, rows),
        },
    )
    return texts(found["items"]).tolist(), found["log_probabilities"]


def by_item(predictor: Predictor, items: list[str], **options: Any) -> dict[str, float]:
    """log p of every item after one history."""
    ids, log_p = ask(predictor, [items], **options)
    return dict(zip(ids[0], log_p[0].tolist(), strict=True))


def test_probabilities_of_the_whole_catalogue_sum_to_one(predictor: Predictor) -> None:
    ids, log_p = ask(predictor, [FILMS[:3], [], [FILMS[4]]])
    assert [sorted(row) for row in ids] == [sorted(FILMS)] * 3
    np.testing.assert_allclose(np.exp(log_p).sum(axis=1), 1.0, rtol=1e-5)  # float32 sums of 30
    assert (np.diff(log_p, axis=1) <= 0).all()


def test_k_beyond_the_catalogue_gives_the_catalogue(predictor: Predictor) -> None:
    ids, log_p = ask(predictor, [FILMS[:3]], k=2_000_000_000)
    assert len(ids[0]) == 30 and log_p.shape == (1, 30)


def test_rows_may_ask_for_different_k(predictor: Predictor) -> None:
    items = [FILMS[:3], FILMS[3:5], FILMS[5:6]]
    ids, log_p = ask(predictor, items, k=[1, 4, 2])
    whole, whole_log_p = ask(predictor, items)
    for row, k in enumerate([1, 4, 2]):
        assert ids[row] == whole[row][:k] + [""] * (4 - k)
        # A filter or another width can't change the sums, only the kernel's order of adding.
        np.testing.assert_allclose(log_p[row, :k], whole_log_p[row, :k], atol=1e-5)
        assert (log_p[row, k:] == -np.inf).all()


def test_exclude_seen_takes_out_the_last_distinct_items_only(predictor: Predictor) -> None:
    # Ten distinct items, the set holds eight: film 0 and 1 came too long ago, but film 0 came back.
    history = [*FILMS[:10], FILMS[0]]
    last_eight = {FILMS[0], *FILMS[3:10]}
    plain = by_item(predictor, history)
    ids, log_p = ask(predictor, [history, history], exclude_seen=[True, False])
    kept = [item for item in ids[0] if item]
    assert set(kept) == set(FILMS) - last_eight
    assert ids[0] == [item for item in plain if item in kept] + [""] * 8
    assert (log_p[0, 22:] == -np.inf).all()
    np.testing.assert_allclose(log_p[0, :22], [plain[item] for item in kept], atol=1e-5)
    assert sorted(ids[1]) == sorted(FILMS)


def test_k_answers_come_back_where_seen_items_were_best(predictor: Predictor) -> None:
    ids, _ = ask(predictor, [FILMS[:8]], k=22, exclude_seen=True)
    assert set(ids[0]) == set(FILMS[8:])


def test_an_empty_history_is_answered_by_the_start_event(predictor: Predictor) -> None:
    ids, log_p = ask(predictor, [[], FILMS[:5]])
    alone, alone_log_p = ask(predictor, [[]], exclude_seen=True)
    assert alone[0] == ids[0]
    np.testing.assert_allclose(alone_log_p[0], log_p[0], atol=1e-5)


def test_no_rows_at_all_are_no_error(predictor: Predictor) -> None:
    nobody, never = Histories([], [], [], []), np.zeros(0, np.int64)
    found = predictor.ask(
        "recommend", predictor.inputs(nobody, AnswerOptions(k=5), query_time=never)
    )
    assert found["items"].shape[0] == 0


def test_unknown_ids_are_one_and_the_same_unknown_item(predictor: Predictor) -> None:
    one = by_item(predictor, [FILMS[0], "no such film"])
    two = by_item(predictor, [FILMS[0], "film 1,é"])  # nearly known
    none = by_item(predictor, [FILMS[0]])
    assert one == two != none
    assert sum(map(np.exp, one.values())) == pytest.approx(1.0, rel=1e-5)


def test_an_unknown_item_is_never_an_answer_nor_among_the_seen(predictor: Predictor) -> None:
    ids, _ = ask(predictor, [["no such film", *FILMS[:8]]], exclude_seen=True)
    assert set(ids[0]) == {*FILMS[8:], ""}


def test_ids_with_commas_spaces_and_accents_come_back_as_they_are(
    predictor: Predictor, tiny_log: EventLog
) -> None:
    ids, _ = predictor.answer(
        Histories.from_log(tiny_log, [0]), query_time=np.array([T0 + 10_000]), k=30
    )
    assert sorted(ids[0].tolist()) == sorted(FILMS)


def test_equal_times_are_gaps_of_zero(predictor: Predictor) -> None:
    equal = by_item(predictor, FILMS[:3], times=[[T0, T0, T0]])
    apart = by_item(predictor, FILMS[:3], times=[[T0, T0, T0 + 7200]])
    assert equal != apart


def test_a_time_before_the_one_in_front_counts_as_a_gap_of_zero(predictor: Predictor) -> None:
    falling = by_item(predictor, FILMS[:3], times=[[T0 + 50, T0, T0 + 70]])
    assert np.isfinite(list(falling.values())).all()


def test_a_query_before_the_last_event_is_answered(predictor: Predictor) -> None:
    found = by_item(predictor, FILMS[:3], query_time=T0 - 10**6)
    assert np.isfinite(list(found.values())).all()


def test_each_row_is_answered_as_if_alone(predictor: Predictor) -> None:
    items = [FILMS[:3], [], FILMS[5:14], [FILMS[2]] * 5]
    times = [[T0 + n * 400 for n in range(len(row))] for row in items]
    options: dict[str, list[Any]] = {
        "query_time": [T0 + 5000, T0, T0 + 90_000, T0 + 2000],
        "exclude_seen": [True, False, False, True],
        "age": [20.0, 30.0, 40.0, 50.0],
        "group": ["a", "b", "a", "other"],
        "k": [30, 30, 30, 30],
    }
    ids, log_p = ask(predictor, items, times=times, **options)
    for row in range(4):
        own = {name: values[row : row + 1] for name, values in options.items()}
        alone, alone_log_p = ask(predictor, [items[row]], times=[times[row]], **own)
        assert alone[0] == ids[row]
        np.testing.assert_allclose(alone_log_p[0], log_p[row], atol=1e-5)


def test_what_stands_beside_the_padding_is_not_read(predictor: Predictor) -> None:
    def answer(filler_time: int, filler_feedback: float) -> Any:
        arrays = {
            **AnswerOptions(k=30, exclude_seen=True).inputs(1, predictor.item_specs),
            "history": [[FILMS[0], FILMS[1], "", ""]],
            "times": [[T0, T0 + 5, filler_time, filler_time]],
            "feedback": [[1.0, 2.0, filler_feedback, filler_feedback]],
            "user_age": [30.0],
            "user_group": ["a"],
            "query_time": [T0 + 50],
        }
        return predictor.ask("recommend", arrays)["log_probabilities"]

    np.testing.assert_array_equal(answer(0, 0.0), answer(T0 * 5, np.nan))


@pytest.mark.parametrize(("end", "beyond"), [("last", 5 * 10**9), ("first", -(10**9))])
def test_a_query_far_outside_the_data_is_as_at_its_end(
    trained: HRNNRecommender, end: str, beyond: int
) -> None:
    # Without a history there is no gap, so only the time of asking is left to tell them apart.
    assert trained.run is not None
    facts = trained.run.facts
    edge = facts.last_time if end == "last" else facts.first_time
    inside = (facts.first_time + facts.last_time) // 2
    at_edge = by_item(trained.predictor, [], query_time=edge)
    assert by_item(trained.predictor, [], query_time=edge + beyond) == at_edge
    assert by_item(trained.predictor, [], query_time=inside) != at_edge


@pytest.mark.parametrize(
    ("gap", "level"),
    [(0, 0), (59, 0), (60, 1), (3599, 1), (3600, 2), (86399, 2), (86400, 3), (10**9, 3)],
)
def test_a_gap_at_a_threshold_belongs_to_the_level_above(
    predictor: Predictor, gap: int, level: int
) -> None:
    assert predictor.levels(np.array([gap])).tolist() == [level]


def test_the_answer_changes_with_the_gap(predictor: Predictor) -> None:
    soon = by_item(predictor, FILMS[:3], query_time=T0 + 21)
    late = by_item(predictor, FILMS[:3], query_time=T0 + 21 + 86400)
    assert soon != late


def test_user_features_reach_the_first_answer(predictor: Predictor) -> None:
    assert by_item(predictor, [], age=20.0) != by_item(predictor, [], age=60.0)
    assert by_item(predictor, [], group="a") != by_item(predictor, [], group="b")


def test_missing_user_features_are_unknown_ones(
    predictor: Predictor, trained: HRNNRecommender
) -> None:
    assert trained.run is not None
    bare = Histories.from_lists([FILMS[:2]], trained.run.facts, times=[[T0, T0 + 10]])
    ids, log_p = predictor.answer(bare, query_time=np.array([T0 + 20]), k=30)
    expected = by_item(
        predictor,
        FILMS[:2],
        feedback=[[np.nan, np.nan]],
        query_time=T0 + 20,
        age=np.nan,
        group="",
    )
    assert list(expected) == ids[0].tolist()
    np.testing.assert_allclose(list(expected.values()), log_p[0], atol=1e-5)
    assert by_item(predictor, [], group="") == by_item(predictor, [], group="never seen")


def test_feedback_is_read_and_may_be_unknown(predictor: Predictor) -> None:
    liked = by_item(predictor, FILMS[:1], feedback=[[5.0]])
    assert liked != by_item(predictor, FILMS[:1], feedback=[[1.0]])
    assert np.isfinite(list(by_item(predictor, FILMS[:1], feedback=[[np.nan]]).values())).all()


@pytest.mark.parametrize(
    ("items", "options", "message"),
    [
        ([["", FILMS[0]]], {}, "history: expected empty ids only after the last id of a row"),
        ([[FILMS[0]]], {"k": 0}, "k: expected 1 or more"),
        ([[FILMS[0]], [FILMS[1]]], {"k": [3, -1]}, "k: expected 1 or more"),
        ([[FILMS[0]]], {"times": [[T0, T0]]}, "times: expected the shape of history"),
    ],
)
def test_bad_input_is_named(
    predictor: Predictor, items: list[list[str]], options: dict[str, Any], message: str
) -> None:
    if "times" in options:  # more times than events, past what `ask` would pad
        one = Histories(["0"], items, [[T0]], [[1.0]])
        arrays = predictor.inputs(one, AnswerOptions(k=3), query_time=np.array([T0]))
        arrays["times"] = np.array(options["times"])
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            predictor.ask("recommend", arrays)
        return
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        ask(predictor, items, **options)


@pytest.fixture(scope="module")
def streaming(trained: HRNNRecommender) -> Iterator[Predictor]:
    """The same model, 16 items at a time."""
    assert trained.model is not None and trained.log is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrieval, "_CHUNK", 16)
        log = trained.log
        yield Predictor(trained.model, log.catalogue, log.user_features, retrieval="streaming")


def test_a_stream_answers_what_the_whole_catalogue_answers(
    predictor: Predictor, streaming: Predictor
) -> None:
    # Ten distinct items of which eight are remembered, one that came back, an unknown one, none.
    items = [[*FILMS[:10], FILMS[0]], [FILMS[3], "no such film", FILMS[3]], [], FILMS[:8]]
    options: dict[str, Any] = {"k": [30, 3, 7, 30], "exclude_seen": [True, False, True, True]}
    ids, log_p = ask(predictor, items, **options)
    found, found_log_p = ask(streaming, items, **options)
    assert found == ids
    np.testing.assert_allclose(found_log_p, log_p, atol=1e-5)  # a sum in another order
    histories = Histories(["0", "1"], items[:2], [[T0] * 11, [T0] * 3], [[4.0] * 11, [4.0] * 3])
    asked = np.array([[FILMS[0], FILMS[1], "no such film"], [FILMS[3], FILMS[4], FILMS[29]]])
    when = np.array([T0 + 60, T0 + 60])
    wanted, _ = predictor.rank(histories, asked, query_time=when)
    ranked, _ = streaming.rank(histories, asked, query_time=when)
    np.testing.assert_allclose(ranked, wanted, atol=1e-5)
    assert ranked[0, 2] == -np.inf


def test_a_stream_holds_no_row_of_the_whole_catalogue(
    predictor: Predictor, streaming: Predictor
) -> None:
    def rows_of_all_items(answer: Any) -> int:
        """Tensors of a row a history, 30 wide, or 32 with the start and the unknown item."""
        graphs = [answer.graph, *(f.graph for f in answer.graph._functions.values())]
        outputs = [o for g in graphs for op in g.get_operations() for o in op.outputs]
        shapes = [o.shape for o in outputs if o.dtype != tf.uint8]  # not a state's bytes
        return sum(s.rank == 2 and s[0] is None and s[1] in (30, 32) for s in shapes)

    for name in ("recommend", "recommend_from_state", "rank", "update"):
        whole = rows_of_all_items(predictor.function(name))
        assert whole > 0 if name != "update" else whole == 0
        assert rows_of_all_items(streaming.function(name)) == 0
