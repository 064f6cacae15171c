"""Augmentation: training sounds as other rooms, microphones, telephones and speakers would have brought them.

Each augmentation is a description that is called with a waveform, its rate and a generator or seed:

>>> noisy = Noise(snr=(5, 20))(y, 16000, rng=0)
>>> AudioClassifier(augment=["noise", Reverb(rt60=0.5), "specaugment"])
>>> AudioClassifier(augment=Augment(["channel"], copies=3))

Nothing here is ever applied in `predict`, `evaluate`, or on validation and test files.
"""

from fastbp.augment.base import Augmentation, clip_number, generator
from fastbp.augment.channel import Channel
from fastbp.augment.codecs import Band, Codec, Telephone
from fastbp.augment.copies import AUGMENTATIONS, Augment, as_augment
from fastbp.augment.level import Gain, Noise
from fastbp.augment.mixing import Mixup, mixup
from fastbp.augment.rooms import Reverb
from fastbp.augment.timing import Pitch, Shift, Speed, Stretch
from fastbp.features.masking import SpecAugment

__all__ = [
    "AUGMENTATIONS",
    "Augment",
    "Augmentation",
    "Band",
    "Channel",
    "Codec",
    "Gain",
    "Mixup",
    "Noise",
    "Pitch",
    "Reverb",
    "Shift",
    "SpecAugment",
    "Speed",
    "Stretch",
    "Telephone",
    "as_augment",
    "clip_number",
    "generator",
    "mixup",
]
