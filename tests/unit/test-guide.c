/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Colours that end where the luma's edges are. */
#include <math.h>

#include "color/render.h"
#include "testframe.h"

/* Across the edge, and along it. */
enum { CELL = 16, LONG = 120, SHORT = 4, W = CELL * LONG, H = CELL * SHORT, CELLS = LONG * SHORT };

static const float left_ab[2] = {-12, 20}, right_ab[2] = {25, -8};

/* Two areas that meet at column, or row, @edge of 1080p's width; the second field @comb columns
 * further on. */
typedef struct {
    guint edge, comb;
    gboolean level;
    guint dark, bright;
    gboolean guided, settled, interlaced;
    guint shift_x, shift_y;
} Edge;

/* Column, or row, that the row @y of luma has the edge at. */
static guint edge_of(const Edge *e, guint y)
{
    return e->edge + y % 2 * e->comb;
}

/* From the cells' mean colour and luma: the frame's Cb across the edge, by chroma sample, in the
 * row
 * @row of chroma samples (or column, where the edge is level). */
static void render_edge(const Edge *e, guint row, guint *cb)
{
    GError *error = NULL;
    const guint columns = e->level ? SHORT : LONG, rows = e->level ? LONG : SHORT;
    const MleuFormat format = {.layout = MLEU_LAYOUT_YUV,
                               .width = e->level ? H : W,
                               .height = e->level ? W : H,
                               .matrix = MLEU_MATRIX_BT709,
                               .range = MLEU_RANGE_FULL,
                               .depth = 8,
                               .chroma_shift_x = e->shift_x,
                               .chroma_shift_y = e->shift_y};
    TestFrame frame;
    testframe_init(&frame, &format, TESTFRAME_PLANAR, FALSE);
    frame.frame.interlaced = e->interlaced;
    for (guint y = 0; y < format.height; y++) {
        for (guint x = 0; x < format.width; x++)
            testframe_set(&frame, 0, x, y,
                          (e->level ? y < e->edge : x < edge_of(e, y)) ? e->dark : e->bright);
    }
    MleuGuide guide;
    float ab[2 * CELLS];
    mleu_guide_init(&guide, columns, rows, mleu_kernels_get(mleu_cpu_tier()));
    for (guint i = 0; i < CELLS; i++) {
        const gint begin = (gint)((e->level ? i / columns : i % columns) * CELL);
        float share = 0;
        for (guint field = 0; field < 2; field++)
            share += (float)CLAMP((gint)edge_of(e, field) - begin, 0, CELL) / (2 * CELL);
        guide.luma[i] = (share * (float)e->dark + (1 - share) * (float)e->bright) / 255;
        for (guint c = 0; c < 2; c++)
            ab[c * CELLS + i] = share * left_ab[c] + (1 - share) * right_ab[c];
    }
    if (e->settled)
        mleu_guide_settle(&guide, ab, ab);
    mleu_guide_fit(&guide, ab);

    const MleuGrid grid = {
        .width = columns, .height = rows, .scale_x = 1.0 / CELL, .scale_y = 1.0 / CELL};
    MleuPool *pool = mleu_pool_new(2, &error);
    g_assert_no_error(error);
    MleuRenderer *renderer = mleu_renderer_new(&format, &format, &grid, pool);
    mleu_renderer_run(renderer, ab, e->guided ? &guide : NULL, 1, &frame.frame, &frame.frame);
    for (guint i = 0; i < (guint)W >> (e->level ? e->shift_y : e->shift_x); i++)
        cb[i] = testframe_get(&frame, 1, e->level ? row : i, e->level ? i : row);
    mleu_renderer_free(renderer);
    mleu_pool_free(pool);
    mleu_guide_clear(&guide);
    testframe_clear(&frame);
}

/* Chroma samples, further than two pixels from the edge at @edge, whose Cb is not that of their
 * side. */
static guint count_bleeding(const Edge *e, guint edge, const guint *cb)
{
    const guint shift = e->level ? e->shift_y : e->shift_x, samples = W >> shift;
    guint count = 0;
    for (guint i = 0; i < samples; i++) {
        const double distance = (double)(i << shift) + 0.5 * (1 << shift) - edge;
        const guint pure = distance < 0 ? cb[0] : cb[samples - 1];
        if (fabs(distance) > 2 && ABS((gint)cb[i] - (gint)pure) > 2)
            count++;
    }
    return count;
}

/* The edge anywhere in a cell, upright and level, the dark side on either side, in every sampling
 * of chroma. */
static void test_edge(void)
{
    static const guint shifts[][2] = {{1, 1}, {1, 0}, {0, 0}};
    for (guint place = 0; place < 4 * CELL; place++) {
        guint cb[W];
        /* Whole 4:2:0; the others upright, level, and swapped, at some places. */
        const guint k = place % 5 == 4 ? 1 + place / 5 % 2 : 0;
        const gboolean swap = place / 2 % 2 == 1;
        Edge e = {.edge = W / 2 + place / 4,
                  .level = place % 2 == 1,
                  .dark = swap ? 190 : 70,
                  .bright = swap ? 70 : 190,
                  .guided = TRUE,
                  .settled = TRUE,
                  .shift_x = shifts[k][0],
                  .shift_y = shifts[k][1]};
        render_edge(&e, H / 4, cb);
        g_assert_cmpuint(cb[0], !=, cb[(W >> (e.level ? e.shift_y : e.shift_x)) - 1]);
        g_assert_cmpuint(count_bleeding(&e, e.edge, cb), ==, 0);
        /* The same without luma bleeds: the test can fail. */
        e.guided = FALSE;
        render_edge(&e, H / 4, cb);
        g_assert_cmpuint(count_bleeding(&e, e.edge, cb), >, 2);
    }
}

/* An edge that has moved from one field to the next: each row of chroma ends at its own field's. */
static void test_interlaced(void)
{
    for (guint i = 0; i < 2 * CELL; i++) {
        guint cb[W];
        Edge e = {.edge = W / 2 + i / 2,
                  .comb = 8,
                  .dark = 70,
                  .bright = 190,
                  .guided = TRUE,
                  .interlaced = TRUE,
                  .shift_x = 1,
                  .shift_y = i % 2};
        for (guint row = H / 4; row < H / 4 + 4; row++) {
            const guint edge = edge_of(&e, row);
            render_edge(&e, row, cb);
            g_assert_cmpuint(count_bleeding(&e, edge, cb), ==, 0);
        }
        /* Where rows are not told apart, their mean has neither edge. */
        e.interlaced = FALSE;
        render_edge(&e, H / 4, cb);
        g_assert_cmpuint(count_bleeding(&e, e.edge, cb) > 2, ==, e.shift_y == 1);
    }
}

/* Every row of luma is written once, whatever the height: those of the last rows too, which have no
 * counterpart in the other field. */
static void test_interlaced_heights(void)
{
    GError *error = NULL;
    GRand *random = g_rand_new_with_seed(5);
    MleuPool *pool = mleu_pool_new(2, &error);
    g_assert_no_error(error);
    for (guint height = 1; height < 40; height++) {
        const MleuFormat format = {.layout = MLEU_LAYOUT_YUV,
                                   .width = 6,
                                   .height = height,
                                   .range = MLEU_RANGE_FULL,
                                   .depth = 8,
                                   .chroma_shift_x = 1,
                                   .chroma_shift_y = 1};
        const MleuGrid grid = {.width = 2, .height = 2, .scale_x = 0.3, .scale_y = 2.0 / height};
        const float ab[8] = {40, 40, 40, 40, -40, -40, -40, -40};
        TestFrame in, out;
        testframe_init(&in, &format, TESTFRAME_PLANAR, FALSE);
        testframe_init(&out, &format, TESTFRAME_PADDED, FALSE);
        testframe_randomize(&in, random);
        in.frame.interlaced = TRUE;
        MleuRenderer *renderer = mleu_renderer_new(&format, &format, &grid, pool);
        mleu_renderer_run(renderer, ab, NULL, 1, &in.frame, &out.frame);
        for (guint i = 0; i < 6 * height; i++)
            g_assert_cmpuint(testframe_get(&out, 0, i % 6, i / 6), ==,
                             testframe_get(&in, 0, i % 6, i / 6));
        for (guint i = 0; i < 3 * ((height + 1) / 2); i++)
            g_assert_cmpuint(testframe_get(&out, 1, i % 3, i / 3), !=, 0);
        testframe_check_gaps(&out);
        mleu_renderer_free(renderer);
        testframe_clear(&in);
        testframe_clear(&out);
    }
    mleu_pool_free(pool);
    g_rand_free(random);
}

/* What the network says of single cells goes, and the edge between two areas stays. */
static void test_settle(void)
{
    enum { WIDTH = 24, HEIGHT = 16, COUNT = WIDTH * HEIGHT };
    GRand *random = g_rand_new_with_seed(4);
    float ab[2 * COUNT], out[2 * COUNT];
    double before = 0, after = 0;
    MleuGuide guide;
    mleu_guide_init(&guide, WIDTH, HEIGHT, mleu_kernels_get(mleu_cpu_tier()));
    for (guint i = 0; i < COUNT; i++) {
        const gboolean is_left = i % WIDTH < WIDTH / 2;
        guide.luma[i] = is_left ? 0.3f : 0.6f;
        for (guint c = 0; c < 2; c++)
            ab[c * COUNT + i] =
                (is_left ? left_ab[c] : right_ab[c]) + (float)g_rand_double_range(random, -5, 5);
    }
    mleu_guide_settle(&guide, out, ab);
    for (guint i = 0; i < COUNT; i++) {
        for (guint c = 0; c < 2; c++) {
            const float truth = i % WIDTH < WIDTH / 2 ? left_ab[c] : right_ab[c];
            before += fabs((double)(ab[c * COUNT + i] - truth)) / COUNT;
            after += fabs((double)(out[c * COUNT + i] - truth)) / COUNT;
        }
    }
    g_test_message("off by %.2f, settled %.2f", before, after);
    g_assert_cmpfloat(after, <, 0.5 * before);
    mleu_guide_settle(&guide, ab, ab);
    g_assert_cmpmem(ab, sizeof ab, out, sizeof out);
    mleu_guide_clear(&guide);
    g_rand_free(random);
}

/* Dark and blown-out areas: colours fade to neutral, step by step with the luma, so that grain does
 * not make them flash. */
static void test_extremes(void)
{
    enum { LEVELS = 256 };
    GError *error = NULL;
    MleuPool *pool = mleu_pool_new(1, &error);
    g_assert_no_error(error);
    const MleuFormat format = {.layout = MLEU_LAYOUT_YUV,
                               .width = LEVELS,
                               .height = 1,
                               .matrix = MLEU_MATRIX_BT709,
                               .range = MLEU_RANGE_FULL,
                               .depth = 8};
    const MleuGrid grid = {.width = 1, .height = 1, .scale_x = 1.0 / LEVELS, .scale_y = 1};
    static const float colours[][2] = {{60, 40}, {-50, 40}, {20, -60}, {15, 15}, {-100, -100}};
    for (guint k = 0; k < G_N_ELEMENTS(colours); k++) {
        TestFrame frame;
        gint last[2] = {128, 128};
        testframe_init(&frame, &format, TESTFRAME_PLANAR, FALSE);
        for (guint x = 0; x < LEVELS; x++)
            testframe_set(&frame, 0, x, 0, x);
        MleuRenderer *renderer = mleu_renderer_new(&format, &format, &grid, pool);
        mleu_renderer_run(renderer, colours[k], NULL, 1, &frame.frame, &frame.frame);
        for (guint x = 0; x < LEVELS; x++) {
            for (guint c = 0; c < 2; c++) {
                const gint value = (gint)testframe_get(&frame, 1 + c, x, 0);
                /* A step of luma is a step of chroma: what R'G'B' leave room for grows so. */
                g_assert_cmpint(ABS(value - last[c]), <=, 8);
                last[c] = value;
                if (x == 0 || x == LEVELS - 1)
                    g_assert_cmpint(value, ==, 128);
            }
        }
        mleu_renderer_free(renderer);
        testframe_clear(&frame);
    }
    mleu_pool_free(pool);
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
    g_test_add_func("/guide/interlaced", test_interlaced);
    g_test_add_func("/guide/interlaced-heights", test_interlaced_heights);
    g_test_add_func("/guide/settle", test_settle);
    g_test_add_func("/guide/extremes", test_extremes);
    g_test_add_func("/guide/no-edge", test_no_edge);
    g_test_add_func("/guide/luma", test_luma);
    return g_test_run();
}
