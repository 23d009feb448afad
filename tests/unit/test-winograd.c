/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Convolutions by Winograd's method against the same ones done directly, at any number of threads.
 */
#include <math.h>
#include <string.h>

#include "nn/f32/step.h"

typedef struct {
    MleuNode node;
    MleuContext context;
    MleuStep step;
    float *in, *out;
} Layer;

static float *random_floats(gsize n, GRand *random, double most)
{
    float *values = g_new(float, n);
    for (gsize i = 0; i < n; i++)
        values[i] = (float)g_rand_double_range(random, -most, most);
    return values;
}

static void layer_init(Layer *layer, guint in, guint out, guint h, guint w, guint padding,
                       GRand *random)
{
    *layer = (Layer){.node = {.op = MLEU_OP_CONV2D,
                              .channels = out,
                              .kernel_h = 3,
                              .kernel_w = 3,
                              .stride = 1,
                              .dilation = 1,
                              .groups = 1,
                              .pad_top = padding,
                              .pad_left = padding,
                              .pad_bottom = padding,
                              .pad_right = padding,
                              .activation = MLEU_ACTIVATION_RELU}};
    layer->node.weight = random_floats((gsize)9 * in * out, random, 0.1);
    layer->node.winograd = mleu_winograd_weights(layer->node.weight, out, in);
    layer->node.bias = random_floats(out, random, 1);
    layer->in = random_floats((gsize)in * h * w, random, 1);
    const guint out_h = h + 2 * padding - 2, out_w = w + 2 * padding - 2;
    layer->out = g_new0(float, (gsize)out *out_h *out_w);
    layer->context.kernels = mleu_kernels_get(mleu_cpu_tier());
    layer->step = (MleuStep){.node = &layer->node,
                             .context = &layer->context,
                             .in = {{in, h, w, layer->in}},
                             .out = {out, out_h, out_w, layer->out}};
}

static void layer_clear(Layer *layer)
{
    g_free(layer->node.weight);
    g_free(layer->node.winograd);
    g_free(layer->node.bias);
    g_free(layer->in);
    g_free(layer->out);
}

static void run_directly(Layer *layer)
{
    layer->context.pool = mleu_pool_new(1, NULL);
    layer->context.scratch_size = mleu_conv_prepare(&layer->step);
    layer->context.scratch = g_new(float, layer->context.scratch_size);
    mleu_pool_run(layer->context.pool, mleu_conv_run, &layer->step, layer->step.parts);
    g_free(layer->context.scratch);
    mleu_pool_free(layer->context.pool);
}

static void run_by_winograd(Layer *layer, guint threads)
{
    layer->context.pool = mleu_pool_new(threads, NULL);
    layer->context.shared = g_new(float, mleu_winograd_prepare(&layer->step));
    mleu_winograd_run(&layer->step);
    g_free(layer->context.shared);
    mleu_pool_free(layer->context.pool);
}

static void check(guint in, guint out, guint h, guint w, guint padding)
{
    GRand *random = g_rand_new_with_seed(h);
    Layer layer;
    layer_init(&layer, in, out, h, w, padding, random);
    const gsize values = (gsize)out * layer.step.out.h * layer.step.out.w;
    float *direct = g_new(float, values), *first = g_new(float, values);
    double worst = 0;
    g_assert_true(mleu_winograd_fits(&layer.node, in));
    run_directly(&layer);
    memcpy(direct, layer.out, values * sizeof(float));
    for (guint threads = 1; threads <= 3; threads++) {
        memset(layer.out, 0xff, values * sizeof(float));
        run_by_winograd(&layer, threads);
        if (threads == 1)
            memcpy(first, layer.out, values * sizeof(float));
        g_assert_cmpmem(first, values * sizeof(float), layer.out, values * sizeof(float));
    }
    for (gsize i = 0; i < values; i++)
        worst = MAX(worst, (double)fabsf(direct[i] - first[i]));
    g_test_message("%u to %u channels, %u x %u: at most %.2g apart", in, out, w, h, worst);
    /* Of sums about 1 in size. */
    g_assert_cmpfloat(worst, <, 1e-4);
    layer_clear(&layer);
    g_free(direct);
    g_free(first);
    g_rand_free(random);
}

/* Bands of several sizes, the last one with fewer rows; sides of no whole number of tiles; less and
 * more padding. */
static void test_direct(void)
{
    check(64, 40, 101, 199, 1);
    check(33, 65, 16, 16, 1);
    check(32, 32, 7, 5, 0);
    check(32, 35, 30, 66, 2);
}

/* What is not finite shows. */
static void test_broken(void)
{
    GRand *random = g_rand_new_with_seed(1);
    Layer layer;
    layer_init(&layer, 32, 32, 9, 9, 1, random);
    layer.in[81 * 5 + 40] = NAN;
    run_by_winograd(&layer, 1);
    for (guint c = 0; c < 32; c++)
        g_assert_true(isnan(layer.out[81 * c + 40]));
    layer_clear(&layer);
    g_rand_free(random);
}

/* Others are done directly. */
static void test_fits(void)
{
    MleuNode node = {.op = MLEU_OP_CONV2D,
                     .channels = 64,
                     .kernel_h = 3,
                     .kernel_w = 3,
                     .stride = 1,
                     .dilation = 1,
                     .groups = 1};
    g_assert_true(mleu_winograd_fits(&node, 64));
    g_assert_false(mleu_winograd_fits(&node, 3));
    node.stride = 2;
    g_assert_false(mleu_winograd_fits(&node, 64));
    node.stride = 1;
    node.dilation = 2;
    g_assert_false(mleu_winograd_fits(&node, 64));
    node.dilation = 1;
    node.groups = 64;
    g_assert_false(mleu_winograd_fits(&node, 64));
    node.groups = 1;
    node.kernel_w = 1;
    g_assert_false(mleu_winograd_fits(&node, 64));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/winograd/direct", test_direct);
    g_test_add_func("/winograd/broken", test_broken);
    g_test_add_func("/winograd/fits", test_fits);
    return g_test_run();
}
