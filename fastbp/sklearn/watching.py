"""scikit-learn's own callbacks (from its version 1.9 on), called by fastbp's training."""

import copy
from typing import TYPE_CHECKING, Any

from fastbp.callbacks import Callback

if TYPE_CHECKING:
    from fastbp.sklearn.dense import DenseEstimator

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # an older scikit-learn, which has none

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in for scikit-learn's."""

    def with_callbacks(method):
        """The method as it is."""
        return method


class Watched(Callback):
    """Tells the callbacks given to `set_callbacks` of each epoch, and stops when one of them asks for it.

    Parameters
    ----------
    estimator
        That is being fitted.
    max_subtasks
        Epochs, at most.
    given
        X, y and metadata that the callbacks may look at.
    """

    def __init__(self, estimator: "DenseEstimator", max_subtasks: int, **given: Any) -> None:
        self.given = {"estimator": estimator, **given}
        self.context = estimator._init_callback_context(max_subtasks=max_subtasks)
        self.context.call_on_fit_task_begin(**self.given)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = self.context.subcontext(task_name="epoch")
        self.epoch.call_on_fit_task_begin(**self.given)

    def on_epoch_end(self, epoch, logs=None):
        if self.epoch.call_on_fit_task_end(**self.given, reconstruction_attributes=self._as_it_is):
            self.model.stop_training = True

    def close(self) -> None:
        """Tell them that all is done."""
        self.context.call_on_fit_task_end(**self.given, reconstruction_attributes=self._as_it_is)

    def _as_it_is(self) -> dict[str, Any]:
        return {"network_": copy.deepcopy(self.given["estimator"].network_)}
