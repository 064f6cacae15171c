"""Sequential: a stack of layers whose parameters live in one flat vector, and what can be done with it."""

from __future__ import annotations  # np.random is imported when it is first used, not for an annotation

import copy
import os
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastbp import data, layers, losses, metrics, optimizers, regularizers, threads
from fastbp import precision as precisions
from fastbp.errors import ArgumentError, ArgumentTypeError, NotBuiltError
from fastbp.frames import Frames
from fastbp.inputs import Inputs
from fastbp.parameters import FlatTensors, Float32, aligned_zeros
from fastbp.plans import make_plan

if TYPE_CHECKING:
    from fastbp.train import History

PREDICT_ROWS = 256  # rows that go through the network at a time, so that activations stay in cache
PART_ROWS = 64 * PREDICT_ROWS  # rows of a store that are read at a time
INITIALISE, SHUFFLE = 0, 1  # what the seed is used for
_TRAINING = ("optimizer", "loss", "metrics", "_precision", "slots", "step_count", "epoch_count", "stop_training")


class Sequential:
    """A network of layers, each fed by the one before.

    Parameters
    ----------
    layers
        `Dense`, `Dropout`, ...; an `Input` in front builds the network at once.
    name
        A name for summaries and files.
    seed
        Fixes initial weights, shuffling and dropout: the same seed gives the same bits on every run and for every
        number of threads (of one CPU build). None draws one.

    Examples
    --------
    >>> model = Sequential([Dense(64, activation="relu"), Dense(2, activation="softmax")], seed=0)
    >>> model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    >>> history = model.fit(x_train, y_train, epochs=10, batch_size=32)
    """

    def __init__(
        self, layers: Iterable[layers.Layer] = (), *, name: str = "sequential", seed: int | None = None
    ) -> None:
        self.name = name
        self.seed = int.from_bytes(os.urandom(4)) if seed is None else _checked_seed(seed)
        self.layers: list[Any] = []
        self.n_in: int | None = None  # of a sample: of all its frames
        self.n_frames = 1
        self.inputs: Inputs | None = None
        self.built = False
        self.stop_training = False
        self.optimizer: optimizers.Optimizer | None = None
        self._precision: str | None = None
        for layer in layers:
            self.add(layer)

    # -- building ------------------------------------------------------------------------------------------------

    def add(self, layer: layers.Layer) -> None:
        """Put a layer on top.

        Raises
        ------
        ArgumentTypeError, ArgumentError
            Not a layer, a name that is taken, an `Input` above another layer, or a network that is built already.
        """
        if not isinstance(layer, layers.Layer):
            raise ArgumentTypeError(f"Sequential takes layers such as fastbp.Dense(64); got {layer!r}.")
        if isinstance(layer, layers.Input) and not self.layers and self.n_in is None:
            self.n_frames, n = layer.shape if isinstance(layer.shape, tuple) else (1, layer.shape)
            self.n_in = self.n_frames * n
            return
        if isinstance(layer, Inputs) and not self.layers and self.n_in is None:
            self.inputs, self.n_in = layer, layer.n_in
            return
        if isinstance(layer, layers.Input | Inputs) or (self.built and self.layers):
            raise ArgumentError("Layers are added before a network is built, Input first.")
        kind = f"{layer.kind}_"
        layer.name = layer.name or f"{kind}{1 + sum(other.kind == layer.kind for other in self.layers)}"
        if layer.name in {other.name for other in self.layers}:
            raise ArgumentError(f"Two layers are called {layer.name!r}; give each its own name.")
        self.layers.append(layer)

    def build(self, n_in: int | None = None) -> Sequential:
        """Give every tensor its place in the flat vector, and initial values.

        Parameters
        ----------
        n_in
            Number of inputs; not needed after an `Input` layer.
        """
        n_in = self.n_in if n_in is None else n_in
        if n_in is None or n_in < 1 or not self.layers:
            raise ArgumentError(
                f"A network is built from at least one layer and one input; got {len(self.layers)} and {n_in}."
            )
        if n_in % self.n_frames:
            raise ArgumentError(f"{n_in} inputs are no sequence of {self.n_frames} frames.")
        self.n_in = int(n_in)
        self.widths, self.frames = [self.n_in // self.n_frames], [self.n_frames]
        for layer in self.layers:
            self.widths.append(layer.n_out(self.widths[-1]))
            self.frames.append(layer.frames_out(self.frames[-1]))
        if self.frames[-1] != 1:
            raise ArgumentError(
                f"The network ends with {self.frames[-1]} frames of each sample; put a StatisticsPooling() before the "
                "layers that are to see it as a whole."
            )
        self.trained = self._declared()
        self.running = {f"{layer.name}/{t.name}": t for layer, n in self.placed() for t in layer.statistics(n)}
        self.parameters = FlatTensors({name: t.shape for name, t in self.trained.items()})
        self.gradients = FlatTensors(self.parameters.shapes)
        self.statistics = FlatTensors({name: t.shape for name, t in self.running.items()})
        self.built = True
        self._plans: dict[str, tuple[tuple[int, Any], Any]] = {}
        self._explicit_rows: int | None = None
        self.initialize()
        return self

    def _declared(self) -> dict[str, layers.Tensor]:
        return {f"{layer.name}/{t.name}": t for layer, n in self.placed() for t in layer.parameters(n)}

    def set_kernel_regularizer(self, regularizer: Any) -> None:
        """Give all dense layers of a built network this penalty on their kernels, from the next batch on.

        Parameters
        ----------
        regularizer
            A name or object of `fastbp.regularizers`, or None.
        """
        self._need_built()
        penalty = regularizers.get(regularizer)
        dense = [layer for layer in self.layers if isinstance(layer, layers.Dense)]
        if any(layer.kernel_regularizer != penalty for layer in dense):
            for layer in dense:
                layer.kernel_regularizer = penalty
            self.trained = self._declared()
            self._plans.clear()

    def placed(self) -> Iterable[tuple[Any, int]]:
        """Each layer with its number of inputs, of a frame where samples are sequences."""
        return zip(self.layers, self.widths, strict=False)

    def initialize(self) -> None:
        """Draw all initial values anew from the seed, and forget all training."""
        rng = self.generator(INITIALISE)
        for tensors, flat in ((self.trained, self.parameters), (self.running, self.statistics)):
            for name, tensor in tensors.items():
                flat[name][...] = tensor.initializer(tensor.shape, rng)
        self.reset_training()

    def reset_training(self) -> None:
        """Forget the optimizer's state and the count of steps and epochs; the weights stay."""
        self.step_count, self.epoch_count = 0, 0
        self._new_slots()

    def _new_slots(self) -> None:
        self._slot_values = self.optimizer.slots() if self.optimizer else ()
        self.slots = aligned_zeros((len(self._slot_values), len(self.params)))
        self.slots[...] = np.array(self._slot_values, np.float32)[:, None]
        self._plans.clear()

    def generator(self, purpose: int, index: int = 0) -> np.random.Generator:
        """A counter-based generator for one purpose and index, fixed by the seed alone."""
        return np.random.Generator(np.random.Philox(np.random.SeedSequence([self.seed, purpose, index])))

    def _need_built(self) -> None:
        if not self.built:
            if self.n_in is None:
                raise NotBuiltError(
                    "This network does not know its number of inputs yet: call build(n_in) or fit() first."
                )
            self.build()

    # -- parameters ----------------------------------------------------------------------------------------------

    @property
    def n_out(self) -> int:
        """Number of outputs."""
        self._need_built()
        return self.widths[-1]

    @property
    def params(self) -> Float32:
        """All parameters: the flat float32 vector itself. Tensors start on 64-byte boundaries, padding is zero."""
        self._need_built()
        return self.parameters.vector

    @property
    def grads(self) -> Float32:
        """The gradients, laid out as `params`."""
        self._need_built()
        return self.gradients.vector

    def __getitem__(self, name: str) -> Float32:
        """A tensor by name, as a view: ``model["dense_1/kernel"]``."""
        self._need_built()
        for flat in (self.parameters, self.statistics):
            if name in flat:
                return flat[name]
        raise KeyError(f"no tensor {name!r}; there are {', '.join([*self.parameters, *self.statistics])}")

    def count_params(self) -> int:
        """Number of trained parameters, padding left out."""
        self._need_built()
        return int(self.parameters.blocks[:, 1:].prod(axis=1).sum())

    def _tensors(self) -> list[Float32]:
        """Views of every tensor, layer by layer, trained ones first: Keras's order of weights."""
        self._need_built()
        names = [
            f"{layer.name}/{t.name}" for layer, n in self.placed() for t in [*layer.parameters(n), *layer.statistics(n)]
        ]
        return [self[name] for name in names]

    def get_weights(self) -> list[Float32]:
        """Copies of all tensors: [kernel_1 (n_in, n_out), bias_1 (n_out,), kernel_2, ...]."""
        return [tensor.copy() for tensor in self._tensors()]

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Copy values into all tensors, in the order of `get_weights`.

        Raises
        ------
        ArgumentError
            Another number of arrays, or another shape.
        """
        tensors = self._tensors()
        arrays = [data.as_floats(w, "A weight") for w in weights]
        if [a.shape for a in arrays] != [t.shape for t in tensors]:
            raise ArgumentError(
                f"These weights do not fit the network: it has shapes {[t.shape for t in tensors]}, "
                f"given were {[a.shape for a in arrays]}."
            )
        for tensor, array in zip(tensors, arrays, strict=True):
            tensor[...] = array

    def get_snapshot(self) -> dict[str, Float32]:
        """Copies of the flat vectors of parameters and running statistics."""
        return {"params": self.params.copy(), "statistics": self.statistics.vector.copy()}

    def set_snapshot(self, snapshot: Mapping[str, Float32]) -> None:
        """Go back to a `get_snapshot`."""
        self.params[:] = snapshot["params"]
        self.statistics.vector[:] = snapshot["statistics"]

    # -- training ------------------------------------------------------------------------------------------------

    def compile(
        self,
        optimizer: str | Mapping[str, Any] | optimizers.Optimizer = "rmsprop",
        loss: str | Mapping[str, Any] | losses.Loss = "mean_squared_error",
        metrics: Sequence[Any] = (),
        precision: str | None = None,
    ) -> None:
        """Choose optimizer, loss and metrics, by name or object; the optimizer starts afresh.

        Parameters
        ----------
        optimizer
            "sgd", "adam", a plug-in's name, or an object of `fastbp.optimizers`.
        loss
            "mse", "categorical_crossentropy", a plug-in's name, or an object of `fastbp.losses`.
        metrics
            "accuracy", "f1", ... or objects of `fastbp.metrics`.
        precision
            Of matrix products: "float32", "high" or "bfloat16"; None is what `fastbp.set_precision` was given.

        Raises
        ------
        ArgumentError, UnknownNameError
            There is no such thing.
        """
        precision = precisions.get_precision() if precision is None else precisions.checked(precision)
        self.optimizer = copy.deepcopy(optimizers.get(optimizer))  # its schedule may carry state of its own
        self.loss = losses.get(loss)
        self.metrics = [metrics] if isinstance(metrics, str) else list(metrics)
        for metric in self.metrics:
            self._metric(metric, 2)
        self._precision = precision
        if self.built:
            self.reset_training()

    @property
    def precision(self) -> str:
        """Precision of matrix products: what `compile` chose, else what `fastbp.set_precision` was given."""
        return self._precision or precisions.get_precision()

    def _metric(self, metric: Any, n_out: int) -> metrics.Metric:
        return copy.deepcopy(metrics.resolve(metric, self.loss.name, n_out))

    def new_metrics(self) -> list[metrics.Metric]:
        """Fresh metric objects, one for each that `compile` was given."""
        return [self._metric(metric, self.n_out) for metric in self.metrics]

    def _need_compiled(self, n_in: int) -> None:
        if self.optimizer is None:
            raise NotBuiltError('Call compile(optimizer="adam", loss=...) before training or evaluating.')
        if not self.built:
            self.build(n_in if self.n_in is None else self.n_in)

    def fit(self, x: Any, y: Any = None, **options: Any) -> History:
        """Train; see `fastbp.train.fit` for the options, which are Keras's and `stop`."""
        from fastbp.train import fit

        return fit(self, x, y, **options)

    def prepare(
        self,
        x: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        class_weight: Mapping[int, float] | None = None,
    ) -> tuple[Float32, NDArray[Any], Float32 | None]:
        """Samples (float32, or float16 if given so), targets and weights as the kernels want them.

        Builds the network if need be.

        Raises
        ------
        NotBuiltError
            Not compiled.
        ArgumentError, ArgumentTypeError
            Shapes or types that do not fit, NaN or infinite values.
        """
        rows = data.as_rows(self._joined(x), self.n_in, half=True)
        self._need_compiled(rows.shape[1])
        data.refuse_non_finite(rows, "x")
        targets = data.as_targets(y, self.loss, self.n_out)
        data.same_length(x=rows, y=targets)
        return rows, targets, data.as_weights(sample_weight, class_weight, targets, len(rows))

    def _joined(self, x: Any) -> Any:
        """Named inputs as rows; anything else as it is."""
        return self.inputs.rows(x) if self.inputs is not None and isinstance(x, Mapping) else x

    def train_on_batch(
        self,
        x: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        class_weight: Mapping[int, float] | None = None,
    ) -> dict[str, Any]:
        """One update on one batch; the loss and metrics of that batch, before the update."""
        from fastbp.train import train_batch

        return train_batch(self, *self.prepare(x, y, sample_weight, class_weight))

    def evaluate(self, x: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> dict[str, Any]:
        """Loss and metrics on other data, without training: ``{"loss": ..., "accuracy": ...}``. Or on a store."""
        from fastbp.rows import evaluate, prepare

        return evaluate(self, prepare(self, x, y, sample_weight))

    def predict(self, x: Any) -> Float32:
        """The network's output for each row of x (n_rows, n_in): float32 (n_rows, n_out).

        Frames of a store are read part by part. A network with `Inputs` takes a dict of arrays as well.

        Raises
        ------
        NotBuiltError
            The network has not been built or fitted.
        ArgumentError, ArgumentTypeError
            x has another shape, or is not numbers. A NaN in a row gives NaN in its output.
        """
        self._need_built()
        plan = self.plan("predict", PREDICT_ROWS)
        if (y := plan.predict(x)) is not None:
            return y
        rows = x if isinstance(x, Frames) else data.as_rows(self._joined(x), self.n_in)
        parts = range(0, max(len(rows), 1), PART_ROWS)
        return np.concatenate([plan.predict(data.as_rows(rows[i : i + PART_ROWS], self.n_in)) for i in parts])

    # -- the explicit loop ---------------------------------------------------------------------------------------

    def forward(self, x: ArrayLike, training: bool = True) -> Float32:
        """Output for a batch (n_rows, n_out); the activations are kept for `backward`.

        Parameters
        ----------
        x
            (n_rows, n_in).
        training
            Whether dropout drops and batch normalisation uses the batch.
        """
        self._need_built()
        rows = data.as_rows(self._joined(x), self.n_in)
        self._explicit, self._explicit_rows = self.plan("explicit", len(rows)), None
        y: Float32 = self._explicit.forward(rows, training, self.step_count)
        self._explicit_rows = len(rows)
        return y

    def backward(self, dy: ArrayLike) -> Float32:
        """Gradients of the last `forward`, into `grads`; returns the gradient for x (n_rows, n_in).

        Parameters
        ----------
        dy
            Derivative of the loss with respect to the output, (n_rows, n_out).

        Raises
        ------
        NotBuiltError
            There is no `forward` since the network was built, or since `loss_and_gradients`.
        ArgumentError, ArgumentTypeError
            dy has another shape than the output of `forward`, or is not numbers.
        """
        self._need_built()
        rows = self._explicit_rows
        if rows is None:
            raise NotBuiltError("Call forward(x) just before backward(dy), which needs its activations.")
        dy = data.as_rows(dy, None, "dy")
        if dy.shape != (rows, self.n_out):
            raise ArgumentError(f"dy must have the shape of the output, {(rows, self.n_out)}; got {dy.shape}.")
        return self._explicit.backward(dy)

    def step(self) -> None:
        """One update of the parameters by the compiled optimizer, with the gradients in `grads`."""
        self._need_built()
        self._need_compiled(self.n_in or 0)
        assert self.optimizer is not None
        rate = self.optimizer.schedule(self.step_count)
        self.plan("explicit", 1).step(self.step_count + 1, rate)
        self.step_count += 1

    def loss_and_gradients(
        self, x: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, training: bool = True
    ) -> tuple[float, dict[str, Float32]]:
        """Loss of a batch (penalties included) and its gradient for every tensor, by name; nothing is updated."""
        rows, targets, weight = self.prepare(x, y, sample_weight)
        plan = self.plan("explicit", len(rows))
        self._explicit_rows = None  # it takes the memory of their activations
        loss = plan.loss_and_gradients(rows, targets.view(np.float32), weight, training, self.step_count)
        return loss, {name: self.gradients[name].copy() for name in self.gradients}

    # -- plans ---------------------------------------------------------------------------------------------------

    def plan(self, purpose: str, n_rows: int) -> Any:
        """The plan for "fit", "predict" or "explicit", able to take that many rows; made when first needed.

        Raises
        ------
        ArgumentError
            Something has changed that was fixed before: the shape of a layer by `build`, the optimizer's state by the
            first step.
        """
        optimizer = None if purpose == "predict" else self.optimizer
        settings = threads.get_threads(), self.precision, optimizer and optimizer.plan_options()
        (room, made_for), plan = self._plans.get(purpose, ((-1, None), None))
        if room < n_rows or made_for != settings:
            if optimizer is not None:
                self._fit_slots(optimizer)
            plan = make_plan(self, purpose, max(1, n_rows), settings[0])
            self._plans[purpose] = ((n_rows, settings), plan)
        return plan

    def _fit_slots(self, optimizer: optimizers.Optimizer) -> None:
        """Slots for the options that the optimizer has now: before the first step, nothing is lost by it."""
        values = optimizer.slots()
        if self.step_count == 0 and (values, len(values)) != (self._slot_values, len(self.slots)):
            self._new_slots()
        if len(values) != len(self.slots):
            raise ArgumentError(
                f"The optimizer {optimizer.name!r} has been changed so that it needs {len(values)} numbers for each "
                f"parameter; it has {len(self.slots)} from the {self.step_count} steps so far. Such an option is set "
                "before training: call compile(...) with it, which lets the optimizer start afresh."
            )

    # -- to look at and to keep ----------------------------------------------------------------------------------

    def summary(self, print_fn: Any = print) -> None:
        """Print a table of layers, output sizes and numbers of parameters."""
        rows = [("layer", "kind", "outputs", "parameters"), *self.layer_table()]
        sizes = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.ljust(size) for cell, size in zip(row, sizes, strict=True)).rstrip() for row in rows]
        lines.insert(1, "-" * max(map(len, lines)))
        total = f"{self.count_params():,} parameters ({self.params.nbytes / 1024:.1f} KiB), {self.n_in} inputs"
        print_fn("\n".join([f"{self.name}", *lines, total]))

    def layer_table(self) -> list[tuple[str, str, str, str]]:
        """Name, kind, output size and number of parameters of each layer, as `summary` prints them."""
        self._need_built()
        rows: list[tuple[str, str, str, str]] = []
        for layer, n_in in self.placed():
            n = sum(int(np.prod(t.shape)) for t in layer.parameters(n_in))
            frames = f"{self.frames[len(rows) + 1]} x " if self.frames[len(rows) + 1] > 1 else ""
            rows.append((layer.name, _kind(layer), f"{frames}{layer.n_out(n_in)}", f"{n:,}"))
        return rows

    def get_config(self) -> dict[str, Any]:
        """Layers, sizes and what `compile` was given, ready for JSON."""
        self._need_built()
        config = {
            "name": self.name,
            "seed": self.seed,
            "n_in": self.n_in,
            "layers": [x.get_config() for x in self.layers],
        }
        if self.n_frames > 1:
            config["n_frames"] = self.n_frames
        if self.inputs is not None:
            config["inputs"] = {"sizes": [*self.inputs.sizes.items()], "dropout": self.inputs.dropout}
        if self.optimizer is not None:
            config["compile"] = {
                "optimizer": self.optimizer.get_config(),
                "loss": self.loss.get_config(),
                "metrics": [m if isinstance(m, str) else m.get_config() for m in self.metrics],
                "precision": self.precision,
            }
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Sequential:
        """A freshly initialised network from `get_config`; plug-ins that it names must be installed."""
        model = cls([layers.from_config(c) for c in config["layers"]], name=config["name"], seed=config["seed"])
        model.n_frames = int(config.get("n_frames", 1))
        if "inputs" in config:
            model.inputs = Inputs(dict(config["inputs"]["sizes"]), config["inputs"]["dropout"])
        if "compile" in config:
            model.compile(**config["compile"])
        return model.build(config["n_in"])

    def save(self, path: str | PathLike[str]) -> None:
        """Write the network to one .fbp file, atomically: layers, weights and what `compile` was given.

        Raises
        ------
        OSError
            It cannot be written; a file that was there before is untouched.
        """
        from fastbp import model_file

        model_file.save(self, path)

    def __getstate__(self) -> dict[str, Any]:
        """For pickle and copy: the content of a .fbp file, and where training is. Plans are made anew."""
        from fastbp import model_file

        if not self.built:
            return dict(self.__dict__)
        training = {name: getattr(self, name) for name in _TRAINING if hasattr(self, name)}
        return {"content": model_file.dumps(self), **training}

    def __setstate__(self, state: dict[str, Any]) -> None:
        from fastbp import model_file

        content, slots = state.pop("content", None), state.pop("slots", None)
        self.__dict__.update(state if content is None else {**model_file.loads(content).__dict__, **state})
        if slots is not None:
            self.slots = aligned_zeros(slots.shape)
            self.slots[...] = slots


def load_model(path: str | PathLike[str]) -> Sequential:
    """The network saved in a .fbp file, compiled as it was.

    Raises
    ------
    ModelFileError
        The file is damaged, or not a fastbp network.
    UnknownNameError
        It needs a plug-in that is not installed.
    OSError
        It cannot be read.
    """
    from fastbp import model_file

    return model_file.load(path)


def _kind(layer: Any) -> str:
    activation = getattr(layer, "activation", ("",))[0]
    return f"{type(layer).__name__} {activation}".rstrip()


def _checked_seed(seed: Any) -> int:
    if isinstance(seed, bool) or not hasattr(seed, "__index__") or not 0 <= seed.__index__() < 2**64:
        raise ArgumentError(f"seed must be a whole number from 0 to 2**64 - 1, or None; got {seed!r}.")
    return seed.__index__()
