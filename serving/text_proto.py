"""Configuration files in text protobuf, read by protobuf's own parser.

`ModelServerConfig` comes from the package tensorflow-serving-api. Two more messages of TensorFlow
Serving's command line are not in that package: `message_class` describes them here by names, types
and field numbers, in a pool of their own, so that they cannot clash with another definition.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from google.protobuf.descriptor_pb2 import (
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.descriptor_pool import (
    DescriptorPool,
)
from google.protobuf.message import Message
from google.protobuf.message_factory import (
    GetMessageClass,
)
from google.protobuf.wrappers_pb2 import (
    DESCRIPTOR as WRAPPERS,
)

_PACKAGE = "tensorflow.serving"
_SCALARS = {
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "string": FieldDescriptorProto.TYPE_STRING,
}


class ConfigError(ValueError):
    """A configuration file that cannot be used; the message says where and why."""


def parse_file(path: Path, message_type: Any) -> Any:
    """Reads a file of text protobuf.

    Raises:
      ConfigError: the file cannot be read or does not fit the message.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    message: Message = message_type()
    try:
        return text_format.Parse(text, message)
    except text_format.ParseError as error:
        name = message.DESCRIPTOR.full_name
        raise ConfigError(f"{path}: expected a {name} in text protobuf: {error}") from None


def message_class(name: str, messages: Mapping[str, Mapping[str, tuple[int, str]]]) -> Any:
    """Makes the class of one of several messages that may hold each other.

    Args:
      name: which of the messages.
      messages: fields by name for each message: the number, and the type: `bool`, `int64`,
        `string`, one of protobuf's wrappers such as `Int64Value`, or another of the messages; a
        leading `repeated ` makes a list.
    """
    file = FileDescriptorProto(
        name=f"serving/{name}.proto",
        package=_PACKAGE,
        syntax="proto3",
        dependency=[WRAPPERS.name],
    )
    for title, fields in messages.items():
        described = file.message_type.add(name=title)
        for field, (number, kind) in fields.items():
            added = described.field.add(name=field, number=number)
            single = kind.removeprefix("repeated ")
            added.label = (
                FieldDescriptorProto.LABEL_OPTIONAL
                if single == kind
                else FieldDescriptorProto.LABEL_REPEATED
            )
            if single in _SCALARS:
                added.type = _SCALARS[single]
            else:
                added.type = FieldDescriptorProto.TYPE_MESSAGE
                package = _PACKAGE if single in messages else "google.protobuf"
                added.type_name = f".{package}.{single}"
    pool = DescriptorPool()
    pool.AddSerializedFile(WRAPPERS.serialized_pb)
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
