"""scikit-learn estimators: dense networks, and audio features, for `Pipeline`, `GridSearchCV` and the rest.

`DenseClassifier` and `DenseRegressor` take the parameters of scikit-learn's ``MLPClassifier`` and ``MLPRegressor`` and
have their attributes; `AudioFeatures` turns paths or waveforms into rows of features. Needs ``fastbp[sklearn]``.
"""

from fastbp._extras import import_extra

import_extra("sklearn", "sklearn", "fastbp.sklearn needs scikit-learn")

from fastbp.sklearn.audio import AudioFeatures  # noqa: E402
from fastbp.sklearn.dense import DenseClassifier, DenseRegressor  # noqa: E402

__all__ = ["AudioFeatures", "DenseClassifier", "DenseRegressor"]
