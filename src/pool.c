/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pool.h"

#include <mleu/colorizer.h>

struct _MleuPool {
    guint n_threads; /* the caller's included */
    GThread *threads[MLEU_THREADS_MAX];
    guint n_started;

    GMutex mutex;
    GCond work, done;
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
        g_mutex_unlock(&pool->mutex);
        task(data, index, count);
        g_mutex_lock(&pool->mutex);
    }
}

typedef struct {
    MleuPool *pool;
    guint worker;
} Start;

static gpointer thread_main(gpointer data)
{
    Start *start = data;
    MleuPool *pool = start->pool;
    guint64 seen = 0;
    current_worker = start->worker;
    g_free(start);

    g_mutex_lock(&pool->mutex);
    for (;;) {
        while (!pool->quit && pool->job == seen)
            g_cond_wait(&pool->work, &pool->mutex);
        if (pool->quit)
            break;
        seen = pool->job;
        pool->busy++;
        work(pool);
        if (--pool->busy == 0)
            g_cond_signal(&pool->done);
    }
    g_mutex_unlock(&pool->mutex);
    return NULL;
}

MleuPool *mleu_pool_new(guint n_threads, GError **error)
{
    MleuPool *pool = g_new0(MleuPool, 1);
    if (n_threads == 0)
        n_threads = g_get_num_processors();
    pool->n_threads = MIN(n_threads, MLEU_THREADS_MAX);
    g_mutex_init(&pool->mutex);
    g_cond_init(&pool->work);
    g_cond_init(&pool->done);
    for (guint i = 1; i < pool->n_threads; i++) {
        Start *start = g_new(Start, 1);
        GError *thread_error = NULL;
        start->pool = pool;
        start->worker = i;
        pool->threads[pool->n_started] = g_thread_try_new("mleu", thread_main, start, &thread_error);
        if (pool->threads[pool->n_started] == NULL) {
            g_set_error(error, MLEU_ERROR, MLEU_ERROR_NO_MEMORY,
                        "thread %u of %u cannot be started (%s); set fewer threads", i + 1, pool->n_threads,
                        thread_error->message);
            g_error_free(thread_error);
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
    g_mutex_lock(&pool->mutex);
    pool->quit = TRUE;
    g_cond_broadcast(&pool->work);
    g_mutex_unlock(&pool->mutex);
    for (guint i = 0; i < pool->n_started; i++)
        g_thread_join(pool->threads[i]);
    g_mutex_clear(&pool->mutex);
    g_cond_clear(&pool->work);
    g_cond_clear(&pool->done);
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
    g_mutex_lock(&pool->mutex);
    pool->task = task;
    pool->data = data;
    pool->count = count;
    pool->next = 0;
    pool->job++;
    g_cond_broadcast(&pool->work);
    work(pool);
    while (pool->busy > 0)
        g_cond_wait(&pool->done, &pool->mutex);
    g_mutex_unlock(&pool->mutex);
}
