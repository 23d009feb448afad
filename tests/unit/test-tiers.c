/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Quantised networks give the same bytes on every tier of kernels that the machine has, whichever
 * way each tier does their convolutions. */
#include <string.h>

#include <glib/gstdio.h>

#include "cpu.h"
#include "model/graph.h"
#include "nn/plan.h"
#include "testmodel.h"

/* The nodes of a network: L*, x; a, a convolution of one channel; b, of many; c, to the classes. */
enum { MANY = 3 };

/* Up to @most in size; of 127 all are as large, by turns of either sign, for two neighbours of one
 * sign may add up to 128 at most. */
static gint8 weight_at(GRand *random, gsize i, gint most)
{
    return (gint8)(most == 127 ? (i % 2 == 0 ? most : -most)
                               : g_rand_int_range(random, -most, most + 1));
}

static void add_weights(TestFile *file, const char *name, guint out, guint in, guint kernel,
                        gint most, GRand *random)
{
    const gsize row = (gsize)in * kernel * kernel;
    gint8 *weight = g_new(gint8, out * row);
    float *scale = g_new(float, out), *bias = g_new(float, out);
    for (guint o = 0; o < out; o++) {
        scale[o] = 1.0f / (float)(most * row);
        bias[o] = (float)g_rand_double_range(random, -0.1, 0.1);
        for (gsize i = 0; i < row; i++)
            weight[o * row + i] = weight_at(random, i / (kernel * kernel), most);
    }
    char *weight_name = g_strconcat(name, ".weight", NULL);
    char *scale_name = g_strconcat(weight_name, ".scale", NULL);
    char *bias_name = g_strconcat(name, ".bias", NULL);
    char *shape = g_strdup_printf("[%u,%u,%u,%u]", out, in, kernel, kernel);
    char *vector = g_strdup_printf("[%u]", out);
    testfile_add(file, weight_name, "I8", shape, weight, out * row);
    testfile_add(file, scale_name, "F32", vector, scale, out * sizeof(float));
    testfile_add(file, bias_name, "F32", vector, bias, out * sizeof(float));
    g_free(vector);
    g_free(shape);
    g_free(bias_name);
    g_free(scale_name);
    g_free(weight_name);
    g_free(bias);
    g_free(scale);
    g_free(weight);
}

typedef struct {
    guint in, out;       /* channels of the convolution of many */
    const char *padding; /* of both: top, left, bottom, right */
    gint most;
    gboolean by_winograd;
} Network;

static MleuModel *load(const Network *network)
{
    static const float bins[] = {0, 0, 50, -20, -30, 60};
    GRand *random = g_rand_new_with_seed(network->in);
    GError *error = NULL;
    TestFile *file = testfile_new();
    add_weights(file, "a", network->in, 1, 3, 64, random);
    add_weights(file, "b", network->out, network->in, 3, network->most, random);
    add_weights(file, "c", 3, network->out, 1, 64, random);
    testfile_add(file, "bins", "F32", "[3,2]", bins, sizeof bins);
    char *graph = g_strdup_printf(
        "{\"stride\":1,\"quantization\":{\"x\":[0.005,10],\"a\":[0.004,3],\"b\":[0.001,100]},"
        "\"nodes\":[{\"name\":\"L\",\"op\":\"input\"},"
        "{\"name\":\"x\",\"op\":\"affine\",\"input\":[\"L\"],\"scale\":0.01,\"offset\":0},"
        "{\"name\":\"a\",\"op\":\"conv2d\",\"input\":[\"x\"],\"weight\":\"a.weight\","
        "\"bias\":\"a.bias\",\"padding\":%s,\"activation\":\"relu\"},"
        "{\"name\":\"b\",\"op\":\"conv2d\",\"input\":[\"a\"],\"weight\":\"b.weight\","
        "\"bias\":\"b.bias\",\"padding\":%s},"
        "{\"name\":\"c\",\"op\":\"conv2d\",\"input\":[\"b\"],\"weight\":\"c.weight\","
        "\"bias\":\"c.bias\"}],"
        "\"head\":{\"type\":\"classes\",\"input\":\"c\",\"bins\":\"bins\",\"temperature\":0.5}}",
        network->padding, network->padding);
    testfile_metadata(file, "mleu.graph", graph);
    char *path = g_build_filename(g_get_tmp_dir(), "test-tiers-XXXXXX", NULL);
    const gint descriptor = g_mkstemp(path);
    g_assert_cmpint(descriptor, >=, 0);
    g_close(descriptor, NULL);
    testfile_write(file, path);
    MleuModel *model = mleu_model_load(path, &error);
    g_assert_no_error(error);
    g_assert_cmpint(g_unlink(path), ==, 0);
    g_free(path);
    g_free(graph);
    g_rand_free(random);
    return model;
}

/* Returns: a*, b*, to be freed; @values: how many. */
static float *predict(MleuModel *model, guint width, guint height, MleuTier tier, guint threads,
                      gsize *values)
{
    GError *error = NULL;
    guint w, h;
    mleu_cpu_set_limit(mleu_tier_name(tier), NULL);
    MleuPool *pool = mleu_pool_new(threads, NULL);
    MleuPlan *plan = mleu_plan_new(model, width, height, MLEU_PRECISION_INT8, pool, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < width * height; i++)
        mleu_plan_get_input(plan)[i] = (float)(i * i % 101);
    mleu_plan_get_grid(plan, &w, &h);
    *values = (gsize)2 * w * h;
    float *ab = g_new(float, *values);
    g_assert_true(mleu_plan_run(plan, 0.5, NULL, ab, &error));
    mleu_plan_free(plan);
    mleu_pool_free(pool);
    mleu_cpu_set_limit(NULL, NULL);
    return ab;
}

/* Pictures of whole tiles and of parts, of fewer tiles than a task takes and of more. */
static void test_network(gconstpointer data)
{
    static const guint sizes[][2] = {{8, 6}, {16, 8}, {17, 19}, {33, 42}, {130, 9}};
    MleuModel *model = load(data);
    const Network *network = data;
    for (guint s = 0; s < G_N_ELEMENTS(sizes); s++) {
        gsize values, others;
        float *wanted = predict(model, sizes[s][0], sizes[s][1], MLEU_TIER_C, 1, &values);
        for (gint tier = MLEU_TIER_C; tier < MLEU_N_TIERS; tier++) {
            for (guint threads = 1; threads <= 3 && mleu_cpu_has((MleuTier)tier); threads++) {
                float *ab =
                    predict(model, sizes[s][0], sizes[s][1], (MleuTier)tier, threads, &others);
                g_assert_cmpmem(ab, others * sizeof(float), wanted, values * sizeof(float));
                g_free(ab);
            }
        }
        /* Something to tell apart. */
        float low = wanted[0], high = wanted[0];
        for (gsize i = 0; i < values; i++) {
            low = MIN(low, wanted[i]);
            high = MAX(high, wanted[i]);
        }
        g_assert_cmpfloat(high - low, >, 1);
        g_free(wanted);
    }
    g_assert_cmpint(mleu_model_make_winograd(model, MANY), ==, network->by_winograd);
    mleu_model_unref(model);
}

int main(int argc, char **argv)
{
    static const Network networks[] = {{24, 40, "[1,1,1,1]", 64, TRUE},
                                       {17, 19, "[0,0,2,2]", 64, TRUE},
                                       {33, 16, "[2,1,0,1]", 64, TRUE},
                                       {16, 15, "[1,1,1,1]", 64, FALSE},
                                       {466, 16, "[1,1,1,1]", 127, FALSE}};
    static const char *const names[] = {"/tiers/even", "/tiers/odd", "/tiers/padding",
                                        "/tiers/few-channels", "/tiers/large-weights"};
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(networks); i++)
        g_test_add_data_func(names[i], &networks[i], test_network);
    return g_test_run();
}
