/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The quantised kernels in plain C: the specification, to the bit. */
#include <math.h>

#include "kernels/tiers.h"

static inline guint8 requantize(gint32 sum, float scale, const MleuRequantize *to)
{
    const float value = (float)sum * scale;
    const float low = (float)to->low, high = (float)to->high;
    return (guint8)(to->zero + (gint32)lrintf(value < low ? low : value > high ? high : value));
}

/* The sums of one pixel and the first block of outputs, their bias included. */
static void dot(gint32 *sums, const MleuQ8Tile *tile, guint pixel)
{
    const gsize row = (gsize)mleu_q8_depth(tile->channels) * 4 * MLEU_Q8_OUTPUTS;
    for (guint o = 0; o < MLEU_Q8_OUTPUTS; o++)
        sums[o] = tile->to.bias[o];
    for (guint t = 0; t < tile->taps; t++) {
        const guint8 *in = tile->in[t * tile->pixels + pixel];
        const gint8 *weight = tile->weight + t * row;
        for (guint c = 0; c < tile->channels; c += 4, weight += 4 * MLEU_Q8_OUTPUTS) {
            /* Zeros beyond the pixel's channels: the loop below has a constant length. */
            gint16 x[4] = {0};
            for (guint k = 0; k < MIN(4, tile->channels - c); k++)
                x[k] = in[c + k];
            for (guint o = 0; o < MLEU_Q8_OUTPUTS; o++)
                sums[o] += x[0] * weight[4 * o] + x[1] * weight[4 * o + 1] +
                           x[2] * weight[4 * o + 2] + x[3] * weight[4 * o + 3];
        }
    }
}

void mleu_q8_conv__c(guint8 *out, gsize step, gsize outputs, const MleuQ8Tile *tile)
{
    MleuQ8Tile block = *tile;
    for (gsize o = 0; o < outputs; o += MLEU_Q8_OUTPUTS, mleu_q8_next_block(&block)) {
        const gsize n = MIN(MLEU_Q8_OUTPUTS, outputs - o);
        for (guint p = 0; p < tile->pixels; p++) {
            gint32 sums[MLEU_Q8_OUTPUTS];
            dot(sums, &block, p);
            for (gsize i = 0; i < n; i++)
                out[p * step + o + i] = requantize(sums[i], block.to.scale[i], &block.to);
        }
    }
}

void mleu_q8_logits__c(gint16 *out, gsize step, gsize outputs, const MleuQ8Tile *tile)
{
    MleuQ8Tile block = *tile;
    for (gsize o = 0; o < outputs; o += MLEU_Q8_OUTPUTS, mleu_q8_next_block(&block)) {
        for (guint p = 0; p < tile->pixels; p++) {
            gint32 sums[MLEU_Q8_OUTPUTS];
            dot(sums, &block, p);
            for (guint i = 0; i < MLEU_Q8_OUTPUTS; i++) {
                const float logit = (float)sums[i] * block.to.scale[i];
                out[p * step + o + i] = (gint16)lrintf(CLAMP(logit, -32767.0f, 32767.0f));
            }
        }
    }
}

void mleu_q8_dwconv__c(guint8 *out, gsize step, const MleuQ8Tile *tile)
{
    const gsize row = (tile->channels + MLEU_Q8_CHANNELS - 1) / MLEU_Q8_CHANNELS * MLEU_Q8_CHANNELS;
    for (guint p = 0; p < tile->pixels; p++) {
        for (gsize c = 0; c < tile->channels; c++) {
            gint32 sum = tile->to.bias[c];
            for (guint t = 0; t < tile->taps; t++)
                sum += tile->in[t * tile->pixels + p][c] * tile->weight[t * row + c];
            out[p * step + c] = requantize(sum, tile->to.scale[c], &tile->to);
        }
    }
}

MleuQ8Mean mleu_q8_mean__c(const gint16 *logits, const MleuQ8Softmax *softmax)
{
    MleuQ8Mean mean = {0};
    gint32 most = logits[0];
    for (guint c = 1; c < softmax->classes; c++)
        most = MAX(most, logits[c]);
    for (guint c = 0; c < softmax->classes; c++) {
        const guint below = (guint)(most - logits[c]);
        if (below >= softmax->reach)
            continue;
        const gint64 weight = softmax->table[below];
        mean.weight += weight;
        mean.a += weight * softmax->bins[2 * c];
        mean.b += weight * softmax->bins[2 * c + 1];
    }
    return mean;
}

void mleu_q8_add__c(guint8 *out, const guint8 *a, const guint8 *b, gsize n, const MleuQ8Add *job)
{
    const float low = (float)job->low, high = (float)job->high;
    for (gsize i = 0; i < n; i++) {
        const float first = (float)(a[i] - job->zero_a) * job->scale_a;
        const float second = (float)(b[i] - job->zero_b) * job->scale_b;
        const float value = first + second;
        out[i] = (guint8)(job->zero + (gint32)lrintf(value < low    ? low
                                                     : value > high ? high
                                                                    : value));
    }
}
