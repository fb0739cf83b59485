"""The Keras model: event embedding, tower, decoder, and how they are trained.

One `Batch` makes one update of truncated back-propagation: the state left by the last window is
read and the new one kept (paper, section 2). A batch whose users all begin anew needs no clearing,
because a reset forgets exactly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfhrnn.config import ModelConfig
from tfhrnn.data.facts import TrainingFacts
from tfhrnn.errors import ConfigError
from tfhrnn.layers.candidate_scores import Scorer
from tfhrnn.layers.choice import choice_loss
from tfhrnn.layers.decoder import Decoder
from tfhrnn.layers.embeddings import (
    FIRST_COLUMN,
    EventEmbedding,
    EventTypeEmbedding,
    FeedbackEmbedding,
    GapInputs,
    ItemEmbedding,
    LevelEmbedding,
    PositionInput,
    TimeBumps,
    UserEmbedding,
)
from tfhrnn.layers.first_item import FirstItemEmbedding
from tfhrnn.layers.input_cross import InputCross
from tfhrnn.layers.losses import Targets, chunked_ranks, seen_mask
from tfhrnn.layers.negation import Negation
from tfhrnn.layers.rating import RatingHead, RatingTask
from tfhrnn.layers.read_out import ReadOut
from tfhrnn.layers.replicas import sum_over_replicas
from tfhrnn.layers.sampled_losses import loss_options_of, make_loss
from tfhrnn.layers.towers import Control, State, tower, tower_options
from tfhrnn.layers.variational_dropout import VariationalDropout
from tfhrnn.models.epoch_metrics import NDCG, ImpressionLoss, Perplexity
from tfhrnn.models.saving import SavedAsSavedModel

_NEVER = -1e9  # a bias that leaves an item no probability; −inf would make 0 · ∞ in some losses


class HRNN(SavedAsSavedModel, tfrs.models.Model):
    """Hierarchical recurrent recommender with meta data.

    Args:
      config: which parts and how wide.
      facts: from the training users.
      lanes: lanes of the batches given to `fit`, on each replica of a distribution strategy;
        scoring takes any number.
      seed: of weights, dropout and λ.
      seen_bias_rate: the seen-item bias's learning rate as a multiple of the others'.
      loss: the training loss's name in `tfhrnn.layers.make_loss`.
      loss_options: its own options, as text.
      label_smoothing: share of each target spread over all items; only "full_softmax" takes it.
      cold_negatives: whether items without training events stand in the training softmax.
      rating_weight: what the ranking head's loss counts beside it.
      impression_weight: what the choice among the items shown counts beside it, 0 for nothing.
      precision: Keras' policy of every layer: "float32", "mixed_bfloat16" or "mixed_float16";
        by default the global one. Variables, λ, scores, losses and metrics are float32 under each.
        Under "mixed_float16", `compile` wraps the optimizer in a `LossScaleOptimizer`.

    Source: Ma and Narayanaswamy, section 2 and Figure 2.
    """

    def __init__(
        self,
        config: ModelConfig,
        facts: TrainingFacts,
        *,
        lanes: int,
        seed: int = 0,
        seen_bias_rate: float = 1.0,
        loss: str = "full_softmax",
        loss_options: str = "",
        label_smoothing: float = 0.0,
        cold_negatives: bool = True,
        rating_weight: float = 1.0,
        impression_weight: float = 0.0,
        precision: str | None = None,
    ) -> None:
        policy = (
            tf.keras.mixed_precision.global_policy()
            if precision is None
            else tf.keras.mixed_precision.Policy(precision)
        )
        # Not cast at the door: a gap of a day is infinite in float16. Layers cast what they read.
        super().__init__(name="hrnn", dtype=policy, autocast=False)
        self.config, self.facts, self.lanes = config, facts, lanes
        features = facts.item_features
        shares = (facts.item_counts + 1.0) / (facts.item_counts + 1.0).sum()
        self.decoder = Decoder(
            config.units,
            features=features,
            cold=facts.item_counts <= config.cold_max_events,
            mix=config.mix,
            mix_rule=config.mix_rule,
            log_popularity=np.log(shares).astype(np.float32),
            seen_bias=facts.seen_bias if config.seen_bias else None,
            seen_bias_rate=seen_bias_rate,
            seen_bias_form=config.seen_bias_form,
            levels=config.start_level + 1,
            seed=seed,
            dtype=tf.float32,
            name="decoder",
        )
        self.event_embedding = EventEmbedding(
            ItemEmbedding(
                len(features),
                config.units,
                tied=config.tied,
                features=features,
                seed=seed + 1,
                dtype=policy,
            ),
            level=LevelEmbedding(
                config.start_level + 1, config.level_width, seed=seed + 2, dtype=policy
            )
            if config.levels
            else None,
            feedback=FeedbackEmbedding(
                config.feature_width,
                mean=facts.feedback_mean,
                std=facts.feedback_std,
                by_type=facts.feedback_by_type,
                seed=seed + 3,
                dtype=policy,
            )
            if config.feedback
            else None,
            user=UserEmbedding(config.feature_width, seed=seed + 4, dtype=policy)
            if config.user_features and facts.user_width
            else None,
            gap=GapInputs(dtype=policy) if config.gap_inputs else None,
            time=TimeBumps(
                config.time_bumps, first=facts.first_time, last=facts.last_time, dtype=policy
            )
            if config.time_bumps
            else None,
            position=PositionInput(dtype=policy) if config.position_input else None,
            first_item=FirstItemEmbedding(
                config.feature_width, features=features, seed=seed + 12, dtype=policy
            )
            if config.first_item_features and features.shape[1]
            else None,
            negation=Negation(config.negative_below(facts.feedback_mean), dtype=policy)
            if config.negate_below
            else None,
            cross=InputCross(
                config.input_cross, rank=config.input_cross_rank, seed=seed + 1000, dtype=policy
            )
            if config.input_cross
            else None,
            event_type=EventTypeEmbedding(
                len(facts.event_types), config.feature_width, seed=seed + 11, dtype=policy
            )
            if config.event_types
            else None,
            dropout=config.embedding_dropout,
            item_dropout=config.item_dropout,
            variational=config.variational_dropout,
            seed=seed + 5,
            dtype=policy,
            name="event",
        )
        self.tower = tower(
            config.tower,
            units=config.units,
            layers=config.layers,
            variational_dropout=config.variational_dropout,
            seed=seed + 6,
            dtype=policy,
            **{
                "dropout": config.output_dropout,
                **tower_options(config.tower, config.tower_options),
            },
        )
        self.training_loss = make_loss(
            loss,
            item_counts=facts.item_counts,
            seed=seed + 9,
            **loss_options_of(loss, loss_options),
            **({"label_smoothing": label_smoothing} if label_smoothing else {}),
        )
        self.out_of_training = None if cold_negatives else tf.constant(facts.item_counts == 0)
        self.read_out = (
            ReadOut(config.units, seed=seed + 8, dtype=policy, name="read_out")
            if config.read_out
            else None
        )
        dropout = VariationalDropout if config.variational_dropout else tf.keras.layers.Dropout
        self.output_dropout = dropout(
            config.output_dropout, seed=seed + 7, force_generator=True, dtype=policy
        )
        self.rating = (
            RatingHead(
                config.units,
                rank=config.rating_rank,
                dropout=config.rating_dropout,
                mean=facts.feedback_mean,
                std=facts.feedback_std,
                seed=seed + 10,
                dtype=policy,
                name="rating",
            )
            if config.rating != "none"
            else None
        )
        self.rating_weight, self.impression_weight = rating_weight, impression_weight
        self.rating_task = (
            None if self.rating is None else RatingTask(self.rating, joint=config.rating == "joint")
        )
        # Kept between windows; each replica of a distribution strategy has its own lanes and so its
        # own copy. An epoch needs none of the last one's, so checkpoints do without (what a lambda
        # holds is not tracked), and fit a model of other lanes or precision. Workers send each
        # other a variable's first value, which TensorFlow cannot in bfloat16; float32 holds it all.
        carried = [
            tf.Variable(
                tf.zeros_like(part, tf.float32 if part.dtype == tf.bfloat16 else part.dtype),
                trainable=False,
                name=f"carried_{index}",
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            )
            for index, part in enumerate(self.tower.initial_state(lanes))
        ]
        self._carried = lambda: carried
        self.loss_metric = tf.keras.metrics.Mean("loss")
        self.perplexity_metric = Perplexity("perplexity")
        # Not in checkpoints, which an earlier version may have written.
        ndcg, impressions = NDCG("ndcg"), ImpressionLoss("impression_loss")
        self._ndcg, self._impressions = lambda: ndcg, lambda: impressions
        self._evaluates, self.evaluates_impressions = False, False

    @property
    def carried(self) -> list[tf.Variable]:
        """The tower's state after the last window, without loss in any precision."""
        return self._carried()

    @property
    def metrics(self) -> list[tf.keras.metrics.Metric]:
        """Means over an epoch's targets, reset at each epoch and before each validation."""
        own = [self.loss_metric, self.perplexity_metric]
        if self.rating_task is not None:
            own.append(self.rating_task.rmse)
        if self.impression_weight and (self.evaluates_impressions or not self._evaluates):
            own.append(self._impressions())
        # In training nobody ranks the whole catalogue, and Keras wants a step to give all there is.
        return [*own, self._ndcg()] if self._evaluates else own

    def evaluate(self, *args: Any, **options: Any) -> Any:
        """As in Keras, with `ndcg` (at 10) beside the other metrics."""
        self._evaluates = True
        try:
            return super().evaluate(*args, **options)
        finally:
            self._evaluates = False

    def hidden(
        self, event: Any, state: State, *, mix: tf.Tensor | None = None, training: bool = False
    ) -> tuple[tf.Tensor, State, tuple[tf.Tensor, tf.Tensor]]:
        """Reads a window.

        Args:
          event: a `Batch`, or a record with its input fields, `[lanes, window]`.
          state: the tower's.
          mix: `[items]` λ of the rows that score; by default that of inference.
          training: whether dropout draws.

        Returns:
          `[lanes, window, units]` hidden states, the new state, and the item matrix (weights, bias)
          to score with.
        """
        # What is read is mixed as at inference: a λ drawn there as well is noise in every input.
        read = self.decoder.item_matrix()
        y, state = self.encode(event, read[0], state, training=training)
        scoring = read if mix is None else self.decoder.item_matrix(mix)
        return self.output_dropout(y, training=training), state, scoring

    def encode(
        self, event: Any, item_weights: tf.Tensor, state: State, *, training: bool = False
    ) -> tuple[tf.Tensor, State]:
        """From events to hidden states `[lanes, window, units]`, before the output dropout."""
        x = self.event_embedding(event, item_weights, training=training)
        y, state = self.tower(x, Control(event.reset, event.level), state, training=training)
        if not self.config.history:
            return tf.zeros_like(y), state
        return (y if self.read_out is None else self.read_out(y, x)), state

    @property
    def encoder_layers(self) -> list[tf.keras.layers.Layer]:
        """The layers that `encode` goes through."""
        layers = (self.event_embedding, self.tower, self.read_out)
        return [layer for layer in layers if layer is not None]

    def call(self, batch: Any, training: bool = False) -> tf.Tensor:
        """Log-probabilities `[lanes, window, items]` of a window read from nothing, for looking."""
        state = self.tower.initial_state(tf.shape(batch.item)[0])
        return self.log_probabilities(batch, state, training=training)[0]

    def log_probabilities(
        self, batch: Any, state: State, *, training: bool = False
    ) -> tuple[tf.Tensor, State]:
        """Log-probabilities of every item at each step, `[lanes, window, items]`, and the state."""
        hidden, state, (weights, bias) = self.hidden(batch, state, training=training)
        scores = tf.einsum("lwu,iu->lwi", hidden, tf.cast(weights, hidden.dtype))
        scores = tf.cast(scores, tf.float32) + bias
        seen_bias = self.decoder.seen_bias_at(batch.level)
        if seen_bias is not None:
            mask = seen_mask(self._stays(batch), tf.shape(batch.item)[1], self.decoder.num_items)
            spread = seen_bias[..., tf.newaxis] if seen_bias.shape.rank == 2 else seen_bias
            scores += spread * mask
        return tf.nn.log_softmax(scores), state

    def judge(self, batch: Any, state: State) -> tuple[tf.Tensor, tf.Tensor, State]:
        """Log-probability and rank (from 0) of each next item, `[lanes, window]`, and the state."""
        log_p, ranks, _, state = self.judge_hidden(batch, state)
        return log_p, ranks, state

    def judge_hidden(
        self, batch: Any, state: State
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, State]:
        """As `judge`, with the hidden states `[lanes, window, units]` before the last."""
        hidden, state, matrix = self.hidden(batch, state)
        scorer = self._scorer(hidden, matrix, batch)
        log_p, ranks = chunked_ranks(
            *scorer[:3],
            batch.targets[..., 0] - FIRST_COLUMN,
            stays=scorer.stays,
            seen_bias=scorer.seen_bias,
        )
        return log_p, ranks, hidden, state

    def compute_loss(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Mean −log p of a window's weighted targets; carries the state and updates the metrics.

        Of several replicas each gives its lanes' part of the mean over all.
        """
        if training:
            mix = self.decoder.draw_mix() if self.decoder.has_features else None
            hidden, state, (weights, bias) = self.hidden(
                inputs, tuple(self.carried), mix=mix, training=True
            )
            if self.out_of_training is not None:
                bias = tf.where(self.out_of_training, _NEVER, bias)
            scorer = self._scorer(hidden, (weights, bias), inputs)
            total, nats = self.training_loss(
                *scorer[:3],
                Targets(inputs.targets - FIRST_COLUMN, inputs.target_count),
                weight=inputs.weight,
                stays=scorer.stays,
                seen_bias=scorer.seen_bias,
            )
            if self.impression_weight:
                total += self.impression_weight * self._choose(scorer, inputs)
        else:
            log_p, ranks, hidden, state = self.judge_hidden(inputs, tuple(self.carried))
            nats, total = -log_p, -tf.reduce_sum(log_p * inputs.weight)
            self._ndcg().update_state(ranks, sample_weight=inputs.weight)
            if self.impression_weight and self.evaluates_impressions:
                self._choose(self._scorer(hidden, self.decoder.item_matrix(), inputs), inputs)
        for variable, part in zip(self.carried, state, strict=True):
            variable.assign(tf.stop_gradient(tf.cast(part, variable.dtype)))
        for metric in (self.loss_metric, self.perplexity_metric):
            metric.update_state(nats, sample_weight=inputs.weight)
        weight_of_all = sum_over_replicas(tf.reduce_sum(inputs.weight))
        loss = tf.math.divide_no_nan(total, weight_of_all)
        if self.rating_task is not None:
            loss += self.rating_weight * self._rate_targets(inputs, hidden, training)
        return loss

    def _scorer(self, hidden: tf.Tensor, matrix: tuple[tf.Tensor, tf.Tensor], batch: Any) -> Scorer:
        """What scores items at the steps of a window, the seen ones' bias with it."""
        seen_bias = self.decoder.seen_bias_at(batch.level)
        stays = None if seen_bias is None else self._stays(batch)
        return Scorer(hidden, *matrix, stays, seen_bias)

    def _choose(self, scorer: Scorer, inputs: Any) -> tf.Tensor:
        """The summed loss of the choices among the items shown, which are counted."""
        targets = Targets(inputs.targets - FIRST_COLUMN, inputs.target_count)
        shown = inputs.shown - FIRST_COLUMN
        total, nats = choice_loss(scorer, targets, shown, inputs.weight)
        self._impressions().update_state(nats, shown, inputs.weight)
        return total

    def rate(self, hidden: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
        """Predicted feedback of given items.

        Args:
          hidden: `[..., units]` states that the items are asked of.
          columns: int32 columns of the item matrix; leading dimensions as `RatingHead.call`.

        Returns:
          `[...]` float32 in the feedback's units.

        Raises:
          ConfigError: the model has no ranking head.
        """
        if self.rating is None:
            raise ConfigError(
                "rating: got a model without a ranking head, expected joint or detached"
            )
        return self.rating(hidden, self.decoder.item_vectors(columns))

    def _rate_targets(self, inputs: Any, hidden: tf.Tensor, training: bool) -> tf.Tensor:
        """The ranking head's loss on the targets whose feedback is known."""
        assert self.rating_task is not None
        column = inputs.targets[..., 0] - FIRST_COLUMN
        vectors = self.decoder.item_vectors(column)
        if not self.rating_task.joint:
            vectors = tf.stop_gradient(vectors)
        feedback, weight = inputs.target_feedback, inputs.weight
        return self.rating_task(hidden, vectors, feedback, weight, training)

    # Nothing here branches or loops by tensors in Python, and AutoGraph takes seconds to find that.
    @tf.autograph.experimental.do_not_convert
    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """One update on one window."""
        self._check_lanes(data)
        with tf.GradientTape() as tape:
            loss = self.compute_loss(data, training=True)
        # Where the optimizer scales losses, `minimize` differentiates the scaled one, unscales the
        # gradients, and leaves the step out if one is not finite; the clip comes after all that.
        self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
        return {metric.name: metric.result() for metric in self.metrics}

    @tf.autograph.experimental.do_not_convert
    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """One window of validation; the result is the mean over all of them, not the last one's."""
        self._check_lanes(data)
        self.compute_loss(data, training=False)
        return {metric.name: metric.result() for metric in self.metrics}

    def _check_lanes(self, batch: Any) -> None:
        if batch.item.shape[0] != self.lanes:
            raise ValueError(
                f"the batch has {batch.item.shape[0]} lanes, the model carries {self.lanes}: "
                "build the model and its windows with the same number of lanes"
            )

    def _stays(self, batch: Any) -> tf.Tensor:
        """`Batch.seen` with indices turned into columns of the item matrix."""
        return batch.seen - tf.constant([FIRST_COLUMN, 0, 0], tf.int32)
