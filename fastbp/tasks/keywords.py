"""KeywordRecognizer: words of a fixed vocabulary, in clips and in streams."""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp.audio.checks import check_int, check_number, check_rate
from fastbp.augment import Augment, Channel, Noise, Reverb, Speed, as_augment
from fastbp.callbacks import Callback
from fastbp.errors import ArgumentError, ArgumentTypeError, AudioError, FastbpError, NotBuiltError
from fastbp.extraction import extract, of_file, warn_of_failures
from fastbp.features import Pipeline, Pooling
from fastbp.network import Sequential
from fastbp.stop import StopCondition
from fastbp.tasks import keyword_file
from fastbp.tasks.estimator import Estimator
from fastbp.tasks.sources import Source, as_sounds, chunks, is_file, one_sound, read_listing, waveform
from fastbp.tasks.windows import Segment
from fastbp.tasks.word_clips import LEAST, clip_probabilities
from fastbp.tasks.word_inputs import as_heard, background_files, common_rate, word_bands, word_pipeline
from fastbp.tasks.word_networks import fading, weights_and_priors, word_network
from fastbp.tasks.word_paths import Found
from fastbp.tasks.word_stream import WordStream
from fastbp.tasks.word_stretches import learned_stretches, whole_network
from fastbp.tasks.word_strings import Heard, TrainingRows, alone, background_pieces, lessons, training_rows
from fastbp.train import History

Float32 = NDArray[np.float32]
AUGMENT = Augment(
    [Speed((0.75, 1.3)), Channel(telephone=0.1, band=0.1, snr=(15, 45)), Reverb(p=0.5), Noise((10, 40))], 2
)
SHORTEST = 0.6  # of the 5th percentile of the lengths of words learned from: what is shorter is no word


class KeywordRecognizer(Estimator):
    """Recognises the words of a vocabulary, learned from clips of one word each, in any language.

    Every word is a row of `n_states` states that are passed in order; a dense network gives the probability of each
    state of each word, and of background, every 10 ms, and the best path through them (Viterbi) is the answer. So words
    may be slow or fast, and begin and end anywhere. The network learns from the words alone and strung together,
    through `augment`, and from background: sounds that are no word.

    Parameters
    ----------
    features
        A `Pipeline` without `Pooling` whose rows can be streamed; None is `fastbp.tasks.word_inputs.word_pipeline(sr)`.
    hidden
        Widths of the hidden layers.
    whole
        Widths of the hidden layers of another network, which judges whole words; None to do without.
    sr
        Rate in Hz that sounds are brought to; None is the lowest of the training files', at most 16000. Features of
        your own bring theirs.
    n_states
        States of a word.
    n_networks
        How many networks are trained, from different seeds; the mean of their answers counts.
    dropout, optimizer, epochs, batch_size
        As for `AudioClassifier`; a row is a frame. The learning rate falls to 0 as half a cosine, unless the optimizer
        has a schedule.
    augment
        What training words are heard through, see `fastbp.augment.as_augment`; `copies` is how many times each does so
        alone, beside its clip as it is. Strings are heard through the first copy.
    threshold
        Least probability of a word that is reported by `spot`, 0 to 1: that its frames are of it, and not background.
    penalty
        Natural logarithm of how much more probable a word must be than background to be begun.
    unknown
        The answer to a clip that is none of the words.
    seed
        Fixes strings, augmentation, weights and order: the same seed gives the same bits.

    Attributes
    ----------
    classes_ : numpy.ndarray (n_words,)
        Words, sorted.
    networks_ : list of Sequential
    whole_ : Sequential or None
        Judges whole words: see `predict`.
    pipeline_ : Pipeline
    log_priors_ : numpy.ndarray of float32 (n_words * n_states + 1,)
        Logarithm of the share of each state among the training frames, which their probabilities are divided by.
    shortest_ : float
        Seconds; what is shorter is not reported.
    history_ : list of History or None
        Results by epoch, of each of `networks_`; in a loaded model without times.
    failures_ : dict of str to str
        Why files were left out, by path.

    References
    ----------
    Bourlard and Morgan, "Connectionist speech recognition: a hybrid approach", Kluwer, 1994.

    Examples
    --------
    >>> model = KeywordRecognizer(seed=0).fit("words/")     # a folder for each word
    >>> model.predict(["a.wav", "b.wav"])
    array(['stop', 'unknown'], dtype='<U7')
    >>> model.spot("call.flac")
    [Segment(start=3.1, end=3.58, label='stop', probability=0.97)]
    """

    def __init__(
        self,
        features: Pipeline | None = None,
        hidden: Sequence[int] = (512,),
        *,
        whole: Sequence[int] | None = (512, 256),
        sr: int | None = None,
        n_states: int = 6,
        n_networks: int = 1,
        dropout: float = 0.4,
        optimizer: Any = "adam",
        epochs: int = 6,
        batch_size: int | None = 128,
        augment: Any = AUGMENT,
        threshold: float = 0.4,
        penalty: float = 10.0,
        unknown: str = "unknown",
        seed: int = 0,
    ) -> None:
        self.features = features
        self.hidden = hidden
        self.whole = whole
        self.sr = sr
        self.n_states = n_states
        self.n_networks = n_networks
        self.dropout = dropout
        self.optimizer = optimizer
        self.epochs = epochs
        self.batch_size = batch_size
        self.augment = augment
        self.threshold = threshold
        self.penalty = penalty
        self.unknown = unknown
        self.seed = seed

    # -- learning ------------------------------------------------------------------------------------------------

    def fit(
        self,
        source: Source,
        labels: Sequence[Any] | None = None,
        *,
        groups: Sequence[Any] | str | None = None,
        background: Any = None,
        where: Mapping[str, Any] | None = None,
        strict: bool = False,
        n_jobs: int | None = None,
        verbose: int | str = "auto",
        callbacks: Sequence[Callback] = (),
        stop: Sequence[StopCondition] = (),
    ) -> Self:
        """Learn from labelled clips of one word each.

        Parameters
        ----------
        source, labels, groups, where, strict, n_jobs, verbose, callbacks, stop
            As for `AudioClassifier.fit`. Only files of the split "train" are heard, where the source has splits; the
            words of a string are of one group (speaker), where it has groups.
        background
            Files, or a folder of them (at any depth), that hold none of the words: noise, music, other speech. As many
            seconds of them are heard as there are of words. Made-up noise, music and speech-like sounds are always.

        Raises
        ------
        AudioError
            No file of a word can be used, or one cannot and `strict` is true.
        ArgumentError, ArgumentTypeError
            The source or a parameter is of no use, or there are fewer than two words.

        Warns
        -----
        FilesLeftOutWarning
            Files cannot be used; `failures_` says why.
        """
        self._check()
        listing = read_listing(source, labels, groups, where, 2)
        listing = listing if listing.splits is None else listing.part("train")
        if len(listing.classes) < 2:
            raise ArgumentError(f"Training needs at least two words; the training files have {listing.classes}.")
        self.pipeline_ = self._pipeline(listing.files.tolist())
        options: dict[str, Any] = {"n_jobs": n_jobs, "verbose": verbose, "strict": strict, "cache": False}
        found = extract(listing.files.tolist(), as_heard, self.pipeline_.sr, title="words", **options)
        others = extract(background_files(background), as_heard, self.pipeline_.sr, title="background", **options)
        self.failures_ = {**found.failures, **others.failures}
        warn_of_failures(self.failures_, len(found.arrays) + len(others.arrays))
        self.classes_ = listing.classes
        numbers = np.searchsorted(self.classes_, listing.labels)
        words = [alone(found.arrays[i], int(numbers[i]), self.pipeline_.sr) for i in found.usable]
        self._require_all(words)
        augment = as_augment(self.augment, self.seed)
        speakers = _numbered(listing.groups, found.usable)
        quiet = background_pieces(words, [others.arrays[i] for i in others.usable], self.pipeline_.sr, self.seed)
        heard = lessons(words, speakers, quiet, augment, self.pipeline_.sr, self.seed)
        rows = training_rows(heard, self.pipeline_, augment.pipeline(self.pipeline_), len(self.classes_), self.n_states)
        options = {"callbacks": [*augment.callbacks, *callbacks], "stop": stop, "verbose": verbose}
        self._train(rows, **options)
        self.whole_: Sequential | None = None
        if self.whole is not None:
            bands, n_words = word_bands(self.pipeline_.sr), len(self.classes_)
            stretches = learned_stretches(words, quiet, augment, bands, n_words, self.seed)
            settings = {"optimizer": self.optimizer, "dropout": self.dropout, "seed": self.seed}
            self.whole_ = whole_network(stretches, n_words + 1, self.whole, **settings, **options)
        return self

    def _check(self) -> None:
        for name in ("n_states", "n_networks"):
            check_int(getattr(self, name), name, 1, 100)
        for units in self.whole or ():
            check_int(units, "whole", 1)
        check_int(self.epochs, "epochs", 1)
        if self.batch_size is not None:
            check_int(self.batch_size, "batch_size", 1)
        check_int(self.seed, "seed", 0)
        for name, most in (("threshold", 1.0), ("penalty", 1e6)):
            check_number(value := getattr(self, name), name, f"a number, 0 to {most:g}")
            if not 0 <= value <= most:
                raise ArgumentError(f"{name}={value!r}; expected a number, 0 to {most:g}.")
        if self.sr is not None:
            check_rate(self.sr)

    def _pipeline(self, files: Sequence[Any]) -> Pipeline:
        if self.features is None:
            return word_pipeline(int(self.sr or common_rate(files)))
        if not isinstance(self.features, Pipeline):
            raise ArgumentTypeError(f"features must be a fastbp.features.Pipeline or None; got {self.features!r}.")
        if any(isinstance(step, Pooling) for step in self.features.steps):
            raise ArgumentError("The features of words are rows of frames: leave out the Pooling step.")
        self.features.stream()  # says what cannot be streamed
        return self.features

    def _require_all(self, words: Sequence[Heard]) -> None:
        seen = {heard.words[0][0] for heard in words}
        if lost := [str(label) for i, label in enumerate(self.classes_) if i not in seen]:
            raise AudioError(f"No training file of {', '.join(lost)} can be used; see the failures listed.")
        lengths = [(end - start) / self.pipeline_.sr for heard in words for _, start, end in heard.words]
        self.shortest_ = SHORTEST * float(np.percentile(lengths, 5))

    def _train(self, rows: TrainingRows, **options: Any) -> None:
        n_out = len(self.classes_) * self.n_states + 1
        weight, self.log_priors_ = weights_and_priors(rows.states, n_out)
        y = np.eye(n_out, dtype=np.float32)[rows.states]
        options |= {"sample_weight": weight[rows.states]}
        options |= {"epochs": self.epochs, "batch_size": self.batch_size}
        n_batches = -(-len(y) // (self.batch_size or len(y)))
        optimizer = fading(self.optimizer, self.epochs * n_batches)
        self.networks_ = [
            word_network(rows.x.shape[1], self.hidden, n_out, self.dropout, optimizer, self.seed + number)
            for number in range(self.n_networks)
        ]
        self.history_: list[History] | None = [network.fit(rows.x, y, **options) for network in self.networks_]

    # -- judging -------------------------------------------------------------------------------------------------

    def predict(self, sounds: Any) -> NDArray[Any]:
        """The word of each clip, or `unknown`: array (n_sounds,) of labels.

        Each clip is heard at five speeds, 0.85 to 1.17, as a shorter or longer vocal tract would say it. What the
        frames say along the best path is joined, as a weighted geometric mean, with what a second network says of the
        whole stretch that the likeliest word takes there.

        Parameters
        ----------
        sounds
            As for `AudioClassifier.predict`.

        Raises
        ------
        NotBuiltError, AudioError, ArgumentError, ArgumentTypeError
            As `AudioClassifier.predict`.
        """
        answers = np.append(self._fitted().classes_.astype(object), self.unknown)
        return np.array(answers[self.predict_proba(sounds).argmax(axis=1)].tolist())

    def predict_proba(self, sounds: Any) -> Float32:
        """Probabilities float32 (n_sounds, n_words + 1): of the words in the order of `classes_`, and of none of them.

        Of the best paths through one word each, with background around it, and of background alone.
        """
        model, found = self._fitted(), []
        for sound in as_sounds(sounds):
            try:
                y = waveform(sound, model.pipeline_.sr)
                if not y.any():
                    raise ArgumentError("The sound is nothing but silence; leave it out.")
                found.append(clip_probabilities(model, y))
            except FastbpError as error:
                raise (of_file(sound, error) if is_file(sound) else error) from None
        return np.array(found, np.float32).reshape(len(found), len(self.classes_) + 1)

    @property
    def _least(self) -> int:
        """Frames that each state lasts, at least."""
        return max(1, int(self.shortest_ * self.pipeline_.sr / self.pipeline_.hop_length / self.n_states))

    def _scores(self, rows: Float32) -> Float32:
        """Logarithms of the likelihoods of the states (n_frames, n_words * n_states + 1): means over the networks."""
        logs = [np.log(np.maximum(network.predict(rows), LEAST)) for network in self.networks_]
        return np.mean(logs, axis=0, dtype=np.float32) - self.log_priors_

    def _probable(self, word: Found) -> float:
        """Of a state of a word against background: what the networks were trained to answer, before the priors."""
        odds = word.evidence + float(self.log_priors_[:-1].mean() - self.log_priors_[-1])
        return float(1 / (1 + np.exp(-odds)))

    def score(self, sounds: Any, labels: ArrayLike) -> float:
        """Accuracy: the part of the sounds whose answer is that of `labels` (n_sounds,)."""
        answers, truth = self.predict(sounds), np.asarray(labels)
        if truth.shape != answers.shape or not len(truth):
            raise ArgumentError(
                f"{len(answers)} sounds but labels of shape {truth.shape}; give one for each, and at least one."
            )
        return float(np.mean(answers.astype(str) == truth.astype(str)))

    def spot(self, sound: Any) -> list[Segment]:
        """Where in a sound of any length words of the vocabulary are said, in order.

        Parameters
        ----------
        sound
            A path, a waveform at the model's rate, or a pair (y, sr). A file may have any rate and number of channels,
            and is read bit by bit.

        Returns
        -------
        list of Segment
            Their probability is that of the word against background, from the mean of its logarithmic odds over the
            frames.

        Raises
        ------
        NotBuiltError, AudioError, ArgumentError, ArgumentTypeError
            As `Segmenter.segment`.
        """
        given, stream = one_sound(sound), self.stream()
        try:
            found = [segment for chunk in chunks(given, stream.sr) for segment in stream.push(chunk)]
            return found + stream.flush()
        except FastbpError as error:
            raise (of_file(given, error) if is_file(given) else error) from None

    def stream(self, sr: float | None = None) -> WordStream:
        """`spot` while the sound still goes on: push(chunk) and flush() give lists of `Segment`.

        Parameters
        ----------
        sr
            Rate of the chunks in Hz, if it is not the model's.
        """
        self._check()
        return WordStream(self._fitted(), sr)

    def _fitted(self) -> Self:
        if not hasattr(self, "networks_"):
            raise NotBuiltError(
                "This KeywordRecognizer has learned nothing yet: call fit(...), or KeywordRecognizer.load(path)."
            )
        return self

    # -- to keep -------------------------------------------------------------------------------------------------

    def save(self, path: str | PathLike[str]) -> None:
        """Write features, networks, words and settings to one .fbp file, atomically.

        Raises
        ------
        NotBuiltError, OSError
            As `AudioClassifier.save`.
        """
        keyword_file.save(self._fitted(), path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """The recogniser saved in a .fbp file.

        Raises
        ------
        ModelFileError, UnknownNameError, OSError
            As `AudioClassifier.load`.
        """
        model = cls()
        keyword_file.load_into(model, path)
        return model


def _numbered(groups: Any, usable: NDArray[np.intp]) -> NDArray[np.intp]:
    """Number of the group of each usable file; one for all where there are no groups."""
    if groups is None:
        return np.zeros(len(usable), np.intp)
    return np.unique(np.asarray(groups)[usable], return_inverse=True)[1]
