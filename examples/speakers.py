"""Who is it? Train on clips of some speakers, then compare voices that were never heard.

python examples/speakers.py                  # synthetic voices
python examples/speakers.py FOLDER A B ...   # a folder of a folder for each speaker, and clips to compare
"""

import sys
import tempfile
from pathlib import Path

from fastbp import audio, datasets
from fastbp.tasks import AudioClassifier

SR = 16000


def made_up(folder):
    """Clips of ten speakers, of whom the last two are for comparing: two clips each."""
    made, others = datasets.make_music_speech(480, duration=2.0, sr=SR, seed=0, groups_per_class=12), []
    for i, (y, label, who) in enumerate(zip(made.waveforms, made.labels, made.groups)):
        if label == "speech":
            new = who >= "speaker-10"
            place = folder / ("new" if new else f"heard/{who}") / f"{who}_{i:03}.wav"
            place.parent.mkdir(parents=True, exist_ok=True)
            audio.save(place, y, SR)
            others += [place] if new else []
    return folder / "heard", *sorted(others)[:2], *sorted(others)[-2:]


with tempfile.TemporaryDirectory() as scratch:
    folder, *clips = sys.argv[1:] or made_up(Path(scratch))
    classifier = AudioClassifier(hidden=(128, 64)).fit(folder, verbose=0)
    units = classifier.embed(clips)

for clip, likeness in zip(clips, units @ units.T):
    print(Path(clip).name, *(f"{cosine:6.2f}" for cosine in likeness))
