from pathlib import Path

import pytest

from serving.text_proto import ConfigError, message_class, parse_file

_MESSAGES = {
    "Outer": {"inner": (1, "Inner"), "sizes": (3, "repeated int64"), "name": (4, "string")},
    "Inner": {"most": (7, "Int64Value"), "is_on": (2, "bool")},
}


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "a.config"
    path.write_text(text)
    return path


def test_messages_hold_each_other_wrappers_and_lists(tmp_path: Path) -> None:
    text = 'inner { most { value: 5 } is_on: true } sizes: 1 sizes: 2 name: "a"  # so'
    message = parse_file(_file(tmp_path, text), message_class("Outer", _MESSAGES))
    assert message.inner.most.value == 5
    assert message.inner.is_on
    assert list(message.sizes) == [1, 2]
    assert message.name == "a"
    # Field numbers: 7 << 3 | 2 = 58 begins the wrapper, 2 << 3 = 16 the truth value.
    assert message.inner.SerializeToString(deterministic=True) == b"\x10\x01\x3a\x02\x08\x05"


def test_a_wrapper_tells_zero_from_nothing(tmp_path: Path) -> None:
    outer = message_class("Outer", _MESSAGES)
    assert parse_file(_file(tmp_path, "inner { most { value: 0 } }"), outer).inner.HasField("most")
    assert not parse_file(_file(tmp_path, "inner {}"), outer).inner.HasField("most")


@pytest.mark.parametrize("text", ["sizes: x", "unknown: 1", "inner {", 'name: "a" name: "b"'])
def test_other_texts_are_refused_with_file_and_place(tmp_path: Path, text: str) -> None:
    path = _file(tmp_path, text)
    with pytest.raises(ConfigError, match=r"a\.config: expected a tensorflow\.serving\.Outer .*1:"):
        parse_file(path, message_class("Outer", _MESSAGES))


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent: cannot be read: .*No such file"):
        parse_file(tmp_path / "absent", message_class("Inner", _MESSAGES))
    (tmp_path / "bytes").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"bytes: cannot be read: .*codec"):
        parse_file(tmp_path / "bytes", message_class("Inner", _MESSAGES))
