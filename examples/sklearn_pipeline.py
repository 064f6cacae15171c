"""Search for good features and a good network of sounds, with scikit-learn's own tools.

python examples/sklearn_pipeline.py              # synthetic clips
python examples/sklearn_pipeline.py FOLDER       # a folder of class folders
"""

import sys
import tempfile

from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastbp import corpus, datasets
from fastbp.sklearn import AudioFeatures, DenseClassifier

with tempfile.TemporaryDirectory() as scratch:
    folder = sys.argv[1] if sys.argv[1:] else datasets.make_music_speech(120, seed=0).write(scratch)
    clips = corpus.read(folder)
    train, test, y_train, y_test = train_test_split(
        clips.files, clips.labels, stratify=clips.labels, test_size=0.3, random_state=0
    )
    model = make_pipeline(
        AudioFeatures(cache=True),
        StandardScaler(),
        DenseClassifier((32,), learning_rate_init=0.01, dropout=0.2, class_weight="balanced", random_state=0),
    )
    grid = {"audiofeatures__features": ["mfcc", "logmel"], "denseclassifier__alpha": [1e-4, 1e-1]}
    search = GridSearchCV(model, grid, cv=3).fit(train, y_train)
    accuracy = search.score(test, y_test)

for name, value in search.best_params_.items():
    print(f"{name}: {value}")
print(f"accuracy on {len(test)} test clips: {accuracy:.3f}")
