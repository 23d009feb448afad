/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The network alone, at 256 x 256, for every model given, precision and tier of kernels: CPU time
 * of one run with one thread, or wall-clock time with more, and the share of what registers alone
 * reach. Rows of a model are measured in turn, so that all see the same machine.
 *
 *   bench-network [--only TIER/PRECISION] [--threads N] MODEL...
 *
 * --only, such as avx2/int8, is for profilers.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "nn/plan.h"

enum { SIDE = 256, ROUNDS = 11, PRECISIONS = 3, ROWS = PRECISIONS * MLEU_N_TIERS };

static const struct {
    MleuPrecision precision;
    const char *name;
    double (*peak)(MleuTier tier);
} precisions[PRECISIONS] = {{MLEU_PRECISION_FLOAT32, "float32", bench_peak_float32},
                            {MLEU_PRECISION_BF16, "bf16", bench_peak_bf16},
                            {MLEU_PRECISION_INT8, "int8", bench_peak_int8}};

typedef struct {
    MleuTier tier;
    guint precision; /* of the list */
    MleuPlan *plan;
    double seconds[ROUNDS];
} Row;

static char *only, **models;
static gint threads = 1;

static const GOptionEntry entries[] = {
    {"only", 0, 0, G_OPTION_ARG_STRING, &only, "One row, such as avx2/int8", "TIER/PRECISION"},
    {"threads", 0, 0, G_OPTION_ARG_INT, &threads, "Threads; 1", "N"},
    {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &models, NULL, "MODEL..."},
    G_OPTION_ENTRY_NULL,
};

static gboolean is_wanted(const Row *row)
{
    char *name =
        g_strdup_printf("%s/%s", mleu_tier_name(row->tier), precisions[row->precision].name);
    const gboolean wanted = only == NULL || g_str_equal(only, name);
    g_free(name);
    return wanted;
}

static double run_once(MleuPlan *plan, float *ab)
{
    double (*const now)(void) = threads == 1 ? bench_cpu_seconds : bench_seconds;
    const double begin = now();
    if (!mleu_plan_run(plan, 0.38, NULL, ab, NULL))
        g_error("the network does not run");
    return now() - begin;
}

static void measure(MleuModel *model, MleuPool *pool, const double (*peaks)[PRECISIONS])
{
    Row rows[ROWS] = {0};
    guint n = 0, width, height;
    for (guint tier = 0; tier < MLEU_N_TIERS; tier++) {
        if (!mleu_cpu_has((MleuTier)tier))
            continue;
        for (guint precision = 0; precision < PRECISIONS; precision++) {
            Row *row = &rows[n];
            row->tier = (MleuTier)tier;
            row->precision = precision;
            if (!is_wanted(row) || (precisions[precision].precision == MLEU_PRECISION_INT8 &&
                                    !mleu_model_is_quantized(model)))
                continue;
            mleu_cpu_set_limit(mleu_tier_name(row->tier), NULL);
            row->plan =
                mleu_plan_new(model, SIDE, SIDE, precisions[precision].precision, pool, NULL);
            if (row->plan == NULL)
                g_error("no memory");
            bench_draw(mleu_plan_get_input(row->plan), SIDE);
            n++;
        }
    }
    if (n == 0)
        return;
    mleu_plan_get_grid(rows[0].plan, &width, &height);
    float *ab = g_new(float, (gsize)2 * width * height);
    for (guint round = 0; round < ROUNDS; round++) {
        for (guint i = 0; i < n; i++) {
            /* Portable kernels take long, and need no fine figures. */
            if (rows[i].tier == MLEU_TIER_C && round >= 3)
                continue;
            if (round == 0)
                run_once(rows[i].plan, ab);
            rows[i].seconds[round] = run_once(rows[i].plan, ab);
        }
    }
    const double macs = (double)mleu_model_get_macs(model, SIDE, SIDE);
    printf("%s: %.2f GMAC\n", mleu_model_get_name(model), macs * 1e-9);
    for (guint i = 0; i < n; i++) {
        const Row *row = &rows[i];
        const double seconds = bench_median(rows[i].seconds, row->tier == MLEU_TIER_C ? 3 : ROUNDS);
        const double peak = peaks[row->tier][row->precision];
        printf("  %-10s %-8s %8.1f ms %7.1f GMAC/s", mleu_tier_name(row->tier),
               precisions[row->precision].name, seconds * 1e3, macs / seconds * 1e-9);
        if (peak > 0)
            printf("  %3.0f %% of %.0f", 100 * macs / seconds / peak, peak * 1e-9);
        printf("\n");
        mleu_plan_free(row->plan);
    }
    g_free(ab);
}

int main(int argc, char **argv)
{
    GError *error = NULL;
    GOptionContext *context = g_option_context_new("- times the network alone");
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || models == NULL || threads < 1) {
        fprintf(stderr, "%s\n", error != NULL ? error->message : "no model is given, or no thread");
        return 1;
    }
    g_option_context_free(context);
    double peaks[MLEU_N_TIERS][PRECISIONS];
    MleuPool *pool = mleu_pool_new((guint)threads, NULL);
    for (guint tier = 0; tier < MLEU_N_TIERS; tier++) {
        const gboolean have = mleu_cpu_has((MleuTier)tier);
        for (guint i = 0; i < PRECISIONS; i++)
            peaks[tier][i] = have ? threads * precisions[i].peak((MleuTier)tier) : 0;
    }
    for (guint i = 0; models[i] != NULL; i++) {
        const double begin = bench_cpu_seconds();
        MleuModel *model = mleu_model_load(models[i], &error);
        if (model == NULL) {
            fprintf(stderr, "%s\n", error->message);
            g_error_free(error);
            return 1;
        }
        printf("loaded in %.0f ms; ", (bench_cpu_seconds() - begin) * 1e3);
        measure(model, pool, peaks);
        mleu_model_unref(model);
    }
    mleu_pool_free(pool);
    return 0;
}
