/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The quantised kernels in plain C: the specification, to the bit. */
#include <math.h>
#include <string.h>

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
    for (gsize o = 0; o < outputs; o += MLEU_Q8_OUTPUTS, mleu_q8_skip_blocks(&block, 1)) {
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
    for (gsize o = 0; o < outputs; o += MLEU_Q8_OUTPUTS, mleu_q8_skip_blocks(&block, 1)) {
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

enum { WINDOW_W = MLEU_Q8_WINDOW_W, WINDOW_H = MLEU_Q8_WINDOW_H, POINTS = MLEU_Q8_POINTS };

/* The transforms of a tile's inputs, along x and along y, in place. */
static void transform_row(gint32 x[WINDOW_W])
{
    const gint32 x1 = x[1], x2 = x[2], x3 = x[3], x4 = x[4];
    x[0] = 4 * x[0] - 5 * x2 + x4;
    x[1] = x4 + x3 - 4 * (x2 + x1);
    x[2] = x4 - x3 - 4 * (x2 - x1);
    x[3] = x4 - x2 + 2 * (x3 - x1);
    x[4] = x4 - x2 - 2 * (x3 - x1);
    x[5] = 4 * x1 - 5 * x3 + x[5];
}

static void transform_column(gint32 *x)
{
    enum { W = WINDOW_W };
    const gint32 x1 = x[W], x2 = x[2 * W], x3 = x[3 * W];
    x[0] = 2 * (x[0] - x2) + x3 - x1;
    x[W] = x3 - x2 - 2 * x1;
    x[2 * W] = x3 - 3 * x2 + 2 * x1;
    x[3 * W] = x3 - x1;
    x[4 * W] += 2 * (x1 - x3) - x2;
}

/* Those of its sums: six of a row become four, five of a column three. Unsigned: modulo 2^32. */
static void untransform_row(guint32 x[WINDOW_W])
{
    const guint32 x0 = x[0], sum = x[1] + x[2], difference = x[1] - x[2];
    const guint32 sum_2 = x[3] + x[4], difference_2 = x[3] - x[4];
    x[0] = x0 + sum + sum_2;
    x[1] = difference + 2 * difference_2;
    x[2] = sum + 4 * sum_2;
    x[3] = difference + 8 * difference_2 + x[5];
}

static void untransform_column(guint32 *x)
{
    enum { W = WINDOW_W };
    const guint32 sum = x[W] + x[2 * W], difference = x[W] - x[2 * W], x3 = x[3 * W];
    x[0] += sum + x3;
    x[W] = difference + 2 * x3;
    x[2 * W] = sum + 4 * x3 + x[4 * W];
}

/* Of 144 times a sum, modulo 2^32, the sum: by what 9 becomes 1 with, then by 16. */
static gint32 divide(guint32 sum)
{
    return (gint32)(sum * 0x38e38e39u) / 16;
}

/* The sums of output `o` of a tile, without the bias, in the upper left of `sums`. */
static void tile_sums(guint32 sums[POINTS], const MleuQ8Winograd *job, guint tile, gsize o)
{
    const gsize block = mleu_q8_winograd_block(job->channels);
    const gint16 *weight = job->weight + o / MLEU_Q8_OUTPUTS * block + o % MLEU_Q8_OUTPUTS * 2;
    memset(sums, 0, POINTS * sizeof *sums);
    for (guint c = 0; c < job->channels; c++) {
        gint32 x[POINTS];
        for (guint k = 0; k < POINTS; k++)
            x[k] = job->in[k * job->tiles + tile][c];
        for (guint i = 0; i < WINDOW_W; i++)
            transform_column(x + i);
        for (guint i = 0; i < WINDOW_H; i++)
            transform_row(x + i * WINDOW_W);
        const gint16 *its = weight + (gsize)c / 2 * 2 * MLEU_Q8_OUTPUTS + c % 2;
        for (guint k = 0; k < POINTS; k++)
            sums[k] += (guint32)(x[k] * its[k * (block / POINTS)]);
    }
    for (guint i = 0; i < WINDOW_W; i++)
        untransform_column(sums + i);
    for (guint i = 0; i < MLEU_Q8_TILE_H; i++)
        untransform_row(sums + i * WINDOW_W);
}

void mleu_q8_winograd__c(gsize outputs, const MleuQ8Winograd *job)
{
    for (guint t = 0; t < job->tiles; t++) {
        const guint y = (job->first + t) / job->columns * MLEU_Q8_TILE_H;
        const guint x = (job->first + t) % job->columns * MLEU_Q8_TILE_W;
        for (gsize o = 0; o < outputs; o++) {
            guint32 sums[POINTS];
            tile_sums(sums, job, t, o);
            for (guint i = 0; i < MIN(MLEU_Q8_TILE_H, job->height - y); i++) {
                for (guint k = 0; k < MIN(MLEU_Q8_TILE_W, job->width - x); k++) {
                    const gint32 sum = divide(sums[i * WINDOW_W + k]) + job->to.bias[o];
                    job->out[((gsize)(y + i) * job->width + x + k) * job->step + o] =
                        requantize(sum, job->to.scale[o], &job->to);
                }
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
        const gint64 weight = softmax->table[MIN((guint)(most - logits[c]), softmax->reach)];
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

void mleu_q8_affine__c(guint8 *out, gsize step, const float *x, gsize n, const MleuQ8Affine *job)
{
    for (gsize i = 0; i < n; i++) {
        const float value = x[i] * job->scale;
        const float moved = (value + job->offset) / job->unit + (float)job->zero;
        out[i * step] = (guint8)lrintf(moved > 0 ? MIN(moved, 255) : 0);
    }
}
