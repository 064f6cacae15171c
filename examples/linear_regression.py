"""Linear regression by gradient descent, held against its closed-form solution."""

import numpy as np

from fastbp import Dense, Sequential
from fastbp.datasets import make_regression
from fastbp.optimizers import SGD
from fastbp.stop import GradientBelow

TOLERANCE = 1e-5

# y = x @ weights + bias + noise
x, y, true_weights, true_bias = make_regression(n_rows=500, n_features=3, noise=0.1, seed=0)

# one linear layer, full-batch gradient descent until the gradient is next to nothing
model = Sequential([Dense(1)], seed=0)
model.compile(optimizer=SGD(learning_rate=0.1), loss="mean_squared_error")
history = model.fit(x, y, epochs=1000, batch_size=None, stop=[GradientBelow(1e-6)])
kernel, bias = model.get_weights()
found = np.concatenate([kernel[:, 0], bias])

# the minimum itself: a column of ones carries the bias
ones = np.ones((len(x), 1))
closed_form = np.linalg.lstsq(np.hstack([x, ones]).astype(np.float64), y[:, 0], rcond=None)[0]

difference = np.abs(found - closed_form).max()
print(f"stopped after {len(history.epoch)} epochs: {history.stopped_by}")
print("gradient descent", found)
print("closed form     ", closed_form)
print("truth           ", np.concatenate([true_weights[:, 0], true_bias]))
print(f"largest difference from the closed form: {difference:.1e} (tolerance {TOLERANCE:.0e})")
if difference > TOLERANCE:
    raise SystemExit("gradient descent did not reach the closed-form solution")
