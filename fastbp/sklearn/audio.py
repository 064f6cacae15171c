"""AudioFeatures: sounds to rows of features, as a scikit-learn transformer."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from fastbp.errors import ArgumentTypeError
from fastbp.features import Feature, Pipeline, Pooling, default_pipeline, feature_class
from fastbp.tasks.sources import as_sounds, features_of

Stats = Sequence[str] | Mapping[str, Sequence[str]]


class AudioFeatures(TransformerMixin, BaseEstimator):
    """Sounds, as paths or waveforms, to one row of features each.

    Nothing is learned from the sounds, so it can be used without `fit`.

    Parameters
    ----------
    features
        The name of a feature ("mfcc", "logmel", ..., or a plug-in's), made with its defaults at `sr`; a feature; a list
        of these; a `fastbp.features.Pipeline`; or None for `fastbp.features.default_pipeline(sr)`.
    stats
        Statistics over the frames of a sound, see `fastbp.features.Pooling`; not used by a pipeline that pools already.
    sr
        Rate in Hz that sounds are brought to; features that are objects bring their own.
    cache
        Keep the features of files for the next time, see `fastbp.feature_cache`.
    n_jobs
        Threads that read files; None takes `fastbp.get_threads()`.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> model = make_pipeline(AudioFeatures("mfcc"), StandardScaler(), DenseClassifier())
    >>> model.fit(paths, labels).predict(["new.wav"])
    """

    def __init__(
        self,
        features: Any = "mfcc",
        *,
        stats: Stats = ("mean", "std"),
        sr: int = 16000,
        cache: bool = False,
        n_jobs: int | None = None,
    ) -> None:
        self.features = features
        self.stats = stats
        self.sr = sr
        self.cache = cache
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the parameters; X and y are not looked at."""
        self._pipeline()
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Features of each sound, float32 (n_sounds, n_features).

        Parameters
        ----------
        X
            A list or array of paths, of waveforms (n_samples,) at the rate of the features, or of pairs (y, sr).

        Raises
        ------
        AudioError
            A file cannot be used; the message names it.
        ArgumentError, ArgumentTypeError
            A waveform cannot be used, or a parameter.
        """
        pipeline = self._pipeline()
        rows = features_of(as_sounds(X), pipeline, pipeline.sr, cache=self.cache, n_jobs=self.n_jobs)
        return np.concatenate([np.empty((0, pipeline.n_features), np.float32), *rows])

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the columns, as "mfcc_0_mean"."""
        return np.array(self._pipeline().feature_names, object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.string = False, True
        tags.requires_fit = False
        return tags

    def _pipeline(self) -> Pipeline:
        """The features, with statistics that make one row of a sound."""
        found = default_pipeline(self.sr) if self.features is None else self.features
        if not isinstance(found, Pipeline):
            parts = found if isinstance(found, list | tuple) else [found]
            found = Pipeline([self._feature(part) for part in parts])
        pools = any(isinstance(step, Pooling) for step in found.steps)
        return (
            found if pools else Pipeline(found.features, *found.steps, Pooling(self.stats), normalize=found.normalize)
        )

    def _feature(self, given: Any) -> Feature:
        if isinstance(given, str):
            kind: Any = feature_class(given)
            return kind(sr=self.sr)
        if not isinstance(given, Feature):
            raise ArgumentTypeError(
                f"features must be names or objects of fastbp.features, or one Pipeline; got {given!r}."
            )
        return given
