"""Served = evaluated: the perplexity of a model's answers over HTTP beside the evaluator's.

For every event of some users the server is asked with the history so far, at the event's own time,
for the whole catalogue; the target's log-probability is read off the answer. Nothing of the
evaluator's route is shared: ids are looked up, steps built and the state run in the served graph.
"""

from __future__ import annotations

import json
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt

from tfhrnn.answer_options import AnswerOptions
from tfhrnn.data.catalogue import FIRST_ITEM
from tfhrnn.data.event_log import EventLog
from tfhrnn.errors import RunError
from tfhrnn.evaluation.evaluate import after_first, judge
from tfhrnn.evaluation.metrics import perplexity
from tfhrnn.histories import Histories
from tfhrnn.models.hrnn import HRNN
from tfhrnn.predictor import Predictor
from tfhrnn.run_folder import RunFolder

_BATCH = 32
PATIENCE_SECONDS = 600.0  # whether answers agree is asked, not how soon: a busy machine may be slow


def served_log_probabilities(
    url: str, name: str, predictor: Predictor, log: EventLog, user: int
) -> npt.NDArray[np.float64]:
    """Log p of each event of one user, `[events]`, as the server answers it.

    Args:
      url: of the server, such as http://127.0.0.1:8501.
      name: of the model.
      predictor: says which inputs the signature has.
      log: the events.
      user: index.

    Raises:
      RunError: the server answers with an error.
    """
    events = int(log.offsets[user + 1] - log.offsets[user])
    times = np.asarray(log.time[log.offsets[user] : log.offsets[user + 1]])
    ids = log.catalogue.ids
    wanted = [
        ids[index - FIRST_ITEM] for index in log.item[log.offsets[user] : log.offsets[user + 1]]
    ]
    found, whole = np.empty(events), AnswerOptions(k=log.num_items)
    with httpx.Client(timeout=PATIENCE_SECONDS) as client:
        for begin in range(0, events, _BATCH):
            prefixes = list(range(begin, min(begin + _BATCH, events)))
            histories = Histories.from_log(log, [user] * len(prefixes), prefixes)
            inputs = predictor.inputs(histories, whole, query_time=times[prefixes])
            answer = client.post(
                f"{url}/v1/models/{name}:predict",
                content=json.dumps(
                    {"inputs": {key: value.tolist() for key, value in inputs.items()}}
                ),
            )
            if answer.status_code != 200:
                raise RunError(
                    f"{url}: got status {answer.status_code}, expected 200: {answer.text[:300]}"
                )
            outputs = answer.json()["outputs"]
            for row, prefix in enumerate(prefixes):
                place = outputs["items"][row].index(wanted[prefix])
                found[prefix] = outputs["log_probabilities"][row][place]
    return found


def served_perplexity(
    url: str,
    name: str,
    model: HRNN,
    predictor: Predictor,
    log: EventLog,
    users: npt.NDArray[np.integer],
    run: RunFolder,
) -> dict[str, Any]:
    """Perplexity of all targets of some users, over HTTP and in process.

    A first target that the evaluator leaks (`first_item_features`) is left out: an empty history
    says nothing of it.

    Returns:
      `users`, `targets`, `perplexity` (served) and `evaluated_perplexity`.
    """
    served = np.concatenate(
        [served_log_probabilities(url, name, predictor, log, int(user)) for user in users]
    )
    judged = judge(model, log, users, run.config).with_columns(served=served)
    if run.config.model.first_item_features:
        judged = after_first(judged)
    served, evaluated = judged["served"].to_numpy(), judged["log_p"].to_numpy()
    return {
        "users": len(users),
        "targets": len(served),
        "perplexity": perplexity(served),
        "evaluated_perplexity": perplexity(evaluated),
    }
