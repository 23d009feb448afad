/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* POSIX threads and not GLib's: a Debian GLib's locks are invisible to ThreadSanitizer, which
 * watches this file. */
#include "pool.h"

#include <pthread.h>

#include <mleu/colorizer.h>

struct _MleuPool {
    guint n_threads; /* the caller's included */
    pthread_t threads[MLEU_THREADS_MAX];
    guint n_started;

    pthread_mutex_t mutex;
    pthread_cond_t work, done;
    guint64 job; /* number of the current job; a worker that has seen it waits for the next */
    gboolean quit;
    MleuTask task;
    gpointer data;
    guint count;
    guint next; /* first index that nobody has taken */
    guint busy; /* workers within the current job */
};

static _Thread_local guint current_worker;

guint mleu_pool_current_worker(void)
{
    return current_worker;
}

/* Takes and does parts until none is left. Called, and returns, with the mutex held. */
static void work(MleuPool *pool)
{
    while (pool->next < pool->count) {
        const guint index = pool->next++;
        const MleuTask task = pool->task;
        const gpointer data = pool->data;
        const guint count = pool->count;
        pthread_mutex_unlock(&pool->mutex);
        task(data, index, count);
        pthread_mutex_lock(&pool->mutex);
    }
}

typedef struct {
    MleuPool *pool;
    guint worker;
} Start;

static void *thread_main(void *data)
{
    Start *start = data;
    MleuPool *pool = start->pool;
    guint64 seen = 0;
    current_worker = start->worker;
    g_free(start);

    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        while (!pool->quit && pool->job == seen)
            pthread_cond_wait(&pool->work, &pool->mutex);
        if (pool->quit)
            break;
        seen = pool->job;
        pool->busy++;
        work(pool);
        if (--pool->busy == 0)
            pthread_cond_signal(&pool->done);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

MleuPool *mleu_pool_new(guint n_threads, GError **error)
{
    MleuPool *pool = g_new0(MleuPool, 1);
    if (n_threads == 0)
        n_threads = g_get_num_processors();
    pool->n_threads = MIN(n_threads, MLEU_THREADS_MAX);
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->done, NULL);
    for (guint i = 1; i < pool->n_threads; i++) {
        Start *start = g_new(Start, 1);
        start->pool = pool;
        start->worker = i;
        const int code = pthread_create(&pool->threads[pool->n_started], NULL, thread_main, start);
        if (code != 0) {
            g_set_error(error, MLEU_ERROR, MLEU_ERROR_NO_MEMORY,
                        "thread %u of %u cannot be started (%s); set fewer threads", i + 1,
                        pool->n_threads, g_strerror(code));
            g_free(start);
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
    if (pool->n_started == 0 || count < 2) {
        for (guint i = 0; i < count; i++)
            task(data, i, count);
        return;
    }
    pthread_mutex_lock(&pool->mutex);
    pool->task = task;
    pool->data = data;
    pool->count = count;
    pool->next = 0;
    pool->job++;
    pthread_cond_broadcast(&pool->work);
    work(pool);
    while (pool->busy > 0)
        pthread_cond_wait(&pool->done, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
}
