"""`fastbp quantize`: a sound file with fewer bits a sample, and what is lost by it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastbp.cli.options import Arguments, add_command, whole
from fastbp.errors import ArgumentError

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray

LAWS = {"mulaw": "ULAW", "alaw": "ALAW"}  # and what soundfile calls them
MOST_BITS = 24  # that samples read from a file hold


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "quantize",
        run,
        "FILE -o OUT [options]",
        "give a sound file fewer bits a sample",
        "Write a sound file with so many bits a sample, or in the 8 bits of telephony (ITU-T G.711), and print the "
        "signal-to-noise ratio. Rate, channels and length stay; the suffix of OUT gives the format.",
        [
            "fastbp quantize music.flac -o music8.wav --bits 8 --dither tpdf --shaping lipshitz",
            "fastbp quantize call.wav -o call-mulaw.wav --law mulaw",
        ],
    )
    parser.add_argument("file", metavar="FILE", help="sound file")
    parser.add_argument("-o", "--output", metavar="OUT", type=Path, required=True, help="sound file to write")
    kinds = parser.add_mutually_exclusive_group(required=True)
    kinds.add_argument("--bits", metavar="N", type=whole(1), help=f"bits a sample, 1 to {MOST_BITS}")
    kinds.add_argument("--law", choices=LAWS, help="G.711 mu-law or A-law")
    parser.add_argument("--dither", choices=("rpdf", "tpdf"), help="noise before rounding: uniform or triangular")
    parser.add_argument("--shaping", choices=("first", "second", "lipshitz"), help="move the noise up in frequency")
    parser.add_argument("--seed", metavar="N", type=whole(0), default=0, help="of the dither (default: 0)")


def run(arguments: Arguments) -> None:
    """Quantise block by block, and say how much noise that makes."""
    import numpy as np

    from fastbp import audio

    subtype, requantized = _subtype(arguments), _quantizer(arguments)
    energies = np.zeros(2)  # of the signal, of the noise

    def parts() -> "Iterator[Array]":
        for y in audio.blocks(arguments.file, mono=False):
            z = requantized(y)
            energies[:] += [np.sum(np.square(part, dtype=np.float64)) for part in (y, y - z)]
            yield z

    audio.save(arguments.output, parts(), audio.info(arguments.file).sr, subtype)
    signal, noise = energies
    ratio = f"{10 * np.log10(signal / noise):.2f} dB" if signal and noise else "nothing lost" if not noise else "-inf"
    what = f"{arguments.bits} bits" if arguments.law is None else arguments.law
    print(f"{arguments.output}: {what} in {subtype}, signal-to-noise ratio {ratio}")


def _quantizer(arguments: Arguments) -> "Callable[[Array], Array]":
    """The function from samples to quantised samples."""
    from fastbp import audio

    if arguments.law is not None:
        if arguments.dither or arguments.shaping:
            raise ArgumentError("--dither and --shaping go with --bits: the steps of G.711 are not uniform.")
        return lambda y: audio.g711_decode(audio.g711_encode(y, arguments.law), arguments.law)
    codes = audio.Quantizer(arguments.bits, arguments.dither, arguments.shaping, arguments.seed)
    return lambda y: audio.dequantize(codes(y), arguments.bits)


def _subtype(arguments: Arguments) -> str:
    """The coding that holds the result exactly in the least space; ArgumentError where the format has none."""
    from fastbp.audio.writing import PCM_BITS, subtypes

    format, known = subtypes(arguments.output)
    if arguments.law is not None:
        fitting = [LAWS[arguments.law]]
    elif arguments.bits > MOST_BITS:
        raise ArgumentError(f"--bits {arguments.bits}: samples are read with {MOST_BITS} bits; give no more.")
    else:
        fitting = sorted((name for name in PCM_BITS if PCM_BITS[name] >= arguments.bits), key=PCM_BITS.__getitem__)
    found = next((name for name in fitting if name in known), None)
    if found is None:
        raise ArgumentError(f"{format} files hold no {' or '.join(fitting)}; let OUT end in .wav.")
    return found
