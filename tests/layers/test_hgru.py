"""The hierarchical GRU against one written out in NumPy, and what each level may know."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from tfhrnn.errors import ConfigError
from tfhrnn.layers import Control
from tfhrnn.layers.hgru import HGRUCell, HGRUTower

UNITS, STEPS, WIDTH, START = 3, 6, 2, 4
Floats = npt.NDArray[np.float64]
# Two users; the first one's sessions end at steps 1 and 2, the second one's at its last.
RESET = [1, 0, 0, 0, 1, 0]
LEVEL = [START, 1, 3, 0, START, 2]
SETTINGS = [
    {"layers": layers, "propagation": propagation}
    for layers in (1, 2)
    for propagation in ("init", "all")
]
every_setting = pytest.mark.parametrize("options", SETTINGS)


def built(**options: Any) -> HGRUTower:
    """A tower with weights, biases among them, drawn anew."""
    tower = HGRUTower(UNITS, seed=1, **options)
    run(tower, np.zeros((1, 1, WIDTH)), [[0]], [[0]])
    rng = np.random.default_rng(2)
    tower.set_weights([rng.normal(size=part.shape) for part in tower.get_weights()])
    return tower


def run(tower: HGRUTower, x: Any, reset: Any, level: Any, state: Any = None) -> tuple[Any, Any]:
    told = Control(tf.constant(reset, tf.float32), tf.constant(level, tf.int32))
    start = tower.initial_state(len(x)) if state is None else state
    return tower(tf.constant(x, tf.float32), told, start)


def states_after(tower: HGRUTower, x: Floats, reset: list[int], level: list[int]) -> list[Any]:
    """The state after each step of one lane, `[1 + layers, units]` each."""
    state: Any = None
    found = []
    for step in range(len(x)):
        _, state = run(tower, x[np.newaxis, [step]], [[reset[step]]], [[level[step]]], state)
        found.append(np.array(state)[:, 0])
    return found


def gru(x: Floats, h: Floats, weights: list[Any]) -> Floats:
    """z h + (1 - z) tanh(W x + b_x + r (U h + b_h)), as Cho et al. 2014 with two biases."""
    kernel, recurrent, bias = (np.asarray(part, np.float64) for part in weights)
    z_x, r_x, c_x = np.split(x @ kernel + bias[0], 3)
    z_h, r_h, c_h = np.split(h @ recurrent + bias[1], 3)
    z, r = (1 / (1 + np.exp(-gate)) for gate in (z_x + z_h, r_x + r_h))
    return z * h + (1 - z) * np.tanh(c_x + r * c_h)


def hgru(
    tower: HGRUTower, x: Floats, reset: list[int], level: list[int]
) -> tuple[Floats, list[Floats]]:
    """Outputs and final state of one lane that starts from nothing, written as a loop."""
    cell = tower.steps.cell
    openings = [[np.asarray(w, np.float64) for w in part.get_weights()] for part in cell.openings]
    user: Floats = np.zeros(UNITS)
    sessions: list[Floats] = [np.zeros(UNITS) for _ in openings]
    outputs = []
    for step, row in enumerate(x):
        if reset[step]:
            user = np.zeros(UNITS)
            sessions = [np.tanh(bias) for _, bias in openings]
        read: Floats = np.concatenate([row, user]) if tower.propagation == "all" else row
        for layer, part in enumerate(cell.sessions):
            read = sessions[layer] = gru(read, sessions[layer], part.get_weights())
        if level[step] >= tower.session_level and not reset[step]:
            user = gru(sessions[-1], user, cell.user.get_weights())
            sessions = [np.tanh(user @ kernel + bias) for kernel, bias in openings]
        outputs.append(sessions[-1])
    return np.array(outputs), [user, *sessions]


@every_setting
@pytest.mark.parametrize("session_level", [1, 3])
def test_outputs_and_states_are_those_of_the_formula(
    options: dict[str, Any], session_level: int
) -> None:
    tower = built(session_level=session_level, **options)
    x = np.random.default_rng(3).normal(size=(STEPS, WIDTH))
    y, states = run(tower, x[np.newaxis], [RESET], [LEVEL])
    expected, end = hgru(tower, x, RESET, LEVEL)
    # float32 against float64 over six steps
    np.testing.assert_allclose(y[0], expected, atol=2e-6)
    np.testing.assert_allclose(np.array(states)[:, 0], end, atol=2e-6)


@every_setting
def test_the_user_state_moves_at_session_ends_and_resets_alone(options: dict[str, Any]) -> None:
    tower = built(**options)
    x = np.random.default_rng(4).normal(size=(STEPS, WIDTH))
    level, reset = [2, 0, 0, 1, 0, 0], [0] * STEPS
    user = [state[0] for state in states_after(tower, x, reset, level)]
    for step in (1, 2, 4, 5):
        np.testing.assert_array_equal(user[step], user[step - 1])  # bit for bit
    assert np.all(user[0] != 0) and np.all(user[3] != user[2])
    # The level of a reset is a start event's: it ends no session, and the user state is 0.
    after = states_after(tower, x, RESET, LEVEL)
    for step in (0, 4):
        np.testing.assert_array_equal(after[step][0], 0)


@every_setting
def test_a_session_end_opens_the_next_session_from_the_user_state(options: dict[str, Any]) -> None:
    tower = built(**options)
    x = np.random.default_rng(5).normal(size=(1, STEPS, WIDTH))
    reset, level = [[1, 0, 0, 0, 0, 0]], [[START, 0, 0, 0, 0, 1]]
    y, (user, *sessions) = run(tower, x, reset, level)
    for opening, session in zip(tower.steps.cell.openings, sessions, strict=True):
        kernel, bias = opening.get_weights()
        expected = np.tanh(user.numpy() @ kernel + bias)
        np.testing.assert_allclose(session, expected, atol=1e-6)
    np.testing.assert_array_equal(y[:, -1], sessions[-1])
    # Through the user state it shows the events of the session that ended, the last one included.
    other, _ = run(tower, np.concatenate([x[:, :-1], -x[:, -1:]], axis=1), reset, level)
    assert np.abs(y[:, -1] - other[:, -1]).max() > 1e-3


def test_the_output_depends_on_the_user_state_at_a_session_end_and_inside_by_propagation() -> None:
    x = np.random.default_rng(6).normal(size=(1, 1, WIDTH))
    for propagation, inside in (("init", False), ("all", True)):
        tower = built(propagation=propagation)
        session = tf.constant([[0.1, -0.2, 0.3]])
        users = tf.zeros([1, UNITS]), tf.ones([1, UNITS])
        for level, depends in ((0, inside), (1, True)):
            one, two = (run(tower, x, [[0]], [[level]], (user, session))[0] for user in users)
            assert bool(np.any(one != two)) is depends


def test_lanes_end_their_sessions_each_for_itself() -> None:
    tower = built(layers=2, propagation="all")
    x = np.random.default_rng(7).normal(size=(2, STEPS, WIDTH))
    reset, level = [RESET, [0, 1, 0, 0, 0, 0]], [LEVEL, [0, START, 0, 2, 1, 0]]
    y, _ = run(tower, x, reset, level)
    for lane in range(2):
        expected, _ = hgru(tower, x[lane], reset[lane], level[lane])
        # Lane 1 starts from zeros without a reset, as an untold state does.
        np.testing.assert_allclose(y[lane], expected, atol=2e-6)


def test_dropout_between_session_layers_is_drawn_anew_at_each_step() -> None:
    tower = built(layers=2, dropout=0.5)
    told = Control(tf.zeros([1, STEPS]), tf.zeros([1, STEPS], tf.int32))
    x, start = tf.ones([1, STEPS, WIDTH]), tower.initial_state(1)
    generator = tower.between[0]._random_generator._generator
    kept = generator.state.numpy()
    masks = tower.between[0](tf.ones([1, STEPS, UNITS]), training=True).numpy()
    assert len(np.unique(masks[0], axis=0)) > 1
    generator.state.assign(kept)
    y, _ = tower(x, told, start, training=True)
    session: list[Floats] = [np.zeros(UNITS), np.zeros(UNITS)]
    lower, upper = (part.get_weights() for part in tower.steps.cell.sessions)
    for step in range(STEPS):
        session[0] = gru(np.ones(WIDTH), session[0], lower)
        session[1] = gru(session[0] * masks[0, step], session[1], upper)
        np.testing.assert_allclose(y[0, step], session[1], atol=2e-6)


def test_configs_hold_every_argument() -> None:
    options: dict[str, Any] = {
        "units": 7,
        "layers": 2,
        "propagation": "all",
        "session_level": 2,
        "dropout": 0.25,
        "seed": 9,
    }
    config = HGRUTower(**options).get_config()
    assert {name: config[name] for name in options} == options
    assert HGRUTower.from_config(config).steps.cell.read_user
    cell = HGRUCell(7, layers=2, read_user=True, seed=9)
    assert HGRUCell.from_config(cell.get_config()).get_config() == cell.get_config()


def test_another_propagation_is_refused() -> None:
    with pytest.raises(ConfigError, match="propagation: got 'some', expected 'init' or 'all'"):
        HGRUTower(3, propagation="some")  # type: ignore[arg-type]
