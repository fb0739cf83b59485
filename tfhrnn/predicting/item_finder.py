"""What the catalogue says of its items, by their ids or by words of their titles.

A client that shows answers to people needs no second source for titles and features. Popularity is
an item's share of the training events, 0 for one that nobody met.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfhrnn.data.catalogue import Catalogue
from tfhrnn.feature_cells import feature_array
from tfhrnn.predicting.request_reader import Inputs, RequestReader, Signature, spec

MAX_WORDS: Final = 16  # of a text that are looked for; each one goes over the whole catalogue


class ItemFinder(tf.Module):
    """Answers titles, raw features and popularity.

    Args:
      catalogue: the items.
      requests: looks ids up.
      counts: `[items]` training events of each item.
    """

    def __init__(
        self, catalogue: Catalogue, requests: RequestReader, counts: npt.NDArray[np.int64]
    ) -> None:
        super().__init__(name="finder")
        self.requests, self.num_items = requests, catalogue.num_items
        titles = [
            title or item for title, item in zip(catalogue.titles, catalogue.ids, strict=True)
        ]
        # Each with a last entry that says nothing, for ids that no item has.
        self.told = {
            "items": _texts([*catalogue.ids, ""]),
            "titles": _texts([*titles, ""]),
            "popularity": tf.constant(
                np.append(counts / max(int(counts.sum()), 1), 0.0), tf.float32
            ),
        }
        for feature in catalogue.features.specs if catalogue.features else ():
            values = feature_array(catalogue.frame[feature.name].to_list(), feature, "items")
            blank = np.float32(np.nan) if feature.kind == "numeric" else ""
            self.told[f"item_{feature.name}"] = tf.constant(np.append(values, blank).tolist())
        order = np.argsort(-counts, kind="stable")
        self.order = tf.constant(order, tf.int32)
        self.searched = _texts([f"{titles[at]}\n{catalogue.ids[at]}" for at in order])

    def describe_signature(self) -> Signature:
        """The inputs of `describe`."""
        return spec("items", 2, tf.string)

    def search_signature(self) -> Signature:
        """The inputs of `search`."""
        return {
            **spec("text", 1, tf.string),
            **spec("offset", 1, tf.int32),
            **spec("k", 1, tf.int32),
        }

    def describe(self, inputs: Inputs) -> dict[str, tf.Tensor]:
        """What is known of items.

        Args:
          inputs: `items`, `[batch, n]` ids.

        Returns:
          `[batch, n]` each: `items` as asked, `known`, `titles` (ids where there is no title),
          float32 `popularity`, and an `item_NAME` for each feature of the catalogue.
        """
        items = inputs["items"]
        column = self.requests.columns(items)
        told = self._told(column)
        titles = tf.where(column >= 0, told["titles"], items)
        return {**told, "items": items, "known": column >= 0, "titles": titles}

    def search(self, inputs: Inputs) -> dict[str, tf.Tensor]:
        """Items whose title or id holds every word of a text, in any case.

        The item whose id is the text comes first, then the most popular ones.

        Args:
          inputs: `text` `[batch]`, "" for all items; `offset` `[batch]`, how many found items to
            pass over; and `k` `[batch]`, how many to answer.

        Returns:
          As `describe` without `known`, `[batch, w]` with w the largest k, cut at the number of
          items, "" where there are fewer; and int32 `found`, `[batch]` items in all.
        """
        k, offset = inputs["k"], inputs["offset"]
        checks = [
            tf.debugging.assert_positive(k, message="k: expected 1 or more"),
            tf.debugging.assert_non_negative(offset, message="offset: expected 0 or more"),
        ]
        with tf.control_dependencies(checks):
            k = tf.identity(k)
        width = tf.clip_by_value(tf.reduce_max(k), 0, self.num_items)

        def one_row(row: tuple[tf.Tensor, tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
            text, skipped, wanted = row
            found = self._matching(text)
            page = found[skipped:][: tf.minimum(wanted, width)]
            return tf.pad(page, [[0, width - tf.size(page)]], constant_values=-1), tf.size(found)

        # A row more, dropped again: map_fn cannot tell the width of no rows at all.
        rows = [tf.pad(part, [[0, 1]]) for part in (offset, k)]
        column, count = tf.map_fn(
            one_row,
            (tf.concat([inputs["text"], [""]], axis=0), *rows),
            fn_output_signature=(tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.int32)),
        )
        return {**self._told(column[:-1]), "found": count[:-1]}

    def _matching(self, text: tf.Tensor) -> tf.Tensor:
        """Columns `[found]` of the items that a text finds."""
        exact = self.requests.columns(text)
        words = tf.strings.split(text)[:MAX_WORDS]
        quoted = tf.strings.regex_replace(words, r"[[:punct:]]", r"\\\0")
        patterns = tf.strings.join(["(?is).*", quoted, ".*"])
        holds = tf.foldl(
            lambda held, pattern: held & tf.strings.regex_full_match(self.searched, pattern),
            patterns,
            tf.ones([self.num_items], tf.bool),
        )
        others = tf.boolean_mask(self.order, holds & (self.order != exact))
        return tf.concat([tf.fill([tf.cast(exact >= 0, tf.int32)], exact), others], axis=0)

    def _told(self, column: tf.Tensor) -> dict[str, tf.Tensor]:
        at = tf.where(column >= 0, column, self.num_items)
        return {name: tf.gather(values, at) for name, values in self.told.items()}


def _texts(values: Sequence[str]) -> tf.Tensor:
    return tf.constant(list(values), tf.string)
