/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Colours that end where the luma's edges are. */
#include <math.h>

#include "color/render.h"
#include "testframe.h"

/* Across the edge, and along it. */
enum { CELL = 16, LONG = 120, SHORT = 4, W = CELL * LONG, H = CELL * SHORT, CELLS = LONG * SHORT };

static const float left_ab[2] = {-12, 20}, right_ab[2] = {25, -8};

/* Of two areas that meet at column, or row, @edge of 1080p's width, the cells' mean colour and
 * luma; then the frame's Cb across the edge. */
static void render_edge(guint edge, gboolean level, guint dark, guint bright, gboolean guided,
                        guint *cb)
{
    GError *error = NULL;
    const guint columns = level ? SHORT : LONG, rows = level ? LONG : SHORT;
    const MleuFormat format = {.layout = MLEU_LAYOUT_YUV,
                               .width = level ? H : W,
                               .height = level ? W : H,
                               .matrix = MLEU_MATRIX_BT709,
                               .range = MLEU_RANGE_FULL,
                               .depth = 8,
                               .chroma_shift_x = 1,
                               .chroma_shift_y = 1};
    TestFrame frame;
    testframe_init(&frame, &format, TESTFRAME_PLANAR, FALSE);
    for (guint y = 0; y < format.height; y++) {
        for (guint x = 0; x < format.width; x++)
            testframe_set(&frame, 0, x, y, (level ? y : x) < edge ? dark : bright);
    }
    MleuGuide guide;
    float ab[2 * CELLS];
    mleu_guide_init(&guide, columns, rows, mleu_kernels_get(mleu_cpu_tier()));
    for (guint i = 0; i < CELLS; i++) {
        const gint begin = (gint)((level ? i / columns : i % columns) * CELL);
        const float share = (float)CLAMP((gint)edge - begin, 0, CELL) / CELL;
        guide.luma[i] = (share * (float)dark + (1 - share) * (float)bright) / 255;
        for (guint c = 0; c < 2; c++)
            ab[c * CELLS + i] = share * left_ab[c] + (1 - share) * right_ab[c];
    }
    mleu_guide_fit(&guide, ab);

    const MleuGrid grid = {
        .width = columns, .height = rows, .scale_x = 1.0 / CELL, .scale_y = 1.0 / CELL};
    MleuPool *pool = mleu_pool_new(2, &error);
    g_assert_no_error(error);
    MleuRenderer *renderer = mleu_renderer_new(&format, &format, &grid, pool);
    mleu_renderer_run(renderer, ab, guided ? &guide : NULL, 1, &frame.frame, &frame.frame);
    for (guint i = 0; i < W / 2; i++)
        cb[i] = testframe_get(&frame, 1, level ? H / 4 : i, level ? i : H / 4);
    mleu_renderer_free(renderer);
    mleu_pool_free(pool);
    mleu_guide_clear(&guide);
    testframe_clear(&frame);
}

/* Chroma samples, further than two pixels from the edge, whose Cb is not that of their side. */
static guint count_bleeding(guint edge, const guint *cb)
{
    guint count = 0;
    for (guint x = 0; x < W / 2; x++) {
        const gint distance = (gint)(2 * x + 1) - (gint)edge;
        const guint pure = distance < 0 ? cb[0] : cb[W / 2 - 1];
        if (ABS(distance) > 2 && ABS((gint)cb[x] - (gint)pure) > 2)
            count++;
    }
    return count;
}

/* The edge anywhere in a cell, upright and level, the dark side on either side. */
static void test_edge(void)
{
    for (guint i = 0; i < 4 * CELL; i++) {
        guint cb[W / 2];
        const gboolean level = i % 2 == 1, swap = i / 2 % 2 == 1;
        const guint edge = W / 2 + i / 4, dark = swap ? 190 : 70, bright = swap ? 70 : 190;
        render_edge(edge, level, dark, bright, TRUE, cb);
        g_assert_cmpuint(cb[0], !=, cb[W / 2 - 1]);
        g_assert_cmpuint(count_bleeding(edge, cb), ==, 0);
        /* The same without luma bleeds: the test can fail. */
        render_edge(edge, level, dark, bright, FALSE, cb);
        g_assert_cmpuint(count_bleeding(edge, cb), >, 2);
    }
}

/* Colours over even luma are enlarged as they are, and those of one colour stay so on any luma:
 * texture does not print into them. */
static void test_no_edge(void)
{
    GRand *random = g_rand_new_with_seed(3);
    enum { COUNT = 9 * 7 };
    float ab[2 * COUNT];
    MleuGuide guide;
    mleu_guide_init(&guide, 9, 7, mleu_kernels_get(mleu_cpu_tier()));
    for (guint i = 0; i < 2 * COUNT; i++)
        ab[i] = (float)g_rand_double_range(random, -50, 50);
    for (guint i = 0; i < COUNT; i++)
        guide.luma[i] = 0.4f;
    mleu_guide_fit(&guide, ab);
    for (guint i = 0; i < COUNT; i++) {
        for (guint c = 0; c < 2; c++) {
            g_assert_cmpfloat(fabsf(guide.slope[c][i]), <, 1e-2f);
            g_assert_cmpfloat(guide.low[c][i], <=, ab[c * COUNT + i]);
            g_assert_cmpfloat(guide.high[c][i], >=, ab[c * COUNT + i]);
        }
    }
    for (guint i = 0; i < COUNT; i++) {
        guide.luma[i] = (float)g_rand_double(random);
        ab[i] = 20;
        ab[COUNT + i] = -30;
    }
    mleu_guide_fit(&guide, ab);
    for (guint i = 0; i < COUNT; i++) {
        g_assert_cmpfloat(guide.low[0][i], ==, 20);
        g_assert_cmpfloat(guide.high[0][i], ==, 20);
        g_assert_cmpfloat(guide.low[1][i], ==, -30);
        g_assert_cmpfloat(guide.high[1][i], ==, -30);
    }
    mleu_guide_clear(&guide);
    g_rand_free(random);
}

/* L* back to luma: 0, the middle and 100, each cell the mean of its pixels. */
static void test_luma(void)
{
    /* L* 53.389 is luma 0.5 (CIE 15, sRGB's curve). */
    const float lightness[2 * 8] = {0, 0, 100, 100, 53.389f, 53.389f, 0, 100,
                                    0, 0, 100, 100, 53.389f, 53.389f, 0, 100};
    MleuGuide guide;
    mleu_guide_init(&guide, 4, 1, mleu_kernels_get(mleu_cpu_tier()));
    mleu_guide_set_luma(&guide, lightness, 8, 2);
    g_assert_cmpfloat_with_epsilon(guide.luma[0], 0, 1e-4);
    g_assert_cmpfloat_with_epsilon(guide.luma[1], 1, 1e-4);
    g_assert_cmpfloat_with_epsilon(guide.luma[2], 0.5, 1e-3);
    g_assert_cmpfloat_with_epsilon(guide.luma[3], 0.5, 1e-3);
    mleu_guide_clear(&guide);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/guide/edge", test_edge);
    g_test_add_func("/guide/no-edge", test_no_edge);
    g_test_add_func("/guide/luma", test_luma);
    return g_test_run();
}
