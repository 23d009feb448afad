/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Convolutions by Winograd's method and with products of bfloat16 against the same ones done
 * directly, at any number of threads. */
#include <math.h>
#include <string.h>

#include "nn/f32/step.h"

typedef struct {
    guint in, out, h, w;
    guint kernel_h, kernel_w, stride, dilation, pad_top, pad_left;
} Shape;

typedef struct {
    MleuNode node;
    MleuContext context;
    MleuStep step;
    float *in, *out;
    gsize weights, values; /* how many of the input */
} Layer;

static float *random_floats(gsize n, GRand *random, double most)
{
    float *values = g_new(float, n);
    for (gsize i = 0; i < n; i++)
        values[i] = (float)g_rand_double_range(random, -most, most);
    return values;
}

static void layer_init(Layer *layer, const Shape *shape, GRand *random)
{
    guint h, w;
    *layer = (Layer){.node = {.op = MLEU_OP_CONV2D,
                              .channels = shape->out,
                              .kernel_h = shape->kernel_h,
                              .kernel_w = shape->kernel_w,
                              .stride = shape->stride,
                              .dilation = shape->dilation,
                              .groups = 1,
                              .pad_top = shape->pad_top,
                              .pad_left = shape->pad_left,
                              .pad_bottom = shape->pad_top,
                              .pad_right = shape->pad_left,
                              .activation = MLEU_ACTIVATION_RELU}};
    g_assert_true(mleu_node_output_size(&layer->node, shape->h, shape->w, &h, &w));
    layer->weights = (gsize)shape->kernel_h * shape->kernel_w * shape->in * shape->out;
    layer->values = (gsize)shape->in * shape->h * shape->w;
    layer->node.weight = random_floats(layer->weights, random, 0.1);
    layer->node.bias = random_floats(shape->out, random, 1);
    layer->in = random_floats(layer->values, random, 1);
    layer->out = g_new0(float, (gsize)shape->out *h *w);
    layer->context.kernels = mleu_kernels_get(mleu_cpu_tier());
    layer->step = (MleuStep){.node = &layer->node,
                             .context = &layer->context,
                             .in = {{shape->in, shape->h, shape->w, layer->in}},
                             .out = {shape->out, h, w, layer->out}};
}

static void layer_clear(Layer *layer)
{
    g_free(layer->node.weight);
    g_free(layer->node.winograd);
    g_free(layer->node.bf16);
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

/* Another way of doing it. */
typedef struct {
    gboolean (*fits)(const MleuNode *node, guint in_channels);
    void (*make_weights)(Layer *layer);
    gsize (*prepare)(MleuStep *step);
    void (*run)(const MleuStep *step);
} Way;

static void run_by(const Way *way, Layer *layer, guint threads)
{
    layer->context.pool = mleu_pool_new(threads, NULL);
    layer->context.scratch_size = way->prepare(&layer->step);
    layer->context.scratch = g_new(float, layer->context.scratch_size *threads);
    layer->context.shared = g_new(float, layer->step.shared);
    /* What is not written must not count. */
    memset(layer->context.shared, 0xff, layer->step.shared * sizeof(float));
    way->run(&layer->step);
    g_free(layer->context.shared);
    g_free(layer->context.scratch);
    mleu_pool_free(layer->context.pool);
}

static void check(const Way *way, const Shape *shape)
{
    GRand *random = g_rand_new_with_seed(shape->h);
    Layer layer;
    layer_init(&layer, shape, random);
    const guint in = shape->in, out = shape->out, h = shape->h, w = shape->w;
    const gsize values = (gsize)out * layer.step.out.h * layer.step.out.w;
    float *direct = g_new(float, values), *first = g_new(float, values);
    double worst = 0;
    g_assert_true(way->fits(&layer.node, in));
    way->make_weights(&layer);
    run_directly(&layer);
    memcpy(direct, layer.out, values * sizeof(float));
    for (guint threads = 1; threads <= 3; threads++) {
        memset(layer.out, 0xff, values * sizeof(float));
        run_by(way, &layer, threads);
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

static void make_winograd(Layer *layer)
{
    layer->node.winograd =
        mleu_winograd_weights(layer->node.weight, layer->node.channels, layer->step.in[0].channels);
}

static const Way by_winograd = {mleu_winograd_fits, make_winograd, mleu_winograd_prepare,
                                mleu_winograd_run};

/* Bands of several sizes, the last one with fewer rows; sides of no whole number of tiles; less and
 * more padding. */
static void test_winograd(void)
{
    check(&by_winograd, &(Shape){64, 40, 101, 199, 3, 3, 1, 1, 1, 1});
    check(&by_winograd, &(Shape){33, 65, 16, 16, 3, 3, 1, 1, 1, 1});
    check(&by_winograd, &(Shape){32, 32, 7, 5, 3, 3, 1, 1, 0, 0});
    check(&by_winograd, &(Shape){32, 35, 30, 66, 3, 3, 1, 1, 2, 2});
}

/* To bfloat16, by the definition: the nearest number of eight bits, of two the one whose last is 0.
 */
static void round_all(float *values, gsize n)
{
    for (gsize i = 0; i < n; i++) {
        int exponent;
        const double part = frexp((double)values[i], &exponent);
        values[i] = (float)ldexp(rint(ldexp(part, 8)), exponent - 8);
    }
}

/* Rounds what the direct way reads likewise, so that both have the same products. */
static void make_bf16(Layer *layer)
{
    round_all(layer->in, layer->values);
    layer->node.bf16 = mleu_bf16_weights(&layer->node, layer->step.in[0].channels);
    round_all(layer->node.weight, layer->weights);
}

static const Way by_bf16 = {mleu_bf16_fits, make_bf16, mleu_bf16_prepare, mleu_bf16_run};

/* Several tasks, the last one smaller, and one; channels that fill pairs, chunks and blocks, and
 * that do not; kernels, strides and dilations of every kind; no padding, and more than the kernel.
 */
static void test_bf16(void)
{
    check(&by_bf16, &(Shape){64, 40, 23, 33, 3, 3, 1, 1, 1, 1});
    check(&by_bf16, &(Shape){17, 65, 16, 16, 1, 1, 1, 1, 0, 0});
    check(&by_bf16, &(Shape){35, 33, 7, 5, 3, 3, 1, 1, 0, 0});
    check(&by_bf16, &(Shape){32, 32, 31, 66, 3, 3, 2, 1, 1, 1});
    check(&by_bf16, &(Shape){16, 16, 30, 23, 5, 2, 3, 1, 2, 0});
    check(&by_bf16, &(Shape){97, 16, 20, 30, 3, 3, 1, 4, 4, 4});
    check(&by_bf16, &(Shape){16, 64, 14, 9, 3, 3, 2, 3, 1, 5});
    check(&by_bf16, &(Shape){40, 16, 9, 9, 1, 1, 2, 1, 0, 0});
    check(&by_bf16, &(Shape){16, 313, 1, 40, 1, 7, 1, 1, 0, 9});
}

/* What is not finite shows. */
static void test_broken(gconstpointer data)
{
    const Way *way = data;
    GRand *random = g_rand_new_with_seed(1);
    Layer layer;
    layer_init(&layer, &(Shape){32, 32, 9, 9, 3, 3, 1, 1, 1, 1}, random);
    layer.in[81 * 5 + 40] = NAN;
    way->make_weights(&layer);
    run_by(way, &layer, 1);
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
    g_assert_true(mleu_bf16_fits(&node, 64));
    g_assert_false(mleu_bf16_fits(&node, 15));
    node.groups = 2;
    g_assert_false(mleu_bf16_fits(&node, 64));
    node.groups = 1;
    node.channels = 2;
    g_assert_false(mleu_bf16_fits(&node, 64));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/convolutions/winograd", test_winograd);
    g_test_add_func("/convolutions/bf16", test_bf16);
    g_test_add_data_func("/convolutions/winograd/broken", &by_winograd, test_broken);
    g_test_add_data_func("/convolutions/bf16/broken", &by_bf16, test_broken);
    g_test_add_func("/convolutions/fits", test_fits);
    return g_test_run();
}
