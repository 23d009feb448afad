/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Colours still pictures with libmleu alone: binary PGM in, binary PPM out, as many pairs as there
 * are.
 *
 *   predict --model FILE [--render-size N] [--temperature T] [--saturation S] [--n-threads N]
 * IN.pgm OUT.ppm ...
 *
 * With one pair also --lightness FILE (the network's input: float32 L*, after its width and height
 * as two uint32) and
 * --ab FILE (the prediction: float32 a*, then b*, likewise).
 */
#include <stdio.h>
#include <stdlib.h>

#include <mleu/mleu.h>

static char *model_path, *lightness_path, *ab_path;
static gint render_size = MLEU_RENDER_SIZE_DEFAULT, n_threads;
static gdouble temperature, saturation = 1;
static char **files;

static const GOptionEntry entries[] = {
    {"model", 0, 0, G_OPTION_ARG_FILENAME, &model_path, "Model file", "FILE"},
    {"render-size", 0, 0, G_OPTION_ARG_INT, &render_size, "Short side that the network sees",
     "PIXELS"},
    {"temperature", 0, 0, G_OPTION_ARG_DOUBLE, &temperature, "0: the model's own", "T"},
    {"saturation", 0, 0, G_OPTION_ARG_DOUBLE, &saturation, "Factor on the colours", "S"},
    {"n-threads", 0, 0, G_OPTION_ARG_INT, &n_threads, "0: one for each processor", "N"},
    {"lightness", 0, 0, G_OPTION_ARG_FILENAME, &lightness_path, "Write the network's input",
     "FILE"},
    {"ab", 0, 0, G_OPTION_ARG_FILENAME, &ab_path, "Write the prediction", "FILE"},
    {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &files, NULL, "IN.pgm OUT.ppm ..."},
    G_OPTION_ENTRY_NULL,
};

static guint8 *read_pgm(const char *path, guint *width, guint *height)
{
    FILE *file = fopen(path, "rb");
    guint8 *pixels = NULL;
    if (file != NULL && fscanf(file, "P5 %u %u 255", width, height) == 2 && fgetc(file) != EOF &&
        *width > 0 && *height > 0 && *width <= MLEU_FRAME_MAX_SIDE &&
        *height <= MLEU_FRAME_MAX_SIDE) {
        const gsize size = (gsize)*width * *height;
        pixels = g_malloc(size);
        if (fread(pixels, 1, size, file) != size)
            g_clear_pointer(&pixels, g_free);
    }
    if (pixels == NULL)
        fprintf(stderr, "%s: not a readable binary PGM of 8 bits without comments\n", path);
    if (file != NULL)
        fclose(file);
    return pixels;
}

static gboolean write_floats(const char *path, const float *values, guint planes, guint width,
                             guint height)
{
    FILE *file = fopen(path, "wb");
    const guint32 size[2] = {width, height};
    const gsize count = (gsize)planes * width * height;
    gboolean good =
        file != NULL && fwrite(size, 4, 2, file) == 2 && fwrite(values, 4, count, file) == count;
    if (file != NULL && fclose(file) != 0)
        good = FALSE;
    if (!good)
        fprintf(stderr, "%s: cannot be written\n", path);
    return good;
}

static gboolean color_one(MleuModel *model, const char *in_path, const char *out_path)
{
    GError *error = NULL;
    guint width, height;
    guint8 *grey = read_pgm(in_path, &width, &height);
    if (grey == NULL)
        return FALSE;

    MleuConfig config;
    MleuParams params;
    mleu_config_init(&config);
    mleu_params_init(&params);
    config.input = (MleuFormat){.layout = MLEU_LAYOUT_GRAY,
                                .width = width,
                                .height = height,
                                .matrix = MLEU_MATRIX_BT601,
                                .range = MLEU_RANGE_FULL,
                                .depth = 8};
    config.output = config.input;
    config.output.layout = MLEU_LAYOUT_RGB;
    config.render_size = (guint)render_size;
    config.n_threads = (guint)n_threads;
    params.temperature = temperature;
    params.saturation = saturation;

    guint8 *rgb = g_malloc((gsize)3 * width * height);
    const MleuFrame input = {.plane = {{grey, width, 1}}};
    const gssize stride = 3 * (gssize)width;
    const MleuFrame output = {
        .plane = {{rgb, stride, 3}, {rgb + 1, stride, 3}, {rgb + 2, stride, 3}}};
    MleuColorizer *colorizer = mleu_colorizer_new(model, &config, &error);
    gboolean good = colorizer != NULL && mleu_colorizer_predict(colorizer, &input, &params, &error);
    if (good) {
        mleu_colorizer_smooth(colorizer, 0, &params);
        mleu_colorizer_render(colorizer, &input, &output, &params);
        FILE *file = fopen(out_path, "wb");
        good = file != NULL && fprintf(file, "P6\n%u %u\n255\n", width, height) > 0 &&
               fwrite(rgb, 3, (gsize)width * height, file) == (gsize)width * height;
        if (file == NULL || fclose(file) != 0 || !good) {
            fprintf(stderr, "%s: cannot be written\n", out_path);
            good = FALSE;
        }
        guint w, h;
        if (lightness_path != NULL) {
            const float *lightness = mleu_colorizer_get_lightness(colorizer, &w, &h);
            good = write_floats(lightness_path, lightness, 1, w, h) && good;
        }
        if (ab_path != NULL) {
            const float *ab = mleu_colorizer_get_prediction(colorizer, &w, &h);
            good = write_floats(ab_path, ab, 2, w, h) && good;
        }
    } else {
        fprintf(stderr, "%s: %s\n", in_path, error->message);
        g_clear_error(&error);
    }
    mleu_colorizer_free(colorizer);
    g_free(rgb);
    g_free(grey);
    return good;
}

int main(int argc, char **argv)
{
    GError *error = NULL;
    GOptionContext *context = g_option_context_new(NULL);
    g_option_context_add_main_entries(context, entries, NULL);
    const gboolean parsed = g_option_context_parse(context, &argc, &argv, &error);
    g_option_context_free(context);
    const guint n = files != NULL ? g_strv_length(files) : 0;
    if (!parsed || model_path == NULL || n < 2 || n % 2 != 0 || render_size < 0 || n_threads < 0 ||
        (n > 2 && (lightness_path != NULL || ab_path != NULL))) {
        fprintf(stderr, "%s; see --help\n",
                error != NULL
                    ? error->message
                    : "needs --model and pairs of IN.pgm OUT.ppm (one for --lightness, --ab)");
        g_clear_error(&error);
        return 2;
    }
    MleuModel *model = mleu_model_load(model_path, &error);
    if (model == NULL) {
        fprintf(stderr, "%s\n", error->message);
        g_clear_error(&error);
        return 1;
    }
    gboolean good = TRUE;
    for (guint i = 0; i < n; i += 2)
        good = color_one(model, files[i], files[i + 1]) && good;
    mleu_model_unref(model);
    g_strfreev(files);
    g_free(model_path);
    g_free(lightness_path);
    g_free(ab_path);
    return good ? 0 : 1;
}
