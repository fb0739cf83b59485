"""Which epoch training is at, what each came to, and how long it may take."""

from __future__ import annotations

import logging

import pytest

from tfhrnn.epoch_steps import EpochSteps, figures_text
from tfhrnn.progress import LOGGER


@pytest.fixture
def heard(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, LOGGER.name)
    return caplog


def run_epochs(steps: EpochSteps, clock: list[float], seconds: list[float], epochs: int) -> None:
    """Two batches an epoch, each epoch of so many seconds."""
    steps.set_params({"epochs": epochs, "steps": 2})
    for epoch, taken in enumerate(seconds):
        steps.on_epoch_begin(epoch)
        steps.on_train_batch_end(0)
        steps.on_train_batch_end(1)
        steps.on_test_begin()
        clock[0] += taken
        logs = {"loss": 5.25, "perplexity": 190.0, "val_perplexity": 203.4, "val_ndcg": 0.12}
        steps.on_epoch_end(epoch, logs)


def test_time_left_is_told_by_the_epochs_that_did_not_trace(
    heard: pytest.LogCaptureFixture,
) -> None:
    clock = [0.0]
    steps = EpochSteps("ndcg", clock=lambda: clock[0])
    run_epochs(steps, clock, [30.0, 4.0, 6.0], 4)
    figures = "loss 5.2500, validation perplexity 203.4 and NDCG@10 0.1200"
    lines = [message for message in heard.messages if "loss" in message]
    assert lines == [
        f"epoch 1 of 4: {figures}, 30 s; at most 1 min 30 s left",
        f"epoch 2 of 4: {figures}, 4 s; at most 8 s left",
        f"epoch 3 of 4: {figures}, 6 s; at most 5 s left",
    ]
    assert heard.messages[:4] == [
        "epoch 1 of 4: tracing and compiling the graph",
        "epoch 1 of 4, 1 of 2",
        "epoch 1 of 4, 2 of 2",
        "epoch 1 of 4: judging the validation users",
    ]


def test_the_last_epoch_has_nothing_left_and_lines_may_be_left_out(
    heard: pytest.LogCaptureFixture,
) -> None:
    clock = [0.0]
    run_epochs(EpochSteps("perplexity", clock=lambda: clock[0]), clock, [2.0], 1)
    assert heard.messages[-1] == "epoch 1 of 1: loss 5.2500, validation perplexity 203.4, 2 s"
    heard.clear()
    run_epochs(EpochSteps("perplexity", lines=False), clock, [2.0], 1)
    assert not any("loss" in message for message in heard.messages)


def test_the_loss_of_impressions_is_told_where_it_is_trained_on() -> None:
    logs = {"loss": 5.25, "perplexity": 190.0, "impression_loss": 0.61234}
    assert figures_text(logs, "ndcg") == (
        "loss 5.2500, training perplexity 190 and impression loss 0.6123"
    )
    logs |= {"val_perplexity": 203.4, "val_ndcg": 0.12, "val_impression_loss": 0.7}
    assert figures_text(logs, "ndcg") == (
        "loss 5.2500, validation perplexity 203.4 and NDCG@10 0.1200 and impression loss 0.7000"
    )


def test_without_validation_users_the_training_figure_is_told(
    heard: pytest.LogCaptureFixture,
) -> None:
    steps = EpochSteps("perplexity", clock=lambda: 0.0)
    steps.set_params({"epochs": 1, "steps": None})
    steps.on_epoch_begin(0)
    steps.on_train_batch_end(0)
    steps.on_epoch_end(0, {"loss": 1.0, "perplexity": 2.5})
    assert heard.messages[-1] == "epoch 1 of 1: loss 1.0000, training perplexity 2.5, 0 s"
