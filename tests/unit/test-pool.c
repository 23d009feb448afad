/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/resource.h>

#include "pool.h"

#define PARTS 1000
#define POOLS 3

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

/* Returns: whether it was so within ten seconds. */
static gboolean wait_for(const gint *value, gint wanted)
{
    const gint64 end = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;
    while (g_atomic_int_get(value) < wanted) {
        if (g_get_monotonic_time() > end)
            return FALSE;
        g_thread_yield();
    }
    return TRUE;
}

typedef struct {
    gint arrived;
    gboolean met;
} Meeting;

static void meet(gpointer data, guint index, guint count)
{
    Meeting *meeting = data;
    g_atomic_int_inc(&meeting->arrived);
    const gboolean met = wait_for(&meeting->arrived, (gint)count);
    if (index == 0)
        meeting->met = met;
}

/* As many parts at once as the pool has threads, be there processors for them or not. */
static void test_as_many_as_asked_for(void)
{
    const guint threads[] = {2, g_get_num_processors() + 2};
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++) {
        MleuPool *pool = mleu_pool_new(threads[i], NULL);
        for (guint round = 0; round < 20; round++) {
            Meeting meeting = {0};
            mleu_pool_run(pool, meet, &meeting, threads[i]);
            g_assert_true(meeting.met);
        }
        mleu_pool_free(pool);
    }
}

static gpointer stream_main(gpointer data)
{
    test_each_part_once();
    return data;
}

static void test_pools_at_once(void)
{
    GThread *streams[POOLS];
    for (guint i = 0; i < POOLS; i++)
        streams[i] = g_thread_new("stream", stream_main, NULL);
    for (guint i = 0; i < POOLS; i++)
        g_thread_join(streams[i]);
}

typedef struct {
    gint *started, *end;
} Busy;

static void be_busy(gpointer data, guint index G_GNUC_UNUSED, guint count G_GNUC_UNUSED)
{
    const Busy *busy = data;
    g_atomic_int_inc(busy->started);
    wait_for(busy->end, 1);
}

static gpointer busy_main(gpointer data)
{
    MleuPool *pool = mleu_pool_new(1, NULL);
    mleu_pool_run(pool, be_busy, data, 1);
    mleu_pool_free(pool);
    return NULL;
}

static void note_worker(gpointer data, guint index G_GNUC_UNUSED, guint count G_GNUC_UNUSED)
{
    if (mleu_pool_current_worker() != 0)
        g_atomic_int_set((gint *)data, 1);
    g_usleep(100);
}

/* Where other pools keep every processor busy, the caller does all the parts. */
static void test_no_more_than_processors(void)
{
    const guint processors = g_get_num_processors();
    gint started = 0, end = 0, helped = 0;
    Busy busy = {&started, &end};
    GThread **others = g_new(GThread *, processors);
    for (guint i = 0; i < processors; i++)
        others[i] = g_thread_new("busy", busy_main, &busy);
    g_assert_true(wait_for(&started, (gint)processors));
    MleuPool *pool = mleu_pool_new(0, NULL);
    for (guint round = 0; round < 20; round++)
        mleu_pool_run(pool, note_worker, &helped, 10);
    mleu_pool_free(pool);
    g_atomic_int_set(&end, 1);
    for (guint i = 0; i < processors; i++)
        g_thread_join(others[i]);
    g_free(others);
    g_assert_cmpint(helped, ==, 0);
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

/* A pool without a job takes no processor time, however short ago the last one was. */
static void test_sleeps(void)
{
    MleuPool *pool = mleu_pool_new(2, NULL);
    Meeting meeting = {0};
    mleu_pool_run(pool, meet, &meeting, 2);
    g_assert_true(meeting.met);
    const double begin = cpu_seconds();
    g_usleep(300000);
    g_assert_cmpfloat(cpu_seconds() - begin, <, 0.1);
    mleu_pool_free(pool);
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
    g_test_add_func("/pool/as-many-as-asked-for", test_as_many_as_asked_for);
    g_test_add_func("/pool/pools-at-once", test_pools_at_once);
    g_test_add_func("/pool/no-more-than-processors", test_no_more_than_processors);
    g_test_add_func("/pool/sleeps", test_sleeps);
    g_test_add_func("/pool/start-and-stop", test_start_and_stop);
    g_test_add_func("/pool/default-threads", test_default_threads);
    return g_test_run();
}
