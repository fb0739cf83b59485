"""What conditions of filters select: items by their raw features, by events, and users.

Texts are compared exactly, event types in any case. A cell of several values is in a list where one
of them is; a missing value is in no list, so that NOT IN holds, and compares with no number. Items
of the catalogue and a request's cold items are asked alike, by their raw values; users by their
encoded features, which a state holds too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import polars as pl
import tensorflow as tf

from tfhrnn.data.catalogue import Catalogue
from tfhrnn.data.features import FeatureSet, FeatureSpec
from tfhrnn.errors import ConfigError, did_you_mean
from tfhrnn.feature_cells import feature_array
from tfhrnn.feature_encoder import FeatureEncoder, string_index
from tfhrnn.filter_grammar import Condition, Parameter
from tfhrnn.layers.marks import among

ID: Final = FeatureSpec("item_id", "categorical")
_NUMBER: Final = r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*"

_COMPARED: Final[dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]]] = {
    "=": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


class Brought(NamedTuple):
    """The values of parameters that a request brings, as `filter_values`: "NAME=value" each.

    Attributes:
      values: `[batch, n]` strings, "" where there are no more.
    """

    values: tf.Tensor

    def texts(self, name: str) -> tf.Tensor:
        """The values of a parameter, `[batch, n]`, "" for what is none of it."""
        return tf.where(self._of(name), self._without(name), "")

    def is_given(self, name: str) -> tf.Tensor:
        """Whether there is a value of it, `[batch]` bool."""
        return tf.reduce_any(self._of(name), axis=1)

    def number(self, name: str) -> tf.Tensor:
        """The one number that a parameter is, `[batch]` float64, NaN where it is not given."""
        of = self._of(name)
        texts = self._without(name)
        good = tf.strings.regex_full_match(texts, _NUMBER)
        checks = [
            tf.debugging.Assert(
                tf.reduce_all(good | ~of),
                [f"filter_values: expected {name}=NUMBER, got", self.values],
            ),
            tf.debugging.Assert(
                tf.reduce_all(tf.reduce_sum(tf.cast(of, tf.int32), axis=1) <= 1),
                [f"filter_values: expected one value of {name}, got", self.values],
            ),
        ]
        with tf.control_dependencies(checks):
            stripped = tf.strings.strip(tf.where(of & good, texts, "-inf"))
        found = tf.reduce_max(tf.strings.to_number(stripped, tf.float64), axis=1)
        return tf.where(self.is_given(name), found, tf.constant(math.nan, tf.float64))

    def _of(self, name: str) -> tf.Tensor:
        return tf.strings.regex_full_match(self.values, rf"(?s){name}=.*")

    def _without(self, name: str) -> tf.Tensor:
        return tf.strings.regex_replace(self.values, f"^{name}=", "", replace_global=False)


def field_spec(condition: Condition, specs: Sequence[FeatureSpec], where: str) -> FeatureSpec:
    """The feature that a condition asks about; case counts only where names differ by it alone.

    Raises:
      ConfigError: there is no such feature, or it cannot be asked so.
    """
    exact = [spec for spec in specs if spec.name == condition.field]
    alike = [spec for spec in specs if spec.name.lower() == condition.field.lower()]
    at = f"{where}, position {condition.position}: got {condition.dataset}.{condition.field}"
    if len(exact or alike) != 1:
        names = [spec.name for spec in specs if spec.kind != "text"]
        if not names:
            raise ConfigError(f"{at}, but this model reads no user features")
        hint = did_you_mean(condition.field, names)
        raise ConfigError(f"{at}, expected one of {', '.join(names)}{hint}")
    spec = (exact or alike)[0]
    if spec.kind == "text":
        raise ConfigError(f"{at}, a text; expected a feature of another kind")
    if (spec.kind == "numeric") != (condition.operator != "in"):
        kind = "a number; compare it by =, <, <=, > or >="
        if spec.kind != "numeric":
            kind = f"{spec.kind}; ask it by IN or NOT IN"
        raise ConfigError(f"{at} {condition.operator.upper()}, but it is {kind}")
    return spec


class ItemCondition(tf.Module):
    """A condition on items.

    Args:
      condition: of `Items`.
      spec: the field's feature; `ID` for the id itself.
      catalogue: the items.

    Attributes:
      known: the values that items have, none of a number.
    """

    def __init__(self, condition: Condition, spec: FeatureSpec, catalogue: Catalogue) -> None:
        super().__init__()
        self.condition, self.spec, self.num_items = condition, spec, catalogue.num_items
        self.known: frozenset[str] = frozenset()
        if spec.kind == "numeric":
            raw = catalogue.frame[spec.name].cast(pl.Float64, strict=False).fill_null(math.nan)
            self.numbers = tf.constant(raw.to_numpy(), tf.float64)
            return
        texts = feature_array(catalogue.frame[spec.name].to_list(), spec, "items")
        pairs = [
            (row, value) for row, cell in enumerate(texts) for value in cell_values(cell, spec)
        ]
        known = list(dict.fromkeys(value for _, value in pairs))
        place = {value: at for at, value in enumerate(known)}
        self.known, self.num_values = frozenset(known), len(known)
        self.index = string_index(known or [""], first=0, default=len(known))
        self.pair_item = tf.constant([row for row, _ in pairs], tf.int32)
        self.pair_value = tf.constant([place[value] for _, value in pairs], tf.int32)
        wanted = {value for value in condition.values if isinstance(value, str)}
        self.static = np.zeros(self.num_items, bool)
        self.static[[row for row, value in pairs if value in wanted]] = True

    def of_catalogue(self, brought: Brought) -> tf.Tensor:
        """Whether it holds, `[batch or 1, items]` bool."""
        if self.spec.kind == "numeric":
            return self._compared(self.numbers[tf.newaxis], brought, tf.float64)
        found = tf.constant(self.static)[tf.newaxis]
        for name in self.condition.parameters:
            wanted = tf.cast(self.index.lookup(brought.texts(name)), tf.int32)
            chosen = tf.transpose(among(wanted, 0, self.num_values))  # [values, batch]
            of_pairs = tf.cast(tf.gather(chosen, self.pair_value), tf.int8)
            held = tf.math.unsorted_segment_max(of_pairs, self.pair_item, self.num_items)
            found |= tf.transpose(held > 0)
        return found ^ self.condition.negated

    def of_new_items(
        self, ids: tf.Tensor, features: Mapping[str, tf.Tensor], brought: Brought
    ) -> tf.Tensor:
        """The same of items in no catalogue.

        Args:
          ids: `[batch, new]` strings.
          features: raw ones by name, `[batch, new]` each.
          brought: parameters.

        Returns:
          `[batch, new]` bool.
        """
        if self.spec.kind == "numeric":
            return self._compared(features[self.spec.name], brought, tf.float32)
        cells = ids if self.spec is ID else features[self.spec.name]
        flat = tf.reshape(cells, [-1])
        pieces = flat[:, tf.newaxis]
        if self.spec.kind == "multi-hot":
            pieces = tf.strings.split(flat, self.spec.separator).to_tensor("")
        pieces = tf.strings.strip(pieces) if self.spec is not ID else pieces
        pieces = tf.reshape(pieces, tf.concat([tf.shape(cells), [-1]], axis=0))
        texts = [value for value in self.condition.values if isinstance(value, str)]
        found = tf.zeros_like(cells, tf.bool)
        for wanted in (
            tf.constant([texts or [""]]),
            *(brought.texts(name) for name in self.condition.parameters),
        ):
            same = pieces[..., tf.newaxis] == wanted[:, tf.newaxis, tf.newaxis]
            same &= pieces[..., tf.newaxis] != ""
            found |= tf.reduce_any(same, axis=[2, 3])
        return found ^ self.condition.negated

    def _compared(self, numbers: tf.Tensor, brought: Brought, dtype: tf.DType) -> tf.Tensor:
        bound = tf.cast(_bound(self.condition, brought), dtype)
        return _COMPARED[self.condition.operator](numbers, bound[:, tf.newaxis])


class UserCondition(tf.Module):
    """A condition on the user who asks.

    Args:
      condition: of `CurrentUser`.
      features: the user features that the model reads.
      where: what to call the filter in an error.

    Raises:
      ConfigError: the model does not read the feature, or has met no such value.
    """

    def __init__(self, condition: Condition, features: FeatureSet, where: str) -> None:
        super().__init__()
        self.condition, self.spec = condition, field_spec(condition, features.specs, where)
        self.columns, self.encode = features.slices[self.spec.name], FeatureEncoder(self.spec)
        for value in condition.values:
            if isinstance(value, str) and value not in self.spec.vocabulary:
                hint = did_you_mean(value, self.spec.vocabulary)
                raise ConfigError(
                    f"{where}, position {condition.position}: got {value!r}, expected a value of "
                    f"{self.spec.name} that the model knows{hint}"
                )

    def holds(self, user: tf.Tensor, brought: Brought) -> tf.Tensor:
        """Whether it does, `[batch]` bool.

        Args:
          user: `[batch, width]` encoded features.
          brought: parameters.
        """
        own = user[:, self.columns]
        if self.spec.kind == "numeric":
            bound = tf.cast(_bound(self.condition, brought), tf.float32)
            # Encoded as a user's number is, so that equal numbers are equal.
            there = (own[:, 1] == 0.0) & tf.math.is_finite(bound)
            return there & _COMPARED[self.condition.operator](own[:, 0], self.encode(bound)[:, 0])
        size = len(self.spec.vocabulary)
        found = tf.zeros_like(own[:, 0], tf.bool)
        texts = [value for value in self.condition.values if isinstance(value, str)]
        for wanted in (
            *([tf.constant([texts])] if texts else []),
            *(brought.texts(name) for name in self.condition.parameters),
        ):
            index = tf.cast(self.encode.table.lookup(wanted), tf.int32)
            known = tf.debugging.Assert(
                tf.reduce_all((index < size) | (wanted == "")),
                [f"filter_values: expected values of {self.spec.name} that are known, got", wanted],
            )
            with tf.control_dependencies([known]):
                chosen = among(index, 0, size)
            found |= tf.reduce_any(chosen & (own[:, :size] > 0.0), axis=1)
        return found ^ self.condition.negated


def event_types(condition: Condition, brought: Brought) -> tf.Tensor:
    """The types that a condition of `Interactions` names, `[batch or 1, n]` in small letters."""
    texts = [str(value) for value in condition.values if not isinstance(value, Parameter)]
    batch = tf.shape(brought.values)[0]
    parts = [tf.repeat(tf.constant([texts or [""]]), batch, axis=0)]
    parts += [brought.texts(name) for name in condition.parameters]
    return tf.strings.lower(tf.concat(parts, axis=1), encoding="utf-8")


def _bound(condition: Condition, brought: Brought) -> tf.Tensor:
    """What a comparison compares with, `[batch or 1]` float64."""
    (value,) = condition.values
    if isinstance(value, Parameter):
        return brought.number(value.name)
    return tf.constant([value], tf.float64)


def cell_values(cell: str, spec: FeatureSpec) -> list[str]:
    """The values of a raw cell."""
    if spec is ID:
        return [cell]
    parts = cell.split(spec.separator) if spec.kind == "multi-hot" else [cell]
    return [part.strip() for part in parts if part.strip()]
