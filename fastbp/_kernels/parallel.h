/* parallel_for(n_threads, n_tasks, fn, arg): calls fn(arg, task, worker) for every task, the caller among the
 * workers. One pool per process; while another thread holds it, tasks run on the caller alone, so two trainings
 * at once never oversubscribe. Workers spin for as long as waking them would take, then sleep. Safe across fork. */
#ifndef FASTBP_PARALLEL_H
#define FASTBP_PARALLEL_H
#include "system.h"
#include <stdatomic.h>
typedef void (*task_fn)(void *arg, ptrdiff_t task, int worker);
#define MAX_THREADS 64

#if defined(__x86_64__)
#define PAUSE() __builtin_ia32_pause()
#else
#define PAUSE() ((void)0)
#endif
#define SPINS 3000 /* some 70 us: about what waking a thread costs */

static struct {
    pthread_mutex_t busy, lock;
    pthread_cond_t wake;
    int n_workers;
    atomic_uint generation;
    atomic_int open, inflight, sleepers;
    atomic_ptrdiff_t next;
    ptrdiff_t n_tasks;
    int wanted;
    task_fn fn;
    void *arg;
} pool = {.busy = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static void pool_run(int worker) {
    for (ptrdiff_t i; (i = atomic_fetch_add(&pool.next, 1)) < pool.n_tasks;) pool.fn(pool.arg, i, worker);
}

static unsigned pool_wait(unsigned seen) {
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load(&pool.generation) != seen) return atomic_load(&pool.generation);
        PAUSE();
    }
    pthread_mutex_lock(&pool.lock);
    atomic_fetch_add(&pool.sleepers, 1);
    while (atomic_load(&pool.generation) == seen) pthread_cond_wait(&pool.wake, &pool.lock);
    atomic_fetch_sub(&pool.sleepers, 1);
    pthread_mutex_unlock(&pool.lock);
    return atomic_load(&pool.generation);
}

/* A worker that arrives late finds the region closed and is not waited for. */
static THREAD_RESULT pool_worker(void *id) {
    for (unsigned seen = 0;;) {
        seen = pool_wait(seen);
        atomic_fetch_add(&pool.inflight, 1);
        if (atomic_load(&pool.open) && (int)(ptrdiff_t)id < pool.wanted) pool_run((int)(ptrdiff_t)id);
        atomic_fetch_sub(&pool.inflight, 1);
    }
    return 0;
}

#ifdef _WIN32
static void pool_survives_fork(void) {} /* there is none */
#else
static void pool_after_fork(void) {
    pthread_mutex_init(&pool.busy, NULL);
    pthread_mutex_init(&pool.lock, NULL);
    pthread_cond_init(&pool.wake, NULL);
    pool.n_workers = 0;
    atomic_store(&pool.generation, 0);
    atomic_store(&pool.open, 0);
    atomic_store(&pool.inflight, 0);
    atomic_store(&pool.sleepers, 0);
}

static void pool_survives_fork(void) {
    static int registered = 0;
    if (!registered) registered = !pthread_atfork(NULL, NULL, pool_after_fork);
}
#endif

static void pool_grow(int n_threads) {
    pool_survives_fork();
    while (pool.n_workers < n_threads - 1 && pool.n_workers < MAX_THREADS - 1) {
        if (start_thread(pool_worker, (void *)(ptrdiff_t)(pool.n_workers + 1))) return;
        pool.n_workers++;
    }
}

static void parallel_for(int n_threads, ptrdiff_t n_tasks, task_fn fn, void *arg) {
    if (n_threads < 2 || n_tasks < 2 || pthread_mutex_trylock(&pool.busy)) {
        for (ptrdiff_t i = 0; i < n_tasks; i++) fn(arg, i, 0);
        return;
    }
    pool_grow(n_threads);
    pool.fn = fn;
    pool.arg = arg;
    pool.n_tasks = n_tasks;
    pool.wanted = n_threads;
    atomic_store(&pool.next, 0);
    atomic_store(&pool.open, 1);
    atomic_fetch_add(&pool.generation, 1);
    if (atomic_load(&pool.sleepers)) {
        pthread_mutex_lock(&pool.lock);
        pthread_cond_broadcast(&pool.wake);
        pthread_mutex_unlock(&pool.lock);
    }
    pool_run(0);
    atomic_store(&pool.open, 0);
    for (int i = 0; atomic_load(&pool.inflight); i++) {
        PAUSE();
        if (i > SPINS) sched_yield();
    }
    pthread_mutex_unlock(&pool.busy);
}
#endif
