# Samples of sound files: little-endian codes to float32 of full scale 1, channels to their mean.
import os

from libc.errno cimport errno
from libc.stdint cimport int16_t

cdef extern from "system.h" nogil:
    Py_ssize_t read_at(int fd, void *content, size_t n_bytes, int64_t place)

cdef enum:
    READ_BYTES = 24576  # of whole samples of any width; stays in the first cache, and on any thread's stack

PCM_CODINGS = {"PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": -4}


def pcm_samples(const unsigned char[::1] content, int coding):
    """float32 (n,): the samples in content, by the numbers of PCM_CODINGS; bytes short of a sample are left out."""
    if coding not in PCM_CODINGS.values():
        raise ValueError(f"coding {coding} is none of {PCM_CODINGS}")
    cdef Py_ssize_t n = content.shape[0] // abs(coding)
    y = np.empty(n, np.float32)
    cdef float[::1] out = y
    if n:
        with nogil:
            decode(&out[0], &content[0], n, coding)
    return y


def read_pcm(int fd, int64_t position, Py_ssize_t n, int coding):
    """float32 (up to n,): the samples in a file from a byte on, as many as are there; OSError where reading fails."""
    if coding not in PCM_CODINGS.values() or n < 0:
        raise ValueError(f"coding {coding} is none of {PCM_CODINGS}, or n={n} is negative")
    y = np.empty(n, np.float32)
    cdef float[::1] out = y
    cdef Py_ssize_t n_read = 0
    cdef int failure = 0
    if n:
        with nogil:
            n_read = read_samples(&out[0], fd, position, n, coding, &failure)
    if failure:
        raise OSError(failure, os.strerror(failure))
    return y if n_read == n else y[:n_read].copy()


def mix(const float[:, ::1] x):
    """float32 (n_samples,): the mean of the channels of x (n_samples, n_channels)."""
    if x.shape[1] < 1:
        raise ValueError("need at least one channel")
    y = np.empty(x.shape[0], np.float32)
    cdef float[::1] out = y
    if x.shape[0]:
        with nogil:
            channel_mean(&out[0], &x[0, 0], x.shape[0], x.shape[1])
    return y


cdef Py_ssize_t read_samples(
    float *y, int fd, int64_t position, Py_ssize_t n, int coding, int *failure
) noexcept nogil:
    # y (n,) from the file; returns how many it had
    cdef unsigned char content[READ_BYTES]
    cdef Py_ssize_t width = abs(coding), n_done = 0, n_bytes
    while n_done < n:
        n_bytes = read_at(fd, content, min(READ_BYTES, (n - n_done) * width), position + n_done * width)
        if n_bytes < 0:
            failure[0] = errno
        if n_bytes < width:
            break
        decode(y + n_done, content, n_bytes // width, coding)
        n_done += n_bytes // width
    return n_done


cdef void decode(float *y, const unsigned char *x, Py_ssize_t n, int coding) noexcept nogil:
    if coding == 1:
        decode_8(y, x, n)
    elif coding == 2:
        decode_16(y, x, n)
    elif coding == 3:
        decode_24(y, x, n)
    elif coding == 4:
        decode_32(y, x, n)
    else:
        memcpy(y, x, n * sizeof(float))


cdef void decode_8(float *y, const unsigned char *x, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = <float>(<int32_t>x[i] - 128) * <float>(1.0 / 128)


# memcpy, since samples may lie at odd addresses; it compiles to a plain load.
cdef void decode_16(float *y, const unsigned char *x, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef int16_t code
    for i in range(n):
        memcpy(&code, x + 2 * i, 2)
        y[i] = <float>code * <float>(1.0 / 32768)


cdef void decode_24(float *y, const unsigned char *x, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef uint32_t code
    for i in range(n - 1):  # four bytes at a time, which the last sample does not have
        memcpy(&code, x + 3 * i, 4)
        y[i] = <float><int32_t>(code << 8) * <float>(1.0 / 2147483648.0)
    code = 0
    memcpy(&code, x + 3 * (n - 1), 3)
    y[n - 1] = <float><int32_t>(code << 8) * <float>(1.0 / 2147483648.0)


cdef void decode_32(float *y, const unsigned char *x, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef int32_t code
    for i in range(n):
        memcpy(&code, x + 4 * i, 4)
        y[i] = <float>code * <float>(1.0 / 2147483648.0)


cdef void channel_mean(float *y, const float *x, Py_ssize_t n, Py_ssize_t n_channels) noexcept nogil:
    # y (n,) = mean of x (n, n_channels), added up from the first channel on
    cdef Py_ssize_t i, c
    cdef float total
    if n_channels == 2:  # known to the compiler, so that it vectorises
        for i in range(n):
            y[i] = (x[2 * i] + x[2 * i + 1]) * <float>0.5
        return
    for i in range(n):
        total = x[i * n_channels]
        for c in range(1, n_channels):
            total += x[i * n_channels + c]
        y[i] = total / <float>n_channels
