"""Filters in the words of Amazon Personalize's filter expressions, read into records.

    filter      expression | expression | ...
    expression  INCLUDE or EXCLUDE ItemID WHERE conditions [IF user AND user ...]
    conditions  condition AND condition OR condition ...    (AND binds stronger)
    condition   Items.NAME [NOT] IN ("value", $PARAMETER, ...), Items.NAME < 5 or $PARAMETER,
                Interactions.event_type IN ("type", ...) or IN ("*")
    user        CurrentUser.NAME [NOT] IN (...), CurrentUser.NAME = 5 or $PARAMETER

Comparisons are = < <= > >=. Keywords and the names of data sets are read in any case. An expression
is about one data set, as there; `|` chains expressions. What is not covered is refused where it
stands: user segments and actions (UserID, ActionID), CurrentItem, brackets around conditions.

Source: Amazon Personalize developer guide, "Filter expressions".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, NoReturn, TypeAlias

from tfhrnn.errors import ConfigError

Dataset = Literal["Items", "Interactions", "CurrentUser"]
Comparison = Literal["=", "<", "<=", ">", ">="]
ANY_TYPE: Final = "*"  # of `Interactions.event_type IN`

_DATASETS: Final[dict[str, Dataset]] = {
    name.lower(): name for name in ("Items", "Interactions", "CurrentUser")
}
_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
    r"|(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))"
    r"|(?P<parameter>\$[A-Za-z0-9_]+)"
    r"|(?P<name>[^\W\d]\w*(?:\.[\w-]+)?)"
    r"|(?P<mark><=|>=|!=|<>|[=<>(),|*])"
    r"|(?P<other>\S))",
    re.DOTALL,
)


class Parameter(NamedTuple):
    """A value that each request brings."""

    name: str


Value: TypeAlias = str | float | Parameter


@dataclass(frozen=True)
class Condition:
    """What one field is asked.

    Attributes:
      dataset: whose field it is.
      field: its name, as written.
      operator: "in", or a comparison with one number.
      values: texts of "in", one number of a comparison, or parameters in their place.
      negated: whether it is NOT IN.
      position: where it stands in the filter, from 1.
    """

    dataset: Dataset
    field: str
    operator: Literal["in"] | Comparison
    values: tuple[Value, ...]
    negated: bool
    position: int

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of its parameters."""
        return tuple(value.name for value in self.values if isinstance(value, Parameter))


@dataclass(frozen=True)
class Expression:
    """One expression: the items that it selects, and of whom.

    Attributes:
      includes: whether selected items are the only ones, else they are left out.
      any_of: conditions, of which all of one group must hold.
      users: what must hold of the user for the expression to count.
    """

    includes: bool
    any_of: tuple[tuple[Condition, ...], ...]
    users: tuple[Condition, ...] = ()

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """All conditions, in the order in which they are written."""
        return (*(condition for group in self.any_of for condition in group), *self.users)


class _Token(NamedTuple):
    kind: str
    text: str
    position: int

    @property
    def word(self) -> str:
        """In capitals where it is a name."""
        return self.text.upper() if self.kind == "name" else self.text


def parse_filter(text: str, name: str = "filter") -> tuple[Expression, ...]:
    """Reads a filter.

    Args:
      text: one expression or several, chained by `|`.
      name: what to call it in an error.

    Returns:
      Its expressions; their order does not matter.

    Raises:
      ConfigError: it is none, or one that is not covered: where, what was got, what was expected.

    >>> (one,) = parse_filter('EXCLUDE ItemID WHERE Items.year < 1950 IF CurrentUser.age = $AGE')
    >>> one.includes, one.any_of[0][0].operator, one.users[0].parameters
    (False, '<', ('AGE',))
    """
    return _Parser(text, name).filter()


class _Parser:
    """Reads tokens from the left, one ahead."""

    def __init__(self, text: str, name: str) -> None:
        self._name, self._tokens = name, _tokens(text)
        self._next = next(self._tokens)

    def filter(self) -> tuple[Expression, ...]:
        """All expressions."""
        found = [self._expression()]
        while self._takes("|"):
            found.append(self._expression())
        if self._next.kind != "end":
            self._refuse("AND, OR, IF, | or the end")
        return tuple(found)

    def _expression(self) -> Expression:
        includes = self._takes("INCLUDE")
        if not includes and not self._takes("EXCLUDE"):
            self._refuse("INCLUDE or EXCLUDE")
        self._needs("ITEMID", "ItemID")
        self._needs("WHERE", "WHERE")
        groups = [[self._condition(None)]]
        dataset = groups[0][0].dataset
        while self._next.word in ("AND", "OR"):
            if self._takes("OR"):
                groups.append([])
            else:
                self._takes("AND")
            groups[-1].append(self._condition(dataset))
        users = []
        if self._takes("IF"):
            users.append(self._condition("CurrentUser"))
            while self._takes("AND"):
                users.append(self._condition("CurrentUser"))
        return Expression(includes, tuple(map(tuple, groups)), tuple(users))

    def _condition(self, only: Dataset | None) -> Condition:
        """A condition on one data set; None for the first one after WHERE."""
        token = self._next
        prefix, dot, field = token.text.partition(".")
        dataset = _DATASETS.get(prefix.lower())
        expected = f"a field such as {only or 'Items'}.NAME"
        if only == "CurrentUser":
            expected += ", since IF asks of the user alone"
        elif only is not None:
            expected += ", since an expression is about one data set: chain them by |"
        elif dataset == "CurrentUser":
            expected = "a field of Items or Interactions; CurrentUser stands behind IF"
        first = only is None and dataset != "CurrentUser"
        if token.kind != "name" or not dot or not (dataset == only or first) or dataset is None:
            self._refuse(expected)
        if dataset == "Interactions" and field.lower() != "event_type":
            self._refuse("Interactions.event_type, the only field of interactions")
        self._move()
        return self._asked(dataset, field, token.position)

    def _asked(self, dataset: Dataset, field: str, position: int) -> Condition:
        """What follows a field."""
        if dataset == "Interactions" and self._next.word != "IN":
            self._refuse("IN; leave items out by EXCLUDE")
        negated = self._takes("NOT")
        if negated or self._next.word == "IN":
            self._needs("IN", "IN")
            return Condition(dataset, field, "in", self._list(dataset), negated, position)
        operator = self._next.text
        if self._next.kind != "mark" or operator not in ("=", "<", "<=", ">", ">="):
            self._refuse("IN, NOT IN, =, <, <=, > or >=")
        self._move()
        bracketed = self._takes("(")
        token = self._next
        if token.kind == "text" and operator == "=":  # a list of one
            self._move()
            values: tuple[Value, ...] = (_unquoted(token.text),)
            operator = "in"
        else:
            values = (self._value(("number", "parameter"), "a number or a $PARAMETER"),)
        if bracketed:
            self._needs(")", ")")
        return Condition(dataset, field, operator, values, False, position)  # type: ignore[arg-type]

    def _list(self, dataset: Dataset) -> tuple[Value, ...]:
        if self._next.kind == "parameter":
            return (self._value(("parameter",), "a $PARAMETER"),)
        self._needs("(", "( or a $PARAMETER")
        found: list[Value] = []
        while True:
            if dataset == "Interactions" and self._takes("*"):
                found.append(ANY_TYPE)
            else:
                found.append(self._value(("text", "parameter"), 'a "text" or a $PARAMETER'))
            if not self._takes(","):
                self._needs(")", ", or )")
                return tuple(found)

    def _value(self, kinds: tuple[str, ...], expected: str) -> Value:
        token = self._next
        if token.kind not in kinds:
            self._refuse(expected)
        self._move()
        if token.kind == "parameter":
            return Parameter(token.text[1:])
        return float(token.text) if token.kind == "number" else _unquoted(token.text)

    def _takes(self, word: str) -> bool:
        """Whether the next token is this one, which is then passed."""
        found = self._next.word == word and self._next.kind in ("name", "mark")
        if found:
            self._move()
        return found

    def _needs(self, word: str, expected: str) -> None:
        if not self._takes(word):
            self._refuse(expected)

    def _move(self) -> None:
        self._next = next(self._tokens)

    def _refuse(self, expected: str) -> NoReturn:
        token = self._next
        got = "the end" if token.kind == "end" else token.text
        raise ConfigError(
            f"{self._name}, position {token.position}: got {got}, expected {expected}"
        )


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while (match := _TOKEN.match(text, at)) is not None:
        kind = str(match.lastgroup)
        yield _Token(kind, match[kind], match.start(kind) + 1)
        at = match.end()
    while True:
        yield _Token("end", "", len(text) + 1)


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
