/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every allocation that the library makes fails in turn: an error that says so each time, and
 * nothing left behind (the sanitizers and valgrind look). This program's own g_try_malloc0_n() and
 * posix_memalign(), which the library calls, fail when they are told to. */
#include <glib/gstdio.h>
#include <stdlib.h>

#include <mleu/mleu.h>

#include "testmodel.h"

/* Allocations until the one that fails; below 0: none does. */
static gint until_failure = -1;

static gboolean is_to_fail(void)
{
    return until_failure >= 0 && until_failure-- == 0;
}

#pragma GCC visibility push(default)

gpointer g_try_malloc0_n(gsize count, gsize size)
{
    return is_to_fail() ? NULL : calloc(count, size);
}

/* A sanitizer has one of its own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#ifndef IS_SANITIZED
/* What the library aligns; GLib's slices, which end the process, are pages. */
#define ALIGNMENT 64

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    *memory = alignment == ALIGNMENT && is_to_fail()
                  ? NULL
                  : aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    return *memory == NULL;
}
#endif

#pragma GCC visibility pop

static char *folder;

/* A folder with the small model, and the quantised one of the golden tests. */
static char *model_path(gconstpointer name)
{
    return name != NULL ? g_test_build_filename(G_TEST_DIST, "golden", name, NULL)
                        : g_build_filename(folder, "small.safetensors", NULL);
}

static void assert_said(GError **error)
{
    g_assert_error(*error, MLEU_ERROR, MLEU_ERROR_NO_MEMORY);
    g_assert_cmpstr((*error)->message, !=, "");
    g_clear_error(error);
}

static void test_load(gconstpointer name)
{
    char *path = model_path(name);
    MleuModel *model = NULL;
    gint failed = 0;
    for (; model == NULL; failed++) {
        GError *error = NULL;
        until_failure = failed;
        model = mleu_model_load(path, &error);
        if (model == NULL)
            assert_said(&error);
        else
            g_assert_no_error(error);
    }
    until_failure = -1;
    g_test_message("%d allocations", failed - 1);
    g_assert_cmpint(failed, >, 8);
    mleu_model_unref(model);
    g_free(path);
}

static MleuFormat yuv(guint width, guint height, guint depth)
{
    return (MleuFormat){.layout = MLEU_LAYOUT_YUV,
                        .width = width,
                        .height = height,
                        .chroma_shift_x = 1,
                        .chroma_shift_y = 1,
                        .depth = depth};
}

/* What a colorizer of the model needs; then it colours a frame. */
static void try_colorizer(MleuModel *model, const MleuConfig *config)
{
    static guint8 samples[64 * 48 * 4], coloured[64 * 48 * 4];
    const guint bytes = config->output.depth > 8 ? 2 : 1;
    const MleuFrame input = {.plane = {{samples, 64, 1}}};
    MleuFrame output = {.plane = {{coloured, 64 * bytes, bytes}}};
    for (guint c = 1; c < 3; c++)
        output.plane[c] = (MleuPlane){coloured + (1 + c) * 64 * 48, 32 * bytes, bytes};
    MleuColorizer *colorizer = NULL;
    MleuParams params;
    gint failed = 0;
    mleu_params_init(&params);
    for (; colorizer == NULL; failed++) {
        GError *error = NULL;
        until_failure = failed;
        colorizer = mleu_colorizer_new(model, config, &error);
        if (colorizer == NULL)
            assert_said(&error);
        else
            g_assert_no_error(error);
    }
    g_test_message("%d allocations", failed - 1);
    g_assert_cmpint(failed, >, 30);
    /* Frames need no more. */
    until_failure = 0;
    g_assert_true(mleu_colorizer_predict(colorizer, &input, &params, NULL));
    mleu_colorizer_smooth(colorizer, 0.04, &params);
    mleu_colorizer_render(colorizer, &input, &output, &params);
    mleu_colorizer_free(colorizer);
    g_assert_cmpint(until_failure, ==, 0);
    until_failure = -1;
}

static void test_colorizer(gconstpointer name)
{
    char *path = model_path(name);
    GError *error = NULL;
    MleuModel *model = mleu_model_load(path, &error);
    g_assert_no_error(error);
    MleuConfig config;
    mleu_config_init(&config);
    config.render_size = 64;
    config.n_threads = 2;
    config.input = config.output = yuv(64, 48, 8);
    try_colorizer(model, &config);
    config.output.depth = 10;
    config.lookahead = 3;
    try_colorizer(model, &config);
    config.precision = MLEU_PRECISION_FLOAT32;
    try_colorizer(model, &config);
    config.precision = MLEU_PRECISION_BF16;
    try_colorizer(model, &config);
    mleu_model_unref(model);
    g_free(path);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("mleu-XXXXXX", NULL);
    char *small = model_path(NULL);
    testmodel_write(small);
    g_test_add_data_func("/no-memory/load/float32", NULL, test_load);
    g_test_add_data_func("/no-memory/load/int8", "quantized.safetensors", test_load);
    g_test_add_data_func("/no-memory/load/shared", "combined.safetensors", test_load);
    g_test_add_data_func("/no-memory/colorizer/float32", NULL, test_colorizer);
    g_test_add_data_func("/no-memory/colorizer/int8", "quantized.safetensors", test_colorizer);
    const int result = g_test_run();
    g_unlink(small);
    g_rmdir(folder);
    g_free(small);
    g_free(folder);
    return result;
}
