"""scikit-learn's conventions for what is fitted: a constructor that only stores, and its parameters by name."""

import inspect
from os import PathLike
from pathlib import Path
from typing import Any, Self

from fastbp.errors import ArgumentError


class Estimator:
    """Base: the parameters of the constructor are attributes of the same names."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters of the constructor, by name; `deep` makes no difference."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> Self:
        """Change parameters of the constructor; the next `fit` uses them.

        Raises
        ------
        ArgumentError
            It has no such parameter.
        """
        if unknown := set(params) - set(self.get_params()):
            name, known = type(self).__name__, ", ".join(self.get_params())
            raise ArgumentError(f"{name} has no parameter {', '.join(sorted(unknown))}; it has {known}.")
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def report(self, path: str | PathLike[str], *args: Any, **kwargs: Any) -> Path:
        """Write what happened as one HTML page: training, and with sounds how well the job is done.

        Parameters
        ----------
        path
            File to write; it is replaced as a whole.
        *args, **kwargs
            As the function for the job takes them: `fastbp.report.classifying.report_segmenter`,
            `fastbp.report.words.report_words`, `fastbp.report.denoising.report_denoiser`, or
            `fastbp.report.coding.report_codec`.

        Raises
        ------
        NotBuiltError, ArgumentError, ArgumentTypeError, AudioError
            Nothing was fitted; or the sounds or an option cannot be used.
        OSError
            The page cannot be written; a file that was there before is untouched.
        """
        from fastbp.report import report_model

        return report_model(self, path, *args, **kwargs)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.get_params().items())})"
