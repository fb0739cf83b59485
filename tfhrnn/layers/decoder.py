"""From hidden state to scores: ID and feature embeddings of items, mixed by λ.

score_j = (1 − λ_j)(w_j·h + b_j) + λ_j(w(f_j)·h + b(f_j)). In training λ is drawn at random, so that
feature embeddings are learned as substitutes of the ID embeddings and an item without interactions
can be scored at λ = 1 (Ma and Narayanaswamy, section 2).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf


class Decoder(tf.keras.layers.Layer):
    """The item matrix and what is learned around it.

    Args:
      units: width of hidden states and item embeddings.
      features: `[items, width]` float32 encoded item features; width 0 for none, and then λ is 0
        everywhere.
      cold: `[items]` bool, items without training events, scored at λ = 1.
      mix: λ of the other items at inference.
      mix_rule: "item" draws λ_j ~ U(0, 1) for each item, "update" one for all, "beta" λ_j ~
        Beta(½, ½), "bernoulli" 0 or 1 with equal chance, "fixed" always takes `mix`.
      log_popularity: `[items]` float32 start of the ID bias b_j.
      seen_bias: start of the seen-item bias β; None leaves it out.
      seen_bias_rate: multiplies its learning rate.
      seen_bias_form: "scalar" learns one β, "level" one of each gap level, "item" one of each item.
      levels: how many gap levels there are, the start level included; of "level" alone.
      seed: of weights and λ.

    Source: Ma and Narayanaswamy, section 2.
    """

    def __init__(
        self,
        units: int,
        *,
        features: npt.NDArray[np.float32],
        cold: npt.NDArray[np.bool_] | None = None,
        mix: float = 0.5,
        mix_rule: str = "item",
        log_popularity: npt.NDArray[np.float32] | None = None,
        seen_bias: float | None = None,
        seen_bias_rate: float = 1.0,
        seen_bias_form: str = "scalar",
        levels: int = 1,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.mix, self.mix_rule, self.seed = units, mix, mix_rule, seed
        self.seen_bias_start, self.seen_bias_rate = seen_bias, seen_bias_rate
        self.seen_bias_form, self.levels = seen_bias_form, levels
        self._features = np.asarray(features, np.float32)
        self.num_items, self.has_features = len(features), self._features.shape[1] > 0
        self._cold = np.zeros(self.num_items, bool) if cold is None else np.asarray(cold, bool)
        self._log_popularity = log_popularity
        self._generator = tf.random.Generator.from_seed(0 if seed is None else seed + 7)

    def build(self, _: Any = None) -> None:
        """Creates the weights; the shape of an input is not needed."""
        seed = self.seed
        start = tf.keras.initializers.RandomUniform(-0.1, 0.1, seed=seed)
        bias = (
            self._log_popularity if self._log_popularity is not None else np.zeros(self.num_items)
        )
        self.id_weights = self.add_weight(
            "id_weights", [self.num_items, self.units], initializer=start
        )
        self.id_bias = self.add_weight(
            "id_bias", [self.num_items], initializer=tf.keras.initializers.Constant(bias)
        )
        if self.has_features:
            self.features = self.add_weight(
                "features",
                self._features.shape,
                initializer=tf.keras.initializers.Constant(self._features),
                trainable=False,
            )
            cold = np.where(self._cold, 1.0, self.mix)
            self.inference_mix = self.add_weight(
                "inference_mix",
                [self.num_items],
                initializer=tf.keras.initializers.Constant(cold),
                trainable=False,
            )
            glorot = tf.keras.initializers.GlorotUniform(seed=None if seed is None else seed + 1)
            width = self._features.shape[1]
            self.feature_weights = self.add_weight(
                "feature_weights", [width, self.units], initializer=glorot
            )
            self.feature_center = self.add_weight(
                "feature_center_bias", [self.units], initializer="zeros"
            )
            self.feature_slope = self.add_weight("feature_slope", [width], initializer="zeros")
            self.feature_bias = self.add_weight(
                "feature_bias", [], initializer=tf.keras.initializers.Constant(np.mean(bias))
            )
        if self.seen_bias_start is not None:
            raw = self.seen_bias_start / self.seen_bias_rate
            self.raw_seen_bias = self.add_weight(
                "seen_bias",
                {"scalar": [], "level": [self.levels], "item": [self.num_items]}[
                    self.seen_bias_form
                ],
                initializer=tf.keras.initializers.Constant(raw),
            )
        super().build(_)

    @property
    def seen_bias(self) -> tf.Tensor | None:
        """β, what is added to seen items' scores, float32; None where it is left out.

        A scalar, `[levels]` or `[items]`, by `seen_bias_form`.
        """
        if self.seen_bias_start is None:
            return None
        # Adam's step does not depend on a gradient's size, so scaling the variable scales its
        # learning rate.
        return tf.cast(self.raw_seen_bias, tf.float32) * self.seen_bias_rate

    def seen_bias_at(self, level: tf.Tensor) -> tf.Tensor | None:
        """β where the levels of the gaps that follow are known, as the losses take it.

        Args:
          level: `[lanes, window]` int32.

        Returns:
          A scalar, `[items]`, or of the form "level" `[lanes, window]`; None where it is left out.
        """
        beta = self.seen_bias
        if beta is None or self.seen_bias_form != "level":
            return beta
        return tf.gather(beta, level)

    def draw_mix(self) -> tf.Tensor:
        """λ for one update of training: `[items]` float32."""
        if self.mix_rule == "fixed":
            return tf.fill([self.num_items], self.mix)
        if self.mix_rule == "update":
            return tf.fill([self.num_items], self._generator.uniform([]))
        drawn = self._generator.uniform([self.num_items])
        if self.mix_rule == "bernoulli":
            return tf.round(drawn)
        if self.mix_rule == "beta":
            # The arcsine law's quantiles: Beta(1/2, 1/2) from a uniform draw.
            return tf.square(tf.sin(drawn * (np.pi / 2)))
        return drawn

    def feature_embeddings(self, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """w(f) `[..., units]` and b(f) `[...]` of encoded features `[..., width]`."""
        features = tf.cast(features, self.feature_weights.dtype)
        weights = tf.tensordot(features, self.feature_weights, axes=1) + self.feature_center
        return weights, tf.linalg.matvec(features, self.feature_slope) + self.feature_bias

    def item_vectors(self, columns: tf.Tensor) -> tf.Tensor:
        """What a head reads of items: ID embedding ⊕ feature embedding, without λ.

        Args:
          columns: int32 columns of the item matrix, of any shape.

        Returns:
          `[..., 2 · units]` float32, `[..., units]` where there are no features.
        """
        rows = tf.gather(tf.convert_to_tensor(self.id_weights), columns)
        if not self.has_features:
            return rows
        by_features, _ = self.feature_embeddings(tf.gather(self.features, columns))
        return tf.concat([rows, by_features], axis=-1)

    def item_matrix(self, mix: tf.Tensor | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """The rows that score every item.

        Args:
          mix: `[items]` λ; by default the one of inference.

        Returns:
          weights `[items, units]` and bias `[items]`, float32.
        """
        if not self.built:
            self.build()
        weights, bias = tf.convert_to_tensor(self.id_weights), tf.convert_to_tensor(self.id_bias)
        if not self.has_features:
            return weights, bias
        if mix is None:
            mix = self.inference_mix
        mix = tf.cast(mix, weights.dtype)
        by_features, feature_bias = self.feature_embeddings(self.features)
        rows = mix[:, tf.newaxis]
        weights = (1.0 - rows) * weights + rows * by_features
        return weights, (1.0 - mix) * bias + mix * feature_bias

    def call(self, hidden: tf.Tensor, mix: tf.Tensor | None = None) -> tf.Tensor:
        """Scores `[..., items]` float32 of `[..., units]` states, without the seen-item term."""
        weights, bias = self.item_matrix(mix)
        scores = tf.matmul(tf.cast(hidden, weights.dtype), weights, transpose_b=True)
        return tf.cast(scores + bias, tf.float32)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, arrays as lists."""
        start = self._log_popularity
        own = {
            "units": self.units,
            "features": self._features.tolist(),
            "cold": self._cold.tolist(),
            "mix": self.mix,
            "mix_rule": self.mix_rule,
            "log_popularity": None if start is None else np.asarray(start).tolist(),
            "seen_bias": self.seen_bias_start,
            "seen_bias_rate": self.seen_bias_rate,
            "seen_bias_form": self.seen_bias_form,
            "levels": self.levels,
            "seed": self.seed,
        }
        return {**super().get_config(), **own}
