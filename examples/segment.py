"""What is it, and when? Train on labelled clips, then write the timeline of a recording for Audacity.

python examples/segment.py                       # synthetic clips, and a recording made of them
python examples/segment.py FOLDER RECORDING      # a folder of class folders, and a sound file of any length
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from fastbp import audio, datasets
from fastbp.tasks import Segmenter, format_segments

SR = 16000


def made_up(folder):
    """A folder of clips, and a recording: 20 s of other speech, then 20 s of other music, in stereo at 44.1 kHz."""
    clips = datasets.make_music_speech(160, duration=3.0, sr=SR, seed=0).write(folder / "clips")
    others = datasets.make_music_speech(20, duration=2.0, sr=SR, seed=9).write(folder / "others")
    found = [audio.load(file)[0] for kind in ("speech", "music") for file in audio.find(others / kind)]
    y = audio.resample(0.5 * np.concatenate(found), SR, 44100)
    audio.save(folder / "recording.wav", np.stack([y, y]), 44100, "PCM_24")
    return clips, folder / "recording.wav"


with tempfile.TemporaryDirectory() as scratch:
    folder, recording = sys.argv[1:] or made_up(Path(scratch))
    segmenter = Segmenter(min_duration=2.0).fit(folder, verbose=0)
    segments = segmenter.segment(recording)

for segment in segments:
    print(f"{segment.start:7.2f} to {segment.end:7.2f} s  {segment.label}  {segment.probability:.2f}")
Path("labels.txt").write_text(format_segments(segments, "audacity"))
