"""Chains of augmentations, masks and mixtures, and that nothing but training ever meets them."""

import inspect
import json
import re
from pathlib import Path

import numpy as np
import pytest

from fastbp import Dense, Sequential
from fastbp.augment import AUGMENTATIONS, Augment, Gain, Mixup, Noise, Shift, SpecAugment, as_augment, mixup
from fastbp.errors import ArgumentError, ArgumentTypeError, UnknownNameError
from fastbp.features import LogMel, Pipeline, Pooling, default_pipeline

SR = 16000


def noise(n, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


def copies(augment, y, pipeline=None):
    return [z for z, _ in augment.of(y, SR, pipeline or default_pipeline(SR))]


@pytest.mark.parametrize(
    ("given", "names", "n"),
    [
        (None, [], 0),
        (0, ["channel"], 0),
        (3, ["channel"], 3),
        ("noise", ["noise"], 1),
        (["noise", Gain(3), {"name": "shift", "seconds": 1}], ["noise", "gain", "shift"], 1),
        (Augment(("reverb", "specaugment", "mixup"), copies=2), ["reverb", "specaugment", "mixup"], 2),
        ({"name": "pitch", "semitones": [1, 2]}, ["pitch"], 1),
    ],
)
def test_what_names_a_chain(given, names, n):
    made = as_augment(given, seed=7)
    assert ([item.name for item in made.augmentations], made.copies, made.seed) == (names, n, 7)
    assert as_augment(json.loads(json.dumps(made.get_config()))) == made


@pytest.mark.parametrize("given", [True, 1.5, object(), ["noise", 3], [LogMel()]])
def test_what_is_no_chain_is_refused(given):
    with pytest.raises(ArgumentTypeError):
        as_augment(given)


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(UnknownNameError, match="Did you mean 'noise'"):
        as_augment("noisy")
    with pytest.raises(ArgumentError, match="cannot be made"):
        as_augment({"name": "noise", "loudness": 3})
    with pytest.raises(ArgumentError, match="cannot be made"):
        as_augment({"augmentations": ["noise"], "times": 3})
    with pytest.raises(ArgumentError, match="copies"):
        Augment("noise", copies=-1)


def test_samples_given_as_arrays_are_in_the_configuration():
    made = Augment([Noise(sounds=[(noise(9), 8000)])])
    again = as_augment(json.loads(json.dumps(made.get_config())))
    assert again == made
    np.testing.assert_array_equal(copies(again, noise(50))[0], copies(made, noise(50))[0])


def test_a_chain_is_applied_in_order():
    y = noise(100)
    late = copies(Augment([Gain(20.0), Shift(10 / SR)]), y)[0]
    np.testing.assert_allclose(late[10:], 10 * y[:-10], rtol=1e-5)


def test_copies_differ_by_number_seed_and_sound_but_not_by_order():
    chain, sounds = Augment(["noise", "reverb"], copies=3), [noise(500, seed=s) for s in range(4)]
    there = [z.tobytes() for y in sounds for z in copies(chain, y)]
    assert len(set(there)) == 12
    back = [z.tobytes() for y in sounds[::-1] for z in copies(chain, y.copy())[::-1]]
    assert back[::-1] == there
    assert copies(as_augment(chain, seed=1), sounds[0])[0].tobytes() not in there


def test_masks_hide_stretches_behind_the_mean():
    x, step = np.random.default_rng(0).normal(5, 1, (200, 40)).astype(np.float32), SpecAugment(1, 1, 0.2, 0.3)
    np.testing.assert_array_equal(step(x), x)
    rows = columns = 0
    for seed in range(50):
        hidden = step.in_training(x, None, np.random.default_rng(seed)) != x
        masked_rows, masked_columns = hidden.all(axis=1).nonzero()[0], hidden.all(axis=0).nonzero()[0]
        for masked, most in ((masked_rows, 40), (masked_columns, 12)):
            assert len(masked) <= most
            assert len(masked) == 0 or np.ptp(masked) == len(masked) - 1
        assert hidden.sum() == 40 * len(masked_rows) + (200 - len(masked_rows)) * len(masked_columns)
        np.testing.assert_allclose(step.in_training(x, None, np.random.default_rng(seed))[hidden], 5, atol=0.5)
        rows, columns = max(rows, len(masked_rows)), max(columns, len(masked_columns))
    assert rows > 30
    assert columns > 9


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 2)])
def test_masks_on_few_rows(shape):
    x = np.ones(shape, np.float32)
    found = SpecAugment(5, 5, 1.0, 1.0).in_training(x, None, np.random.default_rng(0))
    np.testing.assert_array_equal(found, x)


@pytest.mark.parametrize("options", [{"time_masks": -1}, {"time_share": 1.1}, {"column_share": np.nan}])
def test_masks_that_cannot_be_are_refused(options):
    with pytest.raises(ArgumentError):
        SpecAugment(**options)


def test_a_pipeline_masks_only_with_a_generator():
    pipeline = Pipeline([LogMel(), SpecAugment(), Pooling()])
    plain, y = Pipeline([LogMel(), Pooling()]), noise(SR)
    np.testing.assert_array_equal(pipeline(y), plain(y))
    np.testing.assert_array_equal(pipeline.windows(y)[0], plain.windows(y)[0])
    masked = pipeline(y, np.random.default_rng(0))
    assert not np.array_equal(masked, plain(y))
    np.testing.assert_array_equal(masked, pipeline(y, np.random.default_rng(0)))
    assert Pipeline.from_config(pipeline.get_config()) == pipeline


def batch(n=64, n_in=5, n_out=3):
    rng = np.random.default_rng(1)
    return rng.normal(size=(n, n_in)).astype(np.float32), np.eye(n_out, dtype=np.float32)[rng.integers(n_out, size=n)]


@pytest.mark.parametrize("n", [1, 7, 64])
@pytest.mark.parametrize("alpha", [0.1, 1.0, 8.0])
def test_mixed_rows_lie_between_two(n, alpha):
    x, y = batch(n)
    mixed, targets, weight = mixup(x, y, np.random.default_rng(0), alpha)
    rng = np.random.default_rng(0)
    other, share = rng.permutation(n), rng.beta(alpha, alpha, n)[:, None]
    np.testing.assert_allclose(mixed, share * x + (1 - share) * x[other], atol=1e-5)
    np.testing.assert_allclose(targets, share * y + (1 - share) * y[other], atol=1e-6)
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-6)
    assert weight is None


def test_the_weighted_loss_of_a_mixture_is_the_mixture_of_the_losses():
    x, y = batch()
    weight, logs = np.random.default_rng(2).uniform(0, 2, len(x)), np.log([0.5, 0.3, 0.2])
    _, targets, weights = mixup(x, y, np.random.default_rng(0), 1.0, weight)
    rng = np.random.default_rng(0)
    other, share = rng.permutation(len(x)), rng.beta(1.0, 1.0, len(x))
    losses = -weight * (y @ logs)
    np.testing.assert_allclose(-weights * (targets @ logs), share * losses + (1 - share) * losses[other], rtol=1e-4)


def test_what_cannot_be_mixed_is_refused():
    x, y = batch()
    with pytest.raises(ArgumentError, match="same number"):
        mixup(x, y[:3], np.random.default_rng(0))
    with pytest.raises(ArgumentError, match="one-hot"):
        mixup(x, y.argmax(axis=1), np.random.default_rng(0))
    for alpha in (0, -1, np.inf):
        with pytest.raises(ArgumentError, match="alpha"):
            Mixup(alpha)


def fitted(callbacks, x, y, epochs=3, loss="categorical_crossentropy"):
    model = Sequential([Dense(3, activation="softmax")], seed=4)
    model.compile("adam", loss, metrics=["accuracy"])
    history = model.fit(x, y, epochs=epochs, validation_data=(x, y), callbacks=callbacks, verbose=0)
    return model, history.history


def test_training_on_mixtures_changes_the_weights_and_nothing_that_is_evaluated():
    x, y = batch()
    kept = x.copy(), y.copy()
    plain, _ = fitted([], x, y)
    mixed, history = fitted([Mixup(1.0)], x, y)
    assert not np.array_equal(plain.params, mixed.params)
    np.testing.assert_array_equal(mixed.params, fitted([Mixup(1.0)], x, y)[0].params)
    assert history["val_loss"][-1] == pytest.approx(mixed.evaluate(x, y)["loss"], rel=1e-6)
    assert history["loss"][-1] > history["val_loss"][-1]
    np.testing.assert_array_equal((x, y)[0], kept[0])
    np.testing.assert_array_equal((x, y)[1], kept[1])


def test_every_epoch_has_other_mixtures():
    class Seen(Mixup):
        def on_epoch_begin(self, epoch, logs=None):
            super().on_epoch_begin(epoch, logs)
            rows = next(self.params["session"].rows.chunks(None, 8)).rows
            found.append(rows.x.tobytes())

    found, (x, y) = [], batch()
    fitted([Seen()], x, y)
    assert len(set(found)) == 3


def test_class_numbers_cannot_be_mixed():
    x, y = batch()
    with pytest.raises(ArgumentError, match="one-hot"):
        fitted([Mixup()], x, y.argmax(axis=1), loss="sparse_categorical_crossentropy")


def test_every_augmentation_is_told_of_by_name():
    page = (Path(__file__).parents[2] / "docs" / "augmentation.md").read_text(encoding="utf-8")
    for name, cls in AUGMENTATIONS.items():
        assert cls.name == name
        row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
        parameters = set(inspect.signature(cls).parameters) - {"p"}
        assert set(re.findall(r"`(\w+)`", row.split("|")[3])) == parameters
