/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The convolutions of a model by oneDNN 2, at 256 x 256, beside the whole network by this library:
 * CPU time of one run with one thread, rows of a model measured in turn.
 *
 *   bench-onednn MODEL...
 *
 * oneDNN runs nothing but convolutions, their bias and activation within, in the memory layouts of
 * its own choice: nothing is reordered, joined, enlarged or decoded. Every one reads the same
 * buffer, which may be in the cache still. Its 8-bit ones are u8 by s8 to u8, scales by output
 * channel, without zero points. What they compute is of no use: weights are made up. All this is
 * in oneDNN's favour; the whole plan being as fast as its dense convolutions alone is the bar.
 *
 * oneDNN is held to the tier of kernels that this library uses (MLEU_CPU), or to what
 * ONEDNN_MAX_CPU_ISA names.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <oneapi/dnnl/dnnl.h>

#include "bench.h"
#include "kernels/kernels.h"
#include "nn/arena.h"
#include "nn/executor.h"
#include "nn/plan.h"

enum { SIDE = 256, ROUNDS = 11, PRECISIONS = 3, ROWS = 3 * PRECISIONS };

/* What both compute in: oneDNN's types of values, weights and biases. */
static const struct {
    MleuPrecision precision;
    const char *name;
    dnnl_data_type_t value, weight, bias;
} precisions[PRECISIONS] = {
    {MLEU_PRECISION_FLOAT32, "float32", dnnl_f32, dnnl_f32, dnnl_f32},
    {MLEU_PRECISION_BF16, "bf16", dnnl_bf16, dnnl_bf16, dnnl_f32},
    {MLEU_PRECISION_INT8, "int8", dnnl_u8, dnnl_s8, dnnl_s32},
};

typedef struct {
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t arguments[4]; /* source, destination, weights, bias */
    gpointer weight, bias;
    gboolean depthwise, reference;
} Convolution;

/* The convolutions of a graph in one precision. */
typedef struct {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_data_type_t value, weight, bias; /* types */
    guint n;
    Convolution *convolutions;
    gpointer source, destination; /* of all, one after the other */
} Peer;

typedef struct {
    guint precision;  /* of the list */
    MleuPlan *plan;   /* this library's; or NULL */
    const Peer *peer; /* oneDNN's, then */
    gboolean depthwise;
    double seconds[ROUNDS];
} Row;

static void check(dnnl_status_t status, const char *what)
{
    if (status != dnnl_success)
        g_error("oneDNN: %s: status %d", what, (int)status);
}

/* Every byte of 8-bit values is 1; others are near 0.01, far from what is slow to multiply. */
static gpointer fill(gsize bytes, dnnl_data_type_t type)
{
    gpointer memory = mleu_arena_allocate(bytes, 1);
    if (memory == NULL)
        g_error("no memory");
    memset(memory, type == dnnl_bf16 ? 0x3c : 1, bytes);
    for (gsize i = 0; type == dnnl_f32 && i < bytes / sizeof(float); i++)
        ((float *)memory)[i] = 0.01f + (float)(i % 7) * 0.001f;
    return memory;
}

static dnnl_memory_desc_t describe(int rank, const dnnl_dims_t sizes, dnnl_data_type_t type)
{
    dnnl_memory_desc_t description;
    check(dnnl_memory_desc_init_by_tag(&description, rank, sizes, type,
                                       rank == 1 ? dnnl_x : dnnl_format_tag_any),
          "a memory");
    return description;
}

/* 8 bits cut off by themselves; floats need telling. */
static dnnl_primitive_attr_t make_attributes(const Peer *peer, const MleuNode *node)
{
    dnnl_primitive_attr_t attributes;
    check(dnnl_primitive_attr_create(&attributes), "attributes");
    if (peer->value == dnnl_u8) {
        float *scales = fill(node->channels * sizeof *scales, dnnl_f32);
        check(dnnl_primitive_attr_set_output_scales(attributes, node->channels, 1 << 1, scales),
              "scales");
        mleu_arena_free(scales);
    } else if (node->activation != MLEU_ACTIVATION_NONE) {
        dnnl_post_ops_t after;
        check(dnnl_post_ops_create(&after), "an activation");
        const dnnl_alg_kind_t kind = node->activation == MLEU_ACTIVATION_RELU ? dnnl_eltwise_relu
                                     : node->activation == MLEU_ACTIVATION_RELU6
                                         ? dnnl_eltwise_clip
                                         : dnnl_eltwise_tanh;
        check(dnnl_post_ops_append_eltwise(after, 1, kind, 0, 6), "an activation");
        check(dnnl_primitive_attr_set_post_ops(attributes, after), "an activation");
        dnnl_post_ops_destroy(after);
    }
    return attributes;
}

static gsize query_size(const_dnnl_primitive_desc_t description, dnnl_query_t what)
{
    return dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(description, what, 0));
}

static dnnl_exec_arg_t bind(const Peer *peer, const_dnnl_primitive_desc_t description,
                            dnnl_query_t what, int index, int argument, gpointer data)
{
    dnnl_exec_arg_t bound = {.arg = argument};
    check(dnnl_memory_create(&bound.memory, dnnl_primitive_desc_query_md(description, what, index),
                             peer->engine, data),
          "a memory");
    return bound;
}

static void add_convolution(Peer *peer, const MleuNode *node, const MleuShape *in,
                            const MleuShape *out)
{
    Convolution *convolution = &peer->convolutions[peer->n++];
    const gboolean grouped = node->groups > 1;
    const dnnl_dims_t source_sizes = {1, in->channels, in->h, in->w},
                      destination_sizes = {1, out->channels, out->h, out->w},
                      bias_sizes = {node->channels},
                      plain_sizes = {node->channels, in->channels, node->kernel_h, node->kernel_w},
                      group_sizes = {node->groups, node->channels / node->groups,
                                     in->channels / node->groups, node->kernel_h, node->kernel_w},
                      strides = {node->stride, node->stride},
                      dilations = {node->dilation - 1, node->dilation - 1},
                      before = {node->pad_top, node->pad_left},
                      after = {node->pad_bottom, node->pad_right};
    const dnnl_memory_desc_t source = describe(4, source_sizes, peer->value),
                             destination = describe(4, destination_sizes, peer->value),
                             bias = describe(1, bias_sizes, peer->bias),
                             weight = describe(grouped ? 5 : 4, grouped ? group_sizes : plain_sizes,
                                               peer->weight);
    dnnl_convolution_desc_t job;
    check(dnnl_dilated_convolution_forward_desc_init(
              &job, dnnl_forward_inference, dnnl_convolution_direct, &source, &weight, &bias,
              &destination, strides, dilations, before, after),
          node->name);
    dnnl_primitive_attr_t attributes = make_attributes(peer, node);
    dnnl_primitive_desc_t description;
    check(dnnl_primitive_desc_create(&description, &job, attributes, peer->engine, NULL),
          node->name);
    dnnl_primitive_attr_destroy(attributes);

    const char *how;
    check(dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, &how), node->name);
    convolution->reference = strstr(how, "ref") != NULL;
    convolution->depthwise = grouped;
    convolution->weight = fill(query_size(description, dnnl_query_weights_md), peer->weight);
    convolution->bias = fill(node->channels * sizeof(float), peer->bias);
    convolution->arguments[0] =
        bind(peer, description, dnnl_query_src_md, 0, DNNL_ARG_SRC, peer->source);
    convolution->arguments[1] =
        bind(peer, description, dnnl_query_dst_md, 0, DNNL_ARG_DST, peer->destination);
    convolution->arguments[2] =
        bind(peer, description, dnnl_query_weights_md, 0, DNNL_ARG_WEIGHTS, convolution->weight);
    convolution->arguments[3] =
        bind(peer, description, dnnl_query_weights_md, 1, DNNL_ARG_BIAS, convolution->bias);
    check(dnnl_primitive_create(&convolution->primitive, description), node->name);
    dnnl_primitive_desc_destroy(description);
}

static Peer *peer_new(const MleuGraph *graph, guint precision)
{
    Peer *peer = g_new0(Peer, 1);
    MleuShape *shapes = g_new0(MleuShape, graph->n_nodes);
    gsize most = 0;
    check(dnnl_engine_create(&peer->engine, dnnl_cpu, 0), "an engine");
    check(dnnl_stream_create(&peer->stream, peer->engine, dnnl_stream_default_flags), "a stream");
    peer->value = precisions[precision].value;
    peer->weight = precisions[precision].weight;
    peer->bias = precisions[precision].bias;
    peer->convolutions = g_new0(Convolution, graph->n_nodes);
    for (guint i = 0; i < graph->n_nodes; i++) {
        const MleuNode *node = &graph->nodes[i];
        const MleuShape *in = &shapes[node->inputs[0]];
        MleuShape *out = &shapes[i];
        *out = (MleuShape){.channels = node->channels, .h = SIDE, .w = SIDE};
        if (node->n_inputs > 0)
            mleu_node_output_size(node, in->h, in->w, &out->h, &out->w);
        /* Layouts pad channels to whole vectors. */
        most = MAX(most, (gsize)(out->channels + 63) / 64 * 64 * out->h * out->w);
    }
    const gsize unit = dnnl_data_type_size(peer->value);
    peer->source = fill(most * unit, peer->value);
    peer->destination = fill(most * unit, peer->value);
    for (guint i = 1; i < graph->n_nodes; i++) {
        const MleuNode *node = &graph->nodes[i];
        if (node->op == MLEU_OP_CONV2D)
            add_convolution(peer, node, &shapes[node->inputs[0]], &shapes[i]);
    }
    g_free(shapes);
    return peer;
}

static void peer_free(Peer *peer)
{
    if (peer == NULL)
        return;
    for (guint i = 0; i < peer->n; i++) {
        Convolution *convolution = &peer->convolutions[i];
        for (guint k = 0; k < G_N_ELEMENTS(convolution->arguments); k++)
            dnnl_memory_destroy(convolution->arguments[k].memory);
        dnnl_primitive_destroy(convolution->primitive);
        mleu_arena_free(convolution->weight);
        mleu_arena_free(convolution->bias);
    }
    dnnl_stream_destroy(peer->stream);
    dnnl_engine_destroy(peer->engine);
    mleu_arena_free(peer->source);
    mleu_arena_free(peer->destination);
    g_free(peer->convolutions);
    g_free(peer);
}

static double run_once(const Row *row, float *ab)
{
    const double begin = bench_cpu_seconds();
    if (row->plan != NULL && !mleu_plan_run(row->plan, 0.38, NULL, ab, NULL))
        g_error("the network does not run");
    for (guint i = 0; row->peer != NULL && i < row->peer->n; i++) {
        const Convolution *convolution = &row->peer->convolutions[i];
        if (!convolution->depthwise || row->depthwise)
            check(dnnl_primitive_execute(convolution->primitive, row->peer->stream,
                                         G_N_ELEMENTS(convolution->arguments),
                                         convolution->arguments),
                  "a convolution");
    }
    if (row->peer != NULL)
        check(dnnl_stream_wait(row->peer->stream), "waiting");
    return bench_cpu_seconds() - begin;
}

/* This library's row of a precision, then oneDNN's. */
static guint add_rows(Row *rows, MleuModel *model, MleuPool *pool, guint precision, Peer *peer)
{
    GError *error = NULL;
    for (guint i = 0; i < 3; i++)
        rows[i].precision = precision;
    rows[0].plan = mleu_plan_new(model, SIDE, SIDE, precisions[precision].precision, pool, &error);
    if (rows[0].plan == NULL)
        g_error("%s", error->message);
    bench_draw(mleu_plan_get_input(rows[0].plan), SIDE);
    rows[1].peer = peer;
    for (guint i = 0; i < peer->n; i++) {
        if (peer->convolutions[i].depthwise) {
            rows[2].peer = peer;
            rows[2].depthwise = TRUE;
            return 3;
        }
    }
    return 2;
}

static void print_row(Row *row, double own)
{
    const double seconds = bench_median(row->seconds, ROUNDS);
    guint reference = 0;
    for (guint i = 0; row->peer != NULL && i < row->peer->n; i++) {
        const Convolution *convolution = &row->peer->convolutions[i];
        reference += convolution->reference && (!convolution->depthwise || row->depthwise) ? 1 : 0;
    }
    printf("  %-8s%-16s %8.1f ms", precisions[row->precision].name,
           row->peer == NULL ? "whole plan"
           : row->depthwise  ? "oneDNN, all"
                             : "oneDNN, dense",
           seconds * 1e3);
    if (row->peer != NULL)
        printf("  the plan takes %.2f of it", own / seconds);
    if (reference > 0)
        printf("; %u convolutions by its slow reference code", reference);
    printf("\n");
}

/* Products of bfloat16 are not compared where they are made of others. */
static gboolean is_comparable(const MleuGraph *graph, guint precision)
{
    switch (precisions[precision].precision) {
    case MLEU_PRECISION_INT8:
        return graph->quantized;
    case MLEU_PRECISION_BF16:
        return mleu_kernels_get(mleu_cpu_tier())->bf16_is_native;
    default:
        return TRUE;
    }
}

static void measure(MleuModel *model, MleuPool *pool)
{
    const MleuGraph *graph = mleu_model_get_graph(model);
    Peer *peers[PRECISIONS] = {NULL};
    Row rows[ROWS] = {0};
    guint n = 0, width, height;
    for (guint i = 0; i < PRECISIONS; i++) {
        if (!is_comparable(graph, i))
            continue;
        peers[i] = peer_new(graph, i);
        n += add_rows(&rows[n], model, pool, i, peers[i]);
    }
    mleu_plan_get_grid(rows[0].plan, &width, &height);
    float *ab = g_new(float, (gsize)2 * width * height);
    for (guint round = 0; round < ROUNDS; round++) {
        for (guint i = 0; i < n; i++) {
            if (round == 0)
                run_once(&rows[i], ab);
            rows[i].seconds[round] = run_once(&rows[i], ab);
        }
    }
    printf("%s: %.2f GMAC, depthwise included\n", mleu_model_get_name(model),
           (double)mleu_model_get_macs(model, SIDE, SIDE) * 1e-9);
    double own = 0;
    for (guint i = 0; i < n; i++) {
        if (rows[i].plan != NULL)
            own = bench_median(rows[i].seconds, ROUNDS);
        print_row(&rows[i], own);
        mleu_plan_free(rows[i].plan);
    }
    for (guint i = 0; i < PRECISIONS; i++)
        peer_free(peers[i]);
    g_free(ab);
}

int main(int argc, char **argv)
{
    /* The OpenMP library reads this when it is loaded. */
    if (g_strcmp0(g_getenv("OMP_NUM_THREADS"), "1") != 0) {
        g_setenv("OMP_NUM_THREADS", "1", TRUE);
        execv("/proc/self/exe", argv);
    }
    static const dnnl_cpu_isa_t tiers[MLEU_N_TIERS] = {
        [MLEU_TIER_C] = dnnl_cpu_isa_all,
        [MLEU_TIER_AVX2] = dnnl_cpu_isa_avx2,
        [MLEU_TIER_AVXVNNI] = dnnl_cpu_isa_avx2_vnni,
        [MLEU_TIER_AVX512VNNI] = dnnl_cpu_isa_avx512_core_vnni,
        [MLEU_TIER_AMX] = dnnl_cpu_isa_avx512_core_amx};
    if (g_getenv("ONEDNN_MAX_CPU_ISA") == NULL)
        check(dnnl_set_max_cpu_isa(tiers[mleu_cpu_tier()]), "the tier");
    const dnnl_version_t *version = dnnl_version();
    printf("oneDNN %d.%d.%d, its instruction set 0x%x; this library's %s\n", version->major,
           version->minor, version->patch, (guint)dnnl_get_effective_cpu_isa(),
           mleu_cpu_get_tier());
    MleuPool *pool = mleu_pool_new(1, NULL);
    for (int i = 1; i < argc; i++) {
        GError *error = NULL;
        MleuModel *model = mleu_model_load(argv[i], &error);
        if (model == NULL) {
            fprintf(stderr, "%s\n", error->message);
            g_error_free(error);
            return 1;
        }
        measure(model, pool);
        mleu_model_unref(model);
    }
    mleu_pool_free(pool);
    return 0;
}
