"""Music or speech: the textbook network, from sound files to decisions.

python examples/music_or_speech.py             # synthetic clips
python examples/music_or_speech.py FOLDER      # a folder of two class folders, or a CSV file
"""

import sys
import tempfile

import numpy as np

from fastbp import Dense, Sequential, audio, corpus, datasets
from fastbp.features import MFCC, RMS, Pipeline, Pooling, ZeroCrossingRate

SR = 16000
features = Pipeline([MFCC(sr=SR), ZeroCrossingRate(sr=SR), RMS(sr=SR), Pooling(("mean", "std"))])


def load(listing):
    """One row of features for each file, (n_files, n_features), and one-hot labels, (n_files, n_classes)."""
    rows = []
    for path in listing.files:
        y, _ = audio.load(path, sr=SR)
        y = y / max(np.abs(y).max(), 1e-6)  # normalise: full scale is 1
        rows.append(features(y)[0])
    return np.array(rows), (listing.labels[:, None] == classes).astype(np.float32)


with tempfile.TemporaryDirectory() as scratch:
    source = sys.argv[1] if len(sys.argv) > 1 else datasets.make_music_speech(seed=0).write(scratch)
    listing = corpus.split(corpus.read(source), seed=0)  # no speaker and no track is in two parts
    classes = listing.classes
    x_train, y_train = load(listing.part("train"))
    x_val, y_val = load(listing.part("valid"))
    x_test, y_test = load(listing.part("test"))

mean, std = x_train.mean(axis=0), x_train.std(axis=0) + 1e-6
x_train, x_val, x_test = ((x - mean) / std for x in (x_train, x_val, x_test))

model = Sequential([Dense(64, activation="relu"), Dense(32, activation="relu"), Dense(2, activation="softmax")], seed=0)
model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, epochs=10, batch_size=32, validation_data=(x_val, y_val), verbose=2)

predicted = classes[np.argmax(model.predict(x_test), axis=1)]
true = classes[np.argmax(y_test, axis=1)]
for path, label in list(zip(listing.part("test").files, predicted))[:5]:
    print(f"{path.rsplit('/', 1)[-1]}: {label}")
print(f"accuracy on {len(true)} test clips: {np.mean(predicted == true):.3f}")
