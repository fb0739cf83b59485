"""Where metrics are shown: `MonitoringConfig` in text protobuf."""

from pathlib import Path

from serving.text_proto import ConfigError, message_class, parse_file

DEFAULT_PATH = "/monitoring/prometheus/metrics"

# As in TensorFlow Serving's monitoring_config.proto, which no Python package holds.
_MESSAGES = {
    "MonitoringConfig": {"prometheus_config": (1, "PrometheusConfig")},
    "PrometheusConfig": {"enable": (1, "bool"), "path": (2, "string")},
}


def read_metrics_path(path: Path) -> str | None:
    """The URL path of the metrics; None where they are not to be shown.

    Raises:
      ConfigError: the file cannot be used, or the URL path does not begin with a slash.
    """
    message = parse_file(path, message_class("MonitoringConfig", _MESSAGES)).prometheus_config
    if not message.enable:
        return None
    shown_at = str(message.path) or DEFAULT_PATH
    if not shown_at.startswith("/"):
        raise ConfigError(f"{path}: got path {shown_at!r}, expected one that begins with '/'")
    return shown_at
