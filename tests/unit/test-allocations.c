/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A frame allocates nothing. This program's own malloc() counts; where another tool's takes its
 * place (valgrind), the test is skipped. */
#include <glib/gstdio.h>

#include <mleu/mleu.h>

#include "testmodel.h"

static gint allocations;

/* glibc's own, to which those below pass on. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

#pragma GCC visibility push(default)

void *malloc(size_t size)
{
    g_atomic_int_inc(&allocations);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    g_atomic_int_inc(&allocations);
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    g_atomic_int_inc(&allocations);
    return __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    g_atomic_int_inc(&allocations);
    return __libc_memalign(alignment, size);
}

#pragma GCC visibility pop

static void test_frames(gconstpointer data)
{
    enum { WIDTH = 322, HEIGHT = 180 };
    static guint8 grey[WIDTH * HEIGHT], coloured[WIDTH * HEIGHT * 2];
    char *folder = g_dir_make_tmp("mleu-XXXXXX", NULL);
    char *path = data != NULL ? g_test_build_filename(G_TEST_DIST, "golden", data, NULL)
                              : g_build_filename(folder, "model.safetensors", NULL);
    if (data == NULL)
        testmodel_write(path);

    const gint before = g_atomic_int_get(&allocations);
    g_free(g_malloc(100));
    if (g_atomic_int_get(&allocations) == before) {
        g_test_skip("another malloc() is in place");
    } else {
        GError *error = NULL;
        MleuModel *model = mleu_model_load(path, &error);
        g_assert_no_error(error);
        MleuConfig config;
        MleuParams params;
        mleu_config_init(&config);
        mleu_params_init(&params);
        config.input =
            (MleuFormat){.layout = MLEU_LAYOUT_GRAY, .width = WIDTH, .height = HEIGHT, .depth = 8};
        config.output = config.input;
        config.output.layout = MLEU_LAYOUT_YUV;
        config.output.chroma_shift_x = config.output.chroma_shift_y = 1;
        config.n_threads = 2;
        config.render_size = 64;
        const MleuFrame input = {.plane[0] = {grey, WIDTH, 1}};
        MleuFrame output = {.plane[0] = {coloured, WIDTH, 1}};
        for (guint c = 0; c < 2; c++)
            output.plane[1 + c] =
                (MleuPlane){coloured + WIDTH * HEIGHT * (2 + c) / 2, WIDTH / 2, 1};
        MleuColorizer *colorizer = mleu_colorizer_new(model, &config, &error);
        g_assert_no_error(error);
        /* Not counted: what is made once a process, on the first frame. */
        gint counted = 0;
        for (guint frame = 0; frame < 6; frame++) {
            for (guint i = 0; i < WIDTH * HEIGHT; i++)
                grey[i] = (guint8)(i * (frame + 1));
            params.temperature = 0.3 + 0.1 * frame;
            const gint begin = g_atomic_int_get(&allocations);
            g_assert_true(mleu_colorizer_predict(colorizer, &input, &params, NULL));
            mleu_colorizer_smooth(colorizer, 0.04, &params);
            mleu_colorizer_render(colorizer, &input, &output, &params);
            counted += frame > 0 ? g_atomic_int_get(&allocations) - begin : 0;
        }
        g_assert_cmpint(counted, ==, 0);
        mleu_colorizer_free(colorizer);
        mleu_model_unref(model);
    }
    if (data == NULL)
        g_unlink(path);
    g_rmdir(folder);
    g_free(folder);
    g_free(path);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/allocations/float32", NULL, test_frames);
    g_test_add_data_func("/allocations/int8", "quantized.safetensors", test_frames);
    return g_test_run();
}
