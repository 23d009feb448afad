/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every kernel on every tier that this machine has, those of VNNI and AMX by emulation too: the
 * float32 ones against a plain reference in double precision, within a bound that follows from the
 * number of roundings; the quantised ones against theirs to the bit. Guard values around each
 * output show writes outside it.
 */
#include <math.h>
#include <string.h>

#include "checks.h"
#include "color/format.h"
#include "emulated/kernels.h"
#include "nn/arena.h"
#include "nn/f32/winograd.h"

#define GUARD 16
#define GUARD_VALUE 12345.0f

static guint32 random_state = 1;

float next_random(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (float)(random_state >> 8) / 8388608.0f - 1.0f;
}

guint8 next_byte(void)
{
    return (guint8)(fabsf(next_random()) * 255.99f);
}

static float *random_floats(gsize n)
{
    float *values = g_new(float, n);
    for (gsize i = 0; i < n; i++)
        values[i] = next_random();
    return values;
}

/* An output between guards. */
static float *guarded_new(gsize n)
{
    float *memory = g_new(float, n + 2 * GUARD);
    for (gsize i = 0; i < n + 2 * GUARD; i++)
        memory[i] = GUARD_VALUE;
    return memory + GUARD;
}

static void guarded_free(float *values, gsize n)
{
    for (gsize i = 0; i < GUARD; i++) {
        g_assert_cmpfloat(values[-1 - (gssize)i], ==, GUARD_VALUE);
        g_assert_cmpfloat(values[n + i], ==, GUARD_VALUE);
    }
    g_free(values - GUARD);
}

void check_close(float value, double expected, double bound)
{
    if (!(fabs((double)value - expected) <= bound))
        g_error("%.9g is not %.9g within %.3g", (double)value, expected, bound);
}

static double activated(double x, MleuActivation activation)
{
    switch (activation) {
    case MLEU_ACTIVATION_RELU:
        return MAX(x, 0);
    case MLEU_ACTIVATION_RELU6:
        return CLAMP(x, 0, 6);
    case MLEU_ACTIVATION_TANH:
        return tanh(x);
    default:
        return x;
    }
}

static void check_gemm(const MleuKernels *kernels)
{
    /* Rows and columns through every size of a tile of 6 x 16 and its neighbours, depths about the
     * block of 256. */
    const guint rows[] = {1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 64},
                columns[] = {1, 7, 8, 9, 15, 16, 17, 31, 33, 100};
    const guint depths[] = {1, 2, 9, 255, 256, 257, 600};
    for (guint s = 0; s < G_N_ELEMENTS(rows) * G_N_ELEMENTS(columns) * G_N_ELEMENTS(depths); s++) {
        const guint m = rows[s % G_N_ELEMENTS(rows)];
        const guint n = columns[s / G_N_ELEMENTS(rows) % G_N_ELEMENTS(columns)];
        const guint k = depths[s / G_N_ELEMENTS(rows) / G_N_ELEMENTS(columns)];
        const gsize lda = k + 3, ldb = n + 5, ldc = n + 2;
        float *a = random_floats(m * lda), *b = random_floats(k * ldb), *c = guarded_new(m * ldc);
        kernels->f32_gemm(m, n, k, a, lda, b, ldb, c, ldc);
        for (guint i = 0; i < m; i++) {
            for (guint j = 0; j < n; j++) {
                double sum = 0, size = 0;
                for (guint p = 0; p < k; p++) {
                    const double product = (double)a[i * lda + p] * (double)b[p * ldb + j];
                    sum += product;
                    size += fabs(product);
                }
                check_close(c[i * ldc + j], sum, ROUNDING * (k + 1) * size);
            }
            for (guint j = n; j < ldc && i + 1 < m; j++)
                g_assert_cmpfloat(c[i * ldc + j], ==, GUARD_VALUE);
        }
        g_free(a);
        g_free(b);
        guarded_free(c, m * ldc);
    }
}

/* A plane's 3 x 3 convolution by transforms of one channel, the products being made here in double
 * precision, against the sum itself: sides through every remainder of a tile, and padding. */
static void check_winograd(const MleuKernels *kernels)
{
    enum { POINTS = MLEU_WINOGRAD_IN * MLEU_WINOGRAD_IN, OUT = MLEU_WINOGRAD_OUT };
    for (guint round = 0; round < 120; round++) {
        const guint pad_top = round % 3, pad_left = round / 3 % 3;
        const guint in_h = 3 + round % 11, in_w = 3 + round * 7 % 90;
        const guint out_h = in_h + 2 * pad_top - 2, out_w = in_w + 2 * pad_left - 2;
        const guint columns = (out_w + OUT - 1) / OUT, rows = (out_h + OUT - 1) / OUT;
        const MleuWinograd source = {in_h, in_w, columns, pad_top, pad_left};
        const MleuWinograd target = {out_h, out_w, columns, 0, 0};
        const MleuActivation activation = (MleuActivation)(round % 4);
        float *in = random_floats((gsize)in_h * in_w), *weight = random_floats(9);
        float *points = mleu_winograd_weights(weight, 1, 1);
        float *tiles = guarded_new((gsize)POINTS * columns);
        float *out = guarded_new((gsize)out_h * out_w);
        for (guint row = 0; row < rows; row++) {
            kernels->f32_winograd_in(tiles, columns, in, row, &source);
            for (guint i = 0; i < POINTS * columns; i++)
                tiles[i] *= points[i / columns];
            kernels->f32_winograd_out(out, tiles, columns, row, 0.5f, activation, &target);
        }
        for (guint y = 0; y < out_h; y++) {
            for (guint x = 0; x < out_w; x++) {
                double sum = 0.5;
                for (guint k = 0; k < 9; k++) {
                    const gint v = (gint)(y + k / 3) - (gint)pad_top,
                               u = (gint)(x + k % 3) - (gint)pad_left;
                    if (v >= 0 && u >= 0 && v < (gint)in_h && u < (gint)in_w)
                        sum += (double)in[v * (gint)in_w + u] * (double)weight[k];
                }
                /* The rows of the transforms have sums of magnitudes of at most 10 (in), 1 / 2
                 * (weights), 18 (out), each of them twice; some ten roundings on the way. */
                check_close(out[y * out_w + x], activated(sum, activation),
                            10 * ROUNDING * 10 * 10 * 0.5 * 0.5 * 18 * 18);
            }
        }
        guarded_free(tiles, (gsize)POINTS * columns);
        guarded_free(out, (gsize)out_h * out_w);
        g_free(in);
        g_free(weight);
        g_free(points);
    }
}

static void check_pointwise(const MleuKernels *kernels)
{
    for (gsize n = 1; n < 70; n += n < 20 ? 1 : 7) {
        float *x = random_floats(n), *y = random_floats(n);
        for (guint activation = 0; activation < 4; activation++) {
            float *out = guarded_new(n);
            for (gsize i = 0; i < n; i++)
                out[i] = 10 * x[i];
            kernels->f32_bias_activation(out, n, 0.25f, (MleuActivation)activation);
            for (gsize i = 0; i < n; i++)
                check_close(out[i],
                            activated((double)(10 * x[i]) + 0.25, (MleuActivation)activation),
                            2e-6);
            kernels->f32_add(out, x, y, n, (MleuActivation)activation);
            for (gsize i = 0; i < n; i++)
                check_close(out[i],
                            activated((double)x[i] + (double)y[i], (MleuActivation)activation),
                            4e-7);
            kernels->f32_affine(out, x, n, 3, -0.5f);
            for (gsize i = 0; i < n; i++)
                check_close(out[i], 3 * (double)x[i] - 0.5, 5e-7);
            guarded_free(out, n);
        }
        g_free(x);
        g_free(y);
    }
    /* NaN comes through every activation. */
    for (guint activation = 0; activation < 4; activation++) {
        float x[9] = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
        kernels->f32_bias_activation(x, 9, 1, (MleuActivation)activation);
        for (guint i = 0; i < 9; i++)
            g_assert_true(isnan(x[i]));
    }
}

static void check_dwconv(const MleuKernels *kernels)
{
    for (guint round = 0; round < 300; round++) {
        MleuDwconv job = {
            .kernel_h = 1 + round % 5,
            .kernel_w = 1 + round / 5 % 5,
            .stride = 1 + round / 7 % 3,
            .dilation = 1 + round / 11 % 2,
            .pad_top = round % 3,
            .pad_left = round / 3 % 3,
            .bias = 0.5f,
            .activation = (MleuActivation)(round % 4),
        };
        const guint out_h = 1 + round % 6;
        /* Some too large to be copied with their padding. */
        job.out_w = 1 + round % 37 + (round % 10 == 0 ? 5000 : 0);
        /* As much input as the last tap needs, less some padding at the end. */
        const guint need_h = (out_h - 1) * job.stride + (job.kernel_h - 1) * job.dilation + 1;
        const guint need_w = (job.out_w - 1) * job.stride + (job.kernel_w - 1) * job.dilation + 1;
        job.in_h = MAX(need_h, job.pad_top + 1 + round % 2) - job.pad_top;
        job.in_w = MAX(need_w, job.pad_left + 1 + round % 2) - job.pad_left;
        job.row_begin = round % 2 < out_h ? round % 2 : 0;
        job.row_end = out_h;
        float *in = random_floats((gsize)job.in_h * job.in_w), *weight = random_floats(25);
        float *out = guarded_new((gsize)out_h * job.out_w);
        job.in = in;
        job.weight = weight;
        job.out = out;
        kernels->f32_dwconv(&job);
        for (guint y = 0; y < out_h; y++) {
            for (guint x = 0; x < job.out_w; x++) {
                double sum = (double)job.bias;
                if (y < job.row_begin) {
                    g_assert_cmpfloat(out[y * job.out_w + x], ==, GUARD_VALUE);
                    continue;
                }
                for (guint ky = 0; ky < job.kernel_h; ky++) {
                    for (guint kx = 0; kx < job.kernel_w; kx++) {
                        const int v = (int)(y * job.stride + ky * job.dilation) - (int)job.pad_top;
                        const int u = (int)(x * job.stride + kx * job.dilation) - (int)job.pad_left;
                        if (v >= 0 && u >= 0 && v < (int)job.in_h && u < (int)job.in_w)
                            sum += (double)in[v * (int)job.in_w + u] *
                                   (double)weight[ky * job.kernel_w + kx];
                    }
                }
                check_close(out[y * job.out_w + x], activated(sum, job.activation),
                            ROUNDING * 27 * 26);
            }
        }
        guarded_free(out, (gsize)out_h * job.out_w);
        g_free(in);
        g_free(weight);
    }
}

static void check_annealed_mean(const MleuKernels *kernels)
{
    const guint class_counts[] = {1, 2, 7, 313};
    const double temperatures[] = {0.05, 0.38, 1, 5};
    for (guint c = 0; c < G_N_ELEMENTS(class_counts); c++) {
        for (gsize n = 1; n < 200; n += n < 3 || n > 62 ? 1 + n / 3 : 61) {
            const guint classes = class_counts[c];
            const gsize step = n + 3;
            float *logits = random_floats(classes * step), *bins = random_floats(2 * classes);
            float *a = guarded_new(n), *b = guarded_new(n);
            for (gsize i = 0; i < classes * step; i++)
                logits[i] *= 20;
            const double temperature = temperatures[n % 4];
            kernels->f32_annealed_mean(a, b, n, logits, step, classes, bins, (float)temperature);
            for (gsize i = 0; i < n; i++) {
                double most = -1e30, total = 0, sum_a = 0, sum_b = 0;
                for (guint k = 0; k < classes; k++)
                    most = MAX(most, (double)logits[k * step + i]);
                for (guint k = 0; k < classes; k++) {
                    const double weight = exp(((double)logits[k * step + i] - most) / temperature);
                    total += weight;
                    sum_a += weight * (double)bins[2 * k];
                    sum_b += weight * (double)bins[2 * k + 1];
                }
                /* The exponent's own rounding, 2e-6 of up to 800, weighs most at low temperatures.
                 */
                check_close(a[i], sum_a / total, 2e-5);
                check_close(b[i], sum_b / total, 2e-5);
            }
            guarded_free(a, n);
            guarded_free(b, n);
            g_free(logits);
            g_free(bins);
        }
    }
    /* One value that is not finite shows, and in its own pixel alone. */
    const float wrong[] = {NAN, INFINITY, -INFINITY};
    for (guint w = 0; w < G_N_ELEMENTS(wrong); w++) {
        float logits[3 * 70] = {0}, bins[6] = {1, 2, 3, 4, 5, 6}, a[70], b[70];
        logits[70 + 33] = wrong[w];
        kernels->f32_annealed_mean(a, b, 70, logits, 70, 3, bins, 1);
        for (guint i = 0; i < 70; i++)
            g_assert_true(!isnan(a[i]) == (i != 33) && !isnan(b[i]) == (i != 33));
    }
}

/* The colours themselves are checked in tests/unit/test-color-math.c; here that tiers agree,
 * whatever the start, and blocks have no seams. A search may stop 1e-3 of luma short, of which Cr
 * gets 1 / 1.402 where red is cut off: a fifth of an 8-bit code value. */
static void check_chroma_of(const MleuKernels *kernels, MleuMatrix of, float range, gsize most)
{
    MleuChromaMatrix matrix;
    for (gsize n = 1; n < most; n += n < 4 || n > 62 ? 1 + n / 4 : 60) {
        mleu_matrix_coefficients(of, &matrix);
        if (n % 2 == 1)
            memset(matrix.start, 0, sizeof matrix.start);
        float *y = random_floats(n), *a = random_floats(n), *b = random_floats(n);
        float *cb = guarded_new(n), *cr = guarded_new(n);
        for (gsize i = 0; i < n; i++) {
            y[i] = 0.5f + 0.5f * y[i];
            a[i] *= range;
            b[i] *= range;
        }
        y[0] = n % 2 == 0 ? 0 : 1;
        kernels->f32_chroma(cb, cr, y, a, b, n, &matrix);
        for (gsize i = 0; i < n; i++) {
            float one_cb, one_cr;
            mleu_kernels_get(MLEU_TIER_C)
                ->f32_chroma(&one_cb, &one_cr, &y[i], &a[i], &b[i], 1, &matrix);
            check_close(cb[i], (double)one_cb, 8e-4);
            check_close(cr[i], (double)one_cr, 8e-4);
        }
        /* In place. */
        kernels->f32_chroma(a, b, y, a, b, n, &matrix);
        g_assert_cmpmem(a, n * sizeof(float), cb, n * sizeof(float));
        g_assert_cmpmem(b, n * sizeof(float), cr, n * sizeof(float));
        guarded_free(cb, n);
        guarded_free(cr, n);
        g_free(y);
        g_free(a);
        g_free(b);
    }
}

static void check_chroma(const MleuKernels *kernels)
{
    check_chroma_of(kernels, MLEU_MATRIX_BT601, 50, 200);
    for (guint matrix = MLEU_MATRIX_BT601; matrix <= MLEU_MATRIX_BT2020; matrix++)
        check_chroma_of(kernels, (MleuMatrix)matrix, 10, 1000);
}

static MleuWide *random_wide(void)
{
    MleuWide *wide = g_new(MleuWide, 1);
    float *values = random_floats(sizeof *wide / sizeof(float));
    memcpy(wide, values, sizeof *wide);
    g_free(values);
    /* Low is below high. */
    for (guint c = 0; c < 2; c++) {
        for (gsize i = 0; i < MLEU_WIDE; i++) {
            wide->low[c][i] = wide->value[c][i] - fabsf(wide->low[c][i]);
            wide->high[c][i] = wide->value[c][i] + fabsf(wide->high[c][i]);
        }
    }
    return wide;
}

static double mix(const float *upper, const float *lower, gsize i, float share)
{
    return (double)upper[i] + (double)share * ((double)lower[i] - (double)upper[i]);
}

static void check_enlarge(const MleuKernels *kernels)
{
    for (gsize n = 1; n <= MLEU_WIDE; n += n < 20 ? 1 : 59) {
        for (guint guided = 0; guided < 2; guided++) {
            MleuWide *upper = random_wide(), *lower = random_wide();
            float *y = random_floats(n), *out[2] = {guarded_new(n), guarded_new(n)};
            const float share = fabsf(next_random());
            const MleuEnlarge job = {upper, lower, share, 1.3f, guided == 1};
            float same[2][MLEU_WIDE];
            kernels->f32_enlarge(out[0], out[1], y, n, &job);
            mleu_kernels_get(MLEU_TIER_C)->f32_enlarge(same[0], same[1], y, n, &job);
            for (guint c = 0; c < 2; c++) {
                for (gsize i = 0; i < n; i++) {
                    double expected = mix(upper->value[c], lower->value[c], i, share);
                    if (guided == 1)
                        expected = CLAMP(
                            expected + mix(upper->slope[c], lower->slope[c], i, share) *
                                           ((double)y[i] - mix(upper->luma, lower->luma, i, share)),
                            mix(upper->low[c], lower->low[c], i, share),
                            mix(upper->high[c], lower->high[c], i, share));
                    check_close(out[c][i], (double)job.factor * expected, 3e-6);
                }
                g_assert_cmpmem(out[c], n * sizeof(float), same[c], n * sizeof(float));
                guarded_free(out[c], n);
            }
            g_free(upper);
            g_free(lower);
            g_free(y);
        }
    }
}

/* Against the definition, at every distance of rows; nothing beyond the block is read or counted.
 */
static void check_sad(const MleuKernels *kernels)
{
    for (guint round = 0; round < 200; round++) {
        const gsize a_stride = MLEU_SAD_BLOCK + round % 9,
                    b_stride = MLEU_SAD_BLOCK + round / 9 % 7;
        const gsize a_size = 7 * a_stride + MLEU_SAD_BLOCK, b_size = 7 * b_stride + MLEU_SAD_BLOCK;
        guint8 *a = g_new(guint8, a_size), *b = g_new(guint8, b_size);
        guint32 sum = 0;
        for (gsize i = 0; i < a_size; i++)
            a[i] = round % 10 == 9 ? 255 : next_byte();
        for (gsize i = 0; i < b_size; i++)
            b[i] = round % 10 == 9 ? 0 : next_byte();
        for (guint y = 0; y < MLEU_SAD_BLOCK; y++) {
            for (guint x = 0; x < MLEU_SAD_BLOCK; x++)
                sum += (guint32)ABS(a[y * a_stride + x] - b[y * b_stride + x]);
        }
        g_assert_cmpuint(kernels->u8_sad(a, a_stride, b, b_stride), ==, sum);
        g_free(a);
        g_free(b);
    }
}

/* Every tier gives the bytes of the C version, whose result for one frame follows from its colours.
 */
static void check_walk(const MleuKernels *kernels)
{
    enum { WIDTH = 21, HEIGHT = 9, FRAMES = 7, ALL = WIDTH * HEIGHT };
    guint32 memory[2][FRAMES][ALL + 1] = {0};
    const guint32 *steps[FRAMES], *colours[FRAMES];
    for (guint round = 0; round < 100; round++) {
        gint32 ages[FRAMES], out[3][ALL + 1], expected[3][WIDTH];
        for (guint f = 0; f < FRAMES; f++) {
            /* The third round has whole cells alone, the fifth the farthest ways. */
            const float reach = round % 5 == 4 ? 2047 : 150;
            gint32 first_x = 0, first_y = 0;
            for (guint i = 0; i < ALL; i++) {
                /* The second round moves as one. */
                const gboolean is_pan = round % 5 == 1 && i > 0;
                const gint32 dx = is_pan ? first_x : (gint32)(next_random() * reach),
                             dy = is_pan ? first_y : (gint32)(next_random() * reach);
                first_x = dx;
                first_y = dy;
                const gint32 mask = round % 5 == 2 ? ~63 : ~0;
                memory[0][f][i] = ((guint32)(dx & mask) & 0xfff) |
                                  ((guint32)(dy & mask) & 0xfff) << 12 |
                                  (guint32)(next_byte() | 128) << 24;
                memory[1][f][i] = (guint32)(guint16)(gint16)(next_random() * 16383) |
                                  (guint32)(guint16)(gint16)(next_random() * 16383) << 16;
            }
            steps[f] = memory[0][f];
            colours[f] = (round >> f % 4 & 1) != 0 ? memory[1][f] : NULL;
            ages[f] = MLEU_WALK_AGE >> (f * (round % 3) / 2);
        }
        const MleuWalk job = {WIDTH, HEIGHT, 1 + round % FRAMES, steps, colours, ages};
        const guint x = round % 4, y = round % HEIGHT, n = 1 + round % (WIDTH - 4);
        for (guint k = 0; k < 3; k++)
            out[k][n] = 77;
        kernels->s16_walk(out[0], out[1], out[2], x, y, n, &job);
        mleu_kernels_get(MLEU_TIER_C)
            ->s16_walk(expected[0], expected[1], expected[2], x, y, n, &job);
        for (guint k = 0; k < 3; k++) {
            g_assert_cmpmem(out[k], n * sizeof(gint32), expected[k], n * sizeof(gint32));
            g_assert_cmpint(out[k][n], ==, 77);
        }
        if (job.length > 1 || colours[0] == NULL)
            continue;
        for (guint i = 0; i < n; i++) {
            const guint32 colour = colours[0][y * WIDTH + x + i];
            g_assert_cmpint(out[0][i], ==, MLEU_WALK_WHOLE * (gint16)(colour & 0xffff));
            g_assert_cmpint(out[1][i], ==, MLEU_WALK_WHOLE * (gint16)(colour >> 16));
            g_assert_cmpint(out[2][i], ==, MLEU_WALK_WHOLE);
        }
    }
}

typedef struct {
    const char *name;
    void (*check)(const MleuKernels *kernels);
} Check;

static const Check checks[] = {
    {"gemm", check_gemm},
    {"winograd", check_winograd},
    {"pointwise", check_pointwise},
    {"dwconv", check_dwconv},
    {"annealed-mean", check_annealed_mean},
    {"chroma", check_chroma},
    {"bf16-pairs", check_bf16_pairs},
    {"bf16-conv", check_bf16_conv},
    {"q8-conv", check_q8_conv},
    {"q8-winograd", check_q8_winograd},
    {"q8-logits", check_q8_logits},
    {"q8-mean", check_q8_mean},
    {"q8-dwconv", check_q8_dwconv},
    {"enlarge", check_enlarge},
    {"q8-add", check_q8_add},
    {"q8-affine", check_q8_affine},
    {"u8-sad", check_sad},
    {"s16-walk", check_walk},
};

typedef struct {
    const Check *check;
    const MleuKernels *kernels;
} Case;

static void run_case(gconstpointer data)
{
    const Case *c = data;
    c->check->check(c->kernels);
}

/* Cases for all checks, or for those of kernels that a tier above AVX2 may have of its own. */
static void add_cases(GString *tiers, const char *tier, const MleuKernels *kernels, gboolean all)
{
    g_string_append_printf(tiers, " %s", tier);
    for (guint i = 0; i < G_N_ELEMENTS(checks); i++) {
        const gboolean own = g_str_has_prefix(checks[i].name, "q8") ||
                             (kernels->bf16_is_native && g_str_has_prefix(checks[i].name, "bf16"));
        if (!all && !own)
            continue;
        char *path = g_strdup_printf("/kernels/%s/%s", tier, checks[i].name);
        Case *c = g_new(Case, 1);
        *c = (Case){&checks[i], kernels};
        g_test_add_data_func_full(path, c, run_case, g_free);
        g_free(path);
    }
}

/* The tiers that this machine may lack, by emulation. */
static void add_emulated(GString *tiers)
{
#if defined(MLEU_EMULATED)
    for (guint tier = MLEU_TIER_AVXVNNI; tier < MLEU_N_TIERS; tier++) {
        char *name = g_strconcat(mleu_tier_name((MleuTier)tier), "(emulated)", NULL);
        add_cases(tiers, name, emulated_kernels((MleuTier)tier), FALSE);
        g_free(name);
    }
#else
    g_string_append(tiers, "; none emulated: built without SIMD Everywhere");
#endif
}

int main(int argc, char **argv)
{
    GString *tiers = g_string_new(NULL);
    g_test_init(&argc, &argv, NULL);
    for (guint tier = 0; tier < MLEU_N_TIERS; tier++) {
        if (mleu_cpu_has((MleuTier)tier))
            add_cases(tiers, mleu_tier_name((MleuTier)tier), mleu_kernels_get((MleuTier)tier),
                      TRUE);
    }
    add_emulated(tiers);
    g_print("# tiers:%s\n", tiers->str);
    g_string_free(tiers, TRUE);
    return g_test_run();
}
