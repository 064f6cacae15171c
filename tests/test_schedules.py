"""Schedules against their formulas and against values of Keras and PyTorch."""

import math

import numpy as np
import pytest

from fastbp import schedules
from fastbp.errors import ArgumentError, ArgumentTypeError, UnknownNameError

STEPS = [0, 1, 4, 5, 7, 9, 10, 12, 15, 16, 40]

# Keras 3.15, float64: keras.optimizers.schedules of the same name and arguments.
KERAS = [
    (
        schedules.ExponentialDecay(0.1, 5, 0.9),
        [0.1, 0.09791483623609769, 0.09191661188401216, 0.09, 0.08628583639627646, 0.08272495069561095, 0.081,
         0.07765725275664881, 0.0729, 0.07137991561611522, 0.04304672100000001],
    ),
    (
        schedules.ExponentialDecay(0.1, 5, 0.9, staircase=True),
        [0.1, 0.1, 0.1, 0.09, 0.09, 0.09, 0.081, 0.081, 0.0729, 0.0729, 0.04304672100000001],
    ),
    (
        schedules.CosineDecay(0.1, 10, alpha=0.05),
        [0.1, 0.0976751845240198, 0.06717830723281001, 0.0525, 0.02458020051610753, 0.0073248154759802085,
         0.005, 0.005, 0.005, 0.005, 0.005],
    ),
    (
        schedules.CosineDecay(0.01, 10, alpha=0.1, warmup_target=0.2, warmup_steps=6),
        [0.01, 0.041666666666666664, 0.13666666666666666, 0.16833333333333336, 0.19559508646656384, 0.16290067270632258,
         0.13781152949374528, 0.08218847050625476, 0.024404913533436184, 0.02, 0.02],
    ),
]  # fmt: skip

# PyTorch 2.13: torch.optim.lr_scheduler.OneCycleLR of the same arguments, from step 0.
PYTORCH = [
    (
        schedules.OneCycle(0.5, 16),
        [0.02, 0.09745242280982214, 0.27981904291335974, 0.4493937222551344, 0.4996067053276391, 0.4859708886937616,
         0.45389040167894606, 0.4058728269748815, 0.34567147540784005, 0.2779920070613508, 0.20812461168003923,
         0.14153049910434962, 0.08341502185857698, 0.0383207969171282, 0.009772630431047072, 2e-06],
    ),
    (
        schedules.OneCycle(0.5, 7, pct_start=0.5, div_factor=10, final_div_factor=100),
        [0.05, 0.20547117626563682, 0.45702882373436315, 0.47526697475862917, 0.3058246032555895, 0.09453342198578131,
         0.0005],
    ),
]  # fmt: skip

EXAMPLES = [
    schedules.Constant(0.01),
    schedules.StepDecay(0.1, 7),
    schedules.StepDecay(0.1, 7, decay_rate=0.5),
    *(schedule for schedule, _ in KERAS + PYTORCH),
    schedules.OneCycle(0.5, 1),
    schedules.OneCycle(0.5, 3, pct_start=0.0),
    schedules.CosineDecay(0.1, 10, warmup_target=0.2),
    schedules.ReduceOnPlateau(0.1),
]


@pytest.mark.parametrize(("schedule", "expected"), KERAS)
def test_keras_values(schedule, expected):
    np.testing.assert_allclose([schedule(step) for step in STEPS], expected, rtol=1e-12)


@pytest.mark.parametrize(("schedule", "expected"), PYTORCH)
def test_pytorch_values(schedule, expected):
    np.testing.assert_allclose(schedule.learning_rates(0, len(expected)), expected, rtol=1e-12)
    assert schedule(1000) == pytest.approx(expected[-1])


def test_every_schedule_is_covered():
    assert {type(schedule) for schedule in EXAMPLES} == set(schedules.SCHEDULES.values())


@pytest.mark.parametrize("schedule", EXAMPLES, ids=repr)
def test_any_cut_into_epochs_gives_the_same_rates(schedule):
    whole = schedule.learning_rates(0, 50)
    assert whole.dtype == np.float64
    assert np.isfinite(whole).all()
    assert (whole >= 0).all()
    pieces = [schedule.learning_rates(first, n) for first, n in [(0, 0), (0, 7), (7, 1), (8, 42)]]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    assert [schedule(step) for step in range(50)] == whole.tolist()


@pytest.mark.parametrize("schedule", EXAMPLES, ids=repr)
def test_config_makes_an_equal_object(schedule):
    again = schedules.get(schedule.get_config())
    assert again == schedule
    assert again is not schedule


def test_step_decay():
    rates = schedules.StepDecay(0.8, 3, decay_rate=0.5).learning_rates(0, 7)
    np.testing.assert_allclose(rates, [0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.2])


def test_numbers_are_constant_schedules():
    for number in (0.5, np.float32(0.5)):
        assert schedules.get(number) == schedules.Constant(0.5)
    schedule = schedules.StepDecay(0.1, 3)
    assert schedules.get(schedule) is schedule
    schedule.update({"loss": 1.0})
    assert schedule.get_state() == {}


def plateau_rates(schedule, results):
    rates = []
    for result in results:
        schedule.update({schedule.monitor: result, "other": 0.0})
        rates.append(schedule(0))
    return rates


# Keras 3.15: keras.callbacks.ReduceLROnPlateau of the same arguments, learning rate 1.
PLATEAUS = [
    (
        {"monitor": "loss", "factor": 0.5, "patience": 2, "cooldown": 2, "min_learning_rate": 0.1, "min_delta": 0.02},
        [1, 0.9, 0.95, 0.89, 0.92, 0.93, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99, 0.5, 0.6, 0.7, 0.8, 0.9, 0.9, 0.9],
        [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125, 0.125, 0.125, 0.125, 0.125, 0.1, 0.1, 0.1, 0.1, 0.1],
    ),
    (
        {"monitor": "val_accuracy", "mode": "max", "factor": 0.1, "patience": 1, "min_learning_rate": 0.005},
        [0.1, 0.2, 0.2, 0.2, 0.3, 0.25, 0.1, 0.1, 0.1],
        [1, 1, 0.1, 0.01, 0.01, 0.005, 0.005, 0.005, 0.005],
    ),
]


@pytest.mark.parametrize(("options", "results", "expected"), PLATEAUS)
def test_plateau_against_keras(options, results, expected):
    np.testing.assert_allclose(plateau_rates(schedules.ReduceOnPlateau(1.0, **options), results), expected)


@pytest.mark.parametrize("cut", [0, 3, 6, 11])
def test_plateau_goes_on_from_a_saved_state(cut):
    options, results, expected = PLATEAUS[0]
    first, second = (schedules.ReduceOnPlateau(1.0, **options) for _ in range(2))
    head = plateau_rates(first, results[:cut])
    second.set_state(first.get_state())
    assert head + plateau_rates(second, results[cut:]) == expected


def test_plateau_reset_and_direction():
    schedule = schedules.ReduceOnPlateau(1.0, monitor="val_accuracy", patience=1)
    assert plateau_rates(schedule, [0.5, 0.6, 0.7]) == [1.0, 1.0, 1.0]
    assert plateau_rates(schedule, [0.6]) == [0.1]
    schedule.reset()
    assert schedule.learning_rate == 1.0
    falling = schedules.ReduceOnPlateau(1.0, monitor="mse", patience=1)
    assert plateau_rates(falling, [0.5, 0.4, 0.5]) == [1.0, 1.0, 0.1]


def test_plateau_takes_nan_for_no_improvement():
    schedule = schedules.ReduceOnPlateau(1.0, monitor="loss", patience=2)
    assert plateau_rates(schedule, [math.nan, 1.0, math.nan, math.nan, 0.5]) == [1.0, 1.0, 1.0, 0.1, 0.1]


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: schedules.get(-0.1), ArgumentError, "not below 0"),
        (lambda: schedules.get(math.nan), ArgumentError, "finite"),
        (lambda: schedules.get(True), ArgumentTypeError, "number or a schedule"),
        (lambda: schedules.get("fast"), ArgumentTypeError, "number or a schedule"),
        (lambda: schedules.get({"name": "cosine"}), UnknownNameError, "cosine_decay"),
        (lambda: schedules.get({"name": "one_cycle"}), ArgumentError, "total_steps"),
        (lambda: schedules.StepDecay(0.1, 0), ArgumentError, "decay_steps"),
        (lambda: schedules.CosineDecay(0.1, 5, warmup_steps=-1), ArgumentError, "warmup_steps"),
        (lambda: schedules.OneCycle(0.1, 10, pct_start=1.0), ArgumentError, "pct_start"),
        (lambda: schedules.ReduceOnPlateau(0.1, factor=1.0), ArgumentError, "factor"),
        (lambda: schedules.ReduceOnPlateau(0.1, mode="up"), ArgumentError, "mode"),
        (lambda: schedules.ReduceOnPlateau(0.1, monitor="happiness"), ArgumentError, "happiness"),
        (lambda: schedules.ReduceOnPlateau(0.1).update({"loss": 1.0}), ArgumentError, "reports loss; validation"),
    ],
)
def test_bad_arguments(make, error, words):
    with pytest.raises(error, match=words):
        make()
