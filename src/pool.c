/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* POSIX threads and not GLib's: a Debian GLib's locks are invisible to ThreadSanitizer, which
 * watches this file. */
#include "pool.h"

#include <pthread.h>
#include <stdatomic.h>

#include <mleu/colorizer.h>

#include "allocate.h"

/* How long a thread looks for the next job before it sleeps, and the caller for the last parts of
 * one: about what sleeping and being woken take. The jobs of a frame mostly follow one another
 * within that time, frames do not. */
#define SPIN_US 50

/* What a thread is told when it begins. */
typedef struct {
    MleuPool *pool;
    guint worker;
} Start;

struct _MleuPool {
    guint n_threads; /* the caller's included */
    guint processors;
    pthread_t threads[MLEU_THREADS_MAX];
    Start starts[MLEU_THREADS_MAX];
    guint n_started;

    /* The job: written by the caller while no part is untaken or unfinished. */
    MleuTask task;
    gpointer data;
    guint count;
    atomic_uint untaken;    /* parts that nobody does yet */
    atomic_uint unfinished; /* parts that are not done */

    /* For sleeping alone. Who is about to sleep says so and looks once more, who has something to
     * tell looks for sleepers after that: one of the two sees the other. */
    pthread_mutex_t mutex;
    pthread_cond_t work, done;
    gboolean quit;
    atomic_uint asleep; /* threads that wait for a job */
    atomic_bool waits;  /* the caller sleeps until the job is done */
};

/* Threads of this process that work at jobs, whichever their pool. Of several elements, each with a
 * thread for each processor, no more run than there are processors: the others would only be in
 * their way. */
static atomic_uint at_work;

static _Thread_local guint current_worker;

guint mleu_pool_current_worker(void)
{
    return current_worker;
}

/* Threads up to which this pool's come to work. Who asks for more than there are processors gets
 * them. */
static guint most_at_work(const MleuPool *pool)
{
    return MAX(pool->processors, pool->n_threads);
}

static gboolean come_to_work(const MleuPool *pool)
{
    guint n = atomic_load(&at_work);
    while (n < most_at_work(pool)) {
        if (atomic_compare_exchange_weak(&at_work, &n, n + 1))
            return TRUE;
    }
    return FALSE;
}

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Looks for a while, if there is a processor to do so, whether @value is 0 (@zero) or is not. */
static gboolean look_out(const MleuPool *pool, atomic_uint *value, gboolean zero)
{
    const gint64 end = g_get_monotonic_time() + SPIN_US;
    for (;;) {
        if ((atomic_load(value) == 0) == zero)
            return TRUE;
        if (atomic_load(&at_work) > pool->processors || g_get_monotonic_time() >= end)
            return FALSE;
        relax();
    }
}

/* Takes and does parts until none is left. */
static void work(MleuPool *pool)
{
    guint untaken = atomic_load(&pool->untaken);
    while (untaken > 0) {
        if (!atomic_compare_exchange_weak(&pool->untaken, &untaken, untaken - 1))
            continue;
        pool->task(pool->data, pool->count - untaken, pool->count);
        if (atomic_fetch_sub(&pool->unfinished, 1) == 1 && atomic_load(&pool->waits)) {
            pthread_mutex_lock(&pool->mutex);
            pthread_cond_signal(&pool->done);
            pthread_mutex_unlock(&pool->mutex);
        }
        untaken = atomic_load(&pool->untaken);
    }
}

/* Returns: whether there is a job to take part in; %FALSE: the end. */
static gboolean sleep_until_job(MleuPool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->asleep, 1);
    while (!pool->quit && !(atomic_load(&pool->untaken) > 0 && come_to_work(pool)))
        pthread_cond_wait(&pool->work, &pool->mutex);
    atomic_fetch_sub(&pool->asleep, 1);
    const gboolean quit = pool->quit;
    pthread_mutex_unlock(&pool->mutex);
    return !quit;
}

static void *thread_main(void *data)
{
    const Start *start = data;
    MleuPool *pool = start->pool;
    current_worker = start->worker;

    while (sleep_until_job(pool)) {
        do
            work(pool);
        while (atomic_load(&at_work) <= most_at_work(pool) &&
               look_out(pool, &pool->untaken, FALSE));
        atomic_fetch_sub(&at_work, 1);
    }
    return NULL;
}

/* Wakes as many threads as can take part beside the caller. */
static void wake(MleuPool *pool)
{
    const guint running = atomic_load(&at_work), most = most_at_work(pool);
    guint n = atomic_load(&pool->asleep);
    if (n == 0 || running >= most)
        return;
    n = MIN(MIN(n, most - running), pool->count - 1);
    /* Who has counted itself among the sleepers sleeps when it has let go of the mutex; before that
     * it would not hear. */
    pthread_mutex_lock(&pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
    while (n-- > 0)
        pthread_cond_signal(&pool->work);
}

static void wait_until_done(MleuPool *pool)
{
    if (look_out(pool, &pool->unfinished, TRUE))
        return;
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->waits, TRUE);
    while (atomic_load(&pool->unfinished) > 0)
        pthread_cond_wait(&pool->done, &pool->mutex);
    atomic_store(&pool->waits, FALSE);
    pthread_mutex_unlock(&pool->mutex);
}

MleuPool *mleu_pool_new(guint n_threads, GError **error)
{
    MleuPool *pool = mleu_try_new0(MleuPool, 1);
    if (pool == NULL) {
        g_set_error_literal(error, MLEU_ERROR, MLEU_ERROR_NO_MEMORY, "no memory for threads");
        return NULL;
    }
    pool->processors = g_get_num_processors();
    if (n_threads == 0)
        n_threads = pool->processors;
    pool->n_threads = MIN(n_threads, MLEU_THREADS_MAX);
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->done, NULL);
    for (guint i = 1; i < pool->n_threads; i++) {
        pool->starts[i] = (Start){pool, i};
        const int code = pthread_create(&pool->threads[pool->n_started], NULL, thread_main,
                                        &pool->starts[i]);
        if (code != 0) {
            g_set_error(error, MLEU_ERROR, MLEU_ERROR_NO_MEMORY,
                        "thread %u of %u cannot be started (%s); set fewer threads", i + 1,
                        pool->n_threads, g_strerror(code));
            mleu_pool_free(pool);
            return NULL;
        }
        pool->n_started++;
    }
    return pool;
}

void mleu_pool_free(MleuPool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->mutex);
    pool->quit = TRUE;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->mutex);
    for (guint i = 0; i < pool->n_started; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_mutex_destroy(&pool->mutex);
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->done);
    g_free(pool);
}

guint mleu_pool_get_threads(const MleuPool *pool)
{
    return pool->n_threads;
}

void mleu_pool_run(MleuPool *pool, MleuTask task, gpointer data, guint count)
{
    atomic_fetch_add(&at_work, 1);
    if (pool->n_started == 0 || count < 2) {
        for (guint i = 0; i < count; i++)
            task(data, i, count);
    } else {
        pool->task = task;
        pool->data = data;
        pool->count = count;
        atomic_store(&pool->unfinished, count);
        atomic_store(&pool->untaken, count);
        wake(pool);
        work(pool);
        wait_until_done(pool);
    }
    atomic_fetch_sub(&at_work, 1);
}
