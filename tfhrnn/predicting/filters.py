"""Named filters in the graph: which items each row of a request leaves open.

A model is made with filters by name, in the words of `tfhrnn.filter_grammar`; a request names one,
"" for none, and brings the values of its parameters as `filter_values`, "NAME=value" each, a name
several times for several values. A filter's INCLUDE expressions together say which items are the
only ones, its EXCLUDE expressions which ones are left out. An expression whose IF does not hold
does not count, nor does an EXCLUDE whose parameters are not brought; an INCLUDE wants them. All of
it is evaluated before the best items are chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

import tensorflow as tf

from tfhrnn.data.catalogue import Catalogue
from tfhrnn.data.features import FeatureSet, FeatureSpec
from tfhrnn.errors import ConfigError
from tfhrnn.filter_grammar import ANY_TYPE, Condition, Expression, parse_filter
from tfhrnn.layers.marks import among
from tfhrnn.predicting.filter_conditions import (
    ID,
    Brought,
    ItemCondition,
    UserCondition,
    event_types,
    field_spec,
)
from tfhrnn.predicting.request_reader import Inputs, RequestReader, Signature, spec
from tfhrnn.predicting.unmet_values import unmet_values
from tfhrnn.predicting.user_reader import Reading

VALUES = "filter_values"


class Open(NamedTuple):
    """What filters leave.

    Attributes:
      items: `[batch, items]` bool.
      new_items: `[batch, new]` bool, of the request's cold items; None where there can be none.
    """

    items: tf.Tensor
    new_items: tf.Tensor | None


class _Compiled(tf.Module):
    """An expression with what its conditions are asked by."""

    def __init__(
        self,
        expression: Expression,
        catalogue: Catalogue,
        item_specs: Sequence[FeatureSpec],
        user_features: FeatureSet,
        where: str,
    ) -> None:
        super().__init__()
        self.expression, self.where = expression, where
        self.parameters = tuple(
            name for condition in expression.conditions for name in condition.parameters
        )
        asked = [condition for group in expression.any_of for condition in group]
        self.reads_event_types = any(
            one.dataset == "Interactions" and ANY_TYPE not in one.values for one in asked
        )
        self.items = [
            ItemCondition(one, field_spec(one, item_specs, where), catalogue)
            if one.dataset == "Items"
            else None
            for one in asked
        ]
        self.users = [UserCondition(one, user_features, where) for one in expression.users]

    def joined(self, holds: Callable[[Condition, ItemCondition | None], tf.Tensor]) -> tf.Tensor:
        """What its conditions select together, each being asked by `holds`."""
        asked = iter(self.items)
        groups = [
            reduce(tf.logical_and, [holds(condition, next(asked)) for condition in group])
            for group in self.expression.any_of
        ]
        return reduce(tf.logical_or, groups)

    def unmet(self, **data: Any) -> Iterator[str]:
        """See `unmet_values`."""
        asked = (condition for group in self.expression.any_of for condition in group)
        for condition, of_items in zip(asked, self.items, strict=True):
            yield from unmet_values(condition, of_items, self.where, **data)

    def counts(self, reading: Reading, brought: Brought) -> tf.Tensor:
        """For which rows it counts, `[batch]` bool."""
        told = [brought.is_given(name) for name in self.parameters]
        told += [one.holds(reading.user, brought) for one in self.users]
        every = tf.ones([tf.shape(brought.values)[0]], tf.bool)
        return reduce(tf.logical_and, told, every)


class Filters(tf.Module):
    """Filters of one kind, of which a row of a request names one.

    Args:
      texts: expressions by name.
      kind: the input that names one, "filter" or "promotion".
      catalogue: the items.
      requests: looks ids up.
      user_specs: the user features that the model reads.
      new_specs: the features of a request's cold items; None where there can be none.

    Attributes:
      parameters: the names of all filters' parameters.
      reads_event_types: whether any asks for the types of a history's events.

    Raises:
      ConfigError: a name without letters, or a filter that is none, is not covered, or asks about
        what the data or the model have not.
    """

    def __init__(
        self,
        texts: Mapping[str, str],
        kind: str,
        catalogue: Catalogue,
        requests: RequestReader,
        user_specs: Sequence[FeatureSpec],
        new_specs: Sequence[FeatureSpec] | None,
    ) -> None:
        super().__init__(name=f"{kind}s")
        self.kind, self.requests, self.num_items = kind, requests, catalogue.num_items
        self.new_specs, self.names = new_specs, tuple(texts)
        item_specs = (ID, *(catalogue.features.specs if catalogue.features else ()))
        self._filters = []
        for name, text in texts.items():
            where = _called(kind, name if name == kind else repr(name))
            if not name.strip():
                raise ConfigError(f"{kind}: got the name {name!r}, expected one with letters")
            parts = (catalogue, item_specs, FeatureSet(tuple(user_specs)), where)
            self._filters.append([_Compiled(one, *parts) for one in parse_filter(text, where)])
        every = [one for compiled in self._filters for one in compiled]
        self.parameters = tuple(dict.fromkeys(name for one in every for name in one.parameters))
        self.reads_event_types = any(one.reads_event_types for one in every)

    def unmet(
        self,
        event_types: Collection[str],
        brought: Mapping[str, Sequence[str]],
        new_items: Mapping[str, Sequence[Any]],
    ) -> list[str]:
        """A line for each value that is named in vain, see `unmet_values`."""
        data = {"event_types": event_types, "brought": brought, "new_items": new_items}
        every = (one for compiled in self._filters for one in compiled)
        return list(dict.fromkeys(line for one in every for line in one.unmet(**data)))

    def signature(self) -> Signature:
        """The input that names a filter, and that of parameters where there are some."""
        if not self.names:
            return {}
        values = spec(VALUES, 2, tf.string) if self.parameters else {}
        return {**spec(self.kind, 1, tf.string), **values}

    def open(self, reading: Reading, inputs: Inputs) -> Open:
        """What the rows' filters leave open.

        Args:
          reading: of the users.
          inputs: those of `signature`, the cold items', and the history's where there is one.
        """
        named = inputs[self.kind]
        batch = tf.shape(named)[0]
        brought = Brought(inputs[VALUES] if self.parameters else tf.fill([batch, 1], ""))
        known = tf.reduce_any(named[:, tf.newaxis] == tf.constant(["", *self.names]), axis=1)
        told = f'{self.kind}: expected one of {", ".join(self.names)} or "", got'
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(known), [told, named])]):
            named = tf.identity(named)
        new = inputs.get("cold_items") if self.new_specs is not None else None
        width = 0 if new is None else tf.shape(new)[1]
        everything = tf.ones([batch, self.num_items], tf.bool), tf.ones([batch, width], tf.bool)
        found = everything
        for name, expressions in zip(self.names, self._filters, strict=True):
            mine = named == name
            # A filter that no row names costs nothing.
            left = tf.cond(
                tf.reduce_any(mine),
                lambda expressions=expressions, name=name, mine=mine: self._left(
                    name, expressions, mine, reading, inputs, brought
                ),
                lambda: everything,
            )
            found = tuple(
                mask & (one | ~mine[:, tf.newaxis]) for mask, one in zip(found, left, strict=True)
            )
        return Open(found[0], None if new is None else found[1])

    def _left(
        self,
        name: str,
        expressions: Sequence[_Compiled],
        mine: tf.Tensor,
        reading: Reading,
        inputs: Inputs,
        brought: Brought,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """What one filter leaves of the catalogue and of the new items."""
        lacking = [
            tf.debugging.Assert(
                tf.reduce_all(brought.is_given(parameter) | ~mine),
                [
                    f"{VALUES}: expected {parameter}=value for the "
                    f"{_called(self.kind, name)}, got no {parameter}"
                ],
            )
            for one in expressions
            if one.expression.includes
            for parameter in one.parameters
        ]
        if any(one.reads_event_types for one in expressions) and "history" not in inputs:
            lacking.append(
                tf.debugging.Assert(
                    False,
                    [
                        f"{_called(self.kind, name)}: reads types of events, which a state does "
                        "not hold; ask recommend with the history"
                    ],
                )
            )
        with tf.control_dependencies(lacking):
            brought = Brought(tf.identity(brought.values))
        batch = tf.shape(mine)[0]
        new = inputs.get("cold_items") if self.new_specs is not None else None
        widths = self.num_items, (0 if new is None else tf.shape(new)[1])
        included = [tf.zeros([batch, width], tf.bool) for width in widths]
        excluded = list(included)
        restricted = tf.zeros([batch], tf.bool)
        for one in expressions:
            counts = one.counts(reading, brought)
            selected = [self._of_items(one, reading, inputs, brought), included[1]]
            if new is not None:
                selected[1] = self._of_new_items(one, inputs, brought)
            selected = [mask & counts[:, tf.newaxis] for mask in selected]
            if one.expression.includes:
                included = [a | b for a, b in zip(included, selected, strict=True)]
                restricted |= counts
            else:
                excluded = [a | b for a, b in zip(excluded, selected, strict=True)]
        first, second = (
            (a | ~restricted[:, tf.newaxis]) & ~b for a, b in zip(included, excluded, strict=True)
        )
        return first, second

    def _of_items(
        self, one: _Compiled, reading: Reading, inputs: Inputs, brought: Brought
    ) -> tf.Tensor:
        """What an expression selects, `[batch or 1, items]`."""

        def holds(condition: Condition, asked: ItemCondition | None) -> tf.Tensor:
            if asked is not None:
                return asked.of_catalogue(brought)
            if ANY_TYPE in condition.values:
                return among(reading.seen, 0, self.num_items)
            if "history" not in inputs:  # refused before
                return tf.zeros([1, self.num_items], tf.bool)
            wanted = event_types(condition, brought)
            types = tf.strings.lower(inputs["event_types"], encoding="utf-8")
            same = types[:, :, tf.newaxis] == wanted[:, tf.newaxis]
            same &= (types != "")[:, :, tf.newaxis]  # "" fills both up
            same |= (wanted == ANY_TYPE)[:, tf.newaxis]
            column = self.requests.columns(inputs["history"])
            return among(tf.where(tf.reduce_any(same, axis=2), column, -1), 0, self.num_items)

        return one.joined(holds)

    def _of_new_items(self, one: _Compiled, inputs: Inputs, brought: Brought) -> tf.Tensor:
        """What an expression selects of the new items, `[batch, new]`; nobody had any of them."""
        ids = inputs["cold_items"]
        features = {each.name: inputs[f"cold_item_{each.name}"] for each in self.new_specs or ()}

        def holds(condition: Condition, asked: ItemCondition | None) -> tf.Tensor:
            if asked is not None:
                return asked.of_new_items(ids, features, brought)
            return tf.zeros_like(ids, tf.bool)

        return one.joined(holds)


def known_values(inputs: Inputs, parameters: Sequence[str]) -> tf.Operation:
    """Checks that all values that a request brings are of some parameter."""
    given = inputs[VALUES]
    known = tf.strings.regex_full_match(given, rf"(?s)({'|'.join(parameters)})=.*")
    told = f"{VALUES}: expected NAME=value with NAME one of {', '.join(parameters)}, got"
    return tf.debugging.Assert(tf.reduce_all(known | (given == "")), [told, given])


def _called(kind: str, name: str) -> str:
    """What messages call a filter; one without a name of its own bears its kind's.

    >>> _called("filter", "drama"), _called("filter", "filter")
    ('filter drama', 'filter')
    """
    return kind if name == kind else f"{kind} {name}"
