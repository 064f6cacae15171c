"""Make golden_modspec.json with librosa's mel bands and SciPy's spectrogram, of a tone whose loudness moves at 4 Hz."""

import json
from pathlib import Path

import librosa
import numpy as np
from scipy.signal import spectrogram

SR, N_FFT, HOP, WINDOW, BANDS = 16000, 512, 160, 64, 32


def tone():
    """One second of 1 kHz under a 4 Hz envelope, float64 (16000,)."""
    t = np.arange(SR) / SR
    return 0.5 * (1.1 + np.cos(2 * np.pi * 4 * t)) * np.cos(2 * np.pi * 1000 * t)


def levels():
    """Mel bands in dB (n_frames, 32), from frames of 512 samples without padding."""
    power = librosa.feature.melspectrogram(
        y=tone(), sr=SR, n_fft=N_FFT, hop_length=HOP, n_mels=BANDS, center=False, power=2.0
    )
    return 10 * np.log10(np.maximum(power, 1e-10)).T


def main():
    """Write the file beside this one: the rows whose window lies inside the clip."""
    # SciPy's magnitudes are divided by the sum of the window, which is WINDOW / 2
    magnitudes = spectrogram(
        levels().T, window="hann", nperseg=WINDOW, noverlap=WINDOW - 1, detrend="constant", scaling="spectrum",
        mode="magnitude",
    )[2]  # fmt: skip
    rows = magnitudes[:, 1:].mean(axis=0).T
    golden = {"first": WINDOW // 2, "rows": np.round(rows[::8], 6).tolist(), "every": 8}
    Path(__file__).with_name("golden_modspec.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
