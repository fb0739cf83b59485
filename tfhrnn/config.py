"""Settings: frozen dataclasses checked on construction, and a preset with settings on top.

`Config.with_settings({"units": "64"})` is what the command line's `--set units=64` calls: names
are unique over both parts, values are parsed by the field's type.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin, get_type_hints

from tfhrnn.errors import ConfigError, did_you_mean
from tfhrnn.personalize import HYPERPARAMETERS, own_names
from tfhrnn.presets import PRESETS as PRESETS

TowerName = Literal[
    "gru", "lstm", "hgru", "tcn", "rnn_tcn", "transformer", "linear_recurrence", "last_item"
]
TOWER_NAMES: tuple[str, ...] = get_args(TowerName)
# Those that read more than the present event.
SEQUENCE_TOWER_NAMES = tuple(name for name in TOWER_NAMES if name != "last_item")
LossName = Literal["full_softmax", "sampled_softmax", "in_batch", "bpr_max", "gbce"]
LOSS_NAMES: tuple[str, ...] = get_args(LossName)
# Their scores are no log-probabilities, not even nearly: epochs are judged by how items are ranked.
RANKING_LOSSES: tuple[str, ...] = ("bpr_max",)
RatingTraining = Literal["none", "joint", "detached"]
Watch = Literal["auto", "perplexity", "ndcg", "rmse"]
StrategyName = Literal["one_device", "mirrored", "multi_worker", "tpu"]
STRATEGY_NAMES: tuple[str, ...] = get_args(StrategyName)
SplitName = Literal["users", "last", "leave-one-out", "time"]  # see `tfhrnn.data.event_split`
SPLIT_NAMES: tuple[str, ...] = get_args(SplitName)
Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]
RetrievalName = Literal["exact", "streaming", "clustered"]  # how a served model finds its answers
RETRIEVAL_NAMES: tuple[str, ...] = get_args(RetrievalName)
Schedule = Literal["cosine", "plateau", "constant"]
MixRule = Literal["item", "update", "beta", "bernoulli", "fixed"]
SeenBiasForm = Literal["scalar", "level", "item"]


def _check(ok: bool, name: str, value: object, expected: str) -> None:
    if not ok:
        raise ConfigError(f"{name}: got {value!r}, expected {expected}")


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


@dataclass(frozen=True)
class ModelConfig:
    """What the network reads and how it is built.

    Attributes:
      tower: the sequence model's name in `tfhrnn.layers.tower`.
      tower_options: the tower's own options, such as "context=128,dropout=0.1"; dropout inside it
        is `output_dropout` if left out.
      units: width of the tower's hidden state and of the item embeddings.
      layers: towers stacked on each other.
      tied: one item matrix for input and decoder (half the parameters; better on small data).
      thresholds: gap levels' lower bounds in seconds, strictly increasing (paper, Table 5).
      levels: read the level of the gap that follows (the paper's control signal).
      item_features: mix feature embeddings into the decoder's rows, λ(w(f)·h + b(f)).
      feedback: read the standardised feedback of each event.
      negate_below: the feedback below which an event's item is read with its sign turned around: a
        number, "mean" for the training events' mean, or "" for never.
      user_features: read the user table's features.
      first_item_features: read the features of the user's first item at every step from the start
        event on, the paper's stand-in for user features; this leaks the first target by design (see
        `first_targets`), while a served answer to an empty history knows no first item.
      gap_inputs: read log(1 + gap) and "gap is 0" beside the level.
      time_bumps: radial bumps over the data's time range that encode the query time; 0 for none.
      position_input: read log(1 + steps since the user's start).
      item_statistics: add popularity, mean feedback and entry date to the item features.
      item_factors: factors of which items stand near each other, added to the item features.
      read_out: a residual step on (output, input) between tower and decoder.
      history: read the user's events at all; without, hidden states are 0 and every user gets the
        items' biases, which start as popularity.
      rating: the head that predicts the feedback of a given item: none, trained jointly with the
        tower, or detached, so that it changes nothing about the recommendations.
      rating_rank: rank of the matrices in that head's cross layers; 0 for full ones.
      rating_dropout: share of what that head reads dropped in training.
      seen_bias: learn one scalar added to the logits of items among the user's last `seen_items`
        distinct ones.
      seen_bias_form: what has a seen-item bias of its own: nothing (one scalar for all), each level
        of the gap that follows, or each item.
      seen_items: how many distinct items that set holds; fixed, so that a served state has a
        bounded size.
      mix_rule: how λ is drawn in training: uniform per item, uniform and one per update, U-shaped
        (Beta(½, ½)) or 0 or 1 per item, or not at all.
      mix: λ of known items at inference (cold ones take 1), and everywhere if the rule is "fixed".
      cold_max_events: items with at most that many training events are cold: λ is 1.
      level_width: width of the level embedding.
      feature_width: width of the feedback, event type and user embeddings.
      embedding_dropout: share of input channels dropped.
      input_cross: layers of a deep-cross network over all inputs before the tower; 0 for none.
      input_cross_rank: rank of its matrices; 0 for full ones.
      output_dropout: share of the tower's outputs dropped before the decoder and between layers.
      item_dropout: share of the items whose whole input vectors are dropped for one update.
      variational_dropout: draw dropout masks once a lane and window instead of at each step, at the
        input, at the output and between the layers of "gru", "lstm" and "hgru"; a user's mask
        changes where a window ends.
      event_types: read the type of each event, such as a click or a purchase.
    """

    tower: TowerName = "gru"
    tower_options: str = ""
    units: int = 128
    layers: int = 1
    tied: bool = True
    thresholds: tuple[int, ...] = (60, 3600, 86400)
    levels: bool = True
    item_features: bool = False
    feedback: bool = False
    negate_below: str = ""
    user_features: bool = False
    first_item_features: bool = False
    gap_inputs: bool = False
    time_bumps: int = 0
    position_input: bool = False
    item_statistics: bool = False
    item_factors: int = 0
    read_out: bool = False
    history: bool = True
    rating: RatingTraining = "none"
    rating_rank: int = 0
    rating_dropout: float = 0.0
    seen_bias: bool = False
    seen_bias_form: SeenBiasForm = "scalar"
    seen_items: int = 512
    mix_rule: MixRule = "item"
    mix: float = 0.5
    cold_max_events: int = 0
    level_width: int = 8
    feature_width: int = 16
    embedding_dropout: float = 0.2
    input_cross: int = 0
    input_cross_rank: int = 0
    output_dropout: float = 0.4
    item_dropout: float = 0.0
    variational_dropout: bool = False
    event_types: bool = False

    def __post_init__(self) -> None:
        for name in ("units", "layers", "seen_items", "level_width", "feature_width"):
            _check(
                getattr(self, name) >= 1, name, getattr(self, name), "a whole number of at least 1"
            )
        bumps, below = self.time_bumps, self.negate_below
        _check(bumps == 0 or bumps >= 2, "time_bumps", bumps, "0, or 2 and more")
        for name in (
            *("item_factors", "input_cross", "input_cross_rank", "cold_max_events"),
            "rating_rank",
        ):
            _check(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        known = below in ("", "mean") or _is_number(below)
        _check(known, "negate_below", below, 'a number, "mean" or nothing')
        for name in ("embedding_dropout", "output_dropout", "item_dropout", "rating_dropout"):
            _check(0 <= getattr(self, name) < 1, name, getattr(self, name), "a share in [0, 1)")
        _check(
            not self.first_item_features
            or self.item_features
            or self.item_statistics
            or self.item_factors > 0,
            "first_item_features",
            self.first_item_features,
            "item_features, item_statistics or item_factors with it",
        )
        _check(0 <= self.mix <= 1, "mix", self.mix, "a share in [0, 1]")
        rising = all(a < b for a, b in zip(self.thresholds, self.thresholds[1:], strict=False))
        _check(
            rising and all(t > 0 for t in self.thresholds),
            "thresholds",
            self.thresholds,
            "positive seconds, strictly increasing",
        )

    @property
    def reads_feedback(self) -> bool:
        """Whether an event's feedback is among the inputs, in whatever form."""
        return self.feedback or bool(self.negate_below)

    def negative_below(self, mean: float) -> float:
        """The feedback below which an item is negated, given the training events' mean."""
        return mean if self.negate_below == "mean" else float(self.negate_below)

    @property
    def start_level(self) -> int:
        """The level of a user's start event, one past the largest gap level."""
        return len(self.thresholds) + 1


@dataclass(frozen=True)
class TrainingConfig:
    """How the network is trained.

    Attributes:
      loss: the training loss's name in `tfhrnn.layers.make_loss`; judging is always exact.
      loss_options: the loss's own options, such as "negatives=512,sampler=popularity".
      label_smoothing: share of each target spread evenly over all items, for "full_softmax" alone;
        the figures reported stay those of the true targets.
      epochs: passes over the training users. 0 keeps the starting values, for a model that reads no
        history.
      batch_size: lanes read side by side.
      bptt: steps between cuts of the gradient.
      learning_rate: AdamW's rate after one epoch of warm-up.
      final_learning_rate: the rate that the cosine ends at, as a share of `learning_rate`.
      schedule: the rate after the warm-up: a half cosine over the epochs, constant, or cut where
        validation perplexity stays on a plateau.
      plateau_patience: epochs without a better validation perplexity before the rate is cut and
        training goes on from the best weights, the optimizer's moments as they are.
      plateau_factor: what a cut multiplies the rate by.
      ema_decay: decay of a moving average of the weights, such as 0.999, that is judged and kept
        instead of the raw ones; 0 for none.
      weight_decay: AdamW's decay, on matrices only.
      clip_norm: largest norm of all gradients together; 0 does not clip.
      patience: epochs without a better validation perplexity (or what else is watched) before
        training stops.
      watch: what the validation users judge epochs by: "perplexity", "ndcg" at 10, "rmse" of the
        ranking head, or "auto", which is NDCG with "bpr_max" and perplexity with all others.
      shuffle_ties: draw the order within equal timestamps anew each epoch.
      tied_targets: most items of a tied step's remaining set that share the target; 1 for the next
        item alone.
      first_targets: count users' first events among the targets of training and of the validation
        perplexity; false gives them weight 0. Judging always tells them apart.
      unknown_rate: share of input ids replaced by the unknown item, and their event types by the
        unknown one, so that these embeddings are trained.
      cold_negatives: let items without training events stand in the training softmax, where they
        can only lose; without it their feature embeddings are what the other items teach.
      seen_bias_rate: the seen-item bias's learning rate as a multiple of the others'.
      rating_weight: what the ranking head's loss counts beside the softmax's.
      impression_weight: what the choice among the items shown counts beside it, see layers.choice.
      recency_mask: weight training targets by recency, against each other within an update: its
        loss is a mean.
      recency_half_life: share of the training events' time range by which a target of half the
        weight is older.
      train_on_validation: train on the validation users too, once they have said for how many
        epochs; the training perplexity then judges epochs, so that it is mostly the last that is
        kept. Test users stay out.
      min_user_history_length_percentile: users with shorter histories than this percentile of the
        training users' are not trained on (`tfhrnn.data.history_lengths`); all are judged.
      max_user_history_length_percentile: likewise those with longer ones.
      precision: float32, or mixed_bfloat16 or mixed_float16 (with loss scaling), where layers
        compute in half precision; variables, losses and metrics stay float32, and so does the
        trained model.
      seed: of users' order, ties, weights, dropout and λ.
    """

    loss: LossName = "full_softmax"
    loss_options: str = ""
    label_smoothing: float = 0.0
    epochs: int = 12
    batch_size: int = 32
    bptt: int = 32
    learning_rate: float = 1e-2
    final_learning_rate: float = 0.02
    schedule: Schedule = "cosine"
    plateau_patience: int = 2
    plateau_factor: float = 0.25
    ema_decay: float = 0.0
    weight_decay: float = 0.1
    clip_norm: float = 1.0
    patience: int = 5
    watch: Watch = "auto"
    shuffle_ties: bool = False
    tied_targets: int = 1
    first_targets: bool = True
    unknown_rate: float = 0.005
    cold_negatives: bool = True
    seen_bias_rate: float = 8.0
    rating_weight: float = 0.2
    impression_weight: float = 0.0
    recency_mask: bool = False
    recency_half_life: float = 0.25
    train_on_validation: bool = False
    min_user_history_length_percentile: float = 0.0
    max_user_history_length_percentile: float = 1.0
    precision: Precision = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("batch_size", "bptt", "patience", "plateau_patience", "tied_targets"):
            _check(
                getattr(self, name) >= 1, name, getattr(self, name), "a whole number of at least 1"
            )
        _check(self.epochs >= 0, "epochs", self.epochs, "a whole number of at least 1")
        for name in ("learning_rate", "seen_bias_rate", "rating_weight"):
            _check(getattr(self, name) > 0, name, getattr(self, name), "a positive number")
        for name in ("weight_decay", "clip_norm", "impression_weight"):
            _check(getattr(self, name) >= 0, name, getattr(self, name), "0 or a positive number")
        _check(
            0 < self.plateau_factor < 1, "plateau_factor", self.plateau_factor, "between 0 and 1"
        )
        _check(
            self.schedule != "plateau" or self.plateau_patience < self.patience,
            "plateau_patience",
            self.plateau_patience,
            f"less than patience, {self.patience}, or training stops before the rate is cut",
        )
        _check(
            not (self.train_on_validation and self.schedule == "plateau"),
            "train_on_validation",
            self.train_on_validation,
            "false with schedule 'plateau', which watches the validation perplexity",
        )
        for name in ("unknown_rate", "label_smoothing", "ema_decay"):
            _check(0 <= getattr(self, name) < 1, name, getattr(self, name), "a share in [0, 1)")
        _check(
            self.label_smoothing == 0 or self.loss == "full_softmax",
            "label_smoothing",
            self.label_smoothing,
            f"0 with loss {self.loss!r}: only 'full_softmax' smooths",
        )
        _check(
            self.cold_negatives or self.label_smoothing == 0,
            "cold_negatives",
            self.cold_negatives,
            "true with label_smoothing, which gives every item a share",
        )
        half_life = self.recency_half_life
        _check(0 < half_life <= 1, "recency_half_life", half_life, "a share in (0, 1]")
        low = self.min_user_history_length_percentile
        high = self.max_user_history_length_percentile
        _check(
            0 <= low <= high <= 1,
            "min_user_history_length_percentile, max_user_history_length_percentile",
            (low, high),
            "shares in [0, 1], the first not above the second",
        )
        _check(self.seed >= 0, "seed", self.seed, "0 or a positive whole number")

    @property
    def watched(self) -> str:
        """What the validation users judge epochs by: "perplexity", "ndcg" or "rmse"."""
        if self.watch != "auto":
            return self.watch
        return "ndcg" if self.loss in RANKING_LOSSES else "perplexity"


@dataclass(frozen=True)
class Config:
    """A model and how to train it; `preset` gives the named ones."""

    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    preset: str = "hrnn"

    def __post_init__(self) -> None:
        _check(
            self.training.epochs >= 1 or not self.model.history,
            "epochs",
            self.training.epochs,
            "a whole number of at least 1 (0 only with history=false)",
        )
        _check(
            self.training.watch != "rmse" or self.model.rating != "none",
            "watch",
            self.training.watch,
            "a ranking head with it: rating=joint or detached",
        )

    def with_settings(self, settings: Mapping[str, object]) -> Config:
        """A copy with fields replaced by name.

        Args:
          settings: field name, or Amazon Personalize's name of it (`tfhrnn.personalize`), to value;
            text is parsed by the field's type ("64", "true", "60,3600").

        Raises:
          ConfigError: no such field, a value that it cannot take, or a field under both names.
        """
        parts: dict[str, dict[str, Any]] = {"model": {}, "training": {}}
        for name, value in own_names(settings).items():
            for part, kind in (("model", ModelConfig), ("training", TrainingConfig)):
                hints = get_type_hints(kind)
                if name in hints:
                    parts[part][name] = _parse(name, value, hints[name])
                    break
            else:
                known = sorted([*get_type_hints(ModelConfig), *get_type_hints(TrainingConfig)])
                meant = did_you_mean(name, [*known, *HYPERPARAMETERS])
                others = "" if meant else f"; there are: {', '.join(known)}"
                raise ConfigError(f"no setting named {name!r}{meant}{others}")
        return dataclasses.replace(
            self,
            model=dataclasses.replace(self.model, **parts["model"]),
            training=dataclasses.replace(self.training, **parts["training"]),
        )

    def to_json(self) -> str:
        """The settings as indented JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Config:
        """The inverse of `to_json`.

        Raises:
          ConfigError: unknown fields or values.
        """
        raw = json.loads(text)
        named = cls(preset=raw["preset"])
        return named.with_settings({**raw["model"], **raw["training"]})


def _parse(name: str, value: object, kind: Any) -> object:
    """Text or JSON as a field's type."""
    try:
        if get_origin(kind) is Literal:
            _check(value in get_args(kind), name, value, "one of " + ", ".join(get_args(kind)))
            return value
        if get_origin(kind) is tuple:
            items = value.split(",") if isinstance(value, str) else list(value)  # type: ignore[call-overload]
            return tuple(int(item) for item in items if str(item).strip())
        if kind is bool:
            words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
            return words[str(value).lower()]
        if kind is int and isinstance(value, float) and not value.is_integer():
            raise ValueError
        return kind(value)
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, ConfigError):
            raise
        known = {bool: "true or false", int: "a whole number", float: "a number"}
        expected = known.get(kind, "whole numbers")
        raise ConfigError(f"{name}: got {value!r}, expected {expected}") from None


def preset(name: str, settings: Mapping[str, object] | None = None) -> Config:
    """A preset by name, with `settings` on top.

    Raises:
      ConfigError: unknown preset, setting or value.

    >>> preset("best", {"units": "64"}).model.units
    64
    >>> preset("hrnn", {"hidden_dimension": "43"}).model.units
    43
    """
    if name not in PRESETS:
        meant = did_you_mean(name, PRESETS)
        raise ConfigError(f"no preset named {name!r}{meant}; there are: {', '.join(PRESETS)}")
    return Config(preset=name).with_settings({**PRESETS[name], **own_names(settings or {})})
