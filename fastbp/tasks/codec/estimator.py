"""Codec: sounds in few bits, by a transform whose coefficients are coded as dense nets expect them."""

import io
import warnings
from collections import deque
from collections.abc import Iterator
from os import PathLike
from typing import Any, BinaryIO, Self, cast

import numpy as np
from numpy.typing import NDArray

from fastbp import audio
from fastbp._atomic import regular_mode, replacing
from fastbp.audio.checks import as_path, check_int, check_number, check_rate
from fastbp.audio.errors import raise_os_error
from fastbp.errors import ArgumentError, AudioError, FastbpError, NotBuiltError
from fastbp.extraction import of_file
from fastbp.features.stages import streaming_rate
from fastbp.tasks.codec import container, model_file
from fastbp.tasks.codec.packets import Layout, PacketCodec
from fastbp.tasks.codec.sounds import BLOCK, opened, training_sounds, waveforms
from fastbp.tasks.codec.streams import Decoder, Encoder, check_channels
from fastbp.tasks.estimator import Estimator

Float32 = NDArray[np.float32]
PRESETS = {"speech": Layout(16000, 320, 12), "general": Layout(16000, 512, 8)}
LEAST, MOST = 1.0, 96.0  # kbit/s
ROWS = 500_000  # at most, of each pass of training


class Codec(Estimator):
    """Speech and music in 3 to 24 kbit/s: a lapped transform, uniform steps, and range coding by dense nets.

    Two small networks say how large the next coefficient, and the next level of what is too faint to be coded, may be,
    from what is decoded already. They are trained on spectra that are quantised anew in every epoch, with steps of all
    sizes, so that one file serves all bitrates; then they are rounded to whole numbers, so that what one processor
    encodes any other decodes. Each packet (a quarter of a second) is decodable on its own.

    Parameters
    ----------
    preset
        "speech": 20 ms from frame to frame; "general": 32 ms, for music and all else.
    epochs
        Passes over the sounds.
    noise
        How loud what is too faint is filled in with noise, as part of its level: less has a better signal-to-noise
        ratio, more a truer spectrum.
    max_rows
        Coefficients that each epoch trains on at most, drawn at random from all of the sounds.
    seed
        The same seed gives the same bits.

    Attributes
    ----------
    sr_ : int
        Rate the model works at, Hz; other sounds are resampled to it and back.
    n_params_ : int
        Whole numbers in the two networks and their tables.

    Examples
    --------
    >>> codec = Codec().fit("recordings/")
    >>> data = codec.encode("call.wav", bitrate=6)      # bytes
    >>> y, sr = codec.decode(data)
    """

    def __init__(
        self, preset: str = "speech", *, epochs: int = 8, noise: float = 0.4, max_rows: int = ROWS, seed: int = 0
    ) -> None:
        self.preset = preset
        self.epochs = epochs
        self.noise = noise
        self.max_rows = max_rows
        self.seed = seed

    def fit(self, source: Any, *, verbose: int = 1) -> Self:
        """Learn from sounds without labels.

        Parameters
        ----------
        source
            A folder (sound files at any depth), a CSV file or listing with splits ("train" is used) or without, or a
            list of paths, waveforms at the model's rate (n_samples,), and pairs (y, sr).
        verbose
            1 prints a line an epoch.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            A parameter or the source cannot be used, or all the sounds are shorter than a packet.
        AudioError
            A file cannot be used; the message names it.
        """
        from fastbp.tasks.codec import training

        self._check()
        layout = PRESETS[self.preset]
        given = training_sounds(source)
        n_samples = sum(len(y) for y in waveforms(given, layout.sr))
        examples = training.Examples(layout, lambda: waveforms(given, layout.sr), n_samples, self.max_rows, self.seed)
        learners = training.train(examples, self.epochs, self.seed, verbose)
        self.layout_, self.n_sounds_, self.seconds_ = layout, len(given), n_samples / layout.sr
        chosen: Any = None  # counted are first the symbols of plain rounding, then those that the codec would choose
        for _ in range(2):
            levels, bins = (learner.tables(rows) for learner, rows in zip(learners, examples.rows(chosen)))
            chosen = PacketCodec(layout, levels, bins, self.noise)
        self.tables_, self.packets_ = {"levels": levels, "bins": bins}, chosen
        self.curve_ = training.bits_by_magnitude(examples, chosen)
        return self

    @property
    def sr_(self) -> int:
        """Rate the model works at, Hz."""
        return self._fitted().layout.sr

    @property
    def n_params_(self) -> int:
        """Whole numbers in the two networks and their tables."""
        self._fitted()
        return sum(t.size for name, t in model_file.tensors_of(self).items() if not name.startswith("rate/"))

    # -- whole sounds ----------------------------------------------------------------------------------------------

    def encode(self, sound: Any, bitrate: float = 12.0, lookahead: float = 1.0) -> bytes:
        """A sound in few bits.

        Parameters
        ----------
        sound
            A path, a waveform at the model's rate, or a pair (y, sr); waveforms are (n_samples,) or
            (n_channels, n_samples).
        bitrate
            kbit/s of each channel, checksums included, on the mean over about five seconds; 1 to 96, meant for 3 to 24.
        lookahead
            Seconds; see `encoder`.

        Returns
        -------
        bytes
            What `decode` takes; rate, number of channels and length are in it.

        Raises
        ------
        NotBuiltError
            Nothing was fitted.
        AudioError
            The file cannot be used; the message names it.
        ArgumentError, ArgumentTypeError
            A parameter or waveform cannot be used.
        """
        out = io.BytesIO()
        self._encode(sound, out, bitrate, lookahead)
        return out.getvalue()

    def encode_file(
        self, source: Any, target: str | PathLike[str], bitrate: float = 12.0, lookahead: float = 1.0
    ) -> None:
        """`encode` into a file, written whole or not at all; sounds of hours take the memory of seconds.

        Raises
        ------
        AudioError
            As `encode`; or the target cannot be written.
        """
        path = as_path(target, "target")
        try:
            with replacing(str(path)) as file:
                self._encode(source, file, bitrate, lookahead)
        except FastbpError:
            raise
        except OSError as error:
            raise_os_error(error, f"write {str(path)!r}")

    def _encode(self, sound: Any, out: BinaryIO, bitrate: float, lookahead: float) -> None:
        sr, n_channels, chunks = opened(sound, self.sr_)
        encoder = self.encoder(sr, n_channels, bitrate, lookahead)
        out.write(container.Header(model_file.identity(self), sr, n_channels).pack())
        try:
            for chunk in chunks:
                for packet in encoder.push(chunk):
                    out.write(container.packed(packet))
        except ArgumentError as error:
            raise (of_file(sound, error) if isinstance(sound, (str, PathLike)) else error) from None
        for packet in encoder.flush():
            out.write(container.packed(packet))
        out.write(container.packed_end(encoder.n_samples))

    def decode(self, data: bytes | str | PathLike[str]) -> tuple[Float32, float]:
        """The sound that was encoded.

        Parameters
        ----------
        data
            The bytes, or the path of a file with them.

        Returns
        -------
        y : float32 (n_samples,), or (n_channels, n_samples) of more than one
        sr : float
            Hz.

        Raises
        ------
        AudioError
            They are not of `encode`, of another model, or damaged from the start on. A packet damaged later is a gap,
            with a warning.
        """
        self._fitted()
        file, name = _bytes(data)
        with file:
            header = self._header(file, name)
            parts = list(self._decoded(file, header, name))
        y = np.concatenate([np.empty((header.n_channels, 0), np.float32), *parts], axis=1)
        return (y[0] if len(y) == 1 else y), _plain(header.sr)

    def decode_file(self, source: str | PathLike[str], target: str | PathLike[str], subtype: str | None = None) -> None:
        """`decode` into a sound file (its suffix gives the format), written whole or not at all.

        Parameters
        ----------
        subtype
            As for `fastbp.audio.save`.

        Raises
        ------
        AudioError
            As `decode`; or the target cannot be written.
        """
        file, name = _bytes(as_path(source, "source"))
        with file:
            header = self._header(file, name)
            parts = (np.clip(part, -1, 1) for part in self._decoded(file, header, name))
            audio.save(target, parts, cast(int, _plain(header.sr)), subtype)  # which refuses fractions of a Hz

    def _header(self, file: BinaryIO, name: str) -> container.Header:
        header = container.read_header(file, name)
        if header.model != (own := model_file.identity(self)):
            raise AudioError(
                f"{name} was encoded by another model ({header.model:08x}, this one is {own:08x}); load that one."
            )
        return header

    def _decoded(self, file: BinaryIO, header: container.Header, name: str) -> Iterator[Float32]:
        """Samples (n_channels, n), two packets behind, since only the end says how many there are."""
        decoder, made, end, n_lost = self.decoder(header.sr, header.n_channels), 0, None, 0
        waiting: deque[Float32] = deque()
        for packet in container.read_packets(file):
            if isinstance(packet, container.End):
                end = packet.n_samples
                break
            n_lost += packet is None
            waiting.append(decoder.push(packet))
            made += waiting[-1].shape[1]
            if len(waiting) > 2:
                yield waiting.popleft()
        _tell(name, n_lost, end is not None)
        rest = np.concatenate([*waiting, decoder.flush()], axis=1)
        made += rest.shape[1] - sum(part.shape[1] for part in waiting)
        surplus = 0 if end is None else made - end
        if rest.shape[1] > surplus:
            yield np.pad(rest[:, : rest.shape[1] - max(surplus, 0)], ((0, 0), (0, min(max(-surplus, 0), BLOCK))))

    # -- streams ---------------------------------------------------------------------------------------------------

    def encoder(
        self, sr: float | None = None, n_channels: int = 1, bitrate: float = 12.0, lookahead: float = 1.0
    ) -> Encoder:
        """`encode` while the sound goes on: push(chunk) and flush() give lists of packets, those of `encode`.

        Parameters
        ----------
        sr
            Rate of the chunks in Hz, if it is not the model's.
        n_channels
            Two are coded as their middle and side.
        bitrate
            kbit/s of each channel.
        lookahead
            Seconds of sound to wait for, so that bits are kept for what comes; 0 for talk in both directions.

        Raises
        ------
        NotBuiltError, ArgumentError, ArgumentTypeError
            Nothing was fitted, or a parameter cannot be used.
        """
        packets = self._fitted()
        check_channels(n_channels)
        check_number(bitrate, "bitrate", "kbit/s")
        if not LEAST <= bitrate <= MOST:
            raise ArgumentError(f"bitrate={bitrate!r}; expected {LEAST:g} to {MOST:g} kbit/s.")
        check_number(lookahead, "lookahead", "seconds")
        if not 0 <= lookahead <= 60:
            raise ArgumentError(f"lookahead={lookahead!r}; expected 0 to 60 seconds.")
        check_rate(streaming_rate(sr, packets.layout.sr))
        return Encoder(packets, self.curve_, sr, n_channels, bitrate, lookahead)

    def decoder(self, sr: float | None = None, n_channels: int = 1) -> Decoder:
        """`decode` while packets come in: push(packet), or push(None) for one that was lost, gives samples.

        Parameters
        ----------
        sr
            Rate wanted, Hz, if it is not the model's.
        n_channels
            As the encoder had.
        """
        packets = self._fitted()
        check_channels(n_channels)
        check_rate(streaming_rate(sr, packets.layout.sr))
        return Decoder(packets, sr, n_channels)

    # -- files -----------------------------------------------------------------------------------------------------

    def save(self, path: str | PathLike[str]) -> None:
        """Write all of it to one .fbp file, atomically.

        Raises
        ------
        NotBuiltError, OSError
            Nothing was fitted; it cannot be written.
        """
        self._fitted()
        model_file.save(self, path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """The codec saved in a .fbp file.

        Raises
        ------
        ModelFileError, OSError
            The file is damaged or no codec's; it cannot be read.
        """
        model = cls()
        model_file.load_into(model, path)
        return model

    def _fitted(self) -> PacketCodec:
        if not hasattr(self, "curve_"):
            raise NotBuiltError("This Codec has learned nothing yet: call fit(...), or Codec.load(path).")
        return self.packets_

    def _check(self) -> None:
        if self.preset not in PRESETS:
            raise ArgumentError(f"preset={self.preset!r}; expected one of {', '.join(PRESETS)}.")
        for name, least in (("epochs", 1), ("max_rows", 1000), ("seed", 0)):
            check_int(getattr(self, name), name, least)
        check_number(self.noise, "noise", "a number from 0 to 1")
        if not 0 <= self.noise <= 1:
            raise ArgumentError(f"noise={self.noise!r}; expected a number from 0 to 1.")


def _bytes(data: Any) -> tuple[BinaryIO, str]:
    """Encoded bytes to read, and what to call them."""
    if isinstance(data, bytes | bytearray | memoryview):
        return io.BytesIO(data), "This"
    path = as_path(data, "data", "bytes or a path")
    try:
        regular_mode(str(path))
        return open(path, "rb"), repr(str(path))
    except (OSError, ValueError) as error:
        raise_os_error(error, f"read encoded sound {str(path)!r}")


def _plain(sr: float) -> int | float:
    return int(sr) if sr == int(sr) else sr


def _tell(name: str, n_lost: int, whole: bool) -> None:
    """Warn of what could not be decoded."""
    if n_lost:
        warnings.warn(f"{name}: {n_lost} damaged packets are gaps in the sound.", stacklevel=4)
    if not whole:
        warnings.warn(f"{name} is cut off or damaged at its end: what comes before is decoded.", stacklevel=4)
