"""Filters and promotions: the same in process, from a state, over REST, and for all users."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import serving
from serving.client.questions import Recommend
from tfhrnn import cli
from tfhrnn.errors import ConfigError, UnmetValueWarning
from tfhrnn.recommender import HRNNRecommender

T0 = 1_000_000_000
FILMS = [f"film {n}, é" for n in range(30)]
TIMES = [T0, T0 + 9, T0 + 99]
DRAMA = 'INCLUDE ItemID WHERE Items.GENRES IN ("Drama")'
FILTERS = {
    "drama": DRAMA,
    "new drama": f'{DRAMA} | EXCLUDE ItemID WHERE Interactions.event_type IN ("*")',
    "bought": 'EXCLUDE ItemID WHERE Interactions.event_type IN ("buy")',
    "of": "INCLUDE ItemID WHERE Items.genres IN ($GENRE) IF CurrentUser.age >= $AGE",
}
PROMOTIONS = {"genre": "INCLUDE ItemID WHERE Items.genres IN ($GENRE)"}
HAS_DRAMA = {film for n, film in enumerate(FILMS) if n % 3}
HAS_HORROR = {film for n, film in enumerate(FILMS) if n % 3 == 2}


@pytest.fixture(scope="module")
def client(
    trained: HRNNRecommender, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[serving.Client]:
    base: Path = tmp_path_factory.mktemp("served") / "tiny"
    with pytest.warns(
        UnmetValueWarning, match="'bought', position 22: no event of the data has the"
    ):
        trained.export(base, filters=FILTERS, promotions=PROMOTIONS)
    card = json.loads((base / "1" / "assets.extra" / "model_card.json").read_text())
    assert card["rules"] == {"filters": FILTERS, "promotions": PROMOTIONS}
    with (
        serving.running("tiny", base, timeout_seconds=600) as url,
        serving.Client(url, "tiny", timeout_seconds=60) as asked,
    ):
        yield asked


@pytest.mark.filterwarnings("ignore:filter, .GENRE. no item of:tfhrnn.errors.UnmetValueWarning")
def test_a_filter_is_the_same_over_rest_from_a_state_and_in_python(
    client: serving.Client, trained: HRNNRecommender
) -> None:
    asked: dict[str, Any] = {"gap": 60, "k": 30, "user": {"age": 33, "group": "a"}}
    whole = client.recommend(FILMS[:3], TIMES, **asked)
    state = client.update(client.start(asked["user"]), FILMS[:3], TIMES)
    later: dict[str, Any] = {"k": 30, "query_time": TIMES[-1] + 60}
    genre: dict[str, Any] = {"GENRE": ["Horror", "Western"], "AGE": 33}
    for name, values, wanted in (
        ("", {}, set(FILMS)),
        ("drama", {}, HAS_DRAMA),
        ("new drama", {}, HAS_DRAMA - set(FILMS[:3])),
        ("of", genre, HAS_HORROR),
        ("of", {**genre, "AGE": 33.5}, set(FILMS)),
    ):
        found = client.recommend(FILMS[:3], TIMES, **asked, filter=name, filter_values=values)
        assert list(found.items) == [item for item in whole.items if item in wanted]
        log_p = dict(zip(whole.items, whole.log_probabilities, strict=True))
        kept = [log_p[item] for item in found.items]
        np.testing.assert_allclose(found.log_probabilities, kept, atol=1e-5)
        of_state = client.recommend_from_state(state, **later, filter=name, filter_values=values)
        assert of_state.items == found.items
        in_python = trained.recommend(
            [FILMS[:3]],
            times=[TIMES],
            gap=60,
            k=30,
            user_columns={"age": [33], "group": ["a"]},
            filter=FILTERS.get(name),
            filter_values=values,
        )
        assert in_python["item"].to_list() == list(found.items)


def test_types_of_events_are_read_by_a_model_that_learned_without(client: serving.Client) -> None:
    types = ["view", None, "BUY"]
    found = client.recommend(FILMS[:3], TIMES, gap=5, k=30, event_types=types, filter="bought")
    assert set(found.items) == set(FILMS) - {FILMS[2]}
    with pytest.raises(serving.ServingError, match="reads types of events, which a state does not"):
        client.recommend_from_state(client.start(), query_time=T0, filter="bought")


def test_rows_have_filters_of_their_own_and_cold_items_are_filtered(client: serving.Client) -> None:
    new: dict[str, Any] = {"new a": {"genres": "Drama"}, "new b": {"genres": "Horror"}}
    names = ["drama", "", "new drama"]
    rows = [Recommend([], [], query_time=T0, k=40, filter=name, cold_items=new) for name in names]
    first, second, third = client.ask_all(rows)
    assert set(first.items) == set(third.items) == {*HAS_DRAMA, "new a"}
    assert len(second.items) == 32
    listed = client.recommend([], [], query_time=T0, k=40, filter="drama", allow=FILMS[:5])
    assert set(listed.items) == HAS_DRAMA & set(FILMS[:5])


def test_a_promotion_has_its_share_over_rest_from_a_state_and_in_python(
    client: serving.Client, trained: HRNNRecommender, tmp_path: Path
) -> None:
    asked: dict[str, Any] = {"k": 10, "filter": "new drama"}
    promoted: dict[str, Any] = {"promotion": "genre", "percent_promoted_items": 50}
    promoted["filter_values"] = {"GENRE": "Horror"}
    plain = client.recommend(FILMS[:3], TIMES, gap=60, **asked)
    assert plain.promoted == (False,) * 10
    found = client.recommend(FILMS[:3], TIMES, gap=60, **asked, **promoted)
    horror = [item in HAS_HORROR for item in found.items]
    assert list(found.promoted) == horror
    assert [sum(horror[:j]) >= j // 2 for j in range(11)] == [True] * 11
    # What is pulled up is the best of it, and all else keeps its order.
    whole = client.recommend(FILMS[:3], TIMES, gap=60, k=30, filter="new drama")
    for of_kind in (set(HAS_HORROR), set(FILMS) - HAS_HORROR):
        mine = [item for item in found.items if item in of_kind]
        assert mine == [item for item in whole.items if item in of_kind][: len(mine)]
    log_p = dict(zip(whole.items, whole.log_probabilities, strict=True))
    np.testing.assert_allclose(found.log_probabilities, [log_p[x] for x in found.items], atol=1e-5)

    state = client.update(client.start(), FILMS[:3], TIMES)
    later = client.recommend_from_state(state, query_time=TIMES[-1] + 60, **asked, **promoted)
    assert later.items == found.items and later.promoted == found.promoted
    python: dict[str, Any] = {
        "k": 10,
        "filter": FILTERS["new drama"],
        "promotion": PROMOTIONS["genre"],
        "percent_promoted_items": 50,
        "filter_values": {"GENRE": ["Horror"]},
    }
    table = trained.recommend([FILMS[:3]], times=[TIMES], gap=60, **python)
    assert table["item"].to_list() == list(found.items)
    assert table["promoted"].to_list() == list(found.promoted)
    with pytest.raises(ConfigError, match="rerank: got a promotion too"):
        trained.recommend([FILMS[:3]], rerank=20, **python)
    out = tmp_path / "recs.parquet"
    trained.recommend_all(out, users=["nobody"], **python)
    row = pl.read_parquet(out).row(0, named=True)
    of_nobody = client.recommend([], [], query_time=row["query_time"], **asked, **promoted)
    assert row["items"] == list(of_nobody.items)
    assert row["promoted"] == list(of_nobody.promoted)


def test_rows_without_a_promotion_are_as_ever_and_cold_items_are_promoted(
    client: serving.Client,
) -> None:
    new: dict[str, Any] = {"new a": {"genres": "Western"}, "new b": {"genres": "Horror"}}
    common: dict[str, Any] = {"query_time": T0, "k": 10, "cold_items": new}
    values = {"GENRE": "Western"}
    share: dict[str, Any] = {"promotion": "genre", "percent_promoted_items": 10}
    first, second = client.ask_all(
        [
            Recommend([], [], **common, **share, filter_values=values),
            Recommend([], [], **common, filter_values=values),
        ]
    )
    plain = client.recommend([], [], **common)
    assert second.items == plain.items and not any(second.promoted)
    assert "new a" in first.items and first.items.index("new a") <= 9
    assert [item for item, one in zip(first.items, first.promoted, strict=True) if one] == ["new a"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"promotion": "g", "percent_promoted_items": 5}, "promotion: expected one of genre or"),
        ({"promotion": "genre", "percent_promoted_items": 101}, "expected 0 to 100, got"),
        ({"filter": "dramas"}, 'filter: expected one of drama, new drama, bought, of or \\\\?"'),
        ({"filter": "of"}, "filter_values: expected GENRE=value for the filter of"),
        ({"filter_values": {"GENRES": "x"}}, "NAME=value with NAME one of GENRE, AGE, got"),
    ],
)
def test_a_request_that_does_not_fit_is_a_400(
    client: serving.Client, asked: dict[str, Any], message: str
) -> None:
    with pytest.raises(serving.ServingError, match=message) as caught:
        client.recommend(FILMS[:3], TIMES, gap=5, **asked)
    assert caught.value.status == 400


def test_a_filter_without_a_name_is_called_the_filter(trained: HRNNRecommender) -> None:
    by_genre = "INCLUDE ItemID WHERE Items.genres IN ($GENRE)"
    with pytest.raises(ConfigError, match=r"for the filter, got no GENRE$"):
        trained.recommend([FILMS[:1]], filter=by_genre)
    with pytest.raises(ConfigError, match=r"for the promotion, got no GENRE$"):
        trained.recommend([FILMS[:1]], promotion=by_genre, percent_promoted_items=10)


def test_a_model_without_filters_has_no_inputs_of_theirs(trained: HRNNRecommender) -> None:
    assert not {"filter", "filter_values", "event_types"} & set(trained.predictor.signature())
    with pytest.raises(
        ConfigError, match="filter_values: got GENRE=x, GENRE=y, but no filter or promotion asks"
    ):
        trained.recommend([FILMS[:3]], filter_values={"GENRE": ["x", "y"]})
    with pytest.raises(ConfigError, match="event_types: got some, but this model reads none"):
        trained.recommend([FILMS[:1]], event_types=[["buy"]], filter=DRAMA)


def test_all_users_and_the_command_line(
    trained: HRNNRecommender, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert trained.run is not None
    out, told = tmp_path / "recs.parquet", tmp_path / "told.json"
    run = ["--run", str(trained.run.path), "--filter", DRAMA.replace('"Drama"', '"Drama", $MORE')]
    words = ["recommend-all", *run, "--out", str(out), "-k", "30", "--filter-value", "MORE=none"]
    assert cli.main(words) == 0
    found = pl.read_parquet(out)
    assert all(set(items) == HAS_DRAMA for items in found["items"])
    shown = capsys.readouterr()
    # the answers are written, and the value is perhaps a mistake
    assert (
        "tfhrnn recommend-all: warning: filter, $MORE: no item of the catalogue has 'none' in "
        "genres (there are: Comedy, Drama, Horror)\n"
    ) in shown.err
    assert "users with fewer than 30 items: 40, with none: 0\n" in shown.out
    other = [word.replace("Drama", "Horror") for word in words]
    assert cli.main(other) == 0  # another plan, another file
    assert set(pl.read_parquet(out)["items"][0]) == HAS_HORROR
    one = ["recommend", *run, "--history", json.dumps(FILMS[:3]), "-k", "30", "--json", str(told)]
    assert cli.main([*one, "--filter-value", "MORE=Horror", "--filter-value", "MORE=Drama"]) == 0
    assert {row["item"] for row in json.loads(told.read_text())["items"]} == HAS_DRAMA
    capsys.readouterr()
    wrong = [word.replace("GENRES", "genre") for word in one]
    assert cli.main(wrong) == 2
    assert capsys.readouterr().err == (
        "tfhrnn recommend: filter, position 22: got Items.genre, expected one of item_id, "
        "genres (did you mean 'genres'?)\n"
    )
    export = ["export", *run[:2], "--out", str(tmp_path / "m"), "--filter"]
    assert cli.main([*export, f"drama={DRAMA}"]) == 0
    assert cli.main([*export, "drama"]) == 2
    assert "--filter: got 'drama', expected NAME=VALUE" in capsys.readouterr().err


def test_a_value_in_vain_is_a_warning_and_no_answer_a_sentence(
    trained: HRNNRecommender, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert trained.run is not None
    told = tmp_path / "told.json"
    run, only = ["--run", str(trained.run.path)], 'INCLUDE ItemID WHERE Items.genres IN ("{}")'
    warned = "filter, position 22: no item of the catalogue has 'Dramas' in genres (did you mean "
    misspelt = only.format("Dramas")
    assert cli.main(["recommend", *run, "--filter", misspelt, "--json", str(told)]) == 0
    shown = capsys.readouterr()
    assert f"tfhrnn recommend: warning: {warned}'Drama'?)\n" in shown.err
    assert shown.out == "no item is left to answer\n"
    assert json.loads(told.read_text()) == {"level": None, "unknown": [], "items": []}

    out = ["--out", str(tmp_path / "recs.parquet"), "--json", str(told), "-k", "3"]
    assert cli.main(["recommend-all", *run, *out, "--filter", misspelt]) == 0
    assert "users with fewer than 3 items: 40, with none: 40\n" in capsys.readouterr().out
    assert cli.main(["recommend-all", *run, *out, "--filter", misspelt]) == 0  # all there already
    assert "with fewer than 3 items: 40, with none: 40\n" in capsys.readouterr().out
    found = json.loads(told.read_text())
    assert (found["users_with_fewer_items"], found["users_with_none"]) == (40, 40)
    assert cli.main(["recommend-all", *run, *out, "--filter", only.format("Drama")]) == 0
    shown = capsys.readouterr()
    assert "fewer than" not in shown.out and "warning" not in shown.err

    export = ["export", *run, "--out", str(tmp_path / "m"), "--promotion", f"new={misspelt}"]
    assert cli.main(export) == 0
    assert "warning: promotion 'new', position 22: no item of the" in capsys.readouterr().err
    # In Python, by Python's own means, at the caller's line.
    with pytest.warns(UnmetValueWarning, match="'Dramas' in genres") as caught:
        assert trained.recommend([FILMS[:1]], filter=misspelt).is_empty()
    assert [Path(one.filename).name for one in caught] == ["test_filters_served.py"]
