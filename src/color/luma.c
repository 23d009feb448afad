/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "color/luma.h"

void mleu_luma_init(MleuLuma *luma, const MleuFormat *format)
{
    double black, white;
    luma->format = *format;
    luma->load = mleu_format_loader(format);
    luma->depth = format->depth;
    luma->is_bytes = format->layout != MLEU_LAYOUT_RGB && format->depth == 8;
    mleu_format_luma_range(format, &black, &white);
    if (format->layout == MLEU_LAYOUT_RGB) {
        MleuChromaMatrix matrix;
        mleu_matrix_coefficients(format->matrix, &matrix);
        luma->depth = 16;
        black = 0;
        const double to16 = 65535.0 / (double)((1u << format->depth) - 1);
        luma->weights[0] = (double)matrix.kr * to16;
        luma->weights[1] = (double)matrix.kg * to16;
        luma->weights[2] = (double)matrix.kb * to16;
        white = 65535;
    }
    luma->black = (float)black;
    luma->scale = (float)(1 / (white - black));
}

void mleu_luma_row(const MleuLuma *luma, const MleuFrame *frame, guint y, guint16 *out,
                   guint16 *spare)
{
    const guint width = luma->format.width, shift = luma->format.shift;
    const MleuPlane *plane = frame->plane;
    if (luma->format.layout != MLEU_LAYOUT_RGB) {
        luma->load(out, plane[0].data + (gssize)y * plane[0].stride, plane[0].step, width, shift);
        return;
    }
    /* Passes over a row that stays in the cache, each rounded to the nearest of 65536. */
    const double *weights = luma->weights;
    luma->load(out, plane[0].data + (gssize)y * plane[0].stride, plane[0].step, width, shift);
    luma->load(spare, plane[1].data + (gssize)y * plane[1].stride, plane[1].step, width, shift);
    for (guint x = 0; x < width; x++)
        out[x] = (guint16)(weights[0] * out[x] + weights[1] * spare[x] + 0.5);
    luma->load(spare, plane[2].data + (gssize)y * plane[2].stride, plane[2].step, width, shift);
    for (guint x = 0; x < width; x++)
        out[x] = (guint16)MIN(out[x] + weights[2] * spare[x] + 0.5, 65535.0);
}
