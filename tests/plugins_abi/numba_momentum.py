"""Gradient descent with momentum, compiled by numba when it is imported: no compiler needs to be installed."""

import numba
import numpy as np
from numba import carray, types
from numba.extending import intrinsic

from fastbp import plugin_api


def pointer_to(dtype):
    """A function that numba compiles: the pointer for an address in a struct."""

    @intrinsic
    def pointer(typing_context, address):
        def generate(context, builder, signature, arguments):
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return types.CPointer(dtype)(types.uintp), generate

    return pointer


floats, doubles, addresses = pointer_to(types.float32), pointer_to(types.float64), pointer_to(types.uintp)
Step = numba.from_dtype(plugin_api.struct_dtype("fastbp_step"))


@numba.cfunc(types.int32(types.CPointer(Step)))
def step(given):
    s = carray(given, 1)[0]
    lr, mu = np.float32(s.learning_rate), np.float32(carray(doubles(s.hyper), 1)[0])
    p, g = carray(floats(s.params), s.n)[s.start : s.stop], carray(floats(s.grads), s.n)[s.start : s.stop]
    v = carray(floats(carray(addresses(s.slots), 1)[0]), s.n)[s.start : s.stop]
    for i in range(len(p)):  # from 0, so that numba knows no index to be negative, and makes vectors of the loop
        v[i] = mu * v[i] - lr * g[i]
        p[i] += v[i]
    return 0


NAME = b"momentum\0"
name = np.frombuffer(NAME, np.uint8)
option = np.zeros(1, plugin_api.struct_dtype("fastbp_option"))
option["name"], option["value"], option["most"] = name.ctypes.data, 0.9, 1.0
optimizer = np.zeros(1, plugin_api.struct_dtype("fastbp_optimizer"))
optimizer["abi"], optimizer["size"], optimizer["flags"] = 1, optimizer.nbytes, 3
optimizer["n_slots"], optimizer["n_options"], optimizer["options"] = 1, 1, option.ctypes.data
optimizer["learning_rate"], optimizer["step"] = 0.01, step.address
capsule = plugin_api.capsule("optimizer", optimizer.ctypes.data)
