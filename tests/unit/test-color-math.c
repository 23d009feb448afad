/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Cb and Cr of every matrix, range and depth, and luma of every layout, against testcolor.c's
 * definitions. */
#include <math.h>

#include "color/render.h"
#include "color/scale.h"
#include "testcolor.h"
#include "testframe.h"

#define SIDE 48

static MleuFormat make_format(MleuLayout layout, guint width, guint height, MleuMatrix matrix,
                              MleuRange range, guint depth)
{
    return (MleuFormat){.layout = layout,
                        .width = width,
                        .height = height,
                        .matrix = matrix,
                        .range = range,
                        .depth = depth};
}

static MleuPool *make_pool(guint n_threads)
{
    GError *error = NULL;
    MleuPool *pool = mleu_pool_new(n_threads, &error);
    g_assert_no_error(error);
    return pool;
}

/* Renders with a grid that has one cell for each pixel. */
static void render_once(const TestFrame *in, const TestFrame *out, const float *ab, float factor)
{
    MleuPool *pool = make_pool(2);
    const MleuGrid grid = {
        .width = in->format.width, .height = in->format.height, .scale_x = 1, .scale_y = 1};
    MleuRenderer *renderer = mleu_renderer_new(&in->format, &out->format, &grid, pool);
    mleu_renderer_run(renderer, ab, NULL, factor, &in->frame, &out->frame);
    mleu_renderer_free(renderer);
    mleu_pool_free(pool);
    testframe_check_gaps(out);
}

static double luma_of(const TestFrame *frame, guint x, guint y)
{
    const double black = testframe_black(&frame->format), white = testframe_white(&frame->format);
    return CLAMP((testframe_get(frame, 0, x, y) - black) / (white - black), 0, 1);
}

/* How far a sample's Cb, Cr are from the definition, in 8-bit code values; 0 outside the gamut,
 * where the hue that the chroma is lowered along is the library's own choice. */
static double chroma_error(const TestFrame *out, guint x, guint y, double luma, double a, double b)
{
    const MleuFormat *format = &out->format;
    double chroma[2], rgb[3], worst = 0;
    testcolor_chroma(format->matrix, luma, a, b, &chroma[0], &chroma[1]);
    testcolor_rgb(format->matrix, luma, chroma[0], chroma[1], rgb);
    for (guint c = 0; c < 3; c++) {
        if (rgb[c] < 1e-6 || rgb[c] > 1 - 1e-6)
            return 0;
    }
    for (guint c = 0; c < 2; c++)
        worst = MAX(worst, fabs(testframe_get(out, c + 1, x, y) -
                                testframe_chroma_code(format, chroma[c])));
    return worst / (1u << (format->depth - 8));
}

/* Whatever the colour: R'G'B' lies in the gamut but for the rounding of Cb and Cr, which is less
 * than one code value of R', G' or B', and black and white are neutral. */
static void check_gamut(const TestFrame *out, guint x, guint y, double luma)
{
    const MleuFormat *format = &out->format;
    const guint cb = testframe_get(out, 1, x, y), cr = testframe_get(out, 2, x, y);
    const double centre = testframe_chroma_code(format, 0);
    const double span = 4 * (testframe_chroma_code(format, 0.25) - centre);
    const double slack = 1 / (219.0 * (1u << (format->depth - 8))) + 1e-5;
    double rgb[3];
    testcolor_rgb(format->matrix, luma, (cb - centre) / span, (cr - centre) / span, rgb);
    for (guint c = 0; c < 3; c++) {
        g_assert_cmpfloat(rgb[c], >, -slack);
        g_assert_cmpfloat(rgb[c], <, 1 + slack);
    }
    if (luma <= 0 || luma >= 1) {
        g_assert_cmpuint(cb, ==, 1u << (format->depth - 1));
        g_assert_cmpuint(cr, ==, 1u << (format->depth - 1));
    }
}

/* Random luma and colours over the whole of Lab, far out of the gamut too. */
static void check_chroma(MleuMatrix matrix, MleuRange range, guint depth, GRand *random)
{
    const MleuFormat gray = make_format(MLEU_LAYOUT_GRAY, SIDE, SIDE, matrix, range, depth);
    const MleuFormat yuv = make_format(MLEU_LAYOUT_YUV, SIDE, SIDE, matrix, range, depth);
    float ab[2 * SIDE * SIDE];
    double worst = 0;
    TestFrame in, out;
    testframe_init(&in, &gray, TESTFRAME_PLANAR, FALSE);
    testframe_init(&out, &yuv, TESTFRAME_PLANAR, FALSE);
    testframe_randomize(&in, random);
    for (guint i = 0; i < G_N_ELEMENTS(ab); i++)
        ab[i] = (float)g_rand_double_range(random, -110, 110);
    render_once(&in, &out, ab, 1);
    for (guint y = 0; y < SIDE; y++) {
        for (guint x = 0; x < SIDE; x++) {
            const double luma = luma_of(&in, x, y);
            const guint i = y * SIDE + x;
            g_assert_cmpuint(testframe_get(&out, 0, x, y), ==, testframe_get(&in, 0, x, y));
            worst = MAX(worst,
                        chroma_error(&out, x, y, luma, (double)ab[i], (double)ab[SIDE * SIDE + i]));
            check_gamut(&out, x, y, luma);
        }
    }
    g_test_message("matrix %u, range %u, depth %u: at most %.3f of an 8-bit code value off", matrix,
                   range, depth, worst);
    /* Half a code value is the rounding, the rest is what the iteration leaves in strong colours.
     */
    g_assert_cmpfloat(worst, <, 0.5 / (1u << (depth - 8)) + 0.3);
    testframe_clear(&in);
    testframe_clear(&out);
}

static void test_chroma(void)
{
    static const guint depths[] = {8, 10, 13, 16};
    GRand *random = g_rand_new_with_seed(3);
    for (guint matrix = MLEU_MATRIX_BT601; matrix <= MLEU_MATRIX_BT2020; matrix++) {
        for (guint range = MLEU_RANGE_LIMITED; range <= MLEU_RANGE_FULL; range++) {
            for (guint i = 0; i < G_N_ELEMENTS(depths); i++)
                check_chroma((MleuMatrix)matrix, (MleuRange)range, depths[i], random);
        }
    }
    g_rand_free(random);
}

static void check_neutral(guint matrix, guint depth, gboolean colourful, GRand *random)
{
    const MleuFormat gray =
        make_format(MLEU_LAYOUT_GRAY, SIDE, SIDE, (MleuMatrix)matrix, MLEU_RANGE_FULL, depth);
    MleuFormat yuv = gray, rgb = gray;
    float ab[2 * SIDE * SIDE] = {0};
    TestFrame in, yuv_out, rgb_out;
    yuv.layout = MLEU_LAYOUT_YUV;
    rgb.layout = MLEU_LAYOUT_RGB;
    testframe_init(&in, &gray, TESTFRAME_UPSIDE_DOWN, FALSE);
    testframe_init(&yuv_out, &yuv, TESTFRAME_INTERLEAVED, FALSE);
    testframe_init(&rgb_out, &rgb, TESTFRAME_INTERLEAVED, TRUE);
    testframe_randomize(&in, random);
    for (guint i = 0; colourful && i < G_N_ELEMENTS(ab); i++)
        ab[i] = (float)g_rand_double_range(random, -100, 100);
    render_once(&in, &yuv_out, ab, colourful ? 0 : 1);
    render_once(&in, &rgb_out, ab, colourful ? 0 : 1);
    for (guint y = 0; y < SIDE; y++) {
        for (guint x = 0; x < SIDE; x++) {
            g_assert_cmpuint(testframe_get(&yuv_out, 1, x, y), ==, 1u << (depth - 1));
            g_assert_cmpuint(testframe_get(&yuv_out, 2, x, y), ==, 1u << (depth - 1));
            for (guint c = 0; c < 3; c++)
                g_assert_cmpuint(testframe_get(&rgb_out, c, x, y), ==, testframe_get(&in, 0, x, y));
            g_assert_cmpuint(testframe_get(&rgb_out, 3, x, y), ==, (1u << depth) - 1);
        }
    }
    testframe_clear(&in);
    testframe_clear(&yuv_out);
    testframe_clear(&rgb_out);
}

/* No colour, or none of it wanted: chroma is exactly neutral, and RGB exactly grey. */
static void test_neutral(void)
{
    GRand *random = g_rand_new_with_seed(5);
    for (guint matrix = MLEU_MATRIX_BT601; matrix <= MLEU_MATRIX_BT2020; matrix++) {
        for (guint depth = 8; depth <= 16; depth += 4) {
            check_neutral(matrix, depth, FALSE, random);
            check_neutral(matrix, depth, TRUE, random);
        }
    }
    g_rand_free(random);
}

/* Y' of a pixel as the standards define it, 0..1 and a little beyond. */
static double reference_luma(const TestFrame *frame, guint x, guint y)
{
    const double black = testframe_black(&frame->format), white = testframe_white(&frame->format);
    if (frame->format.layout != MLEU_LAYOUT_RGB)
        return (testframe_get(frame, 0, x, y) - black) / (white - black);
    double kr, kg, kb;
    testcolor_weights(frame->format.matrix, &kr, &kg, &kb);
    return (kr * testframe_get(frame, 0, x, y) + kg * testframe_get(frame, 1, x, y) +
            kb * testframe_get(frame, 2, x, y)) /
           white;
}

/* The share of [k, k + 1] within [begin, end]. */
static double overlap(double begin, double end, guint k)
{
    return MAX(MIN(end, k + 1.0) - MAX(begin, (double)k), 0);
}

/* L* of pixel i, j of a frame scaled down to width x height: of the mean over the pixel's area. */
static double reference_pixel(const TestFrame *frame, guint width, guint height, guint i, guint j)
{
    const double sx = (double)frame->format.width / width;
    const double sy = (double)frame->format.height / height;
    double sum = 0;
    for (guint y = (guint)(j * sy); y < frame->format.height && y < (j + 1) * sy; y++) {
        for (guint x = (guint)(i * sx); x < frame->format.width && x < (i + 1) * sx; x++)
            sum += overlap(j * sy, (j + 1) * sy, y) * overlap(i * sx, (i + 1) * sx, x) *
                   reference_luma(frame, x, y);
    }
    return testcolor_lightness(CLAMP(sum / (sx * sy), 0, 1));
}

/* The pixel that a mirror about the outermost pixels shows at @i, again and again. */
static guint mirrored(int i, guint count)
{
    while (i < 0 || i >= (int)count)
        i = count == 1 ? 0 : i < 0 ? -i : 2 * ((int)count - 1) - i;
    return (guint)i;
}

static void check_scale(const MleuFormat *format, TestPacking packing, guint width, guint height,
                        GRand *random)
{
    MleuPool *pool = make_pool(3);
    const guint full_width = (width + 31) / 32 * 32, full_height = (height + 31) / 32 * 32;
    const guint left = (full_width - width) / 2, top = (full_height - height) / 2;
    float *lightness = g_new(float, (gsize)full_width *full_height);
    TestFrame frame;
    testframe_init(&frame, format, packing, FALSE);
    testframe_randomize(&frame, random);
    MleuScaler *scaler = mleu_scaler_new(format, full_width, full_height, width, height, pool);
    mleu_scaler_run(scaler, &frame.frame, lightness);
    for (guint j = 0; j < full_height; j++) {
        for (guint i = 0; i < full_width; i++) {
            const guint x = mirrored((int)i - (int)left, width);
            const guint y = mirrored((int)j - (int)top, height);
            const float got = lightness[j * full_width + i];
            if (i - left < width && j - top < height)
                g_assert_cmpfloat_with_epsilon((double)got,
                                               reference_pixel(&frame, width, height, x, y), 0.02);
            else
                g_assert_cmpfloat(got, ==, lightness[(top + y) * full_width + left + x]);
        }
    }
    mleu_scaler_free(scaler);
    mleu_pool_free(pool);
    testframe_clear(&frame);
    g_free(lightness);
}

/* Every layout and packing, by odd ratios, down to a single row. */
static void test_scale(void)
{
    GRand *random = g_rand_new_with_seed(6);
    for (guint packing = 0; packing < TESTFRAME_PACKINGS; packing++) {
        for (guint layout = MLEU_LAYOUT_GRAY; layout <= MLEU_LAYOUT_RGB; layout++) {
            MleuFormat format = make_format((MleuLayout)layout, 97, 71, (MleuMatrix)(packing % 3),
                                            MLEU_RANGE_LIMITED, 8);
            check_scale(&format, (TestPacking)packing, 41, 32, random);
            check_scale(&format, (TestPacking)packing, 97, 71, random);
            check_scale(&format, (TestPacking)packing, 5, 1, random);
            format.depth = 10;
            format.shift = 6;
            format.big_endian = packing % 2 == 1;
            check_scale(&format, (TestPacking)packing, 32, 24, random);
            format.depth = 16;
            format.shift = 0;
            format.range = MLEU_RANGE_FULL;
            check_scale(&format, (TestPacking)packing, 33, 3, random);
        }
    }
    g_rand_free(random);
}

/* Two-byte samples beyond their depth, as a broken stream may hold: no memory is read that is not
 * ours, and what comes out is within the output's depth. */
static void test_beyond_depth(void)
{
    const MleuFormat deep =
        make_format(MLEU_LAYOUT_GRAY, SIDE, SIDE, MLEU_MATRIX_BT709, MLEU_RANGE_LIMITED, 10);
    const MleuFormat yuv =
        make_format(MLEU_LAYOUT_YUV, SIDE, SIDE, MLEU_MATRIX_BT709, MLEU_RANGE_LIMITED, 9);
    float ab[2 * SIDE * SIDE];
    TestFrame in, out;
    testframe_init(&in, &deep, TESTFRAME_PLANAR, FALSE);
    testframe_init(&out, &yuv, TESTFRAME_PADDED, FALSE);
    for (guint i = 0; i < G_N_ELEMENTS(ab); i++)
        ab[i] = 20;
    for (guint i = 0; i < SIDE * SIDE; i++)
        testframe_set(&in, 0, i % SIDE, i / SIDE, i * 65535 / (SIDE * SIDE - 1));
    render_once(&in, &out, ab, 1);
    for (guint i = 0; i < SIDE * SIDE; i++) {
        for (guint c = 0; c < 3; c++)
            g_assert_cmpuint(testframe_get(&out, c, i % SIDE, i / SIDE), <, 512);
    }
    testframe_clear(&in);
    testframe_clear(&out);
}

static void check_wrong(const MleuFormat *format, const char *message)
{
    GError *error = NULL;
    g_assert_false(mleu_format_check(format, "input", &error));
    g_assert_error(error, MLEU_ERROR, MLEU_ERROR_INVALID);
    g_assert_cmpstr(error->message, ==, message);
    g_clear_error(&error);
}

/* A message names the field, its value and its range. */
static void test_wrong_formats(void)
{
    const MleuFormat good =
        make_format(MLEU_LAYOUT_GRAY, 4, 4, MLEU_MATRIX_BT601, MLEU_RANGE_FULL, 10);
    MleuFormat format = good;
    g_assert_true(mleu_format_check(&format, "input", NULL));
    format.height = 16385;
    check_wrong(&format, "input of 4 x 16385 pixels: each side must be from 1 to 16384");
    format = good;
    format.layout = (MleuLayout)3;
    check_wrong(&format, "input layout 3: must be grey, YUV or RGB (0 to 2)");
    format = good;
    format.matrix = (MleuMatrix)7;
    check_wrong(&format, "input matrix 7: must be BT.601, BT.709 or BT.2020 (0 to 2)");
    format = good;
    format.range = (MleuRange)2;
    check_wrong(&format, "input range 2: must be limited or full (0 or 1)");
    format = good;
    format.depth = 17;
    check_wrong(&format, "input depth of 17 bits: must be from 8 to 16");
    format = good;
    format.shift = 7;
    check_wrong(&format, "input shift of 7 bits: must be from 0 to 6 at depth 10");
    format.shift = G_MAXUINT - 3;
    check_wrong(&format, "input shift of 4294967292 bits: must be from 0 to 6 at depth 10");
    format.depth = 8;
    format.shift = 1;
    check_wrong(&format, "input shift of 1 bits: must be from 0 to 0 at depth 8");
    format = good;
    format.chroma_shift_x = 1;
    check_wrong(&format, "input chroma shift 1, 0: each must be 0 where it is not YUV");
    format.layout = MLEU_LAYOUT_YUV;
    g_assert_true(mleu_format_check(&format, "input", NULL));
    format.chroma_shift_y = 2;
    check_wrong(&format, "input chroma shift 1, 2: each must be 0 or 1");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/color-math/chroma", test_chroma);
    g_test_add_func("/color-math/neutral", test_neutral);
    g_test_add_func("/color-math/scale", test_scale);
    g_test_add_func("/color-math/beyond-depth", test_beyond_depth);
    g_test_add_func("/color-math/wrong-formats", test_wrong_formats);
    return g_test_run();
}
