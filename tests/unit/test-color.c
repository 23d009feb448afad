/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Luma kept and converted, geometry, the network's input, how much colour a picture has. */
#include <math.h>
#include <string.h>

#include "color/render.h"
#include "color/scale.h"

static guint32 random_state = 1;

static guint next_random(guint below)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (guint)((guint64)(random_state >> 8) * below >> 24);
}

/* A frame in memory of its own, with padded rows. */
typedef struct {
    MleuFormat format;
    MleuFrame frame;
    guint8 *memory[4];
    gsize size[4];
} Picture;

static void picture_init(Picture *picture, const MleuFormat *format, gboolean packed)
{
    const guint bytes = format->depth > 8 ? 2 : 1;
    const guint planes = format->layout == MLEU_LAYOUT_GRAY  ? 1
                         : format->layout == MLEU_LAYOUT_RGB ? 4
                                                             : 3;
    memset(picture, 0, sizeof *picture);
    picture->format = *format;
    for (guint p = 0; p < planes; p++) {
        const gboolean chroma = format->layout == MLEU_LAYOUT_YUV && p > 0;
        const guint width = chroma ? mleu_format_chroma_width(format) : format->width;
        const guint height = chroma ? mleu_format_chroma_height(format) : format->height;
        const guint step = packed ? 3 * bytes : bytes;
        const gsize stride = (gsize)width * step + 5;
        picture->size[p] = stride * height;
        picture->memory[p] = g_malloc(picture->size[p]);
        for (gsize i = 0; i < picture->size[p]; i++)
            picture->memory[p][i] = (guint8)next_random(256);
        /* Every other plane from the bottom up. */
        const gboolean upside_down = p % 2 == 0 && packed;
        picture->frame.plane[p] = (MleuPlane){
            .data = picture->memory[p] + (upside_down ? stride * (height - 1) : 0),
            .stride = upside_down ? -(gssize)stride : (gssize)stride,
            .step = step,
        };
    }
}

static void picture_clear(Picture *picture)
{
    for (guint p = 0; p < 4; p++)
        g_free(picture->memory[p]);
}

static guint get(const Picture *picture, guint plane, guint x, guint y)
{
    const MleuPlane *p = &picture->frame.plane[plane];
    const guint8 *at = p->data + (gssize)y * p->stride + (gssize)x * p->step;
    if (picture->format.depth == 8)
        return *at;
    const guint value =
        picture->format.big_endian ? (guint)at[0] << 8 | at[1] : (guint)at[1] << 8 | at[0];
    return value >> picture->format.shift;
}

static void set(const Picture *picture, guint plane, guint x, guint y, guint code)
{
    const MleuPlane *p = &picture->frame.plane[plane];
    guint8 *at = p->data + (gssize)y * p->stride + (gssize)x * p->step;
    const guint value = code << picture->format.shift;
    if (picture->format.depth == 8) {
        *at = (guint8)code;
    } else {
        at[picture->format.big_endian ? 1 : 0] = (guint8)value;
        at[picture->format.big_endian ? 0 : 1] = (guint8)(value >> 8);
    }
}

static void fill_luma(const Picture *picture)
{
    for (guint y = 0; y < picture->format.height; y++) {
        for (guint x = 0; x < picture->format.width; x++)
            set(picture, 0, x, y, next_random(1u << picture->format.depth));
    }
}

/* One grid cell of constant colour under the whole frame. */
static void render_constant(const Picture *in, const Picture *out, float a, float b)
{
    const float ab[2] = {a, b};
    const MleuGrid grid = {.width = 1,
                           .height = 1,
                           .scale_x = 1.0 / in->format.width,
                           .scale_y = 1.0 / in->format.height};
    MleuPool *pool = mleu_pool_new(2, NULL);
    MleuRenderer *renderer = mleu_renderer_new(&in->format, &out->format, &grid, pool);
    mleu_renderer_run(renderer, ab, NULL, 1, &in->frame, &out->frame);
    mleu_renderer_free(renderer);
    mleu_pool_free(pool);
}

static MleuFormat yuv_format(guint width, guint height, guint shift, MleuMatrix matrix,
                             MleuRange range, guint depth)
{
    return (MleuFormat){.layout = MLEU_LAYOUT_YUV,
                        .width = width,
                        .height = height,
                        .chroma_shift_x = shift,
                        .chroma_shift_y = shift,
                        .matrix = matrix,
                        .range = range,
                        .depth = depth};
}

/* Luma is copied sample for sample, at every size and layout of rows, chroma subsampled or not. */
static void test_luma_exact(void)
{
    for (guint width = 1; width < 20; width += 3) {
        for (guint height = 1; height < 20; height += 2) {
            for (guint variant = 0; variant < 8; variant++) {
                const guint depth = variant & 1 ? 10 : 8;
                MleuFormat format = yuv_format(width, height, variant >> 1 & 1, MLEU_MATRIX_BT709,
                                               MLEU_RANGE_LIMITED, depth);
                MleuFormat grey = format;
                grey.layout = MLEU_LAYOUT_GRAY;
                grey.chroma_shift_x = grey.chroma_shift_y = 0;
                if (depth > 8) {
                    format.shift = 6;
                    format.big_endian = TRUE;
                }
                Picture in, out;
                picture_init(&in, &grey, variant >> 2 & 1);
                picture_init(&out, &format, !(variant >> 2 & 1));
                fill_luma(&in);
                render_constant(&in, &out, 20, -30);
                for (guint y = 0; y < height; y++) {
                    for (guint x = 0; x < width; x++)
                        g_assert_cmpuint(get(&in, 0, x, y), ==, get(&out, 0, x, y));
                }
                picture_clear(&in);
                picture_clear(&out);
            }
        }
    }
}

/* In place: luma's memory, padding too, is not touched. */
static void test_in_place(void)
{
    const MleuFormat format = yuv_format(17, 13, 1, MLEU_MATRIX_BT601, MLEU_RANGE_LIMITED, 8);
    Picture picture;
    picture_init(&picture, &format, FALSE);
    guint8 *before = g_memdup2(picture.memory[0], picture.size[0]);
    render_constant(&picture, &picture, 30, 10);
    g_assert_cmpmem(before, picture.size[0], picture.memory[0], picture.size[0]);
    g_assert_cmpuint(get(&picture, 2, 4, 3), !=, 128);
    g_free(before);
    picture_clear(&picture);
}

static void test_luma_ranges(void)
{
    MleuFormat full = yuv_format(256, 1, 0, MLEU_MATRIX_BT601, MLEU_RANGE_FULL, 8), limited = full,
               ten;
    full.layout = MLEU_LAYOUT_GRAY;
    limited.range = MLEU_RANGE_LIMITED;
    ten = limited;
    ten.depth = 10;
    Picture in, out, deep;
    picture_init(&in, &full, FALSE);
    picture_init(&out, &limited, FALSE);
    for (guint x = 0; x < 256; x++)
        set(&in, 0, x, 0, x);
    render_constant(&in, &out, 0, 0);
    for (guint x = 0; x < 256; x++) {
        g_assert_cmpuint(get(&out, 0, x, 0), ==, (guint)floor(16 + x * 219 / 255.0 + 0.5));
        g_assert_cmpuint(get(&out, 1, x, 0), ==, 128);
        g_assert_cmpuint(get(&out, 2, x, 0), ==, 128);
    }
    picture_init(&deep, &ten, FALSE);
    render_constant(&out, &deep, 0, 0);
    for (guint x = 0; x < 256; x++)
        g_assert_cmpuint(get(&deep, 0, x, 0), ==, 4 * get(&out, 0, x, 0));
    picture_clear(&in);
    picture_clear(&out);
    picture_clear(&deep);
}

/* RGB out: a grey stays grey, alpha is opaque or the input's; the luma of what is written is the
 * input's. */
static void test_rgb(void)
{
    MleuFormat grey = yuv_format(16, 16, 0, MLEU_MATRIX_BT601, MLEU_RANGE_FULL, 8), rgb = grey;
    grey.layout = MLEU_LAYOUT_GRAY;
    rgb.layout = MLEU_LAYOUT_RGB;
    Picture in, out, again;
    picture_init(&in, &grey, FALSE);
    picture_init(&out, &rgb, FALSE);
    picture_init(&again, &rgb, FALSE);
    render_constant(&in, &out, 25, -20);
    for (guint i = 0; i < 256; i++) {
        const double luma = 0.299 * get(&out, 0, i % 16, i / 16) +
                            0.587 * get(&out, 1, i % 16, i / 16) +
                            0.114 * get(&out, 2, i % 16, i / 16);
        g_assert_cmpfloat(fabs(luma - get(&in, 0, i % 16, i / 16)), <, 0.75);
        g_assert_cmpuint(get(&out, 3, i % 16, i / 16), ==, 255);
    }
    set(&out, 3, 5, 5, 17);
    render_constant(&out, &again, 0, 0);
    g_assert_cmpuint(get(&again, 3, 5, 5), ==, 17);
    g_assert_cmpuint(get(&again, 3, 6, 5), ==, 255);
    for (guint i = 0; i < 256; i++) {
        g_assert_cmpuint(get(&again, 0, i % 16, i / 16), ==, get(&again, 1, i % 16, i / 16));
        g_assert_cmpint(ABS((int)get(&again, 0, i % 16, i / 16) - (int)get(&in, 0, i % 16, i / 16)),
                        <=, 1);
    }
    picture_clear(&in);
    picture_clear(&out);
    picture_clear(&again);
}

/* A border between two colours in the middle of the grid lies in the middle of the frame, at every
 * size and siting. */
static void test_alignment(void)
{
    const guint sizes[] = {64, 63, 200, 37};
    for (guint s = 0; s < G_N_ELEMENTS(sizes); s++) {
        for (guint variant = 0; variant < 4; variant++) {
            const guint size = sizes[s], cells = 16;
            MleuFormat format =
                yuv_format(size, 8, variant & 1, MLEU_MATRIX_BT601, MLEU_RANGE_FULL, 8);
            format.siting_x = variant >> 1 & 1 ? MLEU_SITING_CENTRE : MLEU_SITING_COSITED;
            /* The frame covers the grid's cells 2 .. 14. */
            const MleuGrid grid = {.width = cells,
                                   .height = 1,
                                   .scale_x = 12.0 / size,
                                   .scale_y = 1.0 / 8,
                                   .offset_x = 2};
            float ab[32] = {0};
            for (guint i = 0; i < cells; i++)
                ab[i] = i < cells / 2 ? -30 : 30;
            Picture in, out;
            picture_init(&in, &format, FALSE);
            picture_init(&out, &format, FALSE);
            for (guint i = 0; i < size * 8; i++)
                set(&in, 0, i % size, i / size, 128);
            MleuPool *pool = mleu_pool_new(1, NULL);
            MleuRenderer *renderer = mleu_renderer_new(&format, &format, &grid, pool);
            mleu_renderer_run(renderer, ab, NULL, 1, &in.frame, &out.frame);
            /* Where Cr passes its neutral value, between two chroma samples. */
            const guint width = mleu_format_chroma_width(&format);
            guint x = 1;
            while (x < width && get(&out, 2, x, 0) < 128)
                x++;
            g_assert_cmpuint(x, <, width);
            const double low = get(&out, 2, x - 1, 0), high = get(&out, 2, x, 0);
            const double cross = x - 1 + (128 - low) / (high - low);
            const double pixel = format.chroma_shift_x == 0              ? cross + 0.5
                                 : format.siting_x == MLEU_SITING_CENTRE ? 2 * cross + 1
                                                                         : 2 * cross + 0.5;
            g_assert_cmpfloat(fabs(pixel - size / 2.0), <, 0.6);
            mleu_renderer_free(renderer);
            mleu_pool_free(pool);
            picture_clear(&in);
            picture_clear(&out);
        }
    }
}

static double lightness_of(double y)
{
    const double linear = y <= 0.04045 ? y / 12.92 : pow((y + 0.055) / 1.055, 2.4);
    return 116 * (linear > 216.0 / 24389 ? cbrt(linear) : (24389.0 / 27 * linear + 16) / 116) - 16;
}

/* The network's input: areas averaged, L* right, the border a mirror; the mean is kept whatever the
 * sizes. */
static void test_scaler(void)
{
    MleuFormat format = yuv_format(70, 50, 0, MLEU_MATRIX_BT601, MLEU_RANGE_LIMITED, 8);
    format.layout = MLEU_LAYOUT_GRAY;
    Picture in;
    picture_init(&in, &format, FALSE);
    MleuPool *pool = mleu_pool_new(2, NULL);

    /* One to one with a border: each pixel's L*, then the reflection. */
    float lightness[96 * 64];
    for (guint y = 0; y < 50; y++) {
        for (guint x = 0; x < 70; x++)
            set(&in, 0, x, y, 16 + next_random(220));
    }
    MleuScaler *scaler = mleu_scaler_new(&format, 96, 64, 70, 50, pool);
    mleu_scaler_run(scaler, &in.frame, lightness);
    for (guint y = 0; y < 64; y++) {
        for (guint x = 0; x < 96; x++) {
            int u = (int)x - 13, v = (int)y - 7;
            u = u < 0 ? -u : u > 69 ? 138 - u : u;
            v = v < 0 ? -v : v > 49 ? 98 - v : v;
            const double expected = lightness_of((get(&in, 0, (guint)u, (guint)v) - 16) / 219.0);
            g_assert_cmpfloat(fabs((double)lightness[y * 96 + x] - expected), <, 0.01);
        }
    }
    mleu_scaler_free(scaler);

    /* Half size: means of 2 x 2. */
    scaler = mleu_scaler_new(&format, 35, 25, 35, 25, pool);
    mleu_scaler_run(scaler, &in.frame, lightness);
    for (guint y = 0; y < 25; y++) {
        for (guint x = 0; x < 35; x++) {
            const double mean =
                (get(&in, 0, 2 * x, 2 * y) + get(&in, 0, 2 * x + 1, 2 * y) +
                 get(&in, 0, 2 * x, 2 * y + 1) + get(&in, 0, 2 * x + 1, 2 * y + 1)) /
                4.0;
            g_assert_cmpfloat(fabs((double)lightness[y * 35 + x] - lightness_of((mean - 16) / 219)),
                              <, 0.01);
        }
    }
    mleu_scaler_free(scaler);

    /* A ramp stays a ramp when it is enlarged or shrunk by an odd factor. */
    for (guint y = 0; y < 50; y++) {
        for (guint x = 0; x < 70; x++)
            set(&in, 0, x, y, 30 + 2 * x);
    }
    const guint widths[] = {96, 51, 33, 1};
    for (guint i = 0; i < G_N_ELEMENTS(widths); i++) {
        scaler = mleu_scaler_new(&format, widths[i], 3, widths[i], 3, pool);
        mleu_scaler_run(scaler, &in.frame, lightness);
        for (guint x = 2; x + 2 < widths[i]; x++) {
            const double at = (x + 0.5) * 70 / widths[i] - 0.5;
            g_assert_cmpfloat(fabs((double)lightness[x] - lightness_of((14 + 2 * at) / 219)), <,
                              0.1);
        }
        mleu_scaler_free(scaler);
    }
    mleu_pool_free(pool);
    picture_clear(&in);
}

/* Grey and toned pictures measure near 0, pictures in colour far above. */
static void test_measure(void)
{
    for (guint depth = 8; depth <= 10; depth += 2) {
        const MleuFormat format =
            yuv_format(100, 80, 1, MLEU_MATRIX_BT601, MLEU_RANGE_LIMITED, depth);
        const guint unit = 1u << (depth - 8);
        Picture picture;
        picture_init(&picture, &format, FALSE);
        for (guint kind = 0; kind < 3; kind++) {
            for (guint y = 0; y < 80; y++) {
                for (guint x = 0; x < 100; x++)
                    set(&picture, 0, x, y, (40 + x + y / 2) * unit);
            }
            for (guint y = 0; y < 40; y++) {
                for (guint x = 0; x < 50; x++) {
                    const guint luma = 40 + 2 * x + y;
                    const guint tone = kind == 0   ? 128
                                       : kind == 1 ? 128 - luma / 10
                                                   : 90 + next_random(2) * 76;
                    set(&picture, 1, x, y, tone * unit);
                    set(&picture, 2, x, y, (256 - tone) * unit);
                }
            }
            const double measured = mleu_frame_measure_color(&format, &picture.frame);
            if (kind == 0)
                g_assert_cmpfloat(measured, ==, 0);
            else if (kind == 1)
                g_assert_cmpfloat(measured, <, 1);
            else
                g_assert_cmpfloat(measured, >, 20);
        }
        picture_clear(&picture);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/color/luma-exact", test_luma_exact);
    g_test_add_func("/color/in-place", test_in_place);
    g_test_add_func("/color/luma-ranges", test_luma_ranges);
    g_test_add_func("/color/rgb", test_rgb);
    g_test_add_func("/color/alignment", test_alignment);
    g_test_add_func("/color/scaler", test_scaler);
    g_test_add_func("/color/measure", test_measure);
    return g_test_run();
}
