"""What a JSON document reads as, and how a value is quoted in a message.

Whole numbers between -2**63 and 2**64 read as `int`, every other number as `float`. Strings keep
bytes that are no UTF-8 as surrogate escapes. An object with a repeated key reads as a
`RepeatedKeys`: a dict in which the first occurrence counts, and the whole list beside it.
"""

import math
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeAlias, Union

JsonValue: TypeAlias = Union[  # noqa: UP007  (a recursive alias needs the quoted names)
    bool, int, float, str, list["JsonValue"], dict[str, "JsonValue"], None
]

EXCERPT_BYTES = 256
_INDENT = " " * 4
_ESCAPES = {chr(code): f"\\u{code:04X}" for code in range(0x20)} | {
    '"': '\\"',
    "\\": "\\\\",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
}
_ESCAPE_TABLE = str.maketrans(_ESCAPES)


class RepeatedKeys(dict[str, JsonValue]):
    """An object that gave a key more than once; `pairs` holds every member in order."""

    def __init__(self, pairs: list[tuple[str, JsonValue]]) -> None:
        super().__init__(reversed(pairs))
        self.pairs = pairs


def object_of(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    """Makes an object of its members, in the order they were written.

    >>> object_of([("a", 1), ("b", 2), ("a", 3)])["a"]
    1
    """
    members = dict(pairs)
    return members if len(members) == len(pairs) else RepeatedKeys(pairs)


def members_of(value: dict[str, JsonValue]) -> Iterable[tuple[str, JsonValue]]:
    """Every member of an object, repeated ones included."""
    return value.pairs if isinstance(value, RepeatedKeys) else value.items()


def type_name(value: JsonValue) -> str:
    """The name messages use for the type of a value; the two truth values are types there.

    >>> [type_name(value) for value in (None, True, 1, "a", [], {})]
    ['Null', 'True', 'Number', 'String', 'Array', 'Object']
    """
    if value is None or isinstance(value, bool):
        return {None: "Null", True: "True", False: "False"}[value]
    return {int: "Number", float: "Number", str: "String", list: "Array"}.get(type(value), "Object")


def excerpt(value: JsonValue) -> str:
    r"""Quotes a value in a message: indented by 4, lists on one line, cut near 256 bytes.

    The cut falls after the token that crosses the limit, so the text may be no JSON any more.
    A number that is not finite ends the text where it stands.

    >>> excerpt({"a": [1, 2.0, "x"]})
    '{\n    "a": [1, 2.0, "x"]\n}'
    """
    written: list[str] = []
    size = 0
    for token in _tokens(value, 0):
        written.append(token)
        size += len(token.encode("utf-8", "surrogateescape"))
        if size >= EXCERPT_BYTES:
            break
    return "".join(written)


class _NotFinite(Exception):
    """A number without a JSON text was met."""


def _tokens(value: JsonValue, depth: int) -> Iterator[str]:
    try:
        yield from _value_tokens(value, "", depth)
    except _NotFinite:
        return


def _value_tokens(value: JsonValue, lead: str, depth: int) -> Iterator[str]:
    """Yields a value's tokens, each with the separator that leads to it."""
    if isinstance(value, dict):
        yield lead + "{"
        # No excerpt can hold more members than bytes.
        for index, (key, member) in enumerate(islice(members_of(value), EXCERPT_BYTES)):
            yield (",\n" if index else "\n") + _INDENT * (depth + 1) + quoted(key)
            yield from _value_tokens(member, ": ", depth + 1)
        yield ("\n" + _INDENT * depth if value else "") + "}"
    elif isinstance(value, list):
        yield lead + "["
        for index, element in enumerate(islice(value, EXCERPT_BYTES)):
            yield from _value_tokens(element, ", " if index else "", depth + 1)
        yield "]"
    elif isinstance(value, str):
        yield lead + quoted(value)
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield lead
            raise _NotFinite
        yield lead + decimal_text(value)
    elif value is None:
        yield lead + "null"
    else:
        yield lead + str(value).lower()


def quoted(text: str) -> str:
    r"""A string as JSON, with nothing escaped but what has to be.

    >>> print(quoted('a "b"\n\x0e é'))
    "a \"b\"\n\u000E é"
    """
    return f'"{text.translate(_ESCAPE_TABLE)}"'


def decimal_text(number: float) -> str:
    """Writes a finite float in the manner of messages: up to 21 digits without an exponent.

    >>> [decimal_text(x) for x in (1.0, 100.5, -9223372036854776000.0, 1e-6, 1e-7, 1e30, 1.5e22)]
    ['1.0', '100.5', '-9223372036854776000.0', '0.000001', '1e-7', '1e30', '1.5e22']
    """
    text = repr(number)
    mantissa, _, exponent = text.partition("e")
    if not exponent:
        return text
    power = int(exponent)
    if not -6 <= power < 21:
        return f"{mantissa}e{power}"
    sign, digits = "-" * (number < 0), mantissa.lstrip("-").replace(".", "")
    if power > 0:
        return f"{sign}{digits.ljust(power + 1, '0')}.0"
    return f"{sign}0.{digits.rjust(len(digits) - power - 1, '0')}"
