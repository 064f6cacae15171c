"""A classifier of sounds as one file of C, with weights of 8 bits: train it, write it, compile it, ask it.

python examples/export_to_c.py            # synthetic clips
python examples/export_to_c.py FOLDER     # a folder of class folders
"""

import ctypes
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from fastbp import audio, datasets, export
from fastbp.tasks import AudioClassifier

with tempfile.TemporaryDirectory() as scratch:
    folder = sys.argv[1] if sys.argv[1:] else datasets.make_music_speech(160, seed=0).write(Path(scratch))
    classifier = AudioClassifier().fit(folder, verbose=0)
    print(export.to_c(classifier, "kind.c", calibrate=folder))
    print(f"{export.flash('kind.c'):,} bytes of code and constants")
    subprocess.run(["cc", "-std=c99", "-O2", "-shared", "-fPIC", "kind.c", "-o", "kind.so", "-lm"], check=True)
    sizes = {name: int(n) for name, n in re.findall(r"#define KIND_(\w+) (\d+)", Path("kind.c").read_text())}
    files = audio.find(folder)[::20]
    sounds = [np.resize(audio.load(file, sr=classifier.sr)[0], sizes["N_SAMPLES"]) for file in files]

kind = ctypes.CDLL("./kind.so")
floats = np.ctypeslib.ndpointer(np.float32)
kind.kind_predict.argtypes = [floats, ctypes.c_float, floats, floats]
work, found = (np.empty(sizes[name], np.float32) for name in ("N_WORK", "N_OUT"))
for file, sound in zip(files, sounds):
    kind.kind_predict(sound, 0.0, work, found)
    difference = np.abs(found - classifier.predict_proba([sound])[0]).max()
    print(f"{file.name}: {classifier.classes_[found.argmax()]} {found.max():.3f}, {difference:.3f} from float32")
