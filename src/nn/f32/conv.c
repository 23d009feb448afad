/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conv2d. Depthwise: own kernel, a channel a task. 1x1: matrix products with the input as it is.
 * Everything else: im2col, a few output rows at a time so that the unfolded columns stay in the
 * second-level cache, and matrix products with these.
 */
#include <string.h>

#include "nn/f32/step.h"

/* Unfolded columns of one task, in floats: half a megabyte, the second-level cache of a small core.
 */
#define COLUMNS_FLOATS (128 * 1024)

/* Tasks that are wanted at least, so that several threads have work; but none of so few pixels or
 * outputs that its share of what each task does anew, the gathering of its input, would count. */
#define TASKS 8
#define LEAST_PIXELS 256
#define LEAST_OUTPUTS 48

static gboolean is_depthwise(const MleuStep *step)
{
    return step->node->groups == step->in[0].channels && step->node->groups == step->out.channels &&
           step->node->groups > 1;
}

/* The input's rows can be the matrix as they are. */
static gboolean is_pointwise(const MleuNode *node)
{
    return node->kernel_h == 1 && node->kernel_w == 1 && node->stride == 1 &&
           node->pad_top + node->pad_left + node->pad_bottom + node->pad_right == 0;
}

gsize mleu_conv_prepare(MleuStep *step)
{
    const MleuNode *node = step->node;
    if (is_depthwise(step)) {
        step->parts = step->out.channels;
        return 0;
    }
    const gsize k = (gsize)(step->in[0].channels / node->groups) * node->kernel_h * node->kernel_w;
    /* In whole rows, so that a block is a rectangle of the output. */
    const gsize most = COLUMNS_FLOATS / (k * step->out.w);
    const guint rows =
        MAX(mleu_blocks_along(step->out.h, TASKS), mleu_blocks_along(LEAST_PIXELS, step->out.w));
    step->block = (guint)CLAMP(most, 1, MIN(rows, step->out.h));
    const guint blocks = mleu_blocks_along(step->out.h, step->block);
    step->outputs = step->out.channels;
    if (node->groups == 1)
        step->outputs = MAX(mleu_blocks_along(step->out.channels, mleu_blocks_along(TASKS, blocks)),
                            LEAST_OUTPUTS);
    step->parts = blocks * mleu_blocks_along(step->out.channels, step->outputs);
    return is_pointwise(node) ? 0 : k * step->block * step->out.w;
}

static void depthwise(const MleuStep *step, guint channel)
{
    const MleuNode *node = step->node;
    const MleuDwconv job = {
        .in = step->in[0].data + (gsize)channel * step->in[0].h * step->in[0].w,
        .out = step->out.data + (gsize)channel * step->out.h * step->out.w,
        .weight = node->weight + (gsize)channel * node->kernel_h * node->kernel_w,
        .bias = node->bias[channel],
        .activation = node->activation,
        .in_h = step->in[0].h,
        .in_w = step->in[0].w,
        .out_w = step->out.w,
        .kernel_h = node->kernel_h,
        .kernel_w = node->kernel_w,
        .stride = node->stride,
        .dilation = node->dilation,
        .pad_top = node->pad_top,
        .pad_left = node->pad_left,
        .row_begin = 0,
        .row_end = step->out.h,
    };
    step->context->kernels->f32_dwconv(&job);
}

/* One row of the unfolded matrix: tap (ky, kx) of one input channel, for output rows [row, row +
 * rows). */
static void unfold(const MleuStep *step, const float *plane, guint ky, guint kx, guint row,
                   guint rows, float *out)
{
    const MleuNode *node = step->node;
    const gssize in_h = (gssize)step->in[0].h, in_w = (gssize)step->in[0].w,
                 out_w = (gssize)step->out.w;
    const gssize stride = (gssize)node->stride;
    const gssize shift = (gssize)(kx * node->dilation) - (gssize)node->pad_left;
    /* Output columns whose tap lies inside the picture: [first, last). */
    const gssize first = MIN(shift >= 0 ? 0 : (-shift + stride - 1) / stride, out_w);
    const gssize last =
        CLAMP(in_w - shift <= 0 ? 0 : (in_w - shift + stride - 1) / stride, first, out_w);

    for (guint r = 0; r < rows; r++, out += out_w) {
        const gssize y =
            (gssize)((row + r) * node->stride + ky * node->dilation) - (gssize)node->pad_top;
        if (y < 0 || y >= in_h) {
            memset(out, 0, (gsize)out_w * sizeof(float));
            continue;
        }
        const float *source = plane + y * in_w + shift;
        memset(out, 0, (gsize)first * sizeof(float));
        if (stride == 1) {
            memcpy(out + first, source + first, (gsize)(last - first) * sizeof(float));
        } else {
            for (gssize x = first; x < last; x++)
                out[x] = source[x * stride];
        }
        memset(out + last, 0, (gsize)(out_w - last) * sizeof(float));
    }
}

void mleu_conv_run(gpointer data, guint index, guint count G_GNUC_UNUSED)
{
    const MleuStep *step = data;
    const MleuNode *node = step->node;
    const MleuContext *context = step->context;
    if (context->cancel != NULL && g_atomic_int_get(context->cancel))
        return;
    if (is_depthwise(step)) {
        depthwise(step, index);
        return;
    }

    const guint blocks = mleu_blocks_along(step->out.h, step->block),
                first = index / blocks * step->outputs;
    const guint row = index % blocks * step->block, rows = MIN(step->block, step->out.h - row);
    const gsize columns = (gsize)rows * step->out.w;
    const gsize in_plane = (gsize)step->in[0].h * step->in[0].w,
                out_plane = (gsize)step->out.h * step->out.w;
    /* Only where there is one group are its outputs shared out. */
    const guint group_in = step->in[0].channels / node->groups,
                group_out = node->groups > 1 ? step->out.channels / node->groups
                                             : MIN(step->outputs, step->out.channels - first);
    const gsize k = (gsize)group_in * node->kernel_h * node->kernel_w;

    for (guint g = 0; g < node->groups; g++) {
        const float *in = step->in[0].data + (gsize)g * group_in * in_plane;
        const gsize channel = first + (gsize)g * group_out;
        float *out = step->out.data + channel * out_plane + (gsize)row * step->out.w;
        const float *matrix = in + (gsize)row * step->out.w;
        gsize matrix_step = in_plane;
        if (!is_pointwise(node)) {
            float *unfolded = mleu_step_scratch(step);
            matrix = unfolded;
            matrix_step = columns;
            for (guint c = 0; c < group_in; c++) {
                for (guint ky = 0; ky < node->kernel_h; ky++) {
                    for (guint kx = 0; kx < node->kernel_w; kx++, unfolded += columns)
                        unfold(step, in + c * in_plane, ky, kx, row, rows, unfolded);
                }
            }
        }
        context->kernels->f32_gemm(group_out, (guint)columns, (guint)k, node->weight + channel * k,
                                   k, matrix, matrix_step, out, out_plane);
        for (guint c = 0; c < group_out; c++)
            context->kernels->f32_bias_activation(out + c * out_plane, columns,
                                                  node->bias[channel + c], node->activation);
    }
}
