/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernels between code values and floats, in portable C: the specification, to the bit. */
#include "kernels/tiers.h"

void mleu_u8_blend__c(float *out, gsize n, const guint8 *const *rows, const float *weights,
                      guint count)
{
    for (gsize x = 0; x < n; x++)
        out[x] = weights[0] * rows[0][x];
    for (guint k = 1; k < count; k++) {
        const guint8 *row = rows[k];
        const float weight = weights[k];
        for (gsize x = 0; x < n; x++)
            out[x] += weight * row[x];
    }
}

void mleu_f32_filter__c(float *out, gsize n, const float *in, const MleuFilter *filter)
{
    enum { LANES = MLEU_FILTER_LANES };
    for (gsize i = 0; i < n; i++) {
        const float *from = in + filter->first[i], *weight = filter->weight + i * filter->taps;
        float sum[LANES];
        for (guint l = 0; l < LANES; l++)
            sum[l] = from[l] * weight[l];
        for (guint k = LANES; k < filter->taps; k += LANES) {
            for (guint l = 0; l < LANES; l++)
                sum[l] += from[k + l] * weight[k + l];
        }
        out[i] = ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
    }
}

void mleu_f32_interpolate__c(float *out, const float *x, gsize n, const float *table)
{
    for (gsize i = 0; i < n; i++) {
        const gint32 k = (gint32)x[i];
        const float low = table[k], high = table[k + 1];
        out[i] = low + (high - low) * (x[i] - (float)k);
    }
}

void mleu_f32_widen__c(float *out, gsize n, const MleuWiden *job)
{
    for (guint k = 0; k < job->count; k++) {
        const float *row = job->rows[k];
        for (gsize x = 0; x < n; x++) {
            const float left = row[job->cell[x]], right = row[job->next[x]];
            out[k * MLEU_WIDE + x] = left + job->share[x] * (right - left);
        }
    }
}

static inline float between(const float *upper, const float *lower, gsize i, float share)
{
    return upper[i] + share * (lower[i] - upper[i]);
}

void mleu_f32_enlarge__c(float *a, float *b, const float *y, gsize n, const MleuEnlarge *job)
{
    const float share = job->share;
    const MleuWide *upper = job->upper, *lower = job->lower;
    for (guint c = 0; c < 2; c++) {
        float *out = c == 0 ? a : b;
        for (gsize i = 0; i < n; i++) {
            float value = between(upper->value[c], lower->value[c], i, share);
            if (job->guided) {
                const float detail = y[i] - between(upper->luma, lower->luma, i, share);
                const float least = between(upper->low[c], lower->low[c], i, share),
                            most = between(upper->high[c], lower->high[c], i, share);
                value += between(upper->slope[c], lower->slope[c], i, share) * detail;
                value = value < least ? least : value;
                value = value > most ? most : value;
            }
            out[i] = job->factor * value;
        }
    }
}

void mleu_u8_luma__c(float *y, gsize n, const guint8 *upper, const guint8 *lower, float black,
                     float scale)
{
    for (gsize i = 0; i < n; i++) {
        const guint sum = (guint)upper[2 * i] + upper[2 * i + 1] + lower[2 * i] + lower[2 * i + 1];
        const float value = (0.25f * (float)sum - black) * scale;
        y[i] = value < 0 ? 0 : value > 1 ? 1 : value;
    }
}

void mleu_u8_chroma__c(guint8 *out, gsize n, const float *values, float centre, float span)
{
    for (gsize i = 0; i < n; i++) {
        const float value = centre + span * values[i];
        out[i] = (guint8)(value < 255 ? value : 255);
    }
}
