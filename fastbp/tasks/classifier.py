"""AudioClassifier: from labelled sound files to a model that names sounds."""

from __future__ import annotations  # what only `fit` works with is imported by it

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp.audio.checks import check_int
from fastbp.errors import ArgumentError, ArgumentTypeError, AudioError, FastbpError, NotBuiltError, of_file
from fastbp.features import Feature, Pipeline, Pooling, default_pipeline
from fastbp.tasks import classifier_file
from fastbp.tasks.estimator import Estimator
from fastbp.tasks.network import (
    Rows,
    Scaling,
    below_top,
    class_weights,
    clip_probabilities,
    make_network,
    merged,
    train_network,
)
from fastbp.tasks.sources import (
    Source,
    as_sounds,
    chunks,
    features_of,
    is_file,
    one_sound,
    parts,
    read_listing,
    waveform,
    with_validation,
)
from fastbp.tasks.streaming import ClassifierStream
from fastbp.tasks.whole import answers
from fastbp.tasks.windows import Segment, Windows

if TYPE_CHECKING:
    from fastbp.callbacks import Callback
    from fastbp.corpus import Listing
    from fastbp.network import Sequential
    from fastbp.stop import StopCondition
    from fastbp.tasks.evaluation import Answers, Evaluation

Float32 = NDArray[np.float32]
WORST_FILES = 8  # that a report shows


class AudioClassifier(Estimator):
    """Names the kind of a sound (music, speech, a word, a machine, ...) after learning it from labelled files.

    A sound is cut into windows, each window becomes a row of features, a dense network gives the probabilities of the
    classes; those of a whole clip are the geometric mean of its windows'. Windows more than 20 dB under the mean power
    of the clip are left out.

    Parameters
    ----------
    features
        A `Pipeline` with a `Pooling` step, or a feature, of which mean and deviation are taken. None is
        `fastbp.features.default_pipeline(sr)`, which knows nothing of how loud a sound is.
    hidden
        Widths of the hidden layers.
    sr
        Rate in Hz that sounds are brought to; features of your own bring theirs.
    window, hop
        Length and step of the windows in seconds; None is a step of one window.
    n_networks
        How many networks are trained, from different seeds; `network_` is their geometric mean, as one network.
    dropout
        Part of the inputs of each layer that is dropped in training.
    optimizer
        Name, config or object.
    epochs
        Times to go through the training windows, at most.
    batch_size
        Windows an update.
    patience
        Stop so many epochs after the least validation loss; None goes on to the end.
    augment
        What training files are also heard through, see `fastbp.augment.as_augment`: a name, an augmentation, several in
        order, or an `Augment`. A number is so many copies through `fastbp.augment.Channel`, which makes up for
        recordings that are not like those trained on. Nothing else than training files is ever augmented.
    mix
        Classes that are two others at once, by name: ``{"speech_music": ("speech", "music")}`` makes, for every
        training file of the first, a mixture with one of the second, 5 dB under to 15 dB over it, and adds it to the
        training files of that class (which may have no others). ``{"noise": ("noise", "noise")}`` makes more noises,
        of two at once, if there are any.
    class_weight
        How much the windows of a class together weigh in training, by its name; classes that are not named weigh 1.
    seed
        Fixes split, augmented copies, weights and order: the same seed gives the same bits. None draws one.

    Attributes
    ----------
    classes_ : numpy.ndarray (n_classes,)
        Labels, sorted.
    network_ : Sequential
    windows_ : Windows
        The windows and their features.
    scaling_ : Scaling
        Mean and deviation of the training windows.
    history_ : History or None
        Results by epoch, of the first network; of a loaded model without times, and None if the file has none.
    failures_ : dict of str to str
        Why files were left out, by path.
    n_windows_ : int
        Number of windows of the training files.

    Examples
    --------
    >>> model = AudioClassifier(seed=0).fit("sounds/")
    >>> model.predict(["a.wav", "b.wav"])
    array(['music', 'speech'], dtype='<U6')
    """

    def __init__(
        self,
        features: Pipeline | Feature | None = None,
        hidden: Sequence[int] = (64, 32),
        *,
        sr: int = 16000,
        window: float = 1.0,
        hop: float | None = None,
        n_networks: int = 1,
        dropout: float = 0.2,
        optimizer: Any = "adam",
        epochs: int = 100,
        batch_size: int | None = 32,
        patience: int | None = 10,
        augment: Any = 1,
        mix: Mapping[str, Sequence[str]] | None = None,
        class_weight: Mapping[Any, float] | None = None,
        seed: int | None = 0,
    ) -> None:
        self.features = features
        self.hidden = hidden
        self.sr = sr
        self.window = window
        self.hop = hop
        self.n_networks = n_networks
        self.dropout = dropout
        self.optimizer = optimizer
        self.epochs = epochs
        self.batch_size = batch_size
        self.patience = patience
        self.augment = augment
        self.mix = mix
        self.class_weight = class_weight
        self.seed = seed

    # -- learning ------------------------------------------------------------------------------------------------

    def fit(
        self,
        source: Source,
        labels: Sequence[Any] | None = None,
        *,
        groups: Sequence[Any] | str | None = None,
        where: Mapping[str, Any] | None = None,
        valid: float = 0.15,
        strict: bool = False,
        cache: bool = True,
        n_jobs: int | None = None,
        verbose: int | str = "auto",
        callbacks: Sequence[Callback] = (),
        stop: Sequence[StopCondition] = (),
    ) -> Self:
        """Learn from labelled sound files.

        Parameters
        ----------
        source
            A folder whose sub-folders are the classes, a CSV file (file, label[, split, group]), a list of files with
            `labels`, or whatever else `fastbp.corpus.read` takes. Files in the split "test" are not touched.
        labels
            Class of each file of a list.
        groups
            Speaker, track, ... of each file of a list; for a folder how it is told from the path, see
            `fastbp.corpus.from_folder`. No group is in training and in validation.
        where
            Rows of a CSV file to take: column to value, or list of values.
        valid
            Share of the files to validate on, where the source has no such split; 0 trains on all.
        strict
            Raise the error of a file that cannot be used, instead of going on without it.
        cache
            Keep the features of the files for the next time, see `fastbp.feature_cache`.
        n_jobs
            Threads that read files; None takes `fastbp.get_threads()`.
        verbose
            0: quiet; 1: bars; 2: lines; "auto": 1 in a terminal or notebook, else 0.
        callbacks, stop
            Further callbacks and stop conditions, see `Sequential.fit`.

        Raises
        ------
        AudioError
            No file of a class can be used, or one cannot and `strict` is true.
        ArgumentError, ArgumentTypeError
            The source or a parameter is of no use, or there are fewer than two classes.

        Warns
        -----
        FilesLeftOutWarning
            Files cannot be used; `failures_` says why.
        """
        from fastbp.augment import as_augment
        from fastbp.extraction import extract, warn_of_failures

        windows = self._windows()
        check_int(self.n_networks, "n_networks", 1, 100)
        if self.seed is not None:
            check_int(self.seed, "seed", 0)
        listing = with_validation(read_listing(source, labels, groups, where, 2), valid, self.seed or 0)
        train, held_out = parts(listing, self.mix, windows.pipeline.sr, self.seed or 0)
        options: dict[str, Any] = {"n_jobs": n_jobs, "cache": cache, "verbose": verbose, "strict": strict}
        augment, sr = as_augment(self.augment, self.seed or 0), windows.pipeline.sr
        augmented = replace(windows, augment=augment)
        heard = extract(train.files.tolist(), augmented, sr, title="training files", **options)
        held = extract(held_out.files.tolist(), windows, sr, title="validation files", **options)
        self.failures_ = {**heard.failures, **held.failures}
        warn_of_failures(self.failures_, len(train) + len(held_out))
        self.classes_, self.windows_ = train.classes, windows
        self.n_windows_ = sum(array.shape[1] for array in heard.arrays if array is not None)
        rows = Rows.of(heard, train.labels, self.classes_)
        held_rows = Rows.of(held, held_out.labels, self.classes_)
        self._train(rows, held_rows, stop, callbacks=[*augment.callbacks, *callbacks], verbose=verbose)
        return self

    def _pipeline(self) -> Pipeline:
        if self.features is None:
            return default_pipeline(self.sr)
        if isinstance(self.features, Pipeline):
            return self.features
        if not isinstance(self.features, Feature):
            raise ArgumentTypeError(
                f"features must be a fastbp.features.Pipeline, a feature like MFCC(), or None; got {self.features!r}."
            )
        return Pipeline([self.features], Pooling())

    def _windows(self) -> Windows:
        return Windows(self._pipeline(), self.window, self.window if self.hop is None else self.hop)

    def _train(self, train: Rows | None, valid: Rows | None, stop: Sequence[StopCondition], **options: Any) -> None:
        from fastbp.stop import Patience

        seen = np.unique([] if train is None else train.y).astype(int)
        if train is None or len(seen) < len(self.classes_):
            lost = ", ".join(map(str, np.delete(self.classes_, seen)))
            raise AudioError(f"No training file of class {lost} can be used; see the failures listed.")
        self.scaling_, self.history_ = Scaling.of(train.x), None
        # the weights are the last ones, not those of the least loss: accuracy on other speakers and tracks goes on
        # rising when the loss of the held-out ones has begun to
        early = [Patience(self.patience, restore_best=False)] if valid is not None and self.patience is not None else []
        options |= {"epochs": self.epochs, "batch_size": self.batch_size, "stop": [*early, *stop]}
        weights, n_in = class_weights(self.class_weight, self.classes_), train.x.shape[1]
        networks = [self._network(n_in, number) for number in range(self.n_networks)]
        self.network_ = networks[0]
        histories = [train_network(each, self.scaling_, train, valid, weights, **options) for each in networks]
        self.history_ = histories[0]
        if len(networks) > 1:
            self.network_ = merged(networks, self._network(n_in, 0, len(networks)))

    def _network(self, n_in: int, number: int, side_by_side: int = 1) -> Sequential:
        """A network from seed `number`, with the units of so many."""
        hidden = [units * side_by_side for units in self.hidden]
        seed = None if self.seed is None else self.seed + number
        return make_network(n_in, hidden, len(self.classes_), self.dropout, self.optimizer, seed)

    # -- judging -------------------------------------------------------------------------------------------------

    def predict(self, sounds: Any) -> NDArray[Any]:
        """The most probable class of each sound: array (n_sounds,) of labels.

        Parameters
        ----------
        sounds
            A path, a waveform (n_samples,) at the model's rate, a pair (y, sr), or a list of these.

        Raises
        ------
        NotBuiltError
            The classifier has not been fitted.
        AudioError
            A file cannot be used; the message names it.
        ArgumentError, ArgumentTypeError
            A waveform cannot be used, or is none.
        """
        probabilities = self.predict_proba(sounds)
        return self.classes_[probabilities.argmax(axis=1)]

    def predict_proba(self, sounds: Any) -> Float32:
        """Probabilities float32 (n_sounds, n_classes) in the order of `classes_`; see `predict`."""
        windows = self._fitted()
        return self._clips(features_of(as_sounds(sounds), windows, windows.pipeline.sr))

    def embed(self, sounds: Any) -> Float32:
        """What the last hidden layer makes of each sound: float32 (n_sounds, n_units), of length 1.

        The mean over the windows, scaled. Sounds of kinds that were never learned can be compared by it: the cosine of
        two embeddings, `a @ b`, is the higher the more alike they are. Parameters and errors as for `predict`.

        Raises
        ------
        ArgumentError
            The network has no hidden layer.

        References
        ----------
        Variani et al., "Deep neural networks for small footprint text-dependent speaker verification", ICASSP 2014.
        """
        windows = self._fitted()
        arrays: list[Any] = features_of(as_sounds(sounds), windows, windows.pipeline.sr)
        if len(self.network_.layers) < 3:
            raise ArgumentError(
                "This classifier has no hidden layer to embed sounds with; train one with hidden=(...)."
            )
        part = below_top(self.network_)
        units = [part.predict(self.scaling_(array[0])).mean(axis=0, dtype=np.float64) for array in arrays]
        means = np.array(units).reshape(len(units), part.n_out)
        lengths = np.linalg.norm(means, axis=1, keepdims=True)
        return (means / np.maximum(lengths, 1e-12)).astype(np.float32)

    def _fitted(self) -> Windows:
        if not hasattr(self, "network_"):
            raise NotBuiltError(
                "This AudioClassifier has learned nothing yet: call fit(...), or AudioClassifier.load(path)."
            )
        return self.windows_

    def _clips(self, arrays: Sequence[Float32 | None]) -> Float32:
        """Probabilities (n_clips, n_classes) from the windows of each clip; clips without any are left out."""
        rows = [array[0] for array in arrays if array is not None]
        x = np.concatenate([np.empty((0, self.windows_.pipeline.n_features), np.float32), *rows])
        return clip_probabilities(self.network_.predict(self.scaling_(x)), [len(part) for part in rows])

    def score(self, sounds: Any, labels: ArrayLike) -> float:
        """Accuracy: the part of the sounds whose class is that of `labels` (n_sounds,)."""
        answers, truth = self.predict(sounds), np.asarray(labels)
        if truth.shape != answers.shape or not len(truth):
            raise ArgumentError(
                f"{len(answers)} sounds but labels of shape {truth.shape}; give one for each, and at least one."
            )
        return float(np.mean(answers == truth))

    def timeline(self, sound: Any, hop: float | None = None) -> list[Segment]:
        """What is heard when: a decision for every window of one sound, of any length.

        A file is read bit by bit, twice: the level of the whole is asked for first. Features that need the whole sound
        (`lookahead_frames` None) take the memory for it.

        Parameters
        ----------
        sound
            A path, a waveform at the model's rate, or a pair (y, sr).
        hop
            Seconds from window to window; None is a step of one window.

        Returns
        -------
        list of Segment
            In order; windows that are silent beside the whole sound are left out.

        Raises
        ------
        NotBuiltError, AudioError, ArgumentError, ArgumentTypeError
            As `predict`.
        """
        windows, given = self._fitted(), one_sound(sound)
        pipeline, length = windows.pipeline, windows.window
        try:
            parts = partial(chunks, given if is_file(given) else waveform(given, pipeline.sr), pipeline.sr)
            found, times, heard, n = answers(
                windows, parts, length if hop is None else hop, lambda rows: self.network_.predict(self.scaling_(rows))
            )
        except FastbpError as error:
            raise (of_file(given, error) if is_file(given) else error) from None
        found, duration = found[heard], n / pipeline.sr
        best = found.argmax(axis=1)
        return [
            Segment(start, min(start + length, duration), label, float(p[k]))
            for start, label, p, k in zip(times[heard].tolist(), self.classes_[best].tolist(), found, best)
        ]

    def stream(self, hop: float | None = None, sr: float | None = None) -> ClassifierStream:
        """`timeline` while the sound still goes on: push(chunk) and flush() give lists of `Segment`.

        Parameters
        ----------
        hop
            Seconds from window to window; None is a step of one window.
        sr
            Rate of the chunks in Hz, if it is not the model's.

        Raises
        ------
        NotBuiltError, ArgumentError
            The classifier has not been fitted; its features need the whole sound, or hop or sr cannot be used.
        """
        return ClassifierStream(self, sr, hop)

    def evaluate(
        self,
        source: Source,
        labels: Sequence[Any] | None = None,
        *,
        split: str | None = "test",
        where: Mapping[str, Any] | None = None,
        cache: bool = True,
        n_jobs: int | None = None,
        verbose: int | str = "auto",
    ) -> Evaluation:
        """Compare the answers with the labels of files.

        Parameters
        ----------
        source, labels, where, cache, n_jobs, verbose
            As for `fit`.
        split
            "train", "valid" or "test" of a source that has splits; None, or a source without any, takes all files.

        Raises
        ------
        NotBuiltError
            The classifier has not been fitted.
        ArgumentError
            The split is empty, or has classes that are unknown to the model.
        AudioError
            No file can be used.
        """
        from fastbp.tasks.evaluation import evaluation

        self._fitted()
        listing = read_listing(source, labels, None, where)
        return evaluation(self._answers(listing, split, n_jobs=n_jobs, cache=cache, verbose=verbose))

    def _answers(self, listing: Listing, split: str | None, **options: Any) -> Answers:
        """What is said of the files of a split, or of all; errors as `evaluate`."""
        from fastbp.extraction import extract, warn_of_failures
        from fastbp.tasks.evaluation import Answers

        windows, started = self.windows_, time.monotonic()
        split = None if listing.splits is None else split
        listing = listing if split is None else listing.part(split)
        if not len(listing):
            raise ArgumentError(f"The source has no file in the split {split!r}.")
        if len(unknown := np.setdiff1d(listing.classes, self.classes_)):
            raise ArgumentError(f"The model does not know {unknown.tolist()}; it knows {self.classes_.tolist()}.")
        found = extract(listing.files.tolist(), windows, windows.pipeline.sr, title="files", **options)
        warn_of_failures(found.failures, len(listing), stacklevel=3)
        if not len(found.usable):
            raise AudioError(f"None of the {len(listing)} files can be used; see the failures listed.")
        probabilities, heard = self._clips(found.arrays), listing.select(found.usable)
        return Answers(heard, probabilities, self.classes_, found.failures, time.monotonic() - started, split)

    def report(
        self,
        path: str | PathLike[str],
        source: Source | None = None,
        labels: Sequence[Any] | None = None,
        *,
        split: str | None = "test",
        groups: Sequence[Any] | str | None = None,
        where: Mapping[str, Any] | None = None,
        worst: int = WORST_FILES,
        title: str = "",
        command: str = "",
        **options: Any,
    ) -> Path:
        """Write one HTML page, with all that is in it: training, scores, the worst files to look at and listen to.

        Parameters
        ----------
        path
            File to write; it is replaced as a whole.
        source, labels, split, where
            Files to score, as for `evaluate`; without a source there is only the training.
        groups
            Speaker, track, ... of the files, as for `fit`: each gets its score.
        worst
            How many files to show, those whose class was least probable first, with at most 10 s of sound of each.
        title
            Of the page.
        command
            What made it, shown under how to reproduce it, beside the code that trains such a model.
        **options
            `cache`, `n_jobs` and `verbose`, as for `evaluate`.

        Raises
        ------
        NotBuiltError, ArgumentError, AudioError
            As `evaluate`.
        OSError
            The page cannot be written; a file that was there before is untouched.
        """
        from fastbp.report import report_classifier

        self._fitted()
        found = None if source is None else self._answers(read_listing(source, labels, groups, where), split, **options)
        return report_classifier(self, path, found, worst=worst, title=title, command=command)

    # -- to keep -------------------------------------------------------------------------------------------------

    def save(self, path: str | PathLike[str]) -> None:
        """Write features, scaling, network, classes and settings to one .fbp file, atomically.

        Raises
        ------
        NotBuiltError
            The classifier has not been fitted.
        OSError
            It cannot be written; a file that was there before is untouched.
        """
        self._fitted()
        classifier_file.save(self, path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """The classifier saved in a .fbp file.

        Raises
        ------
        ModelFileError
            The file is damaged, or does not hold an AudioClassifier.
        UnknownNameError
            It needs a plug-in that is not installed.
        OSError
            It cannot be read.
        """
        model = cls()
        classifier_file.load_into(model, path)
        return model


def broadcast_settings(sr: int = 16000) -> dict[str, Any]:
    """Parameters of an `AudioClassifier` for speech, music, speech over music and other sounds, through any channel.

    The class of speech over music is called "speech_music": mixtures are made for it, which weigh half of what another
    class does, for they lie between two and are taken for both; and sounds of the class "noise", if there is one, are
    mixed with each other, for two at once are noise, too. Each training sound is also heard six times, faster or
    slower, through other channels and through telephones; features are the wide ones of
    `fastbp.features.default_pipeline`, and the answer is that of three networks together.

    Parameters
    ----------
    sr
        Rate in Hz.

    Examples
    --------
    >>> model = AudioClassifier(**broadcast_settings()).fit("sounds/")
    """
    chain = [
        {"name": "speed", "factor": (0.8, 1.25), "p": 0.6},
        {"name": "channel", "p": 0.75},
        {"name": "telephone", "p": 0.3},
    ]
    return {
        "features": default_pipeline(sr, wide=True),
        "sr": sr,
        "n_networks": 3,
        "augment": {"augmentations": chain, "copies": 6},
        "mix": {"speech_music": ("speech", "music"), "noise": ("noise", "noise")},
        "class_weight": {"speech_music": 0.5},
    }
