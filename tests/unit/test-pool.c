/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pool.h"

#define PARTS 1000

typedef struct {
    gint done[PARTS];
    guint most_worker;
    guint threads;
} Job;

static void mark(gpointer data, guint index, guint count)
{
    Job *job = data;
    g_assert_cmpuint(index, <, count);
    g_assert_cmpuint(mleu_pool_current_worker(), <, job->threads);
    g_atomic_int_inc(&job->done[index]);
}

static void test_each_part_once(void)
{
    const guint threads[] = {1, 2, 3, 7};
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++) {
        GError *error = NULL;
        MleuPool *pool = mleu_pool_new(threads[i], &error);
        g_assert_no_error(error);
        g_assert_cmpuint(mleu_pool_get_threads(pool), ==, threads[i]);
        for (guint round = 0; round < 50; round++) {
            Job job = {.threads = threads[i]};
            const guint count = round * 7 % PARTS;
            mleu_pool_run(pool, mark, &job, count);
            for (guint k = 0; k < PARTS; k++)
                g_assert_cmpint(job.done[k], ==, k < count ? 1 : 0);
        }
        mleu_pool_free(pool);
    }
}

static void test_start_and_stop(void)
{
    for (guint i = 0; i < 100; i++) {
        MleuPool *pool = mleu_pool_new(4, NULL);
        Job job = {.threads = 4};
        g_assert_nonnull(pool);
        mleu_pool_run(pool, mark, &job, i % 3);
        mleu_pool_free(pool);
    }
}

static void test_default_threads(void)
{
    MleuPool *pool = mleu_pool_new(0, NULL);
    g_assert_cmpuint(mleu_pool_get_threads(pool), >=, 1);
    mleu_pool_free(pool);
    mleu_pool_free(NULL);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pool/each-part-once", test_each_part_once);
    g_test_add_func("/pool/start-and-stop", test_start_and_stop);
    g_test_add_func("/pool/default-threads", test_default_threads);
    return g_test_run();
}
