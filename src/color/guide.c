/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "color/guide.h"

#include <math.h>
#include <string.h>

/* Of the slope: luma contrast well under this (a standard deviation of 0.04, ten code values of 8
 * bits) is texture or grain, and carries no colour edge. */
#define EPSILON (0.04f * 0.04f)

/* Steps of the table from L* to luma. */
#define TABLE 1024

void mleu_guide_init(MleuGuide *guide, guint width, guint height)
{
    const gsize cells = (gsize)width * height;
    guide->width = width;
    guide->height = height;
    guide->memory = g_new0(float, 7 * cells);
    guide->luma = guide->memory;
    for (guint c = 0; c < 2; c++) {
        guide->slope[c] = guide->memory + (1 + 3 * c) * cells;
        guide->low[c] = guide->slope[c] + cells;
        guide->high[c] = guide->low[c] + cells;
    }
}

void mleu_guide_clear(MleuGuide *guide)
{
    g_clear_pointer(&guide->memory, g_free);
}

/* Gamma-encoded luma 0..1 of an L*: what mleu_scaler_run() made it from. */
static const float *luma_table(void)
{
    static float table[TABLE + 2];
    static gsize ready;
    if (g_once_init_enter(&ready)) {
        for (guint i = 0; i < TABLE + 2; i++) {
            const double lightness = MIN(100.0 * i / TABLE, 100.0);
            const double f = (lightness + 16) / 116;
            const double y = lightness > 8 ? f * f * f : lightness * 27 / 24389;
            table[i] = (float)(y <= 0.0031308 ? 12.92 * y : 1.055 * pow(y, 1 / 2.4) - 0.055);
        }
        g_once_init_leave(&ready, 1);
    }
    return table;
}

void mleu_guide_set_luma(MleuGuide *guide, const float *lightness, guint in_width, guint in_height)
{
    const float *table = luma_table();
    const guint columns = in_width / guide->width, rows = in_height / guide->height;
    const float share = 1.0f / (float)(columns * rows);
    memset(guide->luma, 0, (gsize)guide->width * guide->height * sizeof(float));
    for (guint y = 0; y < guide->height * rows; y++) {
        float *out = guide->luma + (gsize)(y / rows) * guide->width;
        for (guint x = 0; x < guide->width; x++) {
            float sum = 0;
            for (guint k = 0; k < columns; k++, lightness++) {
                const float place = CLAMP(*lightness, 0.0f, 100.0f) * (TABLE / 100.0f);
                const guint index = (guint)place;
                sum += table[index] + (place - (float)index) * (table[index + 1] - table[index]);
            }
            out[x] += sum * share;
        }
    }
}

void mleu_guide_fit(MleuGuide *guide, const float *ab)
{
    const guint width = guide->width, height = guide->height;
    for (guint y = 0; y < height; y++) {
        const guint top = y > 0 ? y - 1 : 0, bottom = MIN(y + 1, height - 1);
        for (guint x = 0; x < width; x++) {
            const guint left = x > 0 ? x - 1 : 0, right = MIN(x + 1, width - 1);
            const gsize here = (gsize)y * width + x;
            float sum = 0, squares = 0, count = 0;
            float means[2] = {0, 0}, products[2] = {0, 0};
            float low[2] = {G_MAXFLOAT, G_MAXFLOAT}, high[2] = {-G_MAXFLOAT, -G_MAXFLOAT};
            for (guint v = top; v <= bottom; v++) {
                for (guint u = left; u <= right; u++) {
                    const gsize at = (gsize)v * width + u;
                    const float luma = guide->luma[at];
                    sum += luma;
                    squares += luma * luma;
                    count++;
                    for (guint c = 0; c < 2; c++) {
                        const float value = ab[c * (gsize)width * height + at];
                        means[c] += value;
                        products[c] += luma * value;
                        low[c] = MIN(low[c], value);
                        high[c] = MAX(high[c], value);
                    }
                }
            }
            const float mean = sum / count;
            const float variance = MAX(squares / count - mean * mean, 0.0f);
            for (guint c = 0; c < 2; c++) {
                const float covariance = products[c] / count - mean * means[c] / count;
                guide->slope[c][here] = covariance / (variance + EPSILON);
                guide->low[c][here] = low[c];
                guide->high[c][here] = high[c];
            }
        }
    }
}
