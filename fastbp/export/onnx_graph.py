"""An ONNX graph as it grows: constants and nodes get their names by themselves."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp._extras import import_extra

OPSET, IR_VERSION = 17, 8  # of 2022; LayerNormalization and STFT are there from opset 17 on
Value = str  # the name of a value


class Graph:
    """Nodes in order, and constants; `node` and `constant` give the names of their values."""

    def __init__(self) -> None:
        self.onnx = import_extra("onnx", "onnx", "Export to ONNX needs onnx")
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._names: dict[tuple[str, bytes], Value] = {}

    def constant(self, values: Any, dtype: Any = np.float32) -> Value:
        """A constant array; equal ones are kept once."""
        array: NDArray[Any] = np.ascontiguousarray(values, dtype)
        array = array.reshape(np.shape(values))  # a number stays one
        key = (f"{array.dtype}{array.shape}", array.tobytes())
        if key not in self._names:
            self._names[key] = f"constant_{len(self.constants)}"
            self.constants.append(self.onnx.numpy_helper.from_array(array, self._names[key]))
        return self._names[key]

    def integers(self, *values: int) -> Value:
        """A constant of whole numbers (n,), as axes and shapes are given."""
        return self.constant(values, np.int64)

    def node(self, kind: str, *inputs: Value, n_out: int = 1, **attributes: Any) -> Any:
        """An operation; the name of its result, or a tuple of them."""
        names = [f"{kind.lower()}_{len(self.nodes)}" + (f"_{i}" if n_out > 1 else "") for i in range(n_out)]
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), names, **attributes))
        return names[0] if n_out == 1 else tuple(names)

    def model(self, source: tuple[str, int], result: tuple[str, Value, int], notes: dict[str, str]) -> Any:
        """The checked model, of rows (name, width) to rows (name, value, width); notes are its metadata."""
        helper, float32 = self.onnx.helper, self.onnx.TensorProto.FLOAT
        self.nodes.append(helper.make_node("Identity", [result[1]], [result[0]]))
        ends = [helper.make_tensor_value_info(n, float32, ["n_rows", w]) for n, w in (source, (result[0], result[2]))]
        graph = helper.make_graph(self.nodes, "fastbp", ends[:1], ends[1:], self.constants)
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, producer_name="fastbp", opset_imports=opsets, ir_version=IR_VERSION)
        helper.set_model_props(model, notes)
        self.onnx.checker.check_model(model, full_check=True)
        return model
