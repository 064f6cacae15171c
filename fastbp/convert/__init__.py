"""Trained dense models of other libraries as `Sequential`: the same outputs, to be used, trained on or exported.

>>> model = fastbp.convert.from_keras(keras.models.load_model("model.keras"))
>>> model = fastbp.convert.from_torch(module)          # an nn.Sequential, or a module made of one
>>> model = fastbp.convert.from_sklearn(MLPClassifier().fit(x, y))
"""

from fastbp.convert.keras_models import from_keras
from fastbp.convert.sklearn_models import from_sklearn
from fastbp.convert.torch_models import from_torch

__all__ = ["from_keras", "from_sklearn", "from_torch"]
