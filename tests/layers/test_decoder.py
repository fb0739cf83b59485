"""The decoder: λ mixes ID and feature embeddings in one place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.layers import Decoder

FEATURES = np.array([[1, 0], [0.6, 0.8], [0, 0], [0, 1]], np.float32)
COLD = np.array([False, False, False, True])


def make(**options: Any) -> Decoder:
    decoder = Decoder(3, features=FEATURES, cold=COLD, seed=1, **options)
    decoder.build()
    for variable in decoder.trainable_variables:
        variable.assign(tf.random.stateless_normal(variable.shape, [3, 4]))
    return decoder


def test_features_of_every_kind_start_with_as_much_to_say() -> None:
    """One matrix over all columns is a projection a feature; a wide one must not drown others."""
    rng = np.random.default_rng(0)
    one_of_three = np.eye(3, dtype=np.float32)[rng.integers(3, size=400)]
    four_of_512 = (rng.random((400, 512)).argsort(1) < 4).astype(np.float32) / 2  # length 1 too
    decoder = Decoder(64, features=np.concatenate([one_of_three, four_of_512], axis=1), seed=1)
    decoder.build()
    weights = decoder.feature_weights.numpy()
    narrow, wide = one_of_three @ weights[:3], four_of_512 @ weights[3:]
    # Root mean squares of a start drawn once for all columns: alike but for the draw of 3 rows.
    assert np.sqrt((wide**2).mean()) == pytest.approx(np.sqrt((narrow**2).mean()), rel=0.15)


def by_hand(decoder: Decoder, mix: Any) -> tuple[Any, Any]:
    """(1 − λ) w + λ w(f), and the same of the bias."""
    mix = np.asarray(mix, np.float32)
    weights = FEATURES @ decoder.feature_weights.numpy() + decoder.feature_center.numpy()
    bias = FEATURES @ decoder.feature_slope.numpy() + decoder.feature_bias.numpy()
    return (
        (1 - mix)[:, None] * decoder.id_weights.numpy() + mix[:, None] * weights,
        (1 - mix) * decoder.id_bias.numpy() + mix * bias,
    )


@pytest.mark.parametrize("mix", [[0, 0, 0, 0], [1, 1, 1, 1], [0.1, 0.4, 0.9, 1]])
def test_rows_are_mixed_by_lambda(mix: list[float]) -> None:
    decoder = make()
    for found, wanted in zip(
        decoder.item_matrix(tf.constant(mix, tf.float32)), by_hand(decoder, mix), strict=True
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_inference_takes_lambda_one_for_cold_items() -> None:
    decoder = make(mix=0.25)
    for found, wanted in zip(
        decoder.item_matrix(), by_hand(decoder, [0.25, 0.25, 0.25, 1]), strict=True
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_a_cold_items_id_embedding_does_not_matter_at_inference() -> None:
    decoder = make()
    before = decoder(tf.ones([1, 3]))
    decoder.id_weights.scatter_nd_update([[3]], [[100.0, -100, 100]])
    np.testing.assert_array_equal(decoder(tf.ones([1, 3])), before)


def test_scores_are_products_with_the_rows() -> None:
    decoder = make()
    hidden = tf.constant([[1.0, -1, 2], [0, 3, 1]])
    weights, bias = by_hand(decoder, [0.5, 0.5, 0.5, 1])
    np.testing.assert_allclose(decoder(hidden), hidden.numpy() @ weights.T + bias, rtol=1e-4)


def test_draws_differ_by_rule() -> None:
    one, two = make().draw_mix().numpy(), make(mix_rule="update").draw_mix().numpy()
    assert len(set(one.tolist())) == 4 and len(set(two.tolist())) == 1
    assert np.all((0 <= one) & (one < 1))
    assert make(mix_rule="fixed", mix=0.3).draw_mix().numpy() == pytest.approx([0.3] * 4)
    decoder = make()
    assert np.any(decoder.draw_mix() != decoder.draw_mix())


def test_draws_are_uniform() -> None:
    decoder = make()
    draws = np.concatenate([decoder.draw_mix().numpy() for _ in range(500)])
    # 2,000 draws: the mean's standard error is .0065, the variance's about .0017.
    assert abs(draws.mean() - 0.5) < 0.03 and abs(draws.var() - 1 / 12) < 0.008


def test_without_features_lambda_has_no_say() -> None:
    decoder = Decoder(3, features=np.zeros((4, 0), np.float32), log_popularity=np.arange(4.0))
    weights, bias = decoder.item_matrix(tf.ones([4]))
    np.testing.assert_array_equal(weights, decoder.id_weights)
    assert bias.numpy().tolist() == [0, 1, 2, 3] and not decoder.has_features


def test_seen_bias_starts_where_told_whatever_its_rate() -> None:
    assert float(make(seen_bias=-8.0).raw_seen_bias) != -8.0  # make() overwrote it
    decoder = Decoder(3, features=FEATURES, seen_bias=-8.0, seen_bias_rate=4.0)
    decoder.build()
    assert np.float32(decoder.seen_bias) == -8.0 and float(decoder.raw_seen_bias) == -2.0
    assert Decoder(3, features=FEATURES).seen_bias is None


def test_the_seen_scalar_moves_rate_times_as_far() -> None:
    moved = []
    for rate in (1.0, 8.0):
        decoder = Decoder(3, features=FEATURES, seen_bias=0.0, seen_bias_rate=rate)
        decoder.build()
        optimizer = tf.keras.optimizers.Adam(0.01)
        with tf.GradientTape() as tape:
            loss = 5.0 * tf.convert_to_tensor(decoder.seen_bias)
        optimizer.minimize(loss, [decoder.raw_seen_bias], tape=tape)
        moved.append(np.float32(decoder.seen_bias))
    assert moved[1] == pytest.approx(8 * moved[0], rel=1e-4)


@pytest.mark.parametrize(("form", "shape"), [("scalar", []), ("level", [5]), ("item", [4])])
def test_every_form_of_the_seen_bias_starts_alike(form: str, shape: list[int]) -> None:
    decoder = Decoder(
        3, features=FEATURES, seen_bias=-8.0, seen_bias_rate=4.0, seen_bias_form=form, levels=5
    )
    decoder.build()
    np.testing.assert_array_equal(decoder.seen_bias, np.full(shape, -8.0, np.float32))
    decoder.raw_seen_bias.assign(np.arange(np.prod(shape, dtype=int)).reshape(shape))
    found = decoder.seen_bias_at(tf.constant([[4, 0, 0], [1, 2, 3]]))
    by_level = [[16, 0, 0], [4, 8, 12]]  # four times the level
    wanted = {"scalar": 0, "level": by_level, "item": [0, 4, 8, 12]}
    np.testing.assert_array_equal(found, wanted[form])


def test_config_rebuilds_the_layer() -> None:
    decoder = make(
        seen_bias=-3.0, seen_bias_rate=8.0, seen_bias_form="item", mix=0.2, mix_rule="update"
    )
    again = Decoder.from_config(decoder.get_config())
    again.build()
    again.set_weights(decoder.get_weights())
    np.testing.assert_array_equal(again(tf.ones([2, 3])), decoder(tf.ones([2, 3])))
    assert again.get_config() == decoder.get_config()


@pytest.mark.parametrize(
    ("rule", "below"),
    # Shares of λ below .1: of U(0, 1), of Beta(1/2, 1/2) 2/π · asin(√.1), of 0 or 1.
    [("item", 0.1), ("beta", 2 / np.pi * np.arcsin(np.sqrt(0.1))), ("bernoulli", 0.5)],
)
def test_lambda_is_drawn_from_its_distribution(rule: str, below: float) -> None:
    decoder = Decoder(1, features=np.zeros((20_000, 1), np.float32), mix_rule=rule, seed=5)
    drawn = decoder.draw_mix().numpy()
    assert drawn.min() >= 0 and drawn.max() <= 1
    assert drawn.mean() == pytest.approx(0.5, abs=0.015)
    assert (drawn < 0.1).mean() == pytest.approx(below, abs=0.015)  # 4 deviations of 20,000 draws
    assert not np.array_equal(decoder.draw_mix().numpy(), drawn)


def test_item_vectors_are_id_and_feature_embeddings_without_lambda() -> None:
    decoder = make()
    columns = np.array([[3, 0], [1, 1]])
    found = decoder.item_vectors(tf.constant(columns)).numpy()
    ids, _ = by_hand(decoder, np.zeros(4))
    by_features, _ = by_hand(decoder, np.ones(4))
    wanted = np.concatenate([ids, by_features], axis=1)[columns]
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
