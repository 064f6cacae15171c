"""Noise out: train on clean sounds and noises, then take the noise out of a recording.

python examples/denoise.py                           # synthetic speech and noises, and a recording made of them
python examples/denoise.py CLEAN NOISES RECORDING    # folders of sound files, and a sound file of any length
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from fastbp import audio, datasets
from fastbp.augment import Noise
from fastbp.metrics.audio import si_sdr
from fastbp.tasks import Denoiser

SR = 16000


def made_up(folder):
    """Folders of speech and of noises, and a recording of speech in noise, in stereo at 44.1 kHz."""
    speech = datasets.make_music_speech(32, duration=3.0, sr=SR, seed=0).write(folder / "clips") / "speech"
    (folder / "noises").mkdir()
    for i in range(6):
        audio.save(folder / "noises" / f"{i}.wav", Noise(snr=-60)(np.full(3 * SR, 1e-4), SR, rng=i), SR)
    y = audio.load(audio.find(speech)[0], sr=44100)[0]
    noisy = 0.5 * Noise(snr=5, tilt=-3)(y, 44100, rng=0)
    audio.save(folder / "recording.wav", np.stack([noisy, noisy]), 44100, "PCM_24")
    return speech, folder / "noises", folder / "recording.wav", y


with tempfile.TemporaryDirectory() as scratch:
    clean, noises, recording, *y = sys.argv[1:] or made_up(Path(scratch))
    quick = {"sr": 8000, "hidden": (32, 32), "epochs": 4, "mixtures": 24, "duration": 2.0, "batch_size": 512}
    Denoiser(**(quick if y else {})).fit(clean, noises, verbose=0).denoise_file(recording, "denoised.wav")
    for name in (recording, "denoised.wav") if y else ():
        print(f"{Path(name).name}: {si_sdr(y[0], audio.load(name)[0]):.1f} dB SI-SDR")
