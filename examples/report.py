"""Where is it wrong? Train on labelled clips, then write a page to look at and listen to: open report.html.

python examples/report.py             # synthetic clips, tested on other speakers and tracks
python examples/report.py FOLDER      # a folder of class folders; a fifth is kept for the test
"""

import sys
import tempfile
from pathlib import Path

from fastbp import corpus, datasets
from fastbp.tasks import AudioClassifier

SR = 8000


def made_up(folder):
    """A folder of clips of music and speech, in the groups that manifest.csv names."""
    return datasets.make_music_speech(120, duration=1.5, sr=SR, seed=0, groups_per_class=10).write(folder)


with tempfile.TemporaryDirectory() as scratch:
    folder = sys.argv[1] if len(sys.argv) > 1 else made_up(Path(scratch))
    listing = corpus.split(corpus.read(folder), valid=0.15, test=0.2, seed=0)
    model = AudioClassifier(sr=SR, epochs=40).fit(listing, verbose=0)
    page = model.report("report.html", listing, title="Music or speech?", worst=6)

print(f"{page}: {page.stat().st_size / 1000:.0f} kB")
