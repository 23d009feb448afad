/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whole frames, GRAY8 -> I420, the network on every frame: frames a second with a thread for each
 * processor, and CPU milliseconds of one thread for each part outside the network.
 *
 *   bench-frame MODEL...
 */
#include <stdio.h>
#include <stdlib.h>

#include <mleu/mleu.h>

#include "bench.h"
#include "color/scale.h"

enum { ROUNDS = 9, FRAMES = 8 };

typedef struct {
    guint width, height;
    guint8 *grey, *coloured;
    MleuFrame input, output;
} Picture;

static void picture_init(Picture *picture, guint width, guint height)
{
    const gsize pixels = (gsize)width * height;
    *picture = (Picture){.width = width, .height = height};
    picture->grey = g_malloc(pixels);
    picture->coloured = g_malloc(pixels + 2 * (pixels / 4));
    for (gsize i = 0; i < pixels; i++) {
        const guint x = (guint)(i % width), y = (guint)(i / width);
        picture->grey[i] = (guint8)((x * 255 / width + (x / 64 + y / 64) % 2 * 80) & 255);
    }
    picture->input.plane[0] = (MleuPlane){picture->grey, (gint)width, 1};
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

static void colour(MleuColorizer *colorizer, const Picture *picture, const MleuParams *params)
{
    if (!mleu_colorizer_predict(colorizer, &picture->input, params, NULL))
        g_error("the network does not run");
    mleu_colorizer_smooth(colorizer, 1 / 24.0, params);
    mleu_colorizer_render(colorizer, &picture->input, &picture->output, params);
}

static double frames_a_second(MleuModel *model, const Picture *picture, const MleuParams *params)
{
    MleuConfig config;
    configure(&config, picture, 0);
    MleuColorizer *colorizer = make(model, &config);
    double seconds[ROUNDS];
    colour(colorizer, picture, params);
    for (guint round = 0; round < ROUNDS; round++) {
        const double begin = bench_seconds();
        for (guint i = 0; i < FRAMES; i++)
            colour(colorizer, picture, params);
        seconds[round] = (bench_seconds() - begin) / FRAMES;
    }
    mleu_colorizer_free(colorizer);
    return 1 / bench_median(seconds, ROUNDS);
}

static void measure(MleuModel *model, guint width, guint height)
{
    Picture picture;
    MleuParams params;
    MleuConfig config;
    guint in_width, in_height;
    picture_init(&picture, width, height);
    mleu_params_init(&params);
    configure(&config, &picture, 1);
    MleuColorizer *colorizer = make(model, &config);
    colour(colorizer, &picture, &params);
    mleu_colorizer_get_input_size(colorizer, &in_width, &in_height);
    MleuPool *pool = mleu_pool_new(1, NULL);
    MleuScaler *scaler =
        mleu_scaler_new(&config.input, in_width, in_height, in_width, in_height, pool);
    float *lightness = g_new(float, (gsize)in_width *in_height);
    double scale[ROUNDS], motion[ROUNDS], smooth[ROUNDS], render[ROUNDS];
    /* A frame that carries the colours before it is scaled and searched for motion, and no more. */
    MleuParams carrying = params;
    carrying.carry = TRUE;
    for (guint round = 0; round < ROUNDS; round++) {
        const double begin = bench_cpu_seconds();
        mleu_scaler_run(scaler, &picture.input, lightness);
        const double scaled = bench_cpu_seconds();
        mleu_colorizer_predict(colorizer, &picture.input, &carrying, NULL);
        const double searched = bench_cpu_seconds();
        mleu_colorizer_smooth(colorizer, 1 / 24.0, &params);
        const double smoothed = bench_cpu_seconds();
        mleu_colorizer_render(colorizer, &picture.input, &picture.output, &params);
        const double rendered = bench_cpu_seconds();
        scale[round] = (scaled - begin) * 1e3;
        motion[round] = (searched - scaled) * 1e3 - scale[round];
        smooth[round] = (smoothed - searched) * 1e3;
        render[round] = (rendered - smoothed) * 1e3;
    }
    const double a = bench_median(scale, ROUNDS), b = bench_median(motion, ROUNDS),
                 c = bench_median(smooth, ROUNDS), d = bench_median(render, ROUNDS);
    printf("  %4u x %4u %7.1f %7.2f %7.2f %7.2f %7.2f %8.2f %8.0f\n", width, height,
           frames_a_second(model, &picture, &params), a, b, c, d, a + b + c + d,
           bench_peak_memory());
    g_free(lightness);
    mleu_scaler_free(scaler);
    mleu_pool_free(pool);
    mleu_colorizer_free(colorizer);
    g_free(picture.grey);
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
        printf("        frame     fps   scale  motion  smooth  render  outside      MiB\n");
        measure(model, 854, 480);
        measure(model, 1920, 1080);
        measure(model, 3840, 2160);
        mleu_model_unref(model);
    }
    return 0;
}
