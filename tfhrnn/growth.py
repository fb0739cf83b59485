"""Carries a trained model's weights over to one with a larger catalogue.

Old items keep their rows, found by id. An item that is new to training starts as what the model
says of it without having met it: its ID embedding is its feature embedding, w(f) and b(f), so that
its score does not depend on λ and does not jump when λ leaves 1. Without item features it starts as
the mean item, at its own popularity.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfhrnn.layers.embeddings import FIRST_COLUMN
from tfhrnn.models.hrnn import HRNN

_UNKNOWN = FIRST_COLUMN - 1


def carry_over(
    old: HRNN, new: HRNN, rows: npt.NDArray[np.integer], fresh: npt.NDArray[np.bool_]
) -> None:
    """Gives a model with untrained weights those of a trained one.

    Everything that is no item's is copied. Where input items have a table of their own (untied), a
    new item is read as the unknown item was.

    Args:
      old: the trained model.
      new: a model of the same settings, whose variables exist; its facts are of a catalogue that
        holds every item of the old one.
      rows: `[items]` where each item of `new` stood in `old`, -1 for new items.
      fresh: `[items]` which have no embedding of their own yet: new items, and cold ones that now
        have events.
    """
    of_items = _item_variables(old)
    kept = {variable.ref() for metric in new.metrics for variable in metric.variables}
    for before, after in zip(old.variables, new.variables, strict=True):
        if before.ref() not in of_items and after.ref() not in kept:
            after.assign(before)
    decoder, embedding = new.decoder, new.event_embedding.item
    weights, bias = _start(old, new, rows)
    decoder.id_weights.assign(_rows(old.decoder.id_weights, rows, fresh, weights))
    decoder.id_bias.assign(_rows(old.decoder.id_bias, rows, fresh, bias))
    if _has_item_seen_bias(new):
        mean = old.decoder.raw_seen_bias.numpy()[_trained(old, rows)].mean()
        decoder.raw_seen_bias.assign(_rows(old.decoder.raw_seen_bias, rows, fresh, mean))
    if not embedding.tied:
        table = old.event_embedding.item.table.numpy()
        place = np.where(fresh, _UNKNOWN, rows + FIRST_COLUMN)
        embedding.table.assign(table[np.concatenate([np.arange(FIRST_COLUMN), place])])


def _rows(
    variable: tf.Variable,
    rows: npt.NDArray[np.integer],
    fresh: npt.NDArray[np.bool_],
    start: npt.ArrayLike,
) -> npt.NDArray[np.float32]:
    """An item variable's rows in the order of a grown catalogue, `start` where they are fresh."""
    found = variable.numpy()[rows]
    return np.where(fresh.reshape(-1, *[1] * (found.ndim - 1)), start, found)


def _trained(old: HRNN, rows: npt.NDArray[np.integer]) -> npt.NDArray[np.integer]:
    """Old rows of the items that had training events."""
    known = rows[rows >= 0]
    return known[old.facts.item_counts[known] > 0]


def _start(
    old: HRNN, new: HRNN, rows: npt.NDArray[np.integer]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """What an item that is new to training starts from, weights `[items, units]` and bias."""
    if new.decoder.has_features:
        weights, bias = new.decoder.feature_embeddings(new.decoder.features)
        return weights.numpy(), bias.numpy()
    counts = new.facts.item_counts + 1.0
    popularity = np.log(counts / counts.sum())
    place = np.flatnonzero(np.isin(rows, _trained(old, rows)))
    # Learned biases lie above or below popularity by about as much for all items.
    above = (old.decoder.id_bias.numpy()[rows[place]] - popularity[place]).mean()
    mean = old.decoder.id_weights.numpy()[rows[place]].mean(axis=0)
    return np.broadcast_to(mean, (len(rows), len(mean))), (popularity + above).astype(np.float32)


def _has_item_seen_bias(model: HRNN) -> bool:
    return model.decoder.seen_bias_start is not None and model.decoder.seen_bias_form == "item"


def _item_variables(model: HRNN) -> set[object]:
    """References to what has a row an item; features and λ of inference come with the facts."""
    decoder, embedding = model.decoder, model.event_embedding.item
    found = [decoder.id_weights, decoder.id_bias]
    if decoder.has_features:
        found += [decoder.features, decoder.inference_mix]
    if _has_item_seen_bias(model):
        found.append(decoder.raw_seen_bias)
    if not embedding.tied:
        found.append(embedding.table)
    if embedding.has_features:
        found.append(embedding.features)
    if model.event_embedding.first_item is not None:
        found.append(model.event_embedding.first_item.features)
    return {variable.ref() for variable in found}
