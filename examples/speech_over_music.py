"""Speech, music, or both at once: only the first two are there to learn from, mixtures of them stand for the third.

python examples/speech_over_music.py             # synthetic clips
python examples/speech_over_music.py FOLDER      # a folder with the sub-folders speech and music
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from fastbp import audio, datasets
from fastbp.tasks import AudioClassifier, Segmenter, broadcast_settings

SR = 16000

with tempfile.TemporaryDirectory() as scratch:
    folder = sys.argv[1:] or [datasets.make_music_speech(120, duration=2.0, sr=SR, seed=0).write(Path(scratch) / "a")]
    classifier = AudioClassifier(**broadcast_settings() | {"augment": 1, "n_networks": 1})  # in seconds, not minutes
    segmenter = Segmenter(classifier, min_duration=2.0).fit(folder[0], verbose=0)
    others = datasets.make_music_speech(20, duration=2.0, sr=SR, seed=9).write(Path(scratch) / "b")
    speech, music = (np.concatenate([audio.load(f)[0] for f in audio.find(others / k)]) for k in ("speech", "music"))

recording = np.concatenate([speech, speech + 0.5 * music[: len(speech)], music])
stream, found = segmenter.stream(), []
for chunk in np.array_split(recording, 40):
    found += stream.push(chunk)
    state = stream.get_state()  # plain values and arrays: what another process needs to go on from here
    stream = segmenter.stream()
    stream.set_state(state)
for segment in found + stream.flush():
    print(f"{segment.start:6.2f} to {segment.end:6.2f} s  {segment.label}")
