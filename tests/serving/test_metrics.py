import re

from serving.metrics import Metrics


def _samples(metrics: Metrics) -> dict[str, dict[str, float]]:
    """Values by metric, then by labels; buckets aside."""
    found: dict[str, dict[str, float]] = {}
    for line in metrics.page().decode().splitlines():
        sample = re.fullmatch(r"([^ {]+)(?:\{(.*)\})? (\S+)", line)
        if sample is not None and not sample[1].endswith(("_bucket", "_created")):
            found.setdefault(sample[1], {})[sample[2] or ""] = float(sample[3])
    return found


def test_requests_are_counted_by_model_and_status() -> None:
    metrics = Metrics()
    for status in ("OK", "OK", "NOT_FOUND"):
        metrics.count_request('a "name"', status)
    metrics.count_request("", "OK")
    assert _samples(metrics)[":tensorflow:serving:request_count"] == {
        r'model_name="a \"name\"",status="OK"': 2,
        r'model_name="a \"name\"",status="NOT_FOUND"': 1,
        'model_name="",status="OK"': 1,
    }


def test_latencies_are_in_microseconds() -> None:
    metrics = Metrics()
    metrics.time_request("m", "predict", 0.002)
    metrics.time_run("m", "predict", 0.001)
    metrics.time_queue(0.5)
    samples = _samples(metrics)
    of_rest = 'API="predict",entrypoint="REST",model_name="m"'
    assert samples[":tensorflow:serving:request_latency_sum"] == {of_rest: 2000}
    of_runtime = 'API="Predict",model_name="m",runtime="TF1"'
    assert samples[":tensorflow:serving:runtime_latency_count"] == {of_runtime: 1}
    queue = ":tensorflow:serving:batching_session:queuing_latency"
    assert samples[f"{queue}_sum"] == {"": 500_000}


def test_buckets_grow_from_ten_microseconds_by_four_fifths() -> None:
    metrics = Metrics()
    metrics.time_request("m", "predict", 17e-6)
    page = metrics.page().decode()
    start = ':tensorflow:serving:request_latency_bucket{API="predict",entrypoint="REST"'
    lines = [line for line in page.splitlines() if line.startswith(start)]
    assert len(lines) == 34
    assert 'le="10.0"' in lines[0]
    assert lines[0].endswith(" 0.0")
    assert 'le="18.0"' in lines[1]
    assert lines[1].endswith(" 1.0")
    assert 'le="+Inf"' in lines[-1]


def test_types_stand_beside_the_names_of_their_samples() -> None:
    metrics = Metrics()
    metrics.count_batch()
    metrics.set_in_flight(3)
    page = metrics.page().decode()
    for name, kind in (
        (":tensorflow:serving:request_count", "counter"),
        (":tensorflow:serving:batching_session:wrapped_run_count", "counter"),
        (":tensorflow:serving:request_latency", "histogram"),
        ("serving_requests_in_flight", "gauge"),
    ):
        assert f"# TYPE {name} {kind}\n" in page
    assert "\nserving_requests_in_flight 3.0\n" in page
    assert "_total" not in page


def test_servers_do_not_share_what_they_count() -> None:
    first, second = Metrics(), Metrics()
    first.count_request("m", "OK")
    assert ":tensorflow:serving:request_count" not in _samples(second)
