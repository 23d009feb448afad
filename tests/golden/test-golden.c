/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small networks of every kind against what PyTorch made of them (make_golden.py), at several
 * numbers of threads. */
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "nn/plan.h"

static guint32 read_whole(const char *at)
{
    const guint8 *p = (const guint8 *)at;
    return p[0] | (guint32)p[1] << 8 | (guint32)p[2] << 16 | (guint32)p[3] << 24;
}

static float read_float(const char *at)
{
    const guint32 bits = read_whole(at);
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

static void test_network(gconstpointer data)
{
    GError *error = NULL;
    char *model_name = g_strconcat(data, ".safetensors", NULL),
         *golden_name = g_strconcat(data, ".golden", NULL);
    char *model_path = g_test_build_filename(G_TEST_DIST, "golden", model_name, NULL);
    char *golden_path = g_test_build_filename(G_TEST_DIST, "golden", golden_name, NULL);
    char *golden;
    gsize size;
    g_assert_true(g_file_get_contents(golden_path, &golden, &size, &error));
    MleuModel *model = mleu_model_load(model_path, &error);
    g_assert_no_error(error);

    const guint width = read_whole(golden), height = read_whole(golden + 4);
    const guint grid_width = read_whole(golden + 8), grid_height = read_whole(golden + 12);
    const gsize pixels = (gsize)width * height, values = (gsize)2 * grid_width * grid_height;
    g_assert_cmpuint(size, ==, 16 + 4 * (pixels + values));
    float *first = g_new(float, values), *ab = g_new(float, values);
    const guint threads[] = {1, 2, 3, 7};
    for (guint t = 0; t < G_N_ELEMENTS(threads); t++) {
        guint w, h;
        MleuPool *pool = mleu_pool_new(threads[t], NULL);
        MleuPlan *plan = mleu_plan_new(model, width, height, MLEU_PRECISION_AUTO, pool, &error);
        g_assert_no_error(error);
        mleu_plan_get_grid(plan, &w, &h);
        g_assert_cmpuint(w, ==, grid_width);
        g_assert_cmpuint(h, ==, grid_height);
        /* Twice: a run must leave nothing behind that the next one sees. */
        for (guint run = 0; run < 2; run++) {
            for (gsize i = 0; i < pixels; i++)
                mleu_plan_get_input(plan)[i] = read_float(golden + 16 + 4 * i);
            g_assert_true(mleu_plan_run(plan, mleu_model_get_temperature(model), NULL, ab, &error));
            if (t == 0 && run == 0) {
                double worst = 0;
                for (gsize i = 0; i < values; i++)
                    worst = MAX(worst,
                                fabs((double)(ab[i] - read_float(golden + 16 + 4 * (pixels + i)))));
                g_test_message("largest difference %.2g", worst);
                /* a*, b* reach 100, float32 keeps seven digits, and some twenty layers add up. */
                g_assert_cmpfloat(worst, <, 2e-3);
                /* Whole numbers do not differ at all, on whatever tier. */
                if (mleu_model_is_quantized(model))
                    g_assert_cmpfloat(worst, ==, 0);
                memcpy(first, ab, values * sizeof(float));
            }
            g_assert_cmpmem(first, values * sizeof(float), ab, values * sizeof(float));
        }
        mleu_plan_free(plan);
        mleu_pool_free(pool);
    }

    /* Sizes that the network does not take; and 8-bit integers where there are none. */
    MleuPool *pool = mleu_pool_new(1, NULL);
    MleuPlan *plan = mleu_plan_new(model, width, height, MLEU_PRECISION_INT8, pool, &error);
    g_assert_true((plan != NULL) == mleu_model_is_quantized(model));
    if (plan == NULL)
        g_assert_error(error, MLEU_ERROR, MLEU_ERROR_UNSUPPORTED);
    g_clear_error(&error);
    mleu_plan_free(plan);
    g_assert_null(mleu_plan_new(model, width + 1, height, MLEU_PRECISION_AUTO, pool, &error));
    g_assert_error(error, MLEU_ERROR, MLEU_ERROR_INVALID);
    g_clear_error(&error);
    mleu_pool_free(pool);

    mleu_model_unref(model);
    g_free(first);
    g_free(ab);
    g_free(golden);
    g_free(model_path);
    g_free(golden_path);
    g_free(model_name);
    g_free(golden_name);
}

/* Runs a model once. Returns: 2 x *grid values. */
static float *run_once(MleuModel *model, guint width, guint height, const float *input,
                       MleuPrecision precision, guint threads, gsize *grid)
{
    GError *error = NULL;
    guint w, h;
    MleuPool *pool = mleu_pool_new(threads, NULL);
    MleuPlan *plan = mleu_plan_new(model, width, height, precision, pool, &error);
    g_assert_no_error(error);
    mleu_plan_get_grid(plan, &w, &h);
    *grid = (gsize)w * h;
    float *ab = g_new(float, 2 * *grid);
    memcpy(mleu_plan_get_input(plan), input, (gsize)width * height * sizeof *input);
    g_assert_true(mleu_plan_run(plan, mleu_model_get_temperature(model), NULL, ab, &error));
    mleu_plan_free(plan);
    mleu_pool_free(pool);
    return ab;
}

/* A network of many channels in bfloat16: near float32, the same for every number of threads, and
 * the automatic choice where the processor has it; and float32 afterwards is what it was before. */
static void test_bf16(void)
{
    enum { WIDTH = 32, HEIGHT = 32 };
    GError *error = NULL;
    char *path =
        g_test_build_filename(G_TEST_DIST, "..", "models", "mleu-classification.safetensors", NULL);
    MleuModel *model = mleu_model_load(path, &error);
    g_assert_no_error(error);
    float input[WIDTH * HEIGHT];
    gsize grid;
    for (guint i = 0; i < WIDTH * HEIGHT; i++)
        input[i] = 50 + 40 * sinf((float)(i % WIDTH) / 9) * cosf((float)(i / WIDTH) / 7);
    float *bf16 = run_once(model, WIDTH, HEIGHT, input, MLEU_PRECISION_BF16, 1, &grid);
    const gsize size = 2 * grid * sizeof *bf16;
    float *f32 = run_once(model, WIDTH, HEIGHT, input, MLEU_PRECISION_FLOAT32, 1, &grid);
    double difference = 0, colour = 0;
    for (gsize i = 0; i < 2 * grid; i++) {
        difference += fabs((double)(bf16[i] - f32[i]));
        colour += fabs((double)f32[i]);
    }
    g_test_message("%.4f of the colour apart", difference / colour);
    g_assert_cmpfloat(difference, >, 0);
    g_assert_cmpfloat(difference, <, 0.02 * colour);
    const gboolean native = mleu_kernels_get(mleu_cpu_tier())->bf16_is_native;
    const MleuPrecision precisions[] = {MLEU_PRECISION_BF16, MLEU_PRECISION_AUTO,
                                        MLEU_PRECISION_FLOAT32};
    for (guint i = 0; i < G_N_ELEMENTS(precisions); i++) {
        const gboolean is_bf16 = precisions[i] == MLEU_PRECISION_BF16 ||
                                 (precisions[i] == MLEU_PRECISION_AUTO && native);
        float *again = run_once(model, WIDTH, HEIGHT, input, precisions[i], 3, &grid);
        g_assert_cmpmem(again, size, is_bf16 ? bf16 : f32, size);
        g_free(again);
    }
    g_free(bf16);
    g_free(f32);
    mleu_model_unref(model);
    g_free(path);
}

/* What the default network, of integers throughout, gives for the picture below on every tier of
 * kernels and every machine. */
#define SHIPPED_SHA256 "660109cc11c48de53fb54d5ab5c540042019695e83d327ac85a876c95c66c9fa"

/* The default network, whose layers are large enough that threads are in the same kernel at the
 * same time, with two and four threads again and again: always the same bytes. @data: how often. */
static void test_shipped_threads(gconstpointer data)
{
    enum { WIDTH = 160, HEIGHT = 96 };
    const guint runs = GPOINTER_TO_UINT(data);
    GError *error = NULL;
    char *path = g_test_build_filename(G_TEST_DIST, "..", "models", "mleu-film.safetensors", NULL);
    MleuModel *model = mleu_model_load(path, &error);
    g_assert_no_error(error);
    guint w, h;
    float *first = NULL, *ab = NULL;
    for (guint threads = 1; threads <= 4; threads += threads) {
        MleuPool *pool = mleu_pool_new(threads, NULL);
        MleuPlan *plan = mleu_plan_new(model, WIDTH, HEIGHT, MLEU_PRECISION_AUTO, pool, &error);
        g_assert_no_error(error);
        mleu_plan_get_grid(plan, &w, &h);
        const gsize values = (gsize)2 * w * h;
        for (guint run = 0; run < (threads == 1 ? 1 : runs); run++) {
            for (guint i = 0; i < WIDTH * HEIGHT; i++)
                mleu_plan_get_input(plan)[i] = (float)(i * 7 % 101);
            if (first == NULL) {
                first = g_new(float, values);
                ab = g_new(float, values);
                g_assert_true(mleu_plan_run(plan, 0.5, NULL, first, &error));
            } else {
                g_assert_true(mleu_plan_run(plan, 0.5, NULL, ab, &error));
                g_assert_cmpmem(first, values * sizeof(float), ab, values * sizeof(float));
            }
        }
        mleu_plan_free(plan);
        mleu_pool_free(pool);
    }
    char *digest = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guint8 *)first,
                                               (gsize)2 * w * h * sizeof(float));
    if (G_BYTE_ORDER == G_LITTLE_ENDIAN)
        g_assert_cmpstr(digest, ==, SHIPPED_SHA256);
    g_free(digest);
    mleu_model_unref(model);
    g_free(first);
    g_free(ab);
    g_free(path);
}

/* Every shipped network loads, says what it is, and colours. */
static void test_shipped_models(void)
{
    static const char *const names[] = {"mleu-film", "mleu-classification", "mleu-regression"};
    enum { SIDE = 64 };
    for (guint n = 0; n < G_N_ELEMENTS(names); n++) {
        GError *error = NULL;
        char *file = g_strconcat(names[n], ".safetensors", NULL);
        char *path = g_test_build_filename(G_TEST_DIST, "..", "models", file, NULL);
        MleuModel *model = mleu_model_load(path, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(mleu_model_get_name(model), ==, names[n]);
        g_assert_cmpstr(mleu_model_get_description(model), !=, "");
        g_assert_nonnull(strstr(mleu_model_get_license(model), "LGPL"));

        float input[SIDE * SIDE];
        gsize grid;
        for (guint i = 0; i < SIDE * SIDE; i++)
            input[i] = (float)(i % SIDE + i / SIDE) * 100 / (2 * SIDE);
        float *ab = run_once(model, SIDE, SIDE, input, MLEU_PRECISION_AUTO, 2, &grid);
        float low = ab[0], high = ab[0];
        for (guint i = 0; i < 2 * grid; i++) {
            low = MIN(low, ab[i]);
            high = MAX(high, ab[i]);
        }
        g_assert_cmpfloat(low, >, -110);
        g_assert_cmpfloat(high, <, 110);
        g_assert_cmpfloat(high - low, >, 0.5);
        g_free(ab);
        mleu_model_unref(model);
        g_free(path);
        g_free(file);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/golden/networks/mobile", "mobile", test_network);
    g_test_add_data_func("/golden/networks/vgg", "vgg", test_network);
    g_test_add_data_func("/golden/networks/dilated", "dilated", test_network);
    g_test_add_data_func("/golden/networks/shapes", "shapes", test_network);
    g_test_add_data_func("/golden/networks/combined", "combined", test_network);
    g_test_add_data_func("/golden/networks/quantized", "quantized", test_network);
    g_test_add_func("/golden/bf16", test_bf16);
    g_test_add_data_func("/golden/shipped/threads", GUINT_TO_POINTER(8), test_shipped_threads);
    g_test_add_data_func("/golden/bytes", GUINT_TO_POINTER(1), test_shipped_threads);
    g_test_add_func("/golden/shipped/models", test_shipped_models);
    return g_test_run();
}
