"""openSMILE and Essentia, in which a feature is made of components that frames go through.

Both take the frames of `bench.sounds.FRAMES` that lie inside the clip, with symmetric Hann windows. openSMILE's bands
are triangles in mel, like Kaldi's; Essentia's are set to be those of librosa.
"""

import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from bench.sounds import FRAMES, HOP, N_FFT, SR, WIN, Waveform

Features = Callable[[Waveform], np.ndarray]
INSIDE: dict[str, Any] = {**FRAMES, "framing": "snip", "window": "hann_symmetric"}
# openSMILE's definitions in fastbp's words; Essentia's are `INSIDE`
AS_OPENSMILE: dict[str, Any] = {**INSIDE, "mel_scale": "kaldi", "mel_norm": "none", "log": "ln"}
_folders: list[tempfile.TemporaryDirectory] = []  # removed when the process ends

BANDS = rf"""[componentInstances:cComponentManager]
instance[dataMemory].type=cDataMemory
\{{\cm[source{{?}}:include external source]}}
[componentInstances:cComponentManager]
instance[frames].type=cFramer
instance[windows].type=cWindower
instance[fft].type=cTransformFFT
instance[magnitudes].type=cFFTmagphase
instance[mel].type=cMelspec
[frames:cFramer]
reader.dmLevel=wave
writer.dmLevel=frames
frameSize={WIN / SR}
frameStep={HOP / SR}
frameCenterSpecial=left
[windows:cWindower]
reader.dmLevel=frames
writer.dmLevel=windows
winFunc=han
[fft:cTransformFFT]
reader.dmLevel=windows
writer.dmLevel=fft
[magnitudes:cFFTmagphase]
reader.dmLevel=fft
writer.dmLevel=magnitudes
[mel:cMelspec]
reader.dmLevel=magnitudes
writer.dmLevel=mel
htkcompatible=0
nBands=%d
usePower=1
lofreq=0
hifreq={SR // 2}
specScale=mel
"""
LOG = """[componentInstances:cComponentManager]
instance[log].type=cVectorOperation
[log:cVectorOperation]
reader.dmLevel=mel
writer.dmLevel=out
operation=log
processArrayFields=0
"""
CEPSTRA = """[componentInstances:cComponentManager]
instance[mfcc].type=cMfcc
instance[delta].type=cDeltaRegression
instance[second].type=cDeltaRegression
instance[all].type=cVectorConcat
[mfcc:cMfcc]
reader.dmLevel=mel
writer.dmLevel=mfcc
firstMfcc=0
lastMfcc=%d
cepLifter=0
htkcompatible=0
[delta:cDeltaRegression]
reader.dmLevel=mfcc
writer.dmLevel=delta
deltawin=2
blocksize=1
[second:cDeltaRegression]
reader.dmLevel=delta
writer.dmLevel=second
deltawin=2
blocksize=1
[all:cVectorConcat]
reader.dmLevel=mfcc;delta;second
writer.dmLevel=out
"""
SINK = r"\{\cm[sink{?}:include external sink]}" + "\n"


def opensmile(n_bands: int, n_mfcc: int = 0) -> Features:
    """openSMILE's log-mel (n_frames, n_bands), or its MFCC with both deltas."""
    import opensmile

    graph = BANDS % n_bands + (CEPSTRA % (n_mfcc - 1) if n_mfcc else LOG) + SINK
    _folders.append(tempfile.TemporaryDirectory(prefix="fastbp-bench-"))
    path = Path(_folders[-1].name, "graph.conf")  # is read at every call
    path.write_text(graph)
    smile = opensmile.Smile(feature_set=str(path), feature_level="out", num_workers=1, loglevel=0)
    return lambda y: smile.process_signal(y, SR).to_numpy()


def in_16_bits(y: Waveform) -> Waveform:
    """The samples as 16-bit files have them, which openSMILE would make of them by itself, but without clipping."""
    return (np.clip(np.round(y * 32767), -32766, 32766) / 32767).astype(np.float32)


def essentia(n_bands: int, n_mfcc: int = 0) -> Features:
    """Essentia's log-mel (n_frames, n_bands), or its MFCC; it has no deltas.

    Algorithms are called frame by frame, which takes less than half the time that its streams of samples do.
    """
    import essentia
    from essentia import standard

    essentia.log.infoActive = False
    bands = {
        "inputSize": N_FFT // 2 + 1, "numberBands": n_bands, "sampleRate": SR, "lowFrequencyBound": 0,
        "highFrequencyBound": SR / 2, "type": "power", "weighting": "linear", "normalize": "unit_tri",
        "warpingFormula": "slaneyMel",
    }  # fmt: skip
    window = standard.Windowing(type="hann", zeroPadding=N_FFT - WIN, normalized=False)
    spectrum, mel = standard.Spectrum(size=N_FFT), standard.MelBands(**bands)
    cepstra = standard.MFCC(**bands, numberCoefficients=n_mfcc, logType="dbpow") if n_mfcc else None

    def frames(y: Waveform) -> Iterator[np.ndarray]:
        n_frames = (len(y) - WIN) // HOP + 1  # inside the clip; there is another that ends outside
        return islice(standard.FrameGenerator(y, frameSize=WIN, hopSize=HOP, startFromZero=True), n_frames)

    def log_mel(y: Waveform) -> np.ndarray:
        found = np.stack([mel(spectrum(window(frame))) for frame in frames(y)])
        return 10 * np.log10(np.maximum(found, 1e-10))

    def mfcc(y: Waveform) -> np.ndarray:
        return np.stack([cepstra(spectrum(window(frame)))[1] for frame in frames(y)])

    return mfcc if n_mfcc else log_mel
