"""Settings: parsed by type, checked on construction, written and read back."""

from __future__ import annotations

import pytest

from tfhrnn.config import PRESETS, Config, ModelConfig, TrainingConfig, preset
from tfhrnn.errors import ConfigError

FEATURES = ("item_features", "item_statistics", "item_factors")


@pytest.mark.parametrize("name", PRESETS)
def test_presets_build_and_survive_json(name: str) -> None:
    config = preset(name)
    assert config.preset == name
    assert Config.from_json(config.to_json()) == config


def test_text_is_parsed_by_the_fields_type() -> None:
    config = preset(
        "hrnn",
        {"units": "64", "seen_bias": "true", "learning_rate": "1e-3", "thresholds": "30, 600"},
    )
    assert (config.model.units, config.model.seen_bias) == (64, True)
    assert (config.training.learning_rate, config.model.thresholds) == (1e-3, (30, 600))
    assert config.model.start_level == 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"unit": "64"}, r"no setting named 'unit' \(did you mean 'units'\?\)$"),
        ({"hiden_dimension": "43"}, r"'hiden_dimension' \(did you mean 'hidden_dimension'\?\)"),
        ({"zzz": "1"}, "no setting named 'zzz'; there are: "),
        ({"units": "many"}, "units: got 'many', expected a whole number"),
        ({"units": 1.5}, "units: got 1.5, expected a whole number"),
        ({"units": "0"}, "units: got 0, expected a whole number of at least 1"),
        ({"seen_bias": "maybe"}, "seen_bias: got 'maybe', expected true or false"),
        ({"learning_rate": "-1"}, "learning_rate: got -1.0, expected a positive number"),
        ({"thresholds": "60,60"}, "expected positive seconds, strictly increasing"),
        ({"thresholds": "60,x"}, "thresholds: got '60,x', expected whole numbers"),
        (
            {"mix_rule": "some"},
            "mix_rule: got 'some', expected one of item, update, beta, bernoulli, fixed",
        ),
        (
            {"precision": "half"},
            "precision: got 'half', expected one of float32, mixed_bfloat16, mixed_float16",
        ),
        ({"mix": "1.5"}, "mix: got 1.5, expected a share"),
        ({"embedding_dropout": "1"}, r"expected a share in \[0, 1\)"),
        ({"item_dropout": "1"}, r"item_dropout: got 1.0, expected a share in \[0, 1\)"),
        ({"variational_dropout": "often"}, "variational_dropout: got 'often', expected true or"),
        ({"time_bumps": "1"}, "time_bumps: got 1, expected 0, or 2 and more"),
        ({"seed": "-1"}, "seed: got -1"),
        ({"weight_decay": "-0.1"}, "weight_decay: got -0.1"),
        ({"unknown_rate": "1"}, "unknown_rate: got 1.0"),
        ({"recency_half_life": "0"}, "recency_half_life: got 0.0, expected a share"),
        ({"cold_max_events": "-1"}, "cold_max_events: got -1, expected 0 or more"),
        (
            {
                "min_user_history_length_percentile": ".9",
                "max_user_history_length_percentile": ".5",
            },
            r"got \(0.9, 0.5\), expected shares in \[0, 1\], the first not above the second",
        ),
        ({"units": "8", "hidden_dimension": "9"}, "units: got it as units and as hidden_dimension"),
        ({"schedule": "step"}, "schedule: got 'step', expected one of cosine, plateau, constant"),
        ({"plateau_factor": "1"}, "plateau_factor: got 1.0, expected between 0 and 1"),
        ({"plateau_patience": "0"}, "plateau_patience: got 0, expected a whole number"),
        (
            {"schedule": "plateau", "plateau_patience": "6"},
            "plateau_patience: got 6, expected less than patience, 6, or training stops before",
        ),
        ({"ema_decay": "1"}, r"ema_decay: got 1.0, expected a share in \[0, 1\)"),
        ({"clip_norm": "-1"}, "clip_norm: got -1.0, expected 0 or a positive number"),
        (
            {"cold_negatives": "false", "label_smoothing": "0.1"},
            "cold_negatives: got False, expected true with label_smoothing",
        ),
        ({"label_smoothing": "1"}, r"label_smoothing: got 1.0, expected a share in \[0, 1\)"),
        (
            {"label_smoothing": "0.1", "loss": "gbce"},
            "label_smoothing: got 0.1, expected 0 with loss 'gbce': only 'full_softmax' smooths",
        ),
        (
            {"negate_below": "avg"},
            "negate_below: got 'avg', expected a number, \"mean\" or nothing",
        ),
        ({"negate_below": "nan"}, "negate_below: got 'nan'"),
        (
            {"first_item_features": "yes", **dict.fromkeys(FEATURES, 0)},
            "first_item_features: got True, expected item_features, item_statistics or item_fact",
        ),
        ({"rating_rank": "-1"}, "rating_rank: got -1, expected 0 or more"),
        ({"rating_dropout": "1"}, r"rating_dropout: got 1.0, expected a share in \[0, 1\)"),
        ({"watch": "loss"}, "watch: got 'loss', expected one of auto, perplexity, ndcg, rmse"),
        ({"watch": "rmse"}, "watch: got 'rmse', expected a ranking head with it: rating=joint"),
        ({"input_cross": "-1"}, "input_cross: got -1, expected 0 or more"),
    ],
)
def test_bad_settings_name_field_value_and_what_was_expected(
    settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        preset("best", settings)


def test_epochs_are_judged_by_what_is_asked_for_or_fits_the_loss() -> None:
    assert preset("hrnn").training.watched == "perplexity"
    assert preset("hrnn", {"loss": "bpr_max"}).training.watched == "ndcg"
    for name in ("perplexity", "ndcg", "rmse"):
        config = preset("personalized-ranking", {"watch": name, "loss": "bpr_max"})
        assert config.training.watched == name


def test_an_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="no preset named 'top'; there are: hrnn, hrnn-metadata"):
        preset("top")


def test_names_are_unique_over_both_parts() -> None:
    assert not set(vars(ModelConfig())) & set(vars(TrainingConfig()))


def test_negative_is_what_is_below_the_mean_or_a_number() -> None:
    by_mean, by_number = (
        preset("hrnn", {"negate_below": "mean"}),
        preset("hrnn", {"negate_below": 2.5}),
    )
    assert by_mean.model.negative_below(3.4) == 3.4
    assert by_number.model.negative_below(3.4) == 2.5
    assert by_number.model.reads_feedback and not preset("hrnn").model.reads_feedback
    assert Config.from_json(by_number.to_json()) == by_number
