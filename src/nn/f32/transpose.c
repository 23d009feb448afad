/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* conv_transpose2d: one matrix product gives every tap's contribution, which are then added where
 * they land. */
#include <string.h>

#include "nn/f32/step.h"

gsize mleu_transpose_prepare(MleuStep *step)
{
    const MleuNode *node = step->node;
    step->block = 1;
    step->parts = step->out.channels;
    const gsize taps = (gsize)node->kernel_h * node->kernel_w;
    const gsize in_plane = (gsize)step->in[0].h * step->in[0].w;
    /* The channel's weights, gathered as a matrix taps x in; then the product taps x pixels. */
    return taps * step->in[0].channels + taps * in_plane;
}

void mleu_transpose_run(gpointer data, guint channel, guint count G_GNUC_UNUSED)
{
    const MleuStep *step = data;
    const MleuNode *node = step->node;
    if (step->context->cancel != NULL && g_atomic_int_get(step->context->cancel))
        return;
    const guint in_channels = step->in[0].channels, in_h = step->in[0].h, in_w = step->in[0].w;
    const gsize taps = (gsize)node->kernel_h * node->kernel_w, in_plane = (gsize)in_h * in_w;
    float *weights = mleu_step_scratch(step), *products = weights + taps * in_channels;
    for (guint i = 0; i < in_channels; i++) {
        const float *source = node->weight + ((gsize)i * step->out.channels + channel) * taps;
        for (gsize t = 0; t < taps; t++)
            weights[t * in_channels + i] = source[t];
    }
    step->context->kernels->f32_gemm((guint)taps, (guint)in_plane, in_channels, weights,
                                     in_channels, step->in[0].data, in_plane, products, in_plane);

    const gsize out_plane = (gsize)step->out.h * step->out.w;
    float *out = step->out.data + channel * out_plane;
    memset(out, 0, out_plane * sizeof(float));
    for (guint ky = 0; ky < node->kernel_h; ky++) {
        for (guint kx = 0; kx < node->kernel_w; kx++) {
            const float *product = products + ((gsize)ky * node->kernel_w + kx) * in_plane;
            for (guint y = 0; y < in_h; y++) {
                const gssize out_y = (gssize)(y * node->stride + ky) - (gssize)node->pad_top;
                if (out_y < 0 || out_y >= (gssize)step->out.h)
                    continue;
                for (guint x = 0; x < in_w; x++) {
                    const gssize out_x = (gssize)(x * node->stride + kx) - (gssize)node->pad_left;
                    if (out_x >= 0 && out_x < (gssize)step->out.w)
                        out[out_y * (gssize)step->out.w + out_x] += product[(gsize)y * in_w + x];
                }
            }
        }
    }
    step->context->kernels->f32_bias_activation(out, out_plane, node->bias[channel],
                                                node->activation);
}
