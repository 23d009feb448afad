/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "color/guide.h"

#include <math.h>
#include <string.h>

#include "allocate.h"

/* Steps of the table from L* to luma. */
#define TABLE 1024

gboolean mleu_guide_init(MleuGuide *guide, guint width, guint height, const MleuKernels *kernels)
{
    const gsize cells = (gsize)width * height;
    const gsize padded = (gsize)(width + 2 * MLEU_AROUND) * (height + 2 * MLEU_AROUND);
    guide->width = width;
    guide->height = height;
    guide->kernels = kernels;
    guide->memory = mleu_try_new0(float, 7 * cells + 3 * padded);
    if (guide->memory == NULL)
        return FALSE;
    guide->luma = guide->memory;
    for (guint c = 0; c < 2; c++) {
        guide->slope[c] = guide->memory + (1 + 3 * c) * cells;
        guide->low[c] = guide->slope[c] + cells;
        guide->high[c] = guide->low[c] + cells;
    }
    for (guint k = 0; k < G_N_ELEMENTS(guide->padded); k++)
        guide->padded[k] = guide->memory + 7 * cells + k * padded;
    return TRUE;
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
        float values[256], sum = 0;
        guint n, in_cell = 0;
        for (guint x = 0; x < guide->width * columns; x += n, lightness += n) {
            n = MIN(guide->width * columns - x, (guint)G_N_ELEMENTS(values));
            for (guint i = 0; i < n; i++)
                values[i] = CLAMP(lightness[i], 0.0f, 100.0f) * (TABLE / 100.0f);
            guide->kernels->f32_interpolate(values, values, n, table);
            for (guint i = 0; i < n; i++) {
                sum += values[i];
                if (++in_cell < columns)
                    continue;
                *out++ += sum * share;
                sum = 0;
                in_cell = 0;
            }
        }
    }
}

/* Copies a plane into its padded place, the border repeated outwards. */
static void pad(const MleuGuide *guide, float *out, const float *plane)
{
    const guint width = guide->width, height = guide->height;
    const gsize stride = width + 2 * MLEU_AROUND;
    for (guint y = 0; y < height; y++) {
        float *row = out + (y + MLEU_AROUND) * stride;
        memcpy(row + MLEU_AROUND, plane + (gsize)y * width, width * sizeof *row);
        for (guint k = 0; k < MLEU_AROUND; k++) {
            row[k] = row[MLEU_AROUND];
            row[MLEU_AROUND + width + k] = row[MLEU_AROUND + width - 1];
        }
    }
    for (guint k = 0; k < MLEU_AROUND; k++) {
        memcpy(out + k * stride, out + MLEU_AROUND * stride, stride * sizeof *out);
        memcpy(out + (height + MLEU_AROUND + k) * stride, out + (height + MLEU_AROUND - 1) * stride,
               stride * sizeof *out);
    }
}

static void pad_all(const MleuGuide *guide, const float *ab)
{
    pad(guide, guide->padded[0], guide->luma);
    for (guint c = 0; c < 2; c++)
        pad(guide, guide->padded[1 + c], ab + c * (gsize)guide->width * guide->height);
}

/* Of the row @y, from what was padded. */
static MleuAround around_row(const MleuGuide *guide, guint y)
{
    const gsize stride = guide->width + 2 * MLEU_AROUND;
    MleuAround around;
    for (guint v = 0; v < G_N_ELEMENTS(around.luma); v++) {
        const gsize at = (y + v) * stride + MLEU_AROUND;
        around.luma[v] = guide->padded[0] + at;
        for (guint c = 0; c < 2; c++)
            around.value[c][v] = guide->padded[1 + c] + at;
    }
    return around;
}

void mleu_guide_settle(MleuGuide *guide, float *out, const float *ab)
{
    const gsize width = guide->width;
    pad_all(guide, ab);
    for (guint y = 0; y < guide->height; y++) {
        const MleuAround around = around_row(guide, y);
        float *a = out + y * width;
        guide->kernels->f32_alike(a, a + width * guide->height, width, &around);
    }
}

void mleu_guide_fit(MleuGuide *guide, const float *ab)
{
    const gsize width = guide->width;
    pad_all(guide, ab);
    for (guint y = 0; y < guide->height; y++) {
        const MleuAround around = around_row(guide, y);
        for (guint c = 0; c < 2; c++)
            guide->kernels->f32_fit(guide->slope[c] + y * width, guide->low[c] + y * width,
                                    guide->high[c] + y * width, width, &around, c);
    }
}
