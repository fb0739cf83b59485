"""Which items are answered: lists, exploration and items that no catalogue has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.answer_options import AnswerOptions
from tfhrnn.histories import Histories
from tfhrnn.layers import retrieval
from tfhrnn.layers.gumbel import gumbel_noise
from tfhrnn.predictor import Predictor, texts
from tfhrnn.recommender import HRNNRecommender

T0 = 1_000_000_000
FILMS = [f"film {n}, é" for n in range(30)]
FILMS_IN_ORDER = sorted(FILMS)  # the catalogue's
HISTORY = FILMS[:3]
NEW: dict[str, list[Any]] = {"item_id": ["new a", "new b, é"], "genres": ["Comedy|Drama", None]}


@pytest.fixture(scope="module", params=["exact", "streaming", "clustered"])
def predictor(trained: HRNNRecommender, request: pytest.FixtureRequest) -> Iterator[Predictor]:
    """One model under each retrieval; its few clusters are all probed."""
    assert trained.model is not None and trained.log is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrieval, "_CHUNK", 16)
        parts = trained.log.catalogue, trained.log.user_features
        yield Predictor(trained.model, *parts, retrieval=request.param)


def ask(predictor: Predictor, **options: Any) -> tuple[list[str], Any, list[bool]]:
    """Ids without the blanks, log-probabilities and flags of answers to one history."""
    found = rows(predictor, 1, **options)
    ids = texts(found["items"])[0]
    count = int((ids != "").sum())
    assert (ids[count:] == "").all() and np.isneginf(found["log_probabilities"][0, count:]).all()
    assert not found["cold"][0, count:].any()
    kept = slice(count)
    log_p, cold = found["log_probabilities"][0, kept], found["cold"][0, kept]
    return ids[kept].tolist(), log_p, cold.tolist()


def rows(predictor: Predictor, count: int, changed: Any = None, **options: Any) -> dict[str, Any]:
    """The answers to one history, several times."""
    histories = Histories(
        [""] * count, [HISTORY] * count, [[T0, T0 + 9, T0 + 99]] * count, [[4.0, 1.0, 5.0]] * count
    )
    when = np.full(count, T0 + 5000)
    arrays = predictor.inputs(histories, AnswerOptions(**{"k": 40, **options}), query_time=when)
    return predictor.ask("recommend", {**arrays, **(changed or {})})


def table(predictor: Predictor, **options: Any) -> dict[str, float]:
    ids, log_p, _ = ask(predictor, **options)
    return dict(zip(ids, log_p.tolist(), strict=True))


def test_allowed_items_alone_are_answered_at_their_own_log_probabilities(
    predictor: Predictor,
) -> None:
    whole = table(predictor)
    allow = [FILMS[5], "no such film", FILMS[7], FILMS[5], FILMS[20], ""]
    found = table(predictor, allow=allow)
    assert list(found) == [x for x in whole if x in allow]
    np.testing.assert_allclose(list(found.values()), [whole[x] for x in found], atol=1e-5)
    assert list(table(predictor, allow=allow, k=2)) == list(found)[:2]


def test_denied_items_make_room_for_the_next_ones(predictor: Predictor) -> None:
    whole = table(predictor)
    deny = [*list(whole)[:4], "no such film"]
    found = table(predictor, deny=deny, k=5)
    assert list(found) == list(whole)[4:9]
    np.testing.assert_allclose(list(found.values()), [whole[x] for x in found], atol=1e-5)
    both = table(predictor, allow=list(whole)[:6], deny=deny, exclude_seen=True)
    assert list(both) == [x for x in list(whole)[4:6] if x not in HISTORY]


def test_a_list_of_unknown_ids_allows_nothing_and_one_of_blanks_everything(
    predictor: Predictor,
) -> None:
    assert ask(predictor, allow=["no such film"])[0] == []
    assert ask(predictor, deny=FILMS)[0] == []
    blank = rows(predictor, 1, {"allow": np.array([["", ""]], object)})
    none = rows(predictor, 1, {"allow": np.empty((1, 0), object)})
    for found in (blank, none):
        assert set(texts(found["items"])[0]) >= set(FILMS)


def test_rows_have_lists_of_their_own(predictor: Predictor) -> None:
    allow = np.array([[FILMS[3], FILMS[4]], ["", ""], ["nothing", ""]], object)
    deny = np.array([[FILMS[4]], [FILMS[3]], [""]], object)
    found = rows(predictor, 3, {"allow": allow, "deny": deny, "k": np.array([40, 40, 40])})
    ids = [{item for item in row if item} for row in texts(found["items"]).tolist()]
    assert ids == [{FILMS[3]}, set(FILMS) - {FILMS[3]}, set()]


def test_without_exploration_the_seed_is_nothing(predictor: Predictor) -> None:
    assert table(predictor, seed=1) == table(predictor, seed=2)


def test_exploring_chooses_by_noise_and_keeps_log_probabilities(predictor: Predictor) -> None:
    whole = table(predictor)
    found = table(predictor, exploration=0.7, seed=5)
    assert found.keys() == whole.keys() and list(found) != list(whole)
    np.testing.assert_allclose([found[x] for x in whole], list(whole.values()), atol=1e-5)
    noise = gumbel_noise(tf.constant([5]), tf.range(30)).numpy()
    sums = {x: whole[x] + 0.7 * noise[FILMS_IN_ORDER.index(x)] for x in whole}
    assert list(found) == sorted(sums, key=lambda x: -sums[x])
    assert table(predictor, exploration=0.7, seed=5) == found
    assert list(table(predictor, exploration=0.7, seed=6)) != list(found)
    denied = table(predictor, exploration=0.7, seed=5, deny=[next(iter(found))], k=3)
    assert list(denied) == list(found)[1:4]


def test_a_weight_of_one_draws_from_the_models_distribution(predictor: Predictor) -> None:
    whole, draws = table(predictor), 4000
    seeds = np.arange(draws)
    found = rows(predictor, draws, {"seed": seeds}, k=1, exploration=1.0)
    first, counts = np.unique(texts(found["items"])[:, 0], return_counts=True)
    drawn = dict(zip(first.tolist(), (counts / draws).tolist(), strict=True))
    for item, log_p in whole.items():
        p = np.exp(log_p)
        assert abs(drawn.get(item, 0.0) - p) < 5 * np.sqrt(p / draws)


def test_new_items_compete_in_one_softmax(predictor: Predictor) -> None:
    plain = table(predictor)
    ids, log_p, cold = ask(predictor, cold_items=NEW)
    assert set(ids) == {*FILMS, *NEW["item_id"]}
    assert [x for x, flag in zip(ids, cold, strict=True) if flag] == [
        x for x in ids if x in NEW["item_id"]
    ]
    assert np.exp(log_p).sum() == pytest.approx(1, rel=1e-5) and (np.diff(log_p) <= 0).all()
    # What the new items take, all others lose in proportion.
    found = dict(zip(ids, log_p.tolist(), strict=True))
    lost = [plain[x] - found[x] for x in FILMS]
    share = sum(np.exp(found[x]) for x in NEW["item_id"])
    np.testing.assert_allclose(lost, -np.log1p(-share), atol=1e-5)


def test_new_items_are_filtered_as_others_are(predictor: Predictor) -> None:
    whole = table(predictor, cold_items=NEW)
    one, other = NEW["item_id"]
    assert ask(predictor, cold_items=NEW, allow=[other, FILMS[3], FILMS[3]])[0] == [
        x for x in whole if x in (other, FILMS[3])
    ]
    found = table(predictor, cold_items=NEW, deny=[one, FILMS[0]])
    assert found.keys() == whole.keys() - {one, FILMS[0]}
    np.testing.assert_allclose([found[x] for x in found], [whole[x] for x in found], atol=1e-5)
    assert len(table(predictor, cold_items=NEW, k=31)) == 31
    explored = ask(predictor, cold_items=NEW, exploration=3.0, seed=4)
    assert set(explored[0]) == set(whole) and explored[0] != list(whole)
    np.testing.assert_allclose(explored[1], [whole[x] for x in explored[0]], atol=1e-5)


def test_known_repeated_and_blank_new_items_are_no_new_items(predictor: Predictor) -> None:
    whole = table(predictor, cold_items=NEW)
    ids = [FILMS[2], "new a", "", "new a", "new b, é"]
    genres = ["Horror", "Comedy|Drama", "Horror", "Horror", ""]
    again = table(predictor, cold_items={"item_id": ids, "genres": genres})
    assert list(again) == list(whole)
    np.testing.assert_allclose(list(again.values()), list(whole.values()), atol=1e-5)
    known = {"item_id": [FILMS[2]], "genres": ["Horror"]}
    found = rows(predictor, 1, cold_items=known)
    assert found["items"].shape == (1, 30) and not found["cold"].any()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"k": np.array([0])}, "k: expected 1 or more"),
        ({"exploration": np.array([-0.1])}, "exploration: expected 0 or more, got"),
        ({"exploration": np.array([np.nan])}, "exploration: expected 0 or more, got"),
        ({"k": np.array([3, 3])}, "k: expected as many rows as history"),
        ({"deny": np.array([["a"], ["b"]], object)}, "deny: expected as many rows as history"),
        (
            {"cold_item_genres": np.array([["Drama", ""]], object)},
            "cold_item_genres: expected the shape of cold_items",
        ),
    ],
)
def test_what_does_not_fit_is_named(
    predictor: Predictor, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        rows(predictor, 1, changed)
