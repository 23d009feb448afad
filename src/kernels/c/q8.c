/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The quantised kernels in plain C: the specification, to the bit. */
#include <math.h>

#include "kernels/tiers.h"

void mleu_q8_dot__c(gint32 *sums, const guint8 *const *in, guint pixels, guint taps, guint channels,
                    const gint8 *weight)
{
    for (guint p = 0; p < pixels; p++) {
        for (guint o = 0; o < MLEU_Q8_OUTPUTS; o++)
            sums[p * MLEU_Q8_OUTPUTS + o] = 0;
    }
    for (guint t = 0; t < taps; t++) {
        for (guint c = 0; c < channels; c += 4, weight += 4 * MLEU_Q8_OUTPUTS) {
            const guint count = MIN(4, channels - c);
            for (guint p = 0; p < pixels; p++) {
                const guint8 *x = in[t * pixels + p] + c;
                gint32 *sum = sums + p * MLEU_Q8_OUTPUTS;
                for (guint o = 0; o < MLEU_Q8_OUTPUTS; o++) {
                    for (guint k = 0; k < count; k++)
                        sum[o] += x[k] * weight[4 * o + k];
                }
            }
        }
    }
}

static inline guint8 requantize(gint32 sum, float scale, const MleuRequantize *to)
{
    const float value = (float)sum * scale;
    const float low = (float)to->low, high = (float)to->high;
    return (guint8)(to->zero + (gint32)lrintf(value < low ? low : value > high ? high : value));
}

void mleu_q8_requantize__c(guint8 *out, const gint32 *sums, gsize n, const MleuRequantize *to)
{
    for (gsize i = 0; i < n; i++)
        out[i] = requantize(sums[i] + to->bias[i], to->scale[i], to);
}

void mleu_q8_dwconv__c(guint8 *out, const guint8 *const *in, guint taps, gsize channels,
                       const gint8 *weight, const MleuRequantize *to)
{
    const gsize row = (channels + MLEU_Q8_CHANNELS - 1) / MLEU_Q8_CHANNELS * MLEU_Q8_CHANNELS;
    for (gsize c = 0; c < channels; c++) {
        gint32 sum = to->bias[c];
        for (guint t = 0; t < taps; t++)
            sum += in[t][c] * weight[t * row + c];
        out[c] = requantize(sum, to->scale[c], to);
    }
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
