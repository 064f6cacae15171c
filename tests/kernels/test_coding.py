"""Entropy coding, in every build: what goes in comes out, also of the plain decoder, and all make the same bytes."""

import numpy as np
import pytest

from fastbp._kernels import load, reference_coding, supported_builds

EDGES, N_LEVELS, N_SYMBOLS = np.array([0, 3, 8, 17, 40], np.int32), 11, 18
BAD = "layers|weights|frequencies|edges|position|shape"  # what the kernels find fault with
POSITION = np.minimum(np.arange(40), 255).astype(np.int32)


@pytest.fixture(params=supported_builds())
def audio(request):
    return load("audio", request.param)


def tables(seed, n_symbols, spread=600):
    """Kernels, biases and frequencies that use many classes."""
    rng = np.random.default_rng(seed)
    kernels = [rng.integers(-spread, spread + 1, shape) for shape in ((32, 32), (16, 32), (1, 16))]
    biases = [rng.integers(-40 * spread, 40 * spread + 1, n) for n in (32, 16, 1)]
    shares = 1 + (rng.dirichlet(np.ones(n_symbols), 64) * (2**15 - n_symbols)).astype(int)
    shares[:, 0] += 2**15 - shares.sum(axis=1)
    return kernels, biases, shares


def coder(audio, prices=(0.1, 0.1), spread=600):
    levels, bins = tables(1, N_LEVELS, spread), tables(2, N_SYMBOLS, spread)
    models = audio.ContextModel(*levels), audio.ContextModel(*bins)
    return audio.PacketCoder(*models, EDGES, POSITION, 0.6, 0.05, *prices)


def spectra(seed, n_channels=2, n_frames=4, scale=3.0):
    rng = np.random.default_rng(seed)
    x = rng.laplace(size=(n_channels, n_frames, 40)) * scale * np.exp(-np.arange(40) / 15)
    return rng.uniform(0, N_LEVELS - 1, (n_channels, n_frames, 4)).astype(np.float32), x.astype(np.float32)


def plain(content, n_channels, n_frames):
    models = (reference_coding.ContextModel(*tables(seed, n)) for seed, n in ((1, N_LEVELS), (2, N_SYMBOLS)))
    return reference_coding.decode(content, *models, EDGES, POSITION, n_channels, n_frames)


@pytest.mark.parametrize("scale", [0.0, 0.1, 1.0, 30.0, 1e4, 1e9])
@pytest.mark.parametrize("shape", [(1, 1), (2, 4), (3, 2)])
def test_what_goes_in_comes_out(audio, shape, scale):
    packets = coder(audio)
    content, levels, q = packets.encode(*spectra(3, *shape, scale))
    others = [plain(content, *shape)] if scale in (1.0, 1e9) else []  # which takes its time
    for found in (packets.decode(np.frombuffer(content, np.uint8), *shape), *others):
        np.testing.assert_array_equal(found[0], levels)
        np.testing.assert_array_equal(found[1], q)


def test_many_packets_of_all_kinds(audio):
    packets, rng = coder(audio), np.random.default_rng(0)
    for seed in range(300):
        content, levels, q = packets.encode(*spectra(seed, 1, 3, 10 ** rng.uniform(-1, 3)))
        found = packets.decode(np.frombuffer(content, np.uint8), 1, 3)
        np.testing.assert_array_equal(found[0], levels)
        np.testing.assert_array_equal(found[1], q)


def test_every_build_makes_the_same_bytes():
    made = {coder(load("audio", build)).encode(*spectra(5))[0] for build in supported_builds()}
    assert len(made) == 1


def test_any_bytes_decode_as_the_plain_decoder_has_it(audio):
    packets, rng = coder(audio), np.random.default_rng(1)
    for n in (0, 1, 3, 40, 200):
        content = rng.integers(0, 256, n, dtype=np.uint8)
        found, expected = packets.decode(content, 1, 2), plain(content.tobytes(), 1, 2)
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])


def test_classes_of_contexts(audio):
    given = tables(7, 5)
    contexts = np.random.default_rng(2).integers(0, 4096, (200, 32)).astype(np.int16)
    expected = [reference_coding.ContextModel(*given).context_class(x) for x in contexts]
    np.testing.assert_array_equal(audio.ContextModel(*given).classes(contexts), expected)
    assert len(set(expected)) > 3


def test_the_largest_weights_do_not_overflow(audio):
    shapes = ((32, 32), (16, 32), (1, 16))
    for sign in (1, -1):
        given = [np.full(s, 4095) for s in shapes[:2]], [np.full(n, 1 << 28) for n in (32, 16, 1)], tables(1, 3)[2]
        given[0].append(np.full((1, 16), sign * 4095))
        given[1][2] *= sign
        contexts = np.full((1, 32), 4095, np.int16)
        expected = reference_coding.ContextModel(*given).context_class(contexts[0])
        assert audio.ContextModel(*given).classes(contexts).tolist() == [expected] == [63 if sign > 0 else 0]


def test_contexts_are_those_of_the_decoder(audio):
    packets = coder(audio)
    _, levels, q = packets.encode(*spectra(9, 1, 4))
    of_levels, of_bins = packets.contexts(levels[0], q[0])
    seen = reference_coding.Neighbours(EDGES, POSITION)
    for t in range(4):
        for b in range(4):
            np.testing.assert_array_equal(of_levels[t, b], seen.of_level(b))
            seen.levels[0, b] = levels[0, t, b]
        for k in range(40):
            np.testing.assert_array_equal(of_bins[t, k], seen.of_bin(k))
            seen.rows[0, 16 + k] = reference_coding.LOGS[min(abs(int(q[0, t, k])), 31)]
        seen.next_frame()


def test_prices_save_bits_and_cost_accuracy(audio):
    wanted, x = spectra(4, 1, 8)
    cheap, _, coarse = coder(audio, (0.5, 2.0)).encode(wanted, x)
    dear, levels, fine = coder(audio, (0.0, 0.0)).encode(wanted, x)
    assert len(cheap) < len(dear)
    assert np.square(x - coarse).sum() > np.square(x - fine).sum()
    np.testing.assert_array_equal(levels, np.floor(wanted + 0.5))


def test_what_the_kernels_refuse(audio):
    kernels, biases, shares = tables(1, 4)
    for bad in (
        (kernels[:2], biases, shares),
        (kernels, [biases[0] + (1 << 30), *biases[1:]], shares),
        ([kernels[0] + 5000, *kernels[1:]], biases, shares),
        (kernels, biases, shares[:5]),
        (kernels, biases, shares + 1),
        (kernels, biases, np.where(np.arange(4) == 1, shares - shares[:, 1:2], shares)),
    ):
        with pytest.raises(ValueError, match=BAD):
            audio.ContextModel(*bad)
    models = audio.ContextModel(*tables(1, N_LEVELS)), audio.ContextModel(*tables(2, N_SYMBOLS))
    for edges, position in (
        ([0], POSITION),
        ([0, 5, 5, 40], POSITION),
        (EDGES, POSITION[:-1]),
        (EDGES, POSITION + 250),
    ):
        with pytest.raises(ValueError, match=BAD):
            audio.PacketCoder(*models, edges, position, 0.6, 0.05, 0.1, 0.1)
    packets, (wanted, x) = coder(audio), spectra(1)
    for bad_wanted, bad_x in ((wanted[:1], x), (wanted, x[:, :, :-1].copy()), (wanted[:, :0], x[:, :0])):
        with pytest.raises(ValueError, match=BAD):
            packets.encode(bad_wanted, bad_x)
    with pytest.raises(ValueError, match=BAD):
        packets.decode(np.zeros(3, np.uint8), 0, 4)
