/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames of pseudo-random formats, sizes and packings, rendered in one even colour: every sample
 * against its definition. */
#include <math.h>
#include <string.h>

#include "color/render.h"
#include "testcolor.h"
#include "testframe.h"

#define COLOR_A 18.0f
#define COLOR_B -11.0f

static MleuFormat random_format(GRand *random, MleuLayout layout, guint width, guint height)
{
    MleuFormat format = {.layout = layout, .width = width, .height = height};
    format.matrix = (MleuMatrix)g_rand_int_range(random, 0, 3);
    format.range = (MleuRange)g_rand_int_range(random, 0, 2);
    format.depth = g_rand_boolean(random) ? 8 : (guint)g_rand_int_range(random, 9, 17);
    if (format.depth > 8) {
        format.shift = g_rand_boolean(random) ? 16 - format.depth : 0;
        format.big_endian = g_rand_boolean(random);
    }
    if (layout == MLEU_LAYOUT_YUV) {
        format.chroma_shift_x = (guint)g_rand_int_range(random, 0, 2);
        format.chroma_shift_y = (guint)g_rand_int_range(random, 0, 2);
        format.siting_x = (MleuSiting)g_rand_int_range(random, 0, 2);
        format.siting_y = (MleuSiting)g_rand_int_range(random, 0, 2);
    }
    return format;
}

/* A grid of one cell over the whole frame. */
static void render(const TestFrame *in, const TestFrame *out, guint n_threads)
{
    GError *error = NULL;
    const float ab[2] = {COLOR_A, COLOR_B};
    const MleuGrid grid = {.width = 1,
                           .height = 1,
                           .scale_x = 1.0 / in->format.width,
                           .scale_y = 1.0 / in->format.height};
    MleuPool *pool = mleu_pool_new(n_threads, &error);
    g_assert_no_error(error);
    MleuRenderer *renderer = mleu_renderer_new(&in->format, &out->format, &grid, pool);
    mleu_renderer_run(renderer, ab, NULL, 1, &in->frame, &out->frame);
    mleu_renderer_free(renderer);
    mleu_pool_free(pool);
}

/* Y' of the input, not clipped. */
static double luma_at(const TestFrame *in, guint x, guint y)
{
    const double black = testframe_black(&in->format), white = testframe_white(&in->format);
    double k[3] = {1, 0, 0}, sum = 0;
    const gboolean is_rgb = in->format.layout == MLEU_LAYOUT_RGB;
    if (is_rgb)
        testcolor_weights(in->format.matrix, &k[0], &k[1], &k[2]);
    for (guint c = 0; c < (is_rgb ? 3u : 1u); c++)
        sum += k[c] * testframe_get(in, c, x, y);
    return (sum - black) / (white - black);
}

/* The luma of RGB is worked out to 16 bits, rounded down three times at most. */
static double luma_slack(const TestFrame *in)
{
    return in->format.layout == MLEU_LAYOUT_RGB ? 3.0 / 65535 : 0;
}

static void check_luma(const TestFrame *in, const TestFrame *out)
{
    const MleuFormat *from = &in->format, *to = &out->format;
    const double black = testframe_black(to), white = testframe_white(to);
    const gboolean copied =
        from->layout != MLEU_LAYOUT_RGB && from->depth == to->depth && from->range == to->range;
    for (guint y = 0; y < to->height; y++) {
        for (guint x = 0; x < to->width; x++) {
            const guint got = testframe_get(out, 0, x, y);
            const double wanted =
                CLAMP(black + luma_at(in, x, y) * (white - black), 0, (1u << to->depth) - 1.0);
            if (copied)
                g_assert_cmpuint(got, ==, testframe_get(in, 0, x, y));
            g_assert_cmpfloat(fabs(got - wanted), <, 0.5 + 1e-6 + luma_slack(in) * (white - black));
        }
    }
}

/* Which row of chroma serves row @y of luma: of an interlaced frame every four rows are two of each
 * field. */
static guint serving_row(const TestFrame *in, const MleuFormat *to, guint y)
{
    if (to->chroma_shift_y == 1 && in->frame.interlaced && y / 4 * 4 + 3 < to->height)
        return y / 4 * 2 + y % 2;
    return y >> to->chroma_shift_y;
}

/* Mean luma of the pixels that a chroma sample serves, 0..1. */
static double served_luma(const TestFrame *in, const MleuFormat *to, guint cx, guint cy)
{
    double sum = 0;
    guint n = 0;
    for (guint y = 0; y < to->height; y++) {
        if (serving_row(in, to, y) != cy)
            continue;
        for (guint x = cx << to->chroma_shift_x; x < MIN((cx + 1) << to->chroma_shift_x, to->width);
             x++) {
            sum += luma_at(in, x, y);
            n++;
        }
    }
    return CLAMP(sum / n, 0, 1);
}

static void check_chroma(const TestFrame *in, const TestFrame *out)
{
    const MleuFormat *to = &out->format;
    const double unit = (double)(1u << (to->depth - 8));
    guint width, height;
    testframe_size(out, 1, &width, &height);
    for (guint y = 0; y < height; y++) {
        for (guint x = 0; x < width; x++) {
            double chroma[2];
            testcolor_chroma(to->matrix, served_luma(in, to, x, y), (double)COLOR_A,
                             (double)COLOR_B, &chroma[0], &chroma[1]);
            for (guint c = 0; c < 2; c++)
                g_assert_cmpfloat(
                    fabs(testframe_get(out, c + 1, x, y) - testframe_chroma_code(to, chroma[c])), <,
                    0.5 + 0.1 * unit);
        }
    }
}

/* R', G', B' have the input's luma by the input's matrix, and the colour's chroma. */
static void check_rgb(const TestFrame *in, const TestFrame *out)
{
    const double most = (1u << out->format.depth) - 1.0, unit = (most + 1) / 256;
    double k[3];
    testcolor_weights(in->format.matrix, &k[0], &k[1], &k[2]);
    for (guint y = 0; y < out->format.height; y++) {
        for (guint x = 0; x < out->format.width; x++) {
            const double luma = CLAMP(luma_at(in, x, y), 0, 1);
            double chroma[2], rgb[3], got = 0;
            testcolor_chroma(in->format.matrix, luma, (double)COLOR_A, (double)COLOR_B, &chroma[0],
                             &chroma[1]);
            testcolor_rgb(in->format.matrix, luma, chroma[0], chroma[1], rgb);
            for (guint c = 0; c < 3; c++) {
                const guint code = testframe_get(out, c, x, y);
                g_assert_cmpfloat(fabs(code - most * rgb[c]), <, 0.5 + 0.25 * unit);
                got += k[c] * code;
            }
            g_assert_cmpfloat(fabs(got - most * luma), <,
                              0.5 + most * (luma_slack(in) + 2.0 / 65535));
            if (out->components < 4)
                continue;
            double alpha = most;
            if (in->components == 4)
                alpha = most * testframe_get(in, 3, x, y) / ((1u << in->format.depth) - 1.0);
            g_assert_cmpfloat(fabs(testframe_get(out, 3, x, y) - alpha), <, 0.5 + 1e-6);
        }
    }
}

static void check_one(GRand *random)
{
    const guint width = (guint)g_rand_int_range(random, 1, 40);
    const guint height = (guint)g_rand_int_range(random, 1, 40);
    const MleuFormat from =
        random_format(random, (MleuLayout)g_rand_int_range(random, 0, 3), width, height);
    const MleuFormat to =
        random_format(random, (MleuLayout)g_rand_int_range(random, 1, 3), width, height);
    TestFrame in, out, again;
    testframe_init(&in, &from, (TestPacking)g_rand_int_range(random, 0, TESTFRAME_PACKINGS),
                   g_rand_boolean(random));
    const TestPacking packing = (TestPacking)g_rand_int_range(random, 0, TESTFRAME_PACKINGS);
    const gboolean alpha = g_rand_boolean(random);
    testframe_init(&out, &to, packing, alpha);
    testframe_init(&again, &to, packing, alpha);
    testframe_randomize(&in, random);
    testframe_randomize(&out, random);
    in.frame.interlaced = g_rand_boolean(random);

    guint8 *before = g_memdup2(in.memory, in.size);
    render(&in, &out, 1);
    render(&in, &again, 3);
    g_assert_cmpmem(in.memory, in.size, before, in.size);
    g_assert_cmpmem(out.memory, out.size, again.memory, again.size);
    testframe_check_gaps(&out);
    if (to.layout == MLEU_LAYOUT_RGB) {
        check_rgb(&in, &out);
    } else {
        check_luma(&in, &out);
        check_chroma(&in, &out);
    }
    g_free(before);
    testframe_clear(&in);
    testframe_clear(&out);
    testframe_clear(&again);
}

static void test_random_formats(void)
{
    GRand *random = g_rand_new_with_seed(8);
    for (guint i = 0; i < 120; i++)
        check_one(random);
    g_rand_free(random);
}

/* In place the result is that of two buffers, and luma's bytes stay as they are. */
static void test_in_place(void)
{
    GRand *random = g_rand_new_with_seed(9);
    for (guint i = 0; i < 24; i++) {
        const MleuFormat format =
            random_format(random, MLEU_LAYOUT_YUV, (guint)g_rand_int_range(random, 1, 30),
                          (guint)g_rand_int_range(random, 1, 30));
        const TestPacking packing = (TestPacking)(i % TESTFRAME_PACKINGS);
        TestFrame frame, out;
        testframe_init(&frame, &format, packing, FALSE);
        testframe_init(&out, &format, packing, FALSE);
        testframe_randomize(&frame, random);
        frame.frame.interlaced = g_rand_boolean(random);
        render(&frame, &out, 2);
        render(&frame, &frame, 2);
        g_assert_cmpmem(frame.memory, frame.size, out.memory, out.size);
        testframe_clear(&frame);
        testframe_clear(&out);
    }
    g_rand_free(random);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/color-frames/random-formats", test_random_formats);
    g_test_add_func("/color-frames/in-place", test_in_place);
    return g_test_run();
}
