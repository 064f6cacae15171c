"""Several inputs, some of them missing: what a machine sounds like, and what its sensors say.

python examples/several_inputs.py
"""

import numpy as np

from fastbp import Dense, Inputs, Sequential
from fastbp.features import MFCC, Pipeline, Pooling

SR = 8000


def machines(n, seed):
    """Sounds, (temperature, speed), and whether each machine is worn: it hums higher, and is warmer."""
    rng, t = np.random.default_rng(seed), np.arange(SR // 2) / SR
    worn = rng.integers(0, 2, n)
    hum = 200 * np.exp(0.3 * worn + rng.normal(0, 0.15, n))
    sounds = np.sign(np.sin(2 * np.pi * hum[:, None] * t)) + rng.standard_normal((n, len(t)))
    features = Pipeline([MFCC(sr=SR, n_mfcc=13)], Pooling())
    audio = np.concatenate([features(y.astype(np.float32)) for y in sounds])
    return {"audio": audio, "sensors": np.stack([worn + rng.normal(0, 0.5, n), rng.normal(0, 1, n)], axis=1)}, worn


x, y = machines(1000, 0)
mean, std = x["audio"].mean(axis=0), x["audio"].std(axis=0)
x["audio"] = (x["audio"] - mean) / std
model = Sequential([Inputs({"audio": 26, "sensors": 2}, dropout=0.3), Dense(32, "relu"), Dense(2, "softmax")], seed=0)
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=30, verbose=0)

new, truth = machines(500, 1)
new["audio"] = (new["audio"] - mean) / std
for known in (["audio", "sensors"], ["audio"], ["sensors"]):
    accuracy = model.evaluate({name: new[name] for name in known}, truth)["accuracy"]
    print(f"{' and '.join(known)}: accuracy {accuracy:.3f}")
