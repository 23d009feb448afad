/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernels between code values and floats, on every tier that this machine has: to the bit
 * against the definition, one rounded operation at a time, at every size of a vector's tail. What
 * lies after each output shows writes beyond it; inputs end where they are read to. Those that look
 * around in the small grid: against double precision, and the same bits as in C.
 */
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"

#define GUARD 12345.0f
enum { MOST = 70 };

static MleuTier tier;

static guint32 next_number(void)
{
    static guint32 state = 1;
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

static guint8 *random_bytes(gsize n)
{
    guint8 *bytes = g_malloc(n);
    for (gsize i = 0; i < n; i++)
        bytes[i] = (guint8)next_number();
    return bytes;
}

/* -1 .. 1 */
static float next_random(void)
{
    return (float)next_number() / (float)(1 << 23) - 1;
}

static float *random_floats(gsize n, float from, float to)
{
    float *values = g_new(float, n);
    for (gsize i = 0; i < n; i++)
        values[i] = from + (to - from) * (float)next_number() / (float)(1 << 24);
    return values;
}

static void test_blend(void)
{
    for (guint n = 1; n < MOST; n++) {
        const guint count = 1 + n % 9;
        const guint8 *rows[9];
        float *weights = random_floats(count, 0, 1), out[MOST + 1];
        for (guint k = 0; k < count; k++)
            rows[k] = random_bytes(n);
        out[n] = GUARD;
        mleu_kernels_get(tier)->u8_blend(out, n, rows, weights, count);
        for (guint x = 0; x < n; x++) {
            volatile float sum = weights[0] * rows[0][x];
            for (guint k = 1; k < count; k++) {
                const volatile float product = weights[k] * rows[k][x];
                sum = sum + product;
            }
            g_assert_cmpfloat(out[x], ==, sum);
        }
        g_assert_cmpfloat(out[n], ==, GUARD);
        for (guint k = 0; k < count; k++)
            g_free((guint8 *)rows[k]);
        g_free(weights);
    }
}

static void test_filter(void)
{
    enum { LANES = MLEU_FILTER_LANES };
    for (guint n = 1; n < MOST; n++) {
        const guint taps = LANES * (1 + n % 3), width = 3 * n;
        guint first[MOST];
        float *in = random_floats(width + taps, -1, 1), *weight = random_floats(n * taps, 0, 1);
        float out[MOST + 1];
        for (guint i = 0; i < n; i++)
            first[i] = 3 * i;
        first[n - 1] = width;
        out[n] = GUARD;
        const MleuFilter filter = {first, weight, taps};
        mleu_kernels_get(tier)->f32_filter(out, n, in, &filter);
        for (guint i = 0; i < n; i++) {
            volatile float sum[LANES] = {0};
            for (guint k = 0; k < taps; k++) {
                const volatile float product = in[first[i] + k] * weight[i * taps + k];
                sum[k % LANES] = sum[k % LANES] + product;
            }
            for (guint step = 1; step < LANES; step *= 2) {
                for (guint k = 0; k < LANES; k += 2 * step)
                    sum[k] = sum[k] + sum[k + step];
            }
            g_assert_cmpfloat(out[i], ==, sum[0]);
        }
        g_assert_cmpfloat(out[n], ==, GUARD);
        g_free(in);
        g_free(weight);
    }
}

static void test_interpolate(void)
{
    enum { ENTRIES = 33 };
    float *table = random_floats(ENTRIES, -100, 100);
    for (guint n = 1; n < MOST; n++) {
        float *x = random_floats(n, 0, ENTRIES - 1), out[MOST + 1];
        x[0] = ENTRIES - 2;
        x[n - 1] = n % 2 == 0 ? 0 : 7;
        out[n] = GUARD;
        mleu_kernels_get(tier)->f32_interpolate(out, x, n, table);
        for (guint i = 0; i < n; i++) {
            const guint k = (guint)x[i];
            const volatile float rise = table[k + 1] - table[k], part = x[i] - (float)k;
            const volatile float product = rise * part;
            const volatile float sum = table[k] + product;
            g_assert_cmpfloat(out[i], ==, sum);
        }
        g_assert_cmpfloat(out[n], ==, GUARD);
        /* In place. */
        mleu_kernels_get(tier)->f32_interpolate(x, x, n, table);
        g_assert_cmpmem(x, n * sizeof(float), out, n * sizeof(float));
        g_free(x);
    }
    g_free(table);
}

/* Grids from one cell to more than there are samples. */
static void test_widen(void)
{
    for (guint n = 1; n < MOST; n++) {
        for (guint width = 1; width < 90; width += 1 + width / 9) {
            const guint count = 1 + (n + width) % MLEU_WIDE_PLANES;
            guint cell[MOST], next[MOST];
            float share[MOST], out[MLEU_WIDE_PLANES][MLEU_WIDE], *rows[MLEU_WIDE_PLANES];
            for (guint x = 0; x < n; x++) {
                const float at = (float)(width - 1) * (float)x / (float)MAX(n - 1, 1);
                cell[x] = (guint)at;
                next[x] = MIN(cell[x] + 1, width - 1);
                share[x] = at - (float)cell[x];
            }
            for (guint k = 0; k < MLEU_WIDE_PLANES; k++) {
                rows[k] = random_floats(width, -100, 100);
                for (guint x = 0; x < MLEU_WIDE; x++)
                    out[k][x] = GUARD;
            }
            const MleuWiden job = {cell, next, share, width, (const float *const *)rows, count};
            mleu_kernels_get(tier)->f32_widen(out[0], n, &job);
            for (guint k = 0; k < MLEU_WIDE_PLANES; k++) {
                for (guint x = 0; k < count && x < n; x++) {
                    const volatile float rise = rows[k][next[x]] - rows[k][cell[x]];
                    const volatile float part = share[x] * rise;
                    const volatile float sum = rows[k][cell[x]] + part;
                    g_assert_cmpfloat(out[k][x], ==, sum);
                }
                for (guint x = k < count ? n : 0; x < MLEU_WIDE; x++)
                    g_assert_cmpfloat(out[k][x], ==, GUARD);
                g_free(rows[k]);
            }
        }
    }
}

static void test_luma(void)
{
    for (guint n = 1; n < MOST; n++) {
        guint8 *upper = random_bytes(2 * n), *lower = random_bytes(2 * n);
        float out[MOST + 1];
        out[n] = GUARD;
        mleu_kernels_get(tier)->u8_luma(out, n, upper, lower, 16, 1 / 219.0f);
        for (guint i = 0; i < n; i++) {
            const float sum =
                (float)(upper[2 * i] + upper[2 * i + 1] + lower[2 * i] + lower[2 * i + 1]);
            const volatile float value = (sum / 4 - 16) * (1 / 219.0f);
            g_assert_cmpfloat(out[i], ==, CLAMP(value, 0, 1));
        }
        g_assert_cmpfloat(out[n], ==, GUARD);
        g_free(upper);
        g_free(lower);
    }
}

static void test_chroma(void)
{
    for (guint n = 1; n < MOST; n++) {
        float *values = random_floats(n, -0.5f, 0.5f);
        guint8 out[MOST + 1];
        values[0] = 0.5f;
        values[n - 1] = n % 2 == 0 ? -0.5f : 0;
        out[n] = 77;
        mleu_kernels_get(tier)->u8_chroma(out, n, values, 128.5f, 255);
        for (guint i = 0; i < n; i++) {
            const volatile float product = 255 * values[i];
            const volatile float sum = 128.5f + product;
            g_assert_cmpuint(out[i], ==, sum < 255 ? (guint)sum : 255);
        }
        g_assert_cmpuint(out[n], ==, 77);
        g_free(values);
    }
}

/* Both kernels of the small grid against their definitions in double, at every width; and the same
 * bits on every tier. */
static void test_around(void)
{
    enum { WIDEST = 140, SIDE = 2 * MLEU_AROUND + 1, STRIDE = WIDEST + 2 * MLEU_AROUND };
    static const double share[SIDE] = {1, 4, 6, 4, 1};
    const MleuKernels *kernels = mleu_kernels_get(tier), *plain = mleu_kernels_get(MLEU_TIER_C);
    float memory[3][SIDE][STRIDE], out[3][WIDEST + 1], same[3][WIDEST + 1];
    for (guint round = 0; round < 200; round++) {
        const gsize n = 1 + (round * 7) % WIDEST;
        MleuAround job;
        for (guint v = 0; v < SIDE; v++) {
            for (guint x = 0; x < STRIDE; x++) {
                memory[0][v][x] = round % 3 == 0 ? 0.5f : 0.5f + 0.5f * next_random();
                memory[1][v][x] = 100 * next_random();
                memory[2][v][x] = 100 * next_random();
            }
            job.luma[v] = memory[0][v] + MLEU_AROUND;
            job.value[0][v] = memory[1][v] + MLEU_AROUND;
            job.value[1][v] = memory[2][v] + MLEU_AROUND;
        }
        memset(out, 0, sizeof out);
        memset(same, 0, sizeof same);
        kernels->f32_alike(out[0], out[1], n, &job);
        plain->f32_alike(same[0], same[1], n, &job);
        for (gsize i = 0; i < n; i++) {
            double sum[2] = {0, 0}, total = 0;
            for (guint k = 0; k < SIDE * SIDE; k++) {
                const guint u = k % SIDE, v = k / SIDE;
                const double apart =
                    fabs((double)memory[0][v][i + u] - (double)job.luma[MLEU_AROUND][i]);
                const double weight = share[u] * share[v] * MAX(0, 1 - apart / 0.1);
                total += weight;
                for (guint c = 0; c < 2; c++)
                    sum[c] += weight * (double)memory[1 + c][v][i + u];
            }
            for (guint c = 0; c < 2; c++)
                g_assert_cmpfloat_with_epsilon(out[c][i], sum[c] / total, 1e-3);
        }
        g_assert_cmpmem(out, 2 * sizeof out[0], same, 2 * sizeof same[0]);
        for (guint c = 0; c < 2; c++) {
            kernels->f32_fit(out[0], out[1], out[2], n, &job, c);
            plain->f32_fit(same[0], same[1], same[2], n, &job, c);
            for (gsize i = 0; i < n; i++) {
                double mean[2] = {0, 0}, variance = 0, covariance = 0;
                double low = (double)job.value[c][MLEU_AROUND][i], high = low;
                for (guint k = 0; k < 9; k++) {
                    const double value = (double)memory[1 + c][1 + k / 3][1 + i + k % 3];
                    mean[0] += (double)memory[0][1 + k / 3][1 + i + k % 3] / 9;
                    mean[1] += value / 9;
                    low = MIN(low, value);
                    high = MAX(high, value);
                }
                for (guint k = 0; k < 9; k++) {
                    const double off = (double)memory[0][1 + k / 3][1 + i + k % 3] - mean[0];
                    variance += off * off / 9;
                    covariance +=
                        off * ((double)memory[1 + c][1 + k / 3][1 + i + k % 3] - mean[1]) / 9;
                }
                g_assert_cmpfloat_with_epsilon(out[0][i], covariance / (variance + 0.0016), 0.05);
                g_assert_cmpfloat(out[1][i], ==, (float)low);
                g_assert_cmpfloat(out[2][i], ==, (float)high);
            }
            g_assert_cmpmem(out, sizeof out, same, sizeof same);
        }
    }
}

static void run(gconstpointer data)
{
    static void (*const tests[])(void) = {test_blend, test_filter, test_interpolate, test_widen,
                                          test_luma,  test_chroma, test_around};
    tier = (MleuTier)GPOINTER_TO_UINT(data);
    for (guint i = 0; i < G_N_ELEMENTS(tests); i++)
        tests[i]();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < MLEU_N_TIERS; i++) {
        if (!mleu_cpu_has((MleuTier)i))
            continue;
        char *path = g_strdup_printf("/pixels/%s", mleu_tier_name((MleuTier)i));
        g_test_add_data_func(path, GUINT_TO_POINTER(i), run);
        g_free(path);
    }
    return g_test_run();
}
