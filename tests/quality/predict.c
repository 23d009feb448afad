/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Colours still pictures with libmleu alone: binary PGM in, binary PPM out.
 *
 *   predict --model FILE [--render-size N] [--temperature T]... [--saturation S]... [--n-threads N]
 *           [--precision NAME] IN.pgm OUT.ppm...  ...
 *
 * Every IN is followed by an OUT for each saturation at the first temperature, then at the second,
 * and so on. --lightness FILE: also what the network saw of each IN, one after the other: width and
 * height as two uint32, then float32 L*. --ab FILE: likewise each last prediction, a*, then b*.
 */
#include <stdio.h>
#include <stdlib.h>

#include <mleu/mleu.h>

static char *model_path, *lightness_path, *ab_path;
static gint render_size, n_threads;
static MleuPrecision precision = MLEU_PRECISION_AUTO;
static char **temperature_texts, **saturation_texts, **files;
static GArray *temperatures, *saturations; /* of double */

static gboolean read_precision(const char *option G_GNUC_UNUSED, const char *name,
                               gpointer data G_GNUC_UNUSED, GError **error)
{
    static const char *const names[] = {[MLEU_PRECISION_AUTO] = "auto",
                                        [MLEU_PRECISION_FLOAT32] = "float32",
                                        [MLEU_PRECISION_INT8] = "int8",
                                        [MLEU_PRECISION_BF16] = "bf16"};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (g_str_equal(name, names[i])) {
            precision = (MleuPrecision)i;
            return TRUE;
        }
    }
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "no precision is named %s; there are auto, float32, bf16 and int8", name);
    return FALSE;
}

static const GOptionEntry entries[] = {
    {"model", 0, 0, G_OPTION_ARG_FILENAME, &model_path, "Model file", "FILE"},
    {"render-size", 0, 0, G_OPTION_ARG_INT, &render_size,
     "Short side that the network sees; 0: the model's own", "PIXELS"},
    {"temperature", 0, 0, G_OPTION_ARG_STRING_ARRAY, &temperature_texts,
     "0 (the default): the model's own", "T"},
    {"saturation", 0, 0, G_OPTION_ARG_STRING_ARRAY, &saturation_texts,
     "Factor on the colours (default: 1)", "S"},
    {"n-threads", 0, 0, G_OPTION_ARG_INT, &n_threads, "0: one for each processor", "N"},
    {"precision", 0, 0, G_OPTION_ARG_CALLBACK, read_precision,
     "auto (the default), float32, bf16 or int8", "NAME"},
    {"lightness", 0, 0, G_OPTION_ARG_FILENAME, &lightness_path, "Write the network's input",
     "FILE"},
    {"ab", 0, 0, G_OPTION_ARG_FILENAME, &ab_path, "Write the prediction", "FILE"},
    {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &files, NULL, "IN.pgm OUT.ppm... ..."},
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

/* Appends to the file of that option, where it was given. */
static gboolean append_floats(const char *path, const float *values, guint planes, guint width,
                              guint height)
{
    if (path == NULL)
        return TRUE;
    FILE *file = fopen(path, "ab");
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

static gboolean write_ppm(const char *path, const guint8 *rgb, guint width, guint height)
{
    const gsize size = (gsize)width * height;
    FILE *file = fopen(path, "wb");
    gboolean good = file != NULL && fprintf(file, "P6\n%u %u\n255\n", width, height) > 0 &&
                    fwrite(rgb, 3, size, file) == size;
    if (file != NULL && fclose(file) != 0)
        good = FALSE;
    if (!good)
        fprintf(stderr, "%s: cannot be written\n", path);
    return good;
}

/* The numbers of an option that may be given again, or the default alone. */
static GArray *read_numbers(char **texts, double otherwise)
{
    GArray *numbers = g_array_new(FALSE, FALSE, sizeof(double));
    for (guint i = 0; texts != NULL && texts[i] != NULL; i++) {
        const double number = g_ascii_strtod(texts[i], NULL);
        g_array_append_val(numbers, number);
    }
    if (numbers->len == 0)
        g_array_append_val(numbers, otherwise);
    return numbers;
}

static gboolean color_one(MleuModel *model, const char *in_path, char **out_paths)
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
    config.precision = precision;

    guint8 *rgb = g_malloc((gsize)3 * width * height);
    const MleuFrame input = {.plane = {{grey, width, 1}}};
    const gssize stride = 3 * (gssize)width;
    const MleuFrame output = {
        .plane = {{rgb, stride, 3}, {rgb + 1, stride, 3}, {rgb + 2, stride, 3}}};
    MleuColorizer *colorizer = mleu_colorizer_new(model, &config, &error);
    gboolean good = colorizer != NULL;
    for (guint t = 0; t < temperatures->len && good; t++) {
        params.temperature = g_array_index(temperatures, double, t);
        mleu_colorizer_reset(colorizer);
        good = mleu_colorizer_predict(colorizer, &input, &params, &error);
        if (good)
            mleu_colorizer_smooth(colorizer, 0, &params);
        for (guint s = 0; s < saturations->len && good; s++) {
            params.saturation = g_array_index(saturations, double, s);
            mleu_colorizer_render(colorizer, &input, &output, &params);
            good = write_ppm(*out_paths++, rgb, width, height);
        }
    }
    if (error != NULL) {
        fprintf(stderr, "%s: %s\n", in_path, error->message);
        g_clear_error(&error);
    }
    guint w, h;
    if (good) {
        const float *lightness = mleu_colorizer_get_lightness(colorizer, &w, &h);
        good = append_floats(lightness_path, lightness, 1, w, h);
        const float *ab = mleu_colorizer_get_prediction(colorizer, &w, &h);
        good = append_floats(ab_path, ab, 2, w, h) && good;
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
    temperatures = read_numbers(temperature_texts, 0);
    saturations = read_numbers(saturation_texts, 1);
    const guint n = files != NULL ? g_strv_length(files) : 0;
    const guint group = 1 + temperatures->len * saturations->len;
    if (!parsed || model_path == NULL || n == 0 || n % group != 0 || render_size < 0 ||
        n_threads < 0) {
        fprintf(stderr, "%s; see --help\n",
                error != NULL ? error->message
                              : "needs --model, and IN.pgm with an OUT.ppm for every setting");
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
    const char *const fresh[] = {lightness_path, ab_path};
    for (guint i = 0; i < G_N_ELEMENTS(fresh); i++) {
        if (fresh[i] != NULL)
            remove(fresh[i]);
    }
    for (guint i = 0; i < n; i += group)
        good = color_one(model, files[i], &files[i + 1]) && good;
    mleu_model_unref(model);
    g_array_unref(temperatures);
    g_array_unref(saturations);
    g_strfreev(temperature_texts);
    g_strfreev(saturation_texts);
    g_strfreev(files);
    g_free(model_path);
    g_free(lightness_path);
    g_free(ab_path);
    return good ? 0 : 1;
}
