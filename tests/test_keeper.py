"""What a run keeps of its training, on a model of one layer, epoch by epoch."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.config import TrainingConfig
from tfhrnn.errors import RunError
from tfhrnn.keeper import COLUMNS, Keeper, dropout_generators, load_best
from tfhrnn.run_folder import RunFolder
from tfhrnn.training import build_optimizer

INPUTS = tf.constant(np.random.default_rng(0).normal(size=(8, 3)), tf.float32)


def small(config: TrainingConfig, seed: int = 0, units: int = 2) -> Any:
    """Dropout and a dense layer, with the optimizer of a run."""
    model = tf.keras.Sequential(
        [
            tf.keras.layers.Dropout(0.5, seed=seed, force_generator=True),
            tf.keras.layers.Dense(
                units, kernel_initializer=tf.keras.initializers.GlorotUniform(seed)
            ),
        ]
    )
    model.build([None, 3])
    model.compile(build_optimizer(config), "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def begin(path: Path, seed: int = 0, units: int = 2, **settings: Any) -> Any:
    """A keeper of a fresh model; the same path again is the same run in another process."""
    config = TrainingConfig(**settings)
    path.mkdir(exist_ok=True)
    keeper: Any = Keeper(RunFolder(path), config)
    keeper.set_model(small(config, seed, units))
    keeper.attach(keeper.model)
    return keeper


def epoch(keeper: Any, number: int, value: float, **logs: float) -> list[Any]:
    """An epoch of one update that is judged `value`; returns the weights that were judged."""
    keeper.on_epoch_begin(number)
    keeper.model.train_on_batch(INPUTS, tf.ones([8, keeper.model.layers[-1].units]))
    keeper.on_test_begin()
    judged = keeper.model.get_weights()
    keeper.on_epoch_end(number, {"loss": 1.0, "perplexity": 9.0, "val_perplexity": value, **logs})
    return judged


def kept(keeper: Any) -> list[Any]:
    """The best weights as another process finds them."""
    model = small(keeper.config, seed=99)
    load_best(model, keeper.run)
    return model.get_weights()


def same(one: list[Any], other: list[Any]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def table(keeper: Any) -> list[dict[str, str]]:
    with keeper.run.metrics.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("ema_decay", [0.0, 0.5])
def test_resuming_puts_back_weights_moments_draws_and_the_table(
    tmp_path: Path, ema_decay: float
) -> None:
    first = begin(tmp_path / "run", ema_decay=ema_decay)
    epoch(first, 0, 7.0)
    epoch(first, 1, 5.0)
    again = begin(tmp_path / "run", seed=1, ema_decay=ema_decay)
    assert again.resume() == 2
    assert same(again.model.get_weights(), first.model.get_weights())
    variables = [[v.numpy() for v in k.model.optimizer.variables] for k in (again, first)]
    assert same(*variables) and int(again.model.optimizer.iterations) == 2
    assert (int(again.best_epoch), float(again.best_value)) == (1, 5.0)
    assert again.watched == first.watched == [7.0, 5.0]
    # Dropout goes on with the draws that come next, and so the third epochs are one.
    for keeper in (first, again):
        epoch(keeper, 2, 6.0)
    assert same(again.model.get_weights(), first.model.get_weights())
    assert [row["epoch"] for row in table(again)] == ["1", "2", "3"]


def test_nothing_kept_is_nothing_done(tmp_path: Path) -> None:
    assert begin(tmp_path / "run").resume() == 0


@pytest.mark.parametrize("left", ["nothing", "half a file"])
def test_an_epoch_whose_checkpoint_is_not_whole_has_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    killed = begin(tmp_path / "run")
    epoch(killed, 0, 7.0)
    weights = killed.model.get_weights()

    def stopped(checkpoint_number: int) -> None:
        if left == "half a file":
            whole = killed.run.checkpoints / "ckpt-1.data-00000-of-00001"
            (killed.run.checkpoints / "ckpt-2.data-00000-of-00001").write_bytes(
                whole.read_bytes()[:20]
            )
        raise KeyboardInterrupt

    monkeypatch.setattr(killed.manager, "save", stopped)
    with pytest.raises(KeyboardInterrupt):
        epoch(killed, 1, 5.0)
    assert len(table(killed)) == 2  # the row stands before the checkpoint that makes it count
    again = begin(tmp_path / "run", seed=1)
    assert again.resume() == 1
    assert same(again.model.get_weights(), weights)
    assert (int(again.best_epoch), float(again.best_value)) == (0, 7.0)
    assert again.watched == [7.0]
    epoch(again, 1, 5.0)
    assert [row["epoch"] for row in table(again)] == ["1", "2"]
    assert begin(tmp_path / "run", seed=2).resume() == 2


def test_the_last_two_checkpoints_stay(tmp_path: Path) -> None:
    keeper = begin(tmp_path / "run")
    for number in range(4):
        epoch(keeper, number, 5.0)
    found = sorted(path.name for path in keeper.run.checkpoints.glob("*.index"))
    assert found == ["ckpt-3.index", "ckpt-4.index"]


def test_the_best_epochs_weights_are_kept_and_the_first_of_equals(tmp_path: Path) -> None:
    keeper = begin(tmp_path / "run")
    judged = [epoch(keeper, number, value) for number, value in enumerate([7.0, 5.0, 6.0, 5.0])]
    assert int(keeper.best_epoch) == 1 and not same(judged[1], judged[3])
    assert same(kept(keeper), judged[1])


def test_a_ranking_losss_epochs_are_judged_by_their_ndcg(tmp_path: Path) -> None:
    keeper = begin(tmp_path / "run", loss="bpr_max", patience=2)
    judged = [
        epoch(keeper, number, 5.0 - number, val_ndcg=ndcg)
        for number, ndcg in enumerate([0.1, 0.3, 0.2])
    ]
    assert int(keeper.best_epoch) == 1 and same(kept(keeper), judged[1])
    assert not keeper.exhausted
    epoch(keeper, 3, 1.0, val_ndcg=0.25)
    assert keeper.exhausted  # whatever perplexity says


def test_averages_are_judged_and_kept_and_raw_weights_trained(tmp_path: Path) -> None:
    keeper = begin(tmp_path / "run", ema_decay=0.5)
    plain = begin(tmp_path / "plain")
    for number in range(3):
        judged = epoch(keeper, number, 5.0 - number)
        raw = epoch(plain, number, 5.0 - number)
        assert same(keeper.model.get_weights(), raw)
        assert not same(judged, raw) and same(kept(keeper), judged)


def test_the_best_epoch_is_that_of_the_watched_figure(tmp_path: Path) -> None:
    judged = ({"val_ndcg": 0.1, "val_rmse": 0.9}, {"val_ndcg": 0.3, "val_rmse": 1.0})
    for watch, best in (("perplexity", 2), ("ndcg", 1), ("rmse", 0)):
        keeper = begin(tmp_path / watch, watch=watch)
        for number, logs in enumerate((*judged, {"val_ndcg": 0.2, "val_rmse": 0.95})):
            epoch(keeper, number, 7.0 - number, **logs)
        assert int(keeper.best_epoch) == best
    assert keeper.watched == [0.9, 1.0, 0.95]


def test_without_a_validation_the_training_figure_is_watched(tmp_path: Path) -> None:
    keeper = begin(tmp_path / "run", ema_decay=0.5)
    keeper.on_epoch_begin(0)
    keeper.model.train_on_batch(INPUTS, tf.ones([8, 2]))
    raw = keeper.model.get_weights()
    keeper.on_epoch_end(0, {"loss": 1.0, "perplexity": 4.0})
    assert float(keeper.best_value) == 4.0 and keeper.watched == [4.0]
    # Averages are kept though nothing was judged.
    assert same(keeper.model.get_weights(), raw) and not same(kept(keeper), raw)


def test_a_row_tells_what_was_judged_the_rate_and_the_time(tmp_path: Path) -> None:
    keeper = begin(tmp_path / "run", schedule="constant", learning_rate=0.25)
    epoch(keeper, 0, 5.0, val_loss=1.5, something_else=3.0)
    (row,) = table(keeper)
    assert tuple(row) == COLUMNS
    assert row["rmse"] == row["val_rmse"] == ""  # no ranking head
    assert float(row.pop("seconds")) > 0
    # The first epoch's rate is half the whole one, in the middle of its warm-up.
    assert {name: float(value) for name, value in row.items() if value} == {
        **{"epoch": 1, "loss": 1.0, "perplexity": 9.0, "val_loss": 1.5, "val_perplexity": 5.0},
        **{"learning_rate": 0.125},
    }
    assert float(keeper.model.optimizer.learning_rate) == 0.125
    keeper.on_epoch_begin(1)
    assert float(keeper.model.optimizer.learning_rate) == 0.25


def test_patience_is_epochs_without_a_better_one(tmp_path: Path) -> None:
    keeper = begin(tmp_path / "run", patience=2, plateau_patience=1)
    keeper.model.stop_training = False
    stopped = []
    for number, value in enumerate([7.0, 8.0, 6.0, 6.0, 6.5]):
        epoch(keeper, number, value)
        stopped.append((keeper.exhausted, keeper.model.stop_training))
    assert stopped == [(False, False)] * 4 + [(True, True)]
    again = begin(tmp_path / "run", patience=2, plateau_patience=1)
    assert again.resume() == 5 and again.exhausted


@pytest.mark.parametrize("settings", [{}, {"ema_decay": 0.5}, {"precision": "mixed_float16"}])
def test_on_a_plateau_it_goes_on_from_the_best_weights_at_a_lower_rate(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    plan: dict[str, Any] = {"schedule": "plateau", "plateau_patience": 1, "learning_rate": 0.5}
    keeper = begin(tmp_path / "run", **plan, **settings)
    if "precision" in settings:
        model, optimizer = keeper.model, keeper.model.optimizer
        model.compile(tf.keras.mixed_precision.LossScaleOptimizer(optimizer), "mse")
        keeper.attach(model)
    best: list[Any] = []
    rates: list[float] = []
    for number, value in enumerate([7.0, 5.0, 6.0]):
        judged = epoch(keeper, number, value)
        best = judged if value == 5.0 else best
        rates.append(keeper.rate)
    assert rates == [0.25, 0.5, 0.5]
    assert same(keeper.model.get_weights(), best) and not same(judged, best)
    # Moments and the count of updates are those of all three epochs.
    assert int(keeper.model.optimizer.iterations) == 3
    keeper.on_epoch_begin(3)
    assert keeper.rate == 0.125  # a quarter
    keeper.on_test_begin()
    assert same(keeper.model.get_weights(), best)  # the average begins anew there


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_figure_that_is_not_finite_stops_with_a_cure_and_keeps_nothing(
    tmp_path: Path, value: float
) -> None:
    keeper = begin(tmp_path / "run")
    epoch(keeper, 0, 5.0)
    before = kept(keeper)
    with pytest.raises(RunError, match=r"epoch 2: got perplexity (nan|inf), .*lower learning_rate"):
        epoch(keeper, 1, value)
    assert len(table(keeper)) == 1 and same(kept(keeper), before)
    assert begin(tmp_path / "run").resume() == 1


def test_starting_values_are_kept_with_a_table_without_rows(tmp_path: Path) -> None:
    keeper = begin(tmp_path / "run", epochs=0)
    keeper.keep_start()
    assert same(kept(keeper), keeper.model.get_weights())
    assert keeper.run.metrics.read_text().split() == [",".join(COLUMNS)]


def test_judged_starting_values_are_to_be_beaten(tmp_path: Path) -> None:
    keeper = begin(tmp_path / "run")
    start = keeper.model.get_weights()
    keeper.keep_start({"loss": 1.6, "perplexity": 5.0})
    assert not keeper.run.metrics.exists()  # a run of which nothing was trained has no table
    epoch(keeper, 0, 5.5)
    assert int(keeper.best_epoch) == -1 and same(kept(keeper), start)
    zero, one = table(keeper)
    assert (zero["epoch"], zero["val_loss"], zero["val_perplexity"]) == ("0", "1.6", "5.0")
    assert zero["loss"] == zero["perplexity"] == "" and one["epoch"] == "1"
    better = epoch(keeper, 1, 4.5)
    assert same(kept(keeper), better)
    again = begin(tmp_path / "run", seed=1)
    assert again.resume() == 2 and again.watched == [5.0, 5.5, 4.5]


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    epoch(begin(tmp_path / "run"), 0, 5.0)
    other = begin(tmp_path / "run", units=3)
    with pytest.raises(RunError, match=r"checkpoints: got a checkpoint of another model: "):
        other.resume()


def test_a_run_without_weights_is_refused(tmp_path: Path) -> None:
    keeper = begin(tmp_path / "run")
    with pytest.raises(RunError, match="run: got no trained weights, expected a run with at least"):
        load_best(keeper.model, keeper.run)


def test_generators_are_those_of_all_dropout_layers_however_deep() -> None:
    inner = tf.keras.Sequential([tf.keras.layers.Dropout(0.5, seed=1, force_generator=True)])
    outer = tf.keras.layers.Dropout(0.5, seed=2, force_generator=True)
    model: Any = tf.keras.Sequential([inner, tf.keras.layers.Dense(1), outer])
    x = tf.ones([4, 5])
    model(x)
    generators = dropout_generators(model)
    assert len(generators) == 2
    before = [generator.state.numpy() for generator in generators]
    model(x, training=True)
    for generator, state in zip(generators, before, strict=True):
        assert np.any(generator.state.numpy() != state)
