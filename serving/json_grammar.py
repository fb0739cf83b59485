"""The exact JSON reader: slower than Python's scanner, but it complains as TensorFlow Serving does.

The grammar and the byte offsets in the complaints are those of rapidjson's iterative parser with
NaN and infinities allowed. Values are as `json_value` describes them.
"""

import math
import re

from serving.errors import ApiError, invalid
from serving.json_value import JsonValue, object_of

MAX_DEPTH = 10_000

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SPACE = re.compile(rb"[ \n\r\t]*")
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_WHOLE = re.compile(rb"-?(?:0|[1-9][0-9]*)")
_DIGITS = re.compile(rb"[0-9]+")
_HEX = re.compile(rb"[0-9A-Fa-f]{4}")
_INFINITE = re.compile(rb"-?Inf(inity)?")
_FITTING = re.compile(rb"-?(?:Na?|I(?:n(?:f(?:i(?:n(?:it?)?)?)?)?)?)?")
_LITERALS: dict[bytes, tuple[bytes, JsonValue]] = {
    b"t": (b"true", True),
    b"f": (b"false", False),
    b"n": (b"null", None),
}
_ESCAPES = {
    b'"': b'"',
    b"\\": b"\\",
    b"/": b"/",
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
}


class Document:
    """One body being read, value by value, without recursion."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = len(_BYTE_ORDER_MARK) if body.startswith(_BYTE_ORDER_MARK) else 0

    def value(self) -> JsonValue:
        """Reads the first value of the body."""
        if self._next() in (b"", b"\0"):
            raise self._error("The document is empty.")
        open_values: list[_Open] = []
        while True:
            value, opened = self._opening()
            if opened is not None:
                open_values.append(opened)
                if len(open_values) > MAX_DEPTH:
                    raise invalid(f"JSON is nested deeper than {MAX_DEPTH} levels")
                continue
            while open_values:
                innermost = open_values[-1]
                innermost.take(value)
                if self._goes_on(innermost):
                    break
                value = open_values.pop().value()
            else:
                return value

    def _opening(self) -> "tuple[JsonValue, _Open | None]":
        """Reads a scalar or an empty container whole, of any other container only the start."""
        first = self._next()
        if first == b"[":
            self._at += 1
            if self._next() == b"]":
                self._at += 1
                return [], None
            return None, _Open(None)
        if first == b"{":
            self._at += 1
            if self._next() == b"}":
                self._at += 1
                return {}, None
            return None, _Open(self._key())
        if first == b'"':
            return self._string(), None
        if first in _LITERALS:
            return self._literal(*_LITERALS[first]), None
        return self._number(), None

    def _goes_on(self, container: "_Open") -> bool:
        """Reads what follows a member or element: true after a comma, false after the end."""
        mark = self._next()
        closing, missing = (
            (b"]", "Missing a comma or ']' after an array element.")
            if container.key is None
            else (b"}", "Missing a comma or '}' after an object member.")
        )
        if mark not in (b",", closing):
            raise self._error(missing)
        self._at += 1
        if mark == b"," and container.key is not None:
            container.key = self._key()
        return mark == b","

    def _key(self) -> str:
        if self._next() != b'"':
            raise self._error("Missing a name for object member.")
        key = self._string()
        if self._next() != b":":
            raise self._error("Missing a colon after a name of object member.")
        self._at += 1
        return key

    def _literal(self, text: bytes, value: JsonValue) -> JsonValue:
        for byte in text:
            if self._body[self._at : self._at + 1] != bytes([byte]):
                raise self._error("Invalid value.")
            self._at += 1
        return value

    def _number(self) -> int | float:
        start = self._at
        whole = _WHOLE.match(self._body, start)
        if whole is None:
            return self._no_number(start)
        self._at = whole.end()
        is_whole = True
        if self._peek() == b".":
            is_whole = False
            self._at += 1
            self._digits("Miss fraction part in number.")
        if self._peek() in (b"e", b"E"):
            is_whole = False
            self._at += 1
            if self._peek() in (b"+", b"-"):
                self._at += 1
            self._digits("Miss exponent in number.")
        text = self._body[start : self._at]
        if is_whole and len(text) <= 20:  # the longest numbers of 64 bits have 20 characters
            number = int(text)
            if -(2**63) <= number < 2**64:
                return number
        decimal = float(text)
        if math.isinf(decimal):
            raise self._error("Number too big to be stored in double.", start)
        return decimal

    def _digits(self, missing: str) -> None:
        digits = _DIGITS.match(self._body, self._at)
        if digits is None:
            raise self._error(missing)
        self._at = digits.end()

    def _no_number(self, start: int) -> float:
        if self._body.startswith((b"NaN", b"-NaN"), start):
            self._at = self._body.index(b"N", start) + 3
            return math.nan
        infinite = _INFINITE.match(self._body, start)
        if infinite is not None:
            self._at = infinite.end()
            if infinite[1] is not None or self._peek() != b"i":
                return -math.inf if self._body[start : start + 1] == b"-" else math.inf
        # The offset counts the characters that still fitted a number.
        fitting = _FITTING.match(self._body, start)
        self._at = start if fitting is None else fitting.end()
        raise self._error("Invalid value.")

    def _string(self) -> str:
        self._at += 1
        parts: list[bytes] = []
        while True:
            plain = _PLAIN.match(self._body, self._at)
            assert plain is not None, "an expression that fits nothing at all"
            parts.append(plain[0])
            self._at = plain.end()
            mark = self._peek()
            if mark == b'"':
                self._at += 1
                return b"".join(parts).decode("utf-8", "surrogateescape")
            if mark in (b"", b"\0"):
                raise self._error("Missing a closing quotation mark in string.")
            if mark != b"\\":
                raise self._error("Invalid escape character in string.")
            parts.append(self._escape())

    def _escape(self) -> bytes:
        start = self._at
        mark = self._body[start + 1 : start + 2]
        self._at += 2
        if mark in _ESCAPES:
            return _ESCAPES[mark]
        if mark != b"u":
            raise self._error("Invalid escape character in string.", start)
        unit = self._hex(start)
        if 0xD800 <= unit < 0xE000:
            paired = unit < 0xDC00 and self._body.startswith(b"\\u", self._at)
            self._at += 2
            low = self._hex(start) if paired else 0
            if not 0xDC00 <= low < 0xE000:
                raise self._error("The surrogate pair in string is invalid.", start)
            unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
        return chr(unit).encode()

    def _hex(self, escape_start: int) -> int:
        digits = _HEX.match(self._body, self._at)
        if digits is None:
            raise self._error("Incorrect hex digit after \\u escape in string.", escape_start)
        self._at = digits.end()
        return int(digits[0], 16)

    def _peek(self) -> bytes:
        return self._body[self._at : self._at + 1]

    def _next(self) -> bytes:
        """Skips white space and shows, but does not take, the byte after it."""
        space = _SPACE.match(self._body, self._at)
        self._at = self._at if space is None else space.end()
        return self._peek()

    def _error(self, what: str, offset: int | None = None) -> ApiError:
        offset = self._at if offset is None else offset
        return invalid(f"JSON Parse error: {what} at offset: {offset}")


class _Open:
    """A container whose end has not been read: an object has the key of its next member."""

    def __init__(self, key: str | None) -> None:
        self.key = key
        self._elements: list[JsonValue] = []
        self._pairs: list[tuple[str, JsonValue]] = []

    def take(self, value: JsonValue) -> None:
        """Adds the next element or member."""
        if self.key is None:
            self._elements.append(value)
        else:
            self._pairs.append((self.key, value))

    def value(self) -> JsonValue:
        """The container, now that its end has been read."""
        return self._elements if self.key is None else object_of(self._pairs)
