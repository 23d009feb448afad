/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * MleuPool:
 *
 * The threads of one colorizer, started by mleu_pool_new() and joined by mleu_pool_free(). The
 * calling thread works too: a pool of one thread starts none. Between jobs that follow one another
 * at once the threads stay awake, otherwise they sleep. While other pools of the process keep all
 * processors busy the caller works alone, so that several streams do not hinder one another.
 *
 * Thread-safety: one caller at a time.
 */
typedef struct _MleuPool MleuPool;

/** MleuTask: does part @index of @count of a job. */
typedef void (*MleuTask)(gpointer data, guint index, guint count);

/** mleu_pool_new: @n_threads: 0: one for each processor. Returns: %NULL with @error set where no
 * thread can be started. */
MleuPool *mleu_pool_new(guint n_threads, GError **error);
void mleu_pool_free(MleuPool *pool);
guint mleu_pool_get_threads(const MleuPool *pool);

/**
 * mleu_pool_run: calls @task once for each index 0..count-1, on any thread and in any order, and
 * returns when all are done. What a part computes must depend on its index and count alone, so that
 * results do not depend on the number of threads: choose @count from the size of the work, not from
 * the pool.
 */
void mleu_pool_run(MleuPool *pool, MleuTask task, gpointer data, guint count);

/** mleu_pool_current_worker: within a task: the thread's number, 0 (the caller's) .. threads - 1;
 * for scratch memory. */
guint mleu_pool_current_worker(void);

G_END_DECLS
