"""Speech and music in few bits: train a codec, and hear what is left at three bitrates.

python examples/compress.py                       # synthetic sounds
python examples/compress.py FOLDER RECORDING      # a folder of sound files, and a sound file of any length
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from fastbp import audio, datasets
from fastbp.metrics.audio import si_sdr
from fastbp.tasks import Codec

SR = 16000


def made_up(folder):
    """A folder of clips, and another recording."""
    clips = datasets.make_music_speech(24, duration=2.0, sr=SR, seed=0).write(folder / "clips")
    others = datasets.make_music_speech(4, duration=2.0, sr=SR, seed=9)
    audio.save(folder / "recording.wav", 0.5 * np.concatenate(others.waveforms), SR)
    return clips, folder / "recording.wav"


with tempfile.TemporaryDirectory() as scratch:
    folder, recording = sys.argv[1:] or made_up(Path(scratch))
    codec = Codec(epochs=3).fit(folder)
    y, sr = audio.load(recording, mono=False)
    for bitrate in (3, 8, 24):
        data = codec.encode(recording, bitrate)
        heard, _ = codec.decode(data)
        audio.save(f"heard-{bitrate}.wav", np.clip(heard, -1, 1), sr)
        rate = 8e-3 * len(data) / (y.shape[1] / sr)
        print(f"{rate:5.1f} kbit/s  {np.mean(si_sdr(y, np.atleast_2d(heard))):5.1f} dB  heard-{bitrate}.wav")
