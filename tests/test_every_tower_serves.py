"""Whatever the tower: in a model, what is served is what is judged, and it trains."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfhrnn.config import TOWER_NAMES, preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.facts import training_facts
from tfhrnn.data.windows import Batch
from tfhrnn.evaluation.evaluate import judge
from tfhrnn.histories import Histories
from tfhrnn.predictor import Predictor
from tfhrnn.training import build_model, build_optimizer, build_windows, create_variables

OPTIONS = {"transformer": "context=8,heads=2", "tcn": "blocks=2", "rnn_tcn": "blocks=2"}


def make(log: EventLog, name: str, **settings: Any) -> tuple[Any, Any]:
    words = {"tower": name, "tower_options": OPTIONS.get(name, ""), "units": 8, "time_bumps": 4}
    words |= {"item_factors": 3, "batch_size": 4, "bptt": 8, "thresholds": log.thresholds}
    config = preset("best", {**words, **settings})
    model = build_model(config, training_facts(log, np.arange(36), config.model))
    model.compile(optimizer=build_optimizer(config.training))
    create_variables(model)
    return config, model


@pytest.mark.parametrize(
    ("name", "form", "retrieval"),
    [
        *((name, "scalar", "exact") for name in TOWER_NAMES),
        *(("gru", form, way) for form in ("level", "item") for way in ("exact", "streaming")),
    ],
)
def test_what_is_served_is_what_is_judged(
    tiny_log: EventLog, name: str, form: str, retrieval: str
) -> None:
    config, model = make(tiny_log, name, seen_bias_form=form, seen_items=8)
    rng = np.random.default_rng(1)
    bias = model.decoder.raw_seen_bias
    bias.assign(bias + rng.normal(size=bias.shape))
    for variable in model.tower.trainable_variables:
        variable.assign(variable + 0.1 * rng.normal(size=variable.shape))
        if variable.constraint is not None:
            variable.assign(variable.constraint(variable))
    users = np.array([37, 38, 39])
    judged = judge(model, tiny_log, users, config)
    parts = tiny_log.catalogue, tiny_log.user_features
    predictor = Predictor(model, *parts, retrieval=retrieval)
    for user in users.tolist():
        rows = judged.filter(judged["user"] == user)
        events = tiny_log.events_of(user)
        ids = [tiny_log.catalogue.ids[item - 2] for item in tiny_log.item[events].tolist()]
        times = tiny_log.time[events].astype(np.int64)
        count = len(ids)
        histories = Histories.from_lists(
            [ids[:at] for at in range(count)],
            model.facts,
            times=[times[:at].tolist() for at in range(count)],
        )
        found, log_p = predictor.answer(histories, query_time=times, k=tiny_log.num_items)
        own = log_p[found == np.array(ids)[:, np.newaxis]]
        # float32 sums of another order, over up to two layers
        np.testing.assert_allclose(own, rows["log_p"].to_numpy(), atol=2e-4)


# Without a kernel on a TPU, or of a size that is known only when run.
NOT_ON_A_TPU = {
    *("PyFunc", "PyFuncStateless", "EagerPyFunc", "PrintV2", "StringFormat"),
    *("Where", "Unique", "UniqueV2", "UniqueWithCounts", "SparseToDense"),
}


@pytest.mark.parametrize("name", TOWER_NAMES)
def test_its_training_step_compiles_whole_with_static_shapes_and_no_strings(
    tiny_log: EventLog, name: str
) -> None:
    """What XLA asks of a step, and a TPU under a strategy; it computes the same losses."""
    sizes = {"layers": 1, "units": 4, "batch_size": 2, "bptt": 4, "seen_items": 4, "clip_norm": 0}
    still: dict[str, Any] = {"embedding_dropout": 0, "output_dropout": 0, "mix_rule": "fixed"}
    if name != "gru":  # once with all parts, and then the towers alone, which is faster
        still |= {"read_out": False, "seen_bias": False, "item_features": False, "time_bumps": 0}
    config, model = make(tiny_log, name, **sizes, **still)
    flush = model.tower.flush_steps
    windows = build_windows(config, tiny_log, np.arange(36), training=True, flush_steps=flush)
    batch = Batch(*map(tf.constant, next(iter(windows.batches()))))
    model.optimizer.build(model.trainable_variables)
    losses = [float(model.train_step(batch)["loss"]) for _ in range(2)]

    strategy = tf.distribute.OneDeviceStrategy("CPU:0")
    with strategy.scope():
        _, model = make(tiny_log, name, **sizes, **still)
        model.optimizer.build(model.trainable_variables)
    step = tf.function(lambda given: strategy.run(model.train_step, (given,)), jit_compile=True)
    found = [float(step(batch)["loss"]) for _ in range(2)]
    np.testing.assert_allclose(found, losses, rtol=1e-5)

    traced = step.get_concrete_function(batch)
    fed = [x for x in traced.inputs if x.dtype != tf.resource]
    assert len(fed) == len(batch) and all(x.shape.is_fully_defined() for x in fed)
    graph = traced.graph.as_graph_def()
    nodes = [*graph.node, *(n for function in graph.library.function for n in function.node_def)]
    assert not {node.op for node in nodes} & NOT_ON_A_TPU
    types = {t for node in nodes for a in node.attr.values() for t in [a.type, *a.list.type]}
    assert tf.string.as_datatype_enum not in types and tf.float32.as_datatype_enum in types


@pytest.mark.parametrize("name", TOWER_NAMES)
def test_it_trains(tiny_log: EventLog, name: str) -> None:
    config, model = make(tiny_log, name, learning_rate=0.02, clip_norm=5)
    flush = model.tower.flush_steps
    windows = build_windows(config, tiny_log, np.arange(36), training=True, flush_steps=flush)
    history = model.fit(windows.dataset(), epochs=4, verbose=0).history["perplexity"]
    assert np.isfinite(history).all() and history[-1] < 0.8 * history[0]
    assert all(tf.reduce_all(tf.math.is_finite(part)) for part in model.carried)
