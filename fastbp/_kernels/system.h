/* What the kernels ask of the operating system: POSIX, and as much of it as they use by Windows' own means. */
#ifndef FASTBP_SYSTEM_H
#define FASTBP_SYSTEM_H
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#ifdef _WIN32
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <io.h>
#include <malloc.h>
#include <windows.h>
#undef near
#undef far

static double seconds(void) {
    LARGE_INTEGER now, rate;
    QueryPerformanceCounter(&now);
    QueryPerformanceFrequency(&rate);
    return (double)now.QuadPart / (double)rate.QuadPart;
}

static void *aligned_memory(size_t alignment, size_t n_bytes) { return _aligned_malloc(n_bytes, alignment); }
static void free_aligned(void *p) { _aligned_free(p); }

/* Bytes read from a place in a file, whose own place stays; -1 and errno where that fails. */
static ptrdiff_t read_at(int fd, void *content, size_t n_bytes, int64_t place) {
    int64_t before = _telli64(fd);
    if (before < 0 || _lseeki64(fd, place, SEEK_SET) < 0) return -1;
    int n_read = _read(fd, content, (unsigned)n_bytes), failure = errno;
    _lseeki64(fd, before, SEEK_SET);
    errno = failure;
    return n_read;
}

typedef SRWLOCK pthread_mutex_t;
typedef CONDITION_VARIABLE pthread_cond_t;
#define PTHREAD_MUTEX_INITIALIZER SRWLOCK_INIT
#define PTHREAD_COND_INITIALIZER CONDITION_VARIABLE_INIT
static int pthread_mutex_trylock(pthread_mutex_t *m) { return !TryAcquireSRWLockExclusive(m); }
static void pthread_mutex_lock(pthread_mutex_t *m) { AcquireSRWLockExclusive(m); }
static void pthread_mutex_unlock(pthread_mutex_t *m) { ReleaseSRWLockExclusive(m); }
static void pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m) { SleepConditionVariableSRW(c, m, INFINITE, 0); }
static void pthread_cond_broadcast(pthread_cond_t *c) { WakeAllConditionVariable(c); }
static void sched_yield(void) { SwitchToThread(); }

/* Starts a thread that nobody waits for; 0 where that works. */
static int start_thread(LPTHREAD_START_ROUTINE run, void *arg) {
    HANDLE thread = CreateThread(NULL, 0, run, arg, 0, NULL);
    return thread == NULL || !CloseHandle(thread);
}
#define THREAD_RESULT DWORD WINAPI
#else
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *aligned_memory(size_t alignment, size_t n_bytes) {
    return aligned_alloc(alignment, (n_bytes + alignment - 1) / alignment * alignment);
}
static void free_aligned(void *p) { free(p); }

static ptrdiff_t read_at(int fd, void *content, size_t n_bytes, int64_t place) {
    ptrdiff_t n_read;
    do n_read = pread(fd, content, n_bytes, place);
    while (n_read < 0 && errno == EINTR);
    return n_read;
}

static int start_thread(void *(*run)(void *), void *arg) {
    pthread_t thread;
    return pthread_create(&thread, NULL, run, arg) || pthread_detach(thread);
}
#define THREAD_RESULT void *
#endif
#endif
