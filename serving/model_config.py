"""Reads which models to serve from a file: `ModelServerConfig` as text protobuf.

The message is TensorFlow Serving's own, from its package tensorflow-serving-api, so a file that
tensorflow_model_server takes is taken here: name, base_path, model_platform, model_version_policy
and version_labels of each model.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from serving.text_proto import ConfigError, parse_file
from serving.version_policy import VersionPolicy, every_version, latest, specific

_PLATFORM = "tensorflow"


@dataclass(frozen=True)
class ModelConfig:
    """One model to serve.

    Attributes:
      name: the name in URLs.
      base_path: the folder of version folders.
      policy: which of the versions found there are served.
      labels: version numbers by the names that URLs may use for them.
      is_withdrawn: whether the model left the configuration, so that no version is wanted.
    """

    name: str
    base_path: Path
    policy: VersionPolicy = field(default_factory=latest)
    labels: Mapping[str, int] = field(default_factory=dict)
    is_withdrawn: bool = False


def read_model_config(path: Path) -> list[ModelConfig]:
    """The models of a configuration file, in its order.

    Raises:
      ConfigError: the file cannot be read, is no `ModelServerConfig`, or asks for what cannot be
        served; the message names the file and the model.
    """
    from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

    message = parse_file(path, ModelServerConfig)
    if not message.HasField("model_config_list"):
        # Also a file that is being written anew and still empty.
        got = message.WhichOneof("config") or "nothing"
        raise ConfigError(f"{path}: got {got}, expected model_config_list")
    models = [_model(path, config) for config in message.model_config_list.config]
    names = [model.name for model in models]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{path}: model {name!r} is listed {names.count(name)} times")
    return models


def _model(path: Path, config: Any) -> ModelConfig:
    place = f"{path}, model {config.name!r}"
    if not config.name or "/" in config.name or ":" in config.name:
        raise ConfigError(f"{place}: expected a name without '/' and ':'")
    if config.logging_config.ByteSize():
        raise ConfigError(f"{place}: logging_config is not supported by this server")
    if config.model_type:
        raise ConfigError(f"{place}: model_type is not supported, use model_platform")
    if config.model_platform != _PLATFORM:
        raise ConfigError(
            f"{place}: got model_platform {config.model_platform!r}, expected {_PLATFORM!r}"
        )
    base_path = Path(config.base_path)
    if not base_path.is_absolute():
        raise ConfigError(f"{place}: got base_path {config.base_path!r}, expected an absolute path")
    policy = _policy(place, config.model_version_policy)
    return ModelConfig(config.name, base_path, policy, dict(config.version_labels))


def _policy(place: str, message: Any) -> VersionPolicy:
    choice = message.WhichOneof("policy_choice")
    if choice == "all":
        return every_version()
    if choice == "specific":
        if not message.specific.versions:
            raise ConfigError(f"{place}: the policy 'specific' names no version")
        return specific(list(message.specific.versions))
    return latest(message.latest.num_versions or 1)
