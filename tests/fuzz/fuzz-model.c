/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Model files. The input is the JSON header, a zero byte, and the weights: the length of the header
 * is put before it, and the digest of the weights into its mleu.sha256, which no mutation would
 * ever find. A model that loads colours a small frame.
 */
#include <string.h>
#include <unistd.h>

#include <mleu/mleu.h>

#include "fuzz.h"

#define SIDE 32
#define DIGEST_KEY "\"mleu.sha256\":\""
#define DIGEST_LENGTH 64

static void colour(MleuModel *model, MleuPrecision precision)
{
    static guint8 grey[SIDE * SIDE], coloured[SIDE * SIDE * 3 / 2];
    MleuConfig config;
    MleuParams params;
    mleu_config_init(&config);
    mleu_params_init(&params);
    config.input =
        (MleuFormat){.layout = MLEU_LAYOUT_GRAY, .width = SIDE, .height = SIDE, .depth = 8};
    config.output = config.input;
    config.output.layout = MLEU_LAYOUT_YUV;
    config.output.chroma_shift_x = config.output.chroma_shift_y = 1;
    config.render_size = MLEU_RENDER_SIZE_MIN;
    config.n_threads = 1;
    config.precision = precision;
    for (guint i = 0; i < SIDE * SIDE; i++)
        grey[i] = (guint8)(i * 7);
    const MleuFrame input = {.plane[0] = {grey, SIDE, 1}};
    MleuFrame output = {.plane[0] = {coloured, SIDE, 1}};
    for (guint c = 0; c < 2; c++)
        output.plane[1 + c] =
            (MleuPlane){coloured + SIDE * SIDE * (4 + c) / 4, SIDE / 2, 1};
    MleuColorizer *colorizer = mleu_colorizer_new(model, &config, NULL);
    if (colorizer == NULL)
        return;
    if (mleu_colorizer_predict(colorizer, &input, &params, NULL)) {
        mleu_colorizer_smooth(colorizer, 0.04, &params);
        mleu_colorizer_render(colorizer, &input, &output, &params);
        g_assert_cmpmem(grey, sizeof grey, coloured, sizeof grey);
    }
    mleu_colorizer_free(colorizer);
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    const guint8 *zero = size > 0 ? memchr(data, 0, size) : NULL;
    const gsize header = zero != NULL ? (gsize)(zero - data) : size;
    const guint8 *weights = zero != NULL ? zero + 1 : data + size;
    const gsize weights_size = (gsize)(data + size - weights);
    GByteArray *file = g_byte_array_new();
    const guint64 length = GUINT64_TO_LE((guint64)header);
    g_byte_array_append(file, (const guint8 *)&length, sizeof length);
    g_byte_array_append(file, data, (guint)header);
    char *text = (char *)file->data + sizeof length;
    char *key = g_strstr_len(text, (gssize)header, DIGEST_KEY);
    if (key != NULL && (gsize)(key - text) + strlen(DIGEST_KEY) + DIGEST_LENGTH <= header) {
        char *digest = g_compute_checksum_for_data(G_CHECKSUM_SHA256, weights, weights_size);
        memcpy(key + strlen(DIGEST_KEY), digest, DIGEST_LENGTH);
        g_free(digest);
    }
    g_byte_array_append(file, weights, (guint)weights_size);

    char *path;
    GError *error = NULL;
    const int fd = fuzz_file(file->data, file->len, &path);
    MleuModel *model = mleu_model_load(path, &error);
    g_assert_true((model == NULL) == (error != NULL));
    if (model != NULL) {
        colour(model, MLEU_PRECISION_AUTO);
        colour(model, MLEU_PRECISION_BF16);
    }
    g_clear_pointer(&model, mleu_model_unref);
    g_clear_error(&error);
    g_free(path);
    close(fd);
    g_byte_array_unref(file);
    return 0;
}
