"""A classifier small enough for tests."""

import numpy as np

from fastbp import callbacks, corpus
from fastbp.tasks import AudioClassifier

SR = 8000
SMALL = {"sr": SR, "hidden": (16,), "epochs": 30}
QUICK = {**SMALL, "hidden": (4,), "epochs": 3, "augment": 0}
SPOILT = {"text.wav", "truncated.wav", "empty.wav", "silent.wav"}  # files of the fixture `spoilt`


def quick(*source, **options):
    return AudioClassifier(**QUICK).fit(*source, **{"verbose": 0, **options})


def bits(model):
    return model.network_.params.tobytes() + model.scaling_.mean.tobytes() + model.scaling_.std.tobytes()


def with_splits(sounds, *names):
    """The listing with groups dealt out to these splits in turn."""
    listing = corpus.read(sounds)
    number = np.unique([group.split("-")[1] for group in listing.groups], return_inverse=True)[1]
    splits = np.array(names)[number % len(names)]
    return corpus.Listing(listing.files, listing.labels, listing.groups, splits)


class OnEpoch(callbacks.Callback):
    def __init__(self, action):
        super().__init__()
        self.action = action

    def on_epoch_end(self, epoch, logs=None):
        self.action(epoch)
