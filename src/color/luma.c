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
    /* Three passes over a row that stays in the cache. Each product is rounded down by less than
     * one of 65536. */
    for (guint c = 0; c < 3; c++) {
        const double weight = luma->weights[c];
        luma->load(spare, plane[c].data + (gssize)y * plane[c].stride, plane[c].step, width, shift);
        for (guint x = 0; x < width; x++) {
            const double sum = (c == 0 ? 0.5 : (double)out[x]) + weight * spare[x];
            out[x] = (guint16)MIN(sum, 65535.0);
        }
    }
}
