"""fit: shuffled epochs through the plan, validation, stop conditions, callbacks and the history of it all."""

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp.callbacks import Callback, CallbackList
from fastbp.errors import ArgumentError, NonFiniteError
from fastbp.history import History as History
from fastbp.inputs import in_training
from fastbp.metrics import Metric
from fastbp.parameters import Float32
from fastbp.progress import Quiet, make_progress
from fastbp.rows import Chunk, Rows, StoredRows, evaluate, prepare
from fastbp.stop import StopCondition

if TYPE_CHECKING:
    from fastbp.network import Sequential

SHUFFLE = 1  # purpose of the generator, see network
VISIT_SECONDS = 0.1  # how often training comes back to Python for progress and time limits
SNAPSHOT_SECONDS = 1.0  # how often the weights are kept, to go back to if training diverges
SNAPSHOT_BYTES = 8 << 20  # of parameters, at most, that are kept so: two copies of a large network would not be small
PREDICTION_FLOATS = 1 << 20  # room for the predictions that metrics are worked out from


@dataclass
class Session:
    """Everything one call of `fit` works with."""

    model: "Sequential"
    rows: Rows | StoredRows
    validation: Rows | StoredRows | None
    batch_size: int
    epochs: int
    shuffle: "bool | np.random.Generator"
    stop: Sequence[StopCondition]
    progress: Quiet
    history: History
    callbacks: CallbackList = field(init=False)
    epoch: int = 0  # epochs done, those of an interrupted fit that is resumed included
    candidate: dict[str, Float32] = field(default_factory=dict)  # a snapshot of the weights
    proven: dict[str, Float32] = field(default_factory=dict)  # the last one that has given a finite loss
    next_snapshot: float = 0.0

    @property
    def orders(self) -> "np.random.Generator | None":
        """What draws the order of each epoch, if a generator was given for it."""
        return self.shuffle if hasattr(self.shuffle, "bit_generator") else None  # type: ignore[return-value]

    @property
    def n_batches(self) -> int:
        return -(-len(self.rows) // self.batch_size)


def fit(
    model: "Sequential",
    x: Any,
    y: Any = None,
    *,
    batch_size: int | None = 32,
    epochs: int = 1,
    verbose: int | str = "auto",
    callbacks: Sequence[Callback] = (),
    validation_split: float = 0.0,
    validation_data: Sequence[ArrayLike] | None = None,
    shuffle: "bool | np.random.Generator" = True,
    class_weight: Mapping[int, float] | None = None,
    sample_weight: ArrayLike | None = None,
    stop: Sequence[StopCondition] = (),
) -> History:
    """Train a compiled network.

    Parameters
    ----------
    model
        The network; built now if it was not.
    x
        Samples (n_rows, n_in). Arrays and memory maps of float32 and float16 are read where they lie. A
        `fastbp.corpus.Store`, or its `x`, is read from disk as it is trained on, never as a whole, and shuffled by
        blocks; so is y where it is such an `x`. A dict of arrays for a network with `Inputs`.
    y
        Targets (n_rows, n_out), or class numbers (n_rows,) for a sparse loss. A store brings its own.
    batch_size
        Rows an update; None is all of them: plain gradient descent.
    epochs
        Times to go through the data, at most.
    verbose
        0: quiet; 1: a bar; 2: a line an epoch; "auto": 1 in a terminal or notebook, else 0.
    callbacks
        Objects of `fastbp.callbacks`.
    validation_split
        Part of the rows, taken from the end before shuffling, that is not trained on but evaluated after each epoch.
    validation_data
        (x, y) or (x, y, sample_weight) for that, or a store, instead.
    shuffle
        Whether each epoch takes the rows in a new order, fixed by the seed; or a generator that draws the orders, which
        costs less where epochs are very short.
    class_weight
        Weight of each class by number; 1 where left out.
    sample_weight
        Weight of each row (n_rows,).
    stop
        Conditions of `fastbp.stop`.

    Returns
    -------
    History
        Results by epoch, and why training ended.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        Data or options that do not fit.
    NonFiniteError
        The loss became NaN or infinite. A network of up to 2 million parameters goes back to weights of a second ago,
        a larger one, of which no copies are made, keeps its last: `fastbp.callbacks.Checkpoint` saves an epoch's.
    KeyboardInterrupt
        Ctrl-C, honoured between two batches; the model keeps the weights of the last full batch.
    """
    rows = prepare(model, x, y, sample_weight, class_weight)
    rows, validation = _validation(model, rows, validation_split, validation_data)
    rows = in_training(model, rows)
    size = _batch_size(batch_size, len(rows))
    if isinstance(epochs, bool) or not hasattr(epochs, "__index__") or epochs < 0:
        raise ArgumentError(f"epochs must be a whole number of at least 0; got {epochs!r}.")
    session = Session(model, rows, validation, size, epochs, shuffle, list(stop), make_progress(verbose), History())
    params = {"epochs": epochs, "steps": session.n_batches, "batch_size": size, "verbose": verbose, "session": session}
    session.callbacks = CallbackList(callbacks, model, params)
    return _run(session)


def _validation(
    model: "Sequential", rows: Rows | StoredRows, split: float, given: Any
) -> tuple[Rows | StoredRows, Rows | StoredRows | None]:
    if given is not None:
        parts = given if isinstance(given, (tuple, list)) else (given,)
        if len(parts) > 3 or (len(parts) < 2 and parts is given):
            raise ArgumentError(f"validation_data must be (x, y) or (x, y, sample_weight); got {len(parts)} parts.")
        return rows, prepare(model, *parts)
    if not 0.0 <= split < 1.0:
        raise ArgumentError(f"validation_split must be at least 0 and below 1; got {split!r}.")
    if not split:
        return rows, None
    if isinstance(rows, StoredRows):
        raise ArgumentError(
            "validation_split would cut a store through a sound, or a speaker: use store.split() and "
            'validation_data=store.select(split="valid") instead.'
        )
    n = len(rows) - int(len(rows) * split)
    return rows.take(slice(n)), rows.take(slice(n, None))


def _batch_size(batch_size: Any, n_rows: int) -> int:
    if n_rows == 0:
        raise ArgumentError("There are no rows to train on.")
    if batch_size is None:
        return n_rows
    if isinstance(batch_size, bool) or not hasattr(batch_size, "__index__") or batch_size < 1:
        raise ArgumentError(f"batch_size must be a whole number of at least 1, or None; got {batch_size!r}.")
    return min(int(batch_size), n_rows)


def _run(session: Session) -> History:
    model, history, started = session.model, session.history, time.monotonic()
    model.stop_training = False
    session.progress.start(session.epochs, len(session.rows))
    for condition in session.stop:
        condition.start(model)
    try:
        session.callbacks("on_train_begin", {})
        session.proven = _snapshot(model)
        _epochs(session)
        for condition in session.stop:
            condition.finish(model)
    finally:
        session.progress.close()
        history.seconds += time.monotonic() - started
    history.stopped_by = history.stopped_by or f"all {session.epochs} epochs are done"
    session.callbacks("on_train_end", {name: values[-1] for name, values in history.history.items()})
    return history


def _epochs(session: Session) -> None:
    """All epochs, until there is a reason to stop."""
    try:
        while session.epoch < session.epochs and not session.history.stopped_by:
            _epoch(session)
    except NonFiniteError as error:
        if not session.callbacks.ends_at_nan:
            raise
        session.history.stopped_by = str(error)


def _epoch(session: Session) -> None:
    """One epoch: train, validate, tell everyone, see whether to stop."""
    model, epoch = session.model, session.epoch
    session.callbacks("on_epoch_begin", epoch, {})
    started = time.monotonic()
    logs = _train_epoch(session)
    if session.validation is not None:
        logs.update(_validate(session, session.validation))
    assert model.optimizer is not None
    logs["learning_rate"] = model.optimizer.schedule(max(model.step_count - 1, 0))
    model.optimizer.schedule.update(logs)
    model.epoch_count += 1
    session.epoch += 1
    session.history.append(epoch, logs, time.monotonic() - started)
    session.progress.end_epoch(session.epoch, logs)
    for condition in session.stop:
        reason = condition.after_epoch(session.epoch, logs, model)
        session.history.stopped_by = session.history.stopped_by or reason or ""
    session.callbacks("on_epoch_end", epoch, logs)
    if model.stop_training:
        session.history.stopped_by = session.history.stopped_by or "a callback asked for it"


def _validate(session: Session, rows: Rows | StoredRows) -> dict[str, Any]:
    session.callbacks("on_test_begin", {})
    logs = evaluate(session.model, rows)
    session.callbacks("on_test_end", logs)
    return {f"val_{name}": value for name, value in logs.items()}


@dataclass
class _Totals:
    """Sums over the batches of an epoch so far."""

    metrics: list[Metric]
    batches: int = 0
    rows: int = 0
    loss: float = 0.0
    norm: float = 0.0
    with_norm: bool = False

    def logs(self, finished: bool) -> dict[str, Any]:
        logs: dict[str, Any] = {"loss": self.loss / self.rows if self.rows else math.nan}
        logs.update({m.name: m.result() for m in self.metrics if finished or self.rows})
        return {**logs, "gradient_norm": self.norm / max(self.batches, 1)} if self.with_norm else logs


def _train_epoch(session: Session) -> dict[str, Any]:
    """All batches of an epoch, in runs that come back to Python now and then."""
    model, history = session.model, session.history
    rng = session.orders or (model.generator(SHUFFLE, model.epoch_count) if session.shuffle else None)
    totals = _Totals(model.new_metrics(), with_norm=any(c.needs_gradient_norm for c in session.stop))
    room = _prediction_room(session, totals)
    with closing(session.rows.chunks(rng, session.batch_size)) as chunks:
        for chunk in chunks:
            while totals.batches < chunk.first + chunk.n_batches and not (history.stopped_by or model.stop_training):
                _run_batches(session, chunk, totals, room)
    return totals.logs(finished=True)


def _prediction_room(session: Session, totals: _Totals) -> Float32 | None:
    """Where the plan leaves the predictions of a run of batches, if a metric wants them."""
    if not totals.metrics:
        return None
    rows = max(session.batch_size, PREDICTION_FLOATS // session.model.n_out // session.batch_size * session.batch_size)
    return np.empty((min(rows, session.n_batches * session.batch_size), session.model.n_out), np.float32)


def _run_batches(session: Session, chunk: Chunk, totals: _Totals, room: Float32 | None) -> None:
    """One visit to the plan: as many batches as fit into the time and the room."""
    model, rows, first = session.model, chunk.rows, totals.batches - chunk.first
    n = 1 if session.callbacks.watches_batches else chunk.n_batches - first
    if room is not None:
        n = min(n, len(room) // session.batch_size)
    session.callbacks("on_train_batch_begin", totals.batches, {})
    _keep_good_weights(session)
    assert model.optimizer is not None
    plan = model.plan("fit", session.batch_size)  # a callback may have changed what it is made for
    rates = model.optimizer.schedule.learning_rates(model.step_count, n)
    try:
        done, loss, norm, last_loss = plan.train(
            rows.x, rows.y.view(np.float32), rows.weight, chunk.order, rates, room, batch_size=session.batch_size,
            first=first, last=first + n, step=model.step_count, seconds=VISIT_SECONDS, gradient_norm=totals.with_norm,
        )  # fmt: skip
    finally:
        model.step_count += plan.done  # the optimizer has taken these steps, also where Ctrl-C ended them
    session.proven = session.candidate if done else session.proven
    if done < n and not math.isfinite(last_loss):
        _refuse_non_finite(session, plan, totals.batches + done, last_loss)
    n_rows = min(done * session.batch_size, len(rows) - first * session.batch_size)
    _add(totals, chunk, first * session.batch_size, n_rows, room)
    totals.batches, totals.rows = totals.batches + done, totals.rows + n_rows
    totals.loss, totals.norm = totals.loss + loss, totals.norm + norm
    logs = totals.logs(finished=False)
    session.callbacks("on_train_batch_end", totals.batches - 1, logs)
    session.progress.advance(n_rows, logs)
    for condition in session.stop:
        session.history.stopped_by = session.history.stopped_by or condition.between_batches() or ""


def _keep_good_weights(session: Session) -> None:
    """Now and then a snapshot; it is proven good once a batch has given a finite loss with it."""
    now = time.monotonic()
    if now >= session.next_snapshot:
        session.candidate = _snapshot(session.model)
        session.next_snapshot = now + SNAPSHOT_SECONDS


def _snapshot(model: "Sequential") -> dict[str, Float32]:
    """What to go back to, or nothing for a large network."""
    return model.get_snapshot() if model.params.nbytes <= SNAPSHOT_BYTES else {}


def _add(totals: _Totals, chunk: Chunk, start: int, n_rows: int, room: Float32 | None) -> None:
    """Show the predictions of a run of batches to the metrics."""
    if room is None or not n_rows:
        return
    rows, part = chunk.rows, slice(start, start + n_rows)
    index = part if chunk.order is None else chunk.order[part]
    weight = None if rows.weight is None else rows.weight[index]
    for metric in totals.metrics:
        metric.update(rows.y[index], room[:n_rows], weight)


def _refuse_non_finite(session: Session, plan: Any, batch: int, loss: float) -> None:
    """Put the last good weights back and say where it went wrong."""
    model = session.model
    n_rows = min(session.batch_size, len(session.rows) - batch * session.batch_size)
    bad = plan.first_bad_layer(n_rows)
    where = f"layer {model.layers[bad].name!r} is the first with such values" if bad >= 0 else "all layers are finite"
    if session.proven:
        model.set_snapshot(session.proven)
    kept = "the last weights known to be good" if session.proven else "its weights as they are"
    counts = model.step_count, model.epoch_count
    model.reset_training()
    model.step_count, model.epoch_count = counts
    raise NonFiniteError(
        f"The loss became {loss} in epoch {session.epoch + 1}, batch {batch + 1} of {session.n_batches}; {where}. "
        f"The model keeps {kept}. Try a smaller learning_rate, global_clipnorm=1.0, "
        "or inputs scaled to about 1."
    )


def train_batch(model: "Sequential", x: Float32, y: NDArray[Any], weight: Float32 | None) -> dict[str, Any]:
    """One update on prepared rows; loss and metrics before it."""
    rows = Rows(x, y, weight)
    size = _batch_size(None, len(rows))
    session = Session(model, rows, None, size, 1, False, [], make_progress(0), History())
    session.callbacks = CallbackList([], model, {})
    session.next_snapshot = math.inf  # a loss that is not finite leaves the weights as they were
    totals = _Totals(model.new_metrics())
    _run_batches(session, Chunk(rows, None, 0, 1), totals, _prediction_room(session, totals))
    return totals.logs(finished=True)
