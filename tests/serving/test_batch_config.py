from pathlib import Path

import pytest

from serving.batch_config import BatchConfig, read_batch_config
from serving.text_proto import ConfigError


def _read(tmp_path: Path, text: str) -> BatchConfig:
    path = tmp_path / "batching.config"
    path.write_text(text)
    return read_batch_config(path)


def test_every_parameter_is_read(tmp_path: Path) -> None:
    text = """
        max_batch_size { value: 64 }
        batch_timeout_micros { value: 2500 }
        max_enqueued_batches { value: 5 }
        num_batch_threads { value: 3 }
        pad_variable_length_inputs: true
        thread_pool_name { value: "any" }
    """
    assert _read(tmp_path, text) == BatchConfig(64, 0.0025, 5, 3, True)


def test_what_is_left_out_keeps_its_default(tmp_path: Path) -> None:
    assert _read(tmp_path, "") == BatchConfig()
    assert _read(tmp_path, "max_batch_size { value: 1 }") == BatchConfig(max_rows=1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_batch_size { value: 0 }", "got max_batch_size 0, expected at least 1"),
        ("batch_timeout_micros { value: -1 }", "got batch_timeout_micros -1, expected at least 0"),
        ("num_batch_threads {}", "got num_batch_threads 0, expected at least 1"),
        ("allowed_batch_sizes: 8", "allowed_batch_sizes is not supported"),
        ("max_execution_batch_size { value: 1 }", "large batch splitting is not supported"),
        ("batch_size: 1", 'no field named "batch_size"'),
    ],
)
def test_what_cannot_be_done_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        _read(tmp_path, text)
