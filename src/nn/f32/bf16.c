/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Convolutions of many channels with products of bfloat16 and sums in float32. The input is copied
 * once, rounded, with its padding, two channels to a word; by the phases of a stride, so that what
 * a tap sees of neighbouring outputs lies side by side. Rows follow one another without gaps, and
 * outputs are made for whole stretches of such positions: those at the end of a row, where a tap
 * sees the beginning of the next one, are dropped.
 */
#include <string.h>

#include "allocate.h"
#include "nn/f32/step.h"

/* Channels on each side from which on tiles are filled well enough. */
#define CHANNELS 16

/* Positions of one task. */
#define POSITIONS (8 * MLEU_BF16_POSITIONS)

/* Words that planes lie apart are an odd number of lines of the cache, lest all want the same ones.
 */
#define LINE 16

typedef struct {
    const MleuStep *step;
    guint stride, rows, columns; /* of one phase */
    guint positions;
    gsize offset[MLEU_KERNEL_MAX * MLEU_KERNEL_MAX];
    MleuBf16Conv conv; /* of the first outputs */
} Job;

gboolean mleu_bf16_fits(const MleuNode *node, guint in_channels)
{
    return node->op == MLEU_OP_CONV2D && node->groups == 1 && in_channels >= CHANNELS &&
           node->channels >= CHANNELS;
}

static guint blocks_of(guint channels)
{
    return mleu_blocks_along(channels, MLEU_BF16_OUTPUTS);
}

guint32 *mleu_bf16_weights(const MleuNode *node, guint in_channels)
{
    const guint taps = node->kernel_h * node->kernel_w;
    const guint chunk = mleu_bf16_chunk(in_channels), depth = mleu_bf16_depth(in_channels);
    const gsize block = mleu_bf16_block(taps, in_channels);
    void (*const pairs)(guint32 *, const float *, const float *, gsize, gsize) =
        mleu_kernels_get(MLEU_TIER_C)->bf16_pairs;
    guint32 *words = mleu_try_new0(guint32, blocks_of(node->channels) * block);
    for (guint o = 0; o < node->channels && words != NULL; o++) {
        const float *row = node->weight + (gsize)o * in_channels * taps;
        guint32 *first = words + o / MLEU_BF16_OUTPUTS * block + o % MLEU_BF16_OUTPUTS * chunk;
        for (guint t = 0; t < taps; t++) {
            for (guint d = 0; d < depth; d += chunk) {
                guint32 *to = first + ((gsize)t * depth + d) * MLEU_BF16_OUTPUTS;
                const float *even = row + (gsize)2 * d * taps + t;
                const guint whole = MIN(chunk, in_channels / 2 - d);
                pairs(to, even, even + taps, whole, 2 * taps);
                if (whole < chunk && 2 * (d + whole) < in_channels)
                    pairs(to + whole, even + (gsize)2 * whole * taps, NULL, 1, 1);
            }
        }
    }
    return words;
}

/* How the input is laid out; all but the memory. */
static Job lay_out(const MleuStep *step)
{
    const MleuNode *node = step->node;
    const guint far_y = (node->kernel_h - 1) * node->dilation / node->stride,
                far_x = (node->kernel_w - 1) * node->dilation / node->stride;
    Job job = {.step = step,
               .stride = node->stride,
               .rows = step->out.h + far_y,
               .columns = step->out.w + far_x};
    const gsize phase = (gsize)job.rows * job.columns;
    /* A task's last positions may be beyond the last output's. */
    const gsize words = phase * job.stride * job.stride + MLEU_BF16_POSITIONS;
    job.positions = (step->out.h - 1) * job.columns + step->out.w;
    job.conv = (MleuBf16Conv){.plane = ((words + LINE - 1) / LINE | 1) * LINE,
                              .taps = node->kernel_h * node->kernel_w,
                              .channels = step->in[0].channels};
    return job;
}

gsize mleu_bf16_prepare(MleuStep *step)
{
    const Job job = lay_out(step);
    step->parts = blocks_of(step->out.channels) * mleu_blocks_along(job.positions, POSITIONS);
    step->shared = mleu_bf16_depth(job.conv.channels) * job.conv.plane;
    return (gsize)MLEU_BF16_OUTPUTS * POSITIONS;
}

/* Where the planes of words are made. */
static guint32 *packed(const MleuStep *step)
{
    return (guint32 *)step->context->shared;
}

/* A row of a phase: every stride-th value of a row of the input from column `x` on, which may lie
 * before it, and zeros around it. */
static void pack_row(const Job *job, guint32 *out, const float *even, const float *odd, gint x)
{
    const gint stride = (gint)job->stride, width = (gint)job->step->in[0].w;
    const gint columns = (gint)job->columns;
    const gint first = MIN(x < 0 ? (-x + stride - 1) / stride : 0, columns);
    const gint end = CLAMP((width - x + stride - 1) / stride, first, columns);
    memset(out, 0, (gsize)first * sizeof *out);
    if (end > first) {
        const gint from = x + first * stride;
        job->step->context->kernels->bf16_pairs(out + first, even + from,
                                                odd != NULL ? odd + from : NULL,
                                                (gsize)(end - first), job->stride);
    }
    memset(out + end, 0, (gsize)(columns - end) * sizeof *out);
}

/* The plane of two channels. */
static void pack(gpointer data, guint pair, guint count G_GNUC_UNUSED)
{
    const Job *job = data;
    const MleuNode *node = job->step->node;
    const MleuValue *in = &job->step->in[0];
    const gsize plane = (gsize)in->h * in->w;
    guint32 *out = packed(job->step) + pair * job->conv.plane;
    if (2 * pair >= in->channels) {
        memset(out, 0, job->conv.plane * sizeof *out);
        return;
    }
    const float *even = in->data + 2 * pair * plane;
    const float *odd = 2 * pair + 1 < in->channels ? even + plane : NULL;
    for (guint phase = 0; phase < job->stride * job->stride; phase++) {
        const guint phase_y = phase / job->stride, phase_x = phase % job->stride;
        for (guint row = 0; row < job->rows; row++, out += job->columns) {
            /* Above the first row is beyond the last, too. */
            const guint y = row * job->stride + phase_y - node->pad_top;
            if (y < in->h)
                pack_row(job, out, even + (gsize)y * in->w,
                         odd != NULL ? odd + (gsize)y * in->w : NULL,
                         (gint)phase_x - (gint)node->pad_left);
            else
                memset(out, 0, job->columns * sizeof *out);
        }
    }
}

/* Sums of positions [first, last) of a channel, without those at the ends of rows, to its plane. */
static void put(const Job *job, float *plane, const float *sums, guint first, guint last)
{
    const guint width = job->step->out.w;
    for (guint position = first, n; position < last; position += n) {
        const guint y = position / job->columns, x = position % job->columns;
        n = MIN(job->columns - x, last - position);
        if (x < width)
            memcpy(plane + (gsize)y * width + x, sums + (position - first),
                   MIN(n, width - x) * sizeof(float));
    }
}

/* Some outputs of some positions; the outputs change first, for the input is the larger part. */
static void multiply(gpointer data, guint index, guint count G_GNUC_UNUSED)
{
    const Job *job = data;
    const MleuStep *step = job->step;
    const MleuContext *context = step->context;
    const guint blocks = blocks_of(step->out.channels), block = index % blocks;
    const guint first = index / blocks * POSITIONS, last = MIN(first + POSITIONS, job->positions);
    float *sums = mleu_step_scratch(step);
    if (context->cancel != NULL && g_atomic_int_get(context->cancel))
        return;
    MleuBf16Conv conv = job->conv;
    conv.in += first;
    conv.weight += block * mleu_bf16_block(conv.taps, conv.channels);
    context->kernels->bf16_conv(
        sums, POSITIONS, mleu_blocks_along(last - first, MLEU_BF16_POSITIONS) * MLEU_BF16_POSITIONS,
        &conv);
    const guint begin = block * MLEU_BF16_OUTPUTS;
    const guint end = MIN(begin + MLEU_BF16_OUTPUTS, step->out.channels);
    for (guint o = begin; o < end; o++, sums += POSITIONS) {
        context->kernels->f32_bias_activation(sums, last - first, step->node->bias[o],
                                              step->node->activation);
        put(job, step->out.data + (gsize)o * step->out.h * step->out.w, sums, first, last);
    }
}

void mleu_bf16_run(const MleuStep *step)
{
    const MleuNode *node = step->node;
    Job job = lay_out(step);
    const gsize phase = (gsize)job.rows * job.columns;
    job.conv.in = packed(step);
    job.conv.weight = node->bf16;
    job.conv.offset = job.offset;
    for (guint t = 0; t < job.conv.taps; t++) {
        const guint y = t / node->kernel_w * node->dilation,
                    x = t % node->kernel_w * node->dilation;
        job.offset[t] = (y % job.stride * job.stride + x % job.stride) * phase +
                        y / job.stride * (gsize)job.columns + x / job.stride;
    }
    mleu_pool_run(step->context->pool, pack, &job, mleu_bf16_depth(job.conv.channels));
    mleu_pool_run(step->context->pool, multiply, &job, step->parts);
}
