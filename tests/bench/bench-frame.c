/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whole frames, GRAY8 -> I420, the network on every frame: frames a second with a thread for each
 * processor, and CPU milliseconds of one thread for each part outside the network. The picture pans
 * and has grain, so that there is motion to find.
 *
 * "steady": of the parts, what makes colours steady and keeps them inside of edges: the search for
 * cuts and motion, the smoothing, the guide's coefficients and the enlargement, but not the
 * conversion to Cb and Cr. The last two, "guide" and "enlarge", are parts of "render" and measured
 * on their own, the enlargement in the renderer's order.
 *
 * "core": how many of the additions that a core makes at most, as far as this run has seen, it made
 * meanwhile. Where it is far below 100 %, its other hardware thread is busy, and times are those of
 * a part of a core.
 *
 *   bench-frame MODEL...
 */
#include <stdio.h>
#include <stdlib.h>

#include <mleu/mleu.h>

#include "bench.h"
#include "color/guide.h"
#include "color/scale.h"
#include "kernels/kernels.h"

/* Of any moment of this run. */
static double most_additions;

enum { ROUNDS = 9, FRAMES = 8, GRAIN = 8 };

typedef struct {
    guint width, height;
    guint8 *grey[2], *coloured;
    MleuFrame input[2], output; /* one frame and the next */
} Picture;

static void picture_init(Picture *picture, guint width, guint height)
{
    const gsize pixels = (gsize)width * height;
    *picture = (Picture){.width = width, .height = height};
    picture->coloured = g_malloc(pixels + 2 * (pixels / 4));
    const guint side = width / 30;
    guint32 state = 1;
    for (guint k = 0; k < 2; k++) {
        picture->grey[k] = g_malloc(pixels);
        picture->input[k].plane[0] = (MleuPlane){picture->grey[k], (gint)width, 1};
        for (gsize i = 0; i < pixels; i++) {
            const guint x = (guint)(i % width) + k * (side / 10),
                        y = (guint)(i / width) + k * (side / 30);
            const guint value = x * 160 / width + (x / side + y / side) % 2 * 80;
            state = state * 1664525u + 1013904223u;
            picture->grey[k][i] = (guint8)MIN(value + (state >> 24) * GRAIN / 256, 255);
        }
    }
    picture->output.plane[0] = (MleuPlane){picture->coloured, (gint)width, 1};
    for (guint c = 0; c < 2; c++)
        picture->output.plane[1 + c] =
            (MleuPlane){picture->coloured + pixels + c * (pixels / 4), (gint)width / 2, 1};
}

static void configure(MleuConfig *config, const Picture *picture, guint threads)
{
    mleu_config_init(config);
    config->input = (MleuFormat){
        .layout = MLEU_LAYOUT_GRAY, .width = picture->width, .height = picture->height, .depth = 8};
    config->output = config->input;
    config->output.layout = MLEU_LAYOUT_YUV;
    config->output.chroma_shift_x = config->output.chroma_shift_y = 1;
    config->n_threads = threads;
}

static MleuColorizer *make(MleuModel *model, const MleuConfig *config)
{
    GError *error = NULL;
    MleuColorizer *colorizer = mleu_colorizer_new(model, config, &error);
    if (colorizer == NULL)
        g_error("%s", error->message);
    return colorizer;
}

static void colour(MleuColorizer *colorizer, const Picture *picture, guint frame,
                   const MleuParams *params)
{
    const MleuFrame *input = &picture->input[frame % 2];
    if (!mleu_colorizer_predict(colorizer, input, params, NULL))
        g_error("the network does not run");
    mleu_colorizer_smooth(colorizer, 1 / 24.0, params);
    mleu_colorizer_render(colorizer, input, &picture->output, params);
}

static double frames_a_second(MleuModel *model, const Picture *picture, const MleuParams *params)
{
    MleuConfig config;
    configure(&config, picture, 0);
    MleuColorizer *colorizer = make(model, &config);
    double seconds[ROUNDS];
    colour(colorizer, picture, 1, params);
    for (guint round = 0; round < ROUNDS; round++) {
        const double begin = bench_seconds();
        for (guint i = 0; i < FRAMES; i++)
            colour(colorizer, picture, i, params);
        seconds[round] = (bench_seconds() - begin) / FRAMES;
    }
    mleu_colorizer_free(colorizer);
    return 1 / bench_median(seconds, ROUNDS);
}

/* The guide on the small grid, and all that is enlarged of it. */
typedef struct {
    guint width, height, chroma_width, chroma_height;
    guint *cell, *next;
    float *share, *ab, *out, *y;
    MleuGuide guide;
    MleuWide *wide;
} Edges;

static void edges_init(Edges *e, const Picture *picture, const float *lightness, guint in_width,
                       guint in_height, guint width, guint height)
{
    const guint columns = picture->width / 2;
    *e = (Edges){.width = width,
                 .height = height,
                 .chroma_width = columns,
                 .chroma_height = picture->height / 2,
                 .cell = g_new(guint, columns),
                 .next = g_new(guint, columns),
                 .share = g_new(float, columns),
                 .ab = g_new(float, (gsize)2 * width * height),
                 .out = g_new(float, 2 * MLEU_WIDE),
                 .y = g_new0(float, MLEU_WIDE),
                 .wide = g_new(MleuWide, 2)};
    for (guint x = 0; x < columns; x++) {
        const float at = (float)x * (float)(width - 1) / (float)columns;
        e->cell[x] = (guint)at;
        e->next[x] = e->cell[x] + 1;
        e->share[x] = at - (float)e->cell[x];
    }
    for (guint i = 0; i < 2 * width * height; i++)
        e->ab[i] = (float)(i % 64) - 32;
    if (!mleu_guide_init(&e->guide, width, height, mleu_kernels_get(mleu_cpu_tier())))
        g_error("no memory");
    mleu_guide_set_luma(&e->guide, lightness, in_width, in_height);
}

static void edges_clear(Edges *e)
{
    mleu_guide_clear(&e->guide);
    g_free(e->cell);
    g_free(e->next);
    g_free(e->share);
    g_free(e->ab);
    g_free(e->out);
    g_free(e->y);
    g_free(e->wide);
}

static void widen(const Edges *e, const MleuKernels *kernels, guint row, guint x, guint n,
                  MleuWide *wide)
{
    const MleuGuide *guide = &e->guide;
    const gsize at = (gsize)row * e->width;
    const float *const rows[MLEU_WIDE_PLANES] = {
        e->ab + at,           e->ab + (gsize)e->width * e->height + at,
        guide->luma + at,     guide->slope[0] + at,
        guide->slope[1] + at, guide->low[0] + at,
        guide->low[1] + at,   guide->high[0] + at,
        guide->high[1] + at};
    const MleuWiden job = {e->cell + x, e->next + x, e->share + x,
                           e->width,    rows,        MLEU_WIDE_PLANES};
    kernels->f32_widen((float *)wide, n, &job);
}

static void enlarge(const Edges *e, const MleuKernels *kernels)
{
    enum { ROWS = 16 };
    for (guint begin = 0; begin < e->chroma_height; begin += ROWS) {
        for (guint x = 0; x < e->chroma_width; x += MLEU_WIDE) {
            const guint n = MIN(MLEU_WIDE, e->chroma_width - x);
            guint held = G_MAXUINT;
            for (guint row = begin; row < MIN(begin + ROWS, e->chroma_height); row++) {
                const float at = (float)row * (float)(e->height - 1) / (float)e->chroma_height;
                const guint cell = (guint)at;
                for (guint k = held == G_MAXUINT ? 0 : 1; k < 2 && held != cell; k++)
                    widen(e, kernels, cell + k, x, n, &e->wide[(cell + k) % 2]);
                held = cell;
                const MleuEnlarge job = {&e->wide[cell % 2], &e->wide[(cell + 1) % 2],
                                         at - (float)cell, 1, TRUE};
                kernels->f32_enlarge(e->out, e->out + MLEU_WIDE, e->y, n, &job);
            }
        }
    }
}

static void measure(MleuModel *model, guint width, guint height)
{
    Picture picture;
    MleuParams params;
    MleuConfig config;
    MleuStats stats;
    Edges edges;
    guint in_width, in_height, grid_width, grid_height;
    picture_init(&picture, width, height);
    mleu_params_init(&params);
    configure(&config, &picture, 1);
    MleuColorizer *colorizer = make(model, &config);
    mleu_colorizer_get_input_size(colorizer, &in_width, &in_height);
    mleu_colorizer_get_prediction(colorizer, &grid_width, &grid_height);
    MleuPool *pool = mleu_pool_new(1, NULL);
    MleuScaler *scaler =
        mleu_scaler_new(&config.input, in_width, in_height, in_width, in_height, pool);
    float *lightness = g_new(float, (gsize)in_width *in_height);
    mleu_scaler_run(scaler, &picture.input[0], lightness);
    edges_init(&edges, &picture, lightness, in_width, in_height, grid_width, grid_height);
    const MleuKernels *kernels = mleu_kernels_get(mleu_cpu_tier());
    enum { SCALE, MOTION, SMOOTH, RENDER, GUIDE, ENLARGE, PARTS };
    double times[PARTS][ROUNDS], ms[PARTS], additions[ROUNDS];
    /* A frame that carries the colours before it is scaled and searched for motion, and no more. */
    MleuParams carrying = params;
    carrying.carry = TRUE;
    for (guint round = 0; round < ROUNDS; round++) {
        const MleuFrame *input = &picture.input[round % 2];
        colour(colorizer, &picture, round + 1, &params);
        additions[round] = bench_additions();
        double at[PARTS + 1] = {bench_cpu_seconds()};
        mleu_scaler_run(scaler, input, lightness);
        at[1] = bench_cpu_seconds();
        mleu_colorizer_predict(colorizer, input, &carrying, NULL);
        at[2] = bench_cpu_seconds();
        mleu_colorizer_smooth(colorizer, 1 / 24.0, &params);
        at[3] = bench_cpu_seconds();
        mleu_colorizer_render(colorizer, input, &picture.output, &params);
        at[4] = bench_cpu_seconds();
        mleu_guide_settle(&edges.guide, edges.ab, edges.ab);
        mleu_guide_fit(&edges.guide, edges.ab);
        at[5] = bench_cpu_seconds();
        enlarge(&edges, kernels);
        at[6] = bench_cpu_seconds();
        for (guint part = 0; part < PARTS; part++)
            times[part][round] = (at[part + 1] - at[part]) * 1e3;
        times[MOTION][round] -= times[SCALE][round];
    }
    mleu_colorizer_get_stats(colorizer, &stats);
    if (stats.predictions != ROUNDS)
        g_error("colours were not carried along the motion");
    double outside = 0;
    for (guint part = 0; part < PARTS; part++) {
        ms[part] = bench_median(times[part], ROUNDS);
        outside += part <= RENDER ? ms[part] : 0;
    }
    printf("  %4u x %4u %7.1f", width, height, frames_a_second(model, &picture, &params));
    for (guint part = 0; part < PARTS; part++)
        printf(" %7.2f", ms[part]);
    const double whole = bench_median(additions, ROUNDS);
    most_additions = MAX(most_additions, additions[ROUNDS - 1]); /* sorted by then */
    printf(" %7.2f %8.2f %6.0f %% %8.0f\n", ms[MOTION] + ms[SMOOTH] + ms[GUIDE] + ms[ENLARGE],
           outside, 100 * whole / most_additions, bench_peak_memory());
    g_free(lightness);
    edges_clear(&edges);
    mleu_scaler_free(scaler);
    mleu_pool_free(pool);
    mleu_colorizer_free(colorizer);
    g_free(picture.grey[0]);
    g_free(picture.grey[1]);
    g_free(picture.coloured);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        GError *error = NULL;
        MleuModel *model = mleu_model_load(argv[i], &error);
        if (model == NULL) {
            fprintf(stderr, "%s\n", error->message);
            g_error_free(error);
            return 1;
        }
        printf("%s, %s; ms of CPU, one thread; MiB with the frames' own, the largest so far\n",
               mleu_model_get_name(model), mleu_cpu_get_tier());
        printf(
            "        frame     fps   scale  motion  smooth  render   guide enlarge  steady  outside"
            "     core      MiB\n");
        measure(model, 854, 480);
        measure(model, 1920, 1080);
        measure(model, 3840, 2160);
        mleu_model_unref(model);
    }
    return 0;
}
