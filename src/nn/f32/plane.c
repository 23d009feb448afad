/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The operators that treat each channel by itself: affine, add, concat, upsample, maxpool. */
#include <string.h>

#include "nn/f32/step.h"

gsize mleu_plane_prepare(MleuStep *step)
{
    step->block = 1;
    step->parts = step->out.channels;
    if (step->node->op == MLEU_OP_CONCAT) {
        gboolean any = FALSE;
        for (guint i = 0; i < step->node->n_inputs; i++)
            any = any || step->copy[i];
        step->parts = any ? step->node->n_inputs : 0;
    }
    return 0;
}

static void upsample(const MleuValue *in, const MleuValue *out, guint channel, guint factor)
{
    const float *source = in->data + (gsize)channel * in->h * in->w;
    float *row = out->data + (gsize)channel * out->h * out->w;
    for (guint y = 0; y < in->h; y++, source += in->w) {
        for (guint x = 0; x < in->w; x++) {
            for (guint k = 0; k < factor; k++)
                row[x * factor + k] = source[x];
        }
        for (guint k = 1; k < factor; k++)
            memcpy(row + (gsize)k * out->w, row, out->w * sizeof(float));
        row += (gsize)factor * out->w;
    }
}

static void maxpool(const MleuValue *in, const MleuValue *out, guint channel)
{
    const float *source = in->data + (gsize)channel * in->h * in->w;
    float *target = out->data + (gsize)channel * out->h * out->w;
    for (guint y = 0; y < out->h; y++) {
        const float *upper = source + (gsize)2 * y * in->w, *lower = upper + in->w;
        for (guint x = 0; x < out->w; x++) {
            const float left = MAX(upper[2 * x], lower[2 * x]),
                        right = MAX(upper[2 * x + 1], lower[2 * x + 1]);
            target[(gsize)y * out->w + x] = MAX(left, right);
        }
    }
}

/* Copies input @index of a concatenation to its place, where it was not written there. */
static void concat(const MleuStep *step, guint index)
{
    const gsize plane = (gsize)step->out.h * step->out.w;
    gsize offset = 0;
    for (guint i = 0; i < index; i++)
        offset += step->in[i].channels * plane;
    if (step->copy[index])
        memcpy(step->out.data + offset, step->in[index].data,
               step->in[index].channels * plane * sizeof(float));
}

void mleu_plane_run(gpointer data, guint index, guint count G_GNUC_UNUSED)
{
    const MleuStep *step = data;
    const MleuNode *node = step->node;
    const MleuKernels *kernels = step->context->kernels;
    const gsize plane = (gsize)step->out.h * step->out.w;
    switch (node->op) {
    case MLEU_OP_AFFINE:
        kernels->f32_affine(step->out.data + index * plane, step->in[0].data + index * plane, plane,
                            node->scale[index], node->offset[index]);
        break;
    case MLEU_OP_ADD:
        kernels->f32_add(step->out.data + index * plane, step->in[0].data + index * plane,
                         step->in[1].data + index * plane, plane, node->activation);
        break;
    case MLEU_OP_CONCAT:
        concat(step, index);
        break;
    case MLEU_OP_UPSAMPLE:
        upsample(&step->in[0], &step->out, index, node->factor);
        break;
    case MLEU_OP_MAXPOOL:
        maxpool(&step->in[0], &step->out, index);
        break;
    case MLEU_OP_INPUT:
    case MLEU_OP_CONV2D:
    case MLEU_OP_CONV_TRANSPOSE2D:
        break;
    }
}
