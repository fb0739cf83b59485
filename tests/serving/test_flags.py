import re
from pathlib import Path

import pytest

from serving.batch_config import BatchConfig
from serving.flags import build_parser, model_configs, parse, server_options
from serving.limits import Limits
from serving.request_log import log_nowhere, log_to_stdout

_MODEL = ("--model_name=m", "--model_base_path=d")


def test_one_model_is_named_by_two_flags() -> None:
    (config,) = model_configs(parse(_MODEL))
    assert (config.name, config.base_path, config.labels) == ("m", Path("d"), {})
    assert config.policy({1, 2}) == {2}


def test_a_configuration_file_goes_before_a_single_model(tmp_path: Path) -> None:
    path = tmp_path / "models.config"
    path.write_text(
        'model_config_list { config { name: "a" base_path: "/a" model_platform: "tensorflow" } }'
    )
    configs = model_configs(parse([*_MODEL, f"--model_config_file={path}"]))
    assert [config.name for config in configs] == ["a"]


def test_it_listens_on_the_loopback_unless_it_is_told_otherwise() -> None:
    assert parse(_MODEL).rest_api_host == "127.0.0.1"


def test_the_readme_has_every_flag_and_no_other() -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    table = text.split("## The embedded server's flags")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    told = {flag for row in rows for flag in re.findall(r"--\w+", row)}
    # `--host` is short for `--rest_api_host`.
    actions = [action for action in build_parser()._actions if action.dest != "help"]
    assert told == {action.option_strings[0] for action in actions}


def test_defaults_are_those_of_the_parts() -> None:
    options = server_options(parse(_MODEL))
    assert options.limits == Limits()
    assert options.batching is None
    assert options.metrics_path is None
    assert options.log is log_to_stdout


def test_every_option_has_its_flag(tmp_path: Path) -> None:
    (tmp_path / "batching").write_text("max_batch_size { value: 8 }")
    (tmp_path / "monitoring").write_text("prometheus_config { enable: true }")
    options = server_options(
        parse(
            [
                *_MODEL,
                "--rest_api_num_threads=3",
                "--rest_api_max_waiting=5",
                "--rest_api_timeout_in_ms=1500",
                "--rest_api_max_body_bytes=1000",
                "--enable_batching",
                f"--batching_parameters_file={tmp_path / 'batching'}",
                f"--monitoring_config_file={tmp_path / 'monitoring'}",
                "--log_requests=false",
            ]
        )
    )
    assert options.limits == Limits(1000, 1.5, 3, 5)
    assert options.batching == BatchConfig(max_rows=8)
    assert options.metrics_path == "/monitoring/prometheus/metrics"
    assert options.log is log_nowhere


def test_batching_without_a_file_has_the_defaults() -> None:
    assert server_options(parse([*_MODEL, "--enable_batching=true"])).batching == BatchConfig()


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--rest_api_port=65536", "got 65536, expected 0 to 65535"),
        ("--rest_api_port=x", "invalid _port value: 'x'"),
        ("--rest_api_num_threads=0", "got 0, expected at least 1"),
        ("--file_system_poll_wait_seconds=0", "got 0, expected a positive number of seconds"),
        ("--model_config_file_poll_wait_seconds=-1", "got -1, expected a positive number"),
        ("--log_requests=perhaps", "got perhaps, expected true or false"),
        ("--batching_parameters_file=x", "--batching_parameters_file needs --enable_batching"),
        ("--unknown=1", "unrecognized arguments: --unknown=1"),
    ],
)
def test_wrong_flags_exit_with_2(
    flag: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        parse([*_MODEL, flag])
    assert raised.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("flags", [["--model_name=m"], ["--model_base_path=d"], []])
def test_model_and_base_path_are_required_without_a_file(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse(flags)
    error = capsys.readouterr().err
    assert "the following arguments are required: --model_" in error
    assert "or --model_config_file in their place" in error
