/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>

#include "color/format.h"

/* Samples along each side, at most, and classes of luma. */
#define SIDE 64
#define CLASSES 16

/* Sums of one chroma component within one class of luma. */
typedef struct {
    double n, sum[2], squares[2];
} Cell;

static double sample(const MleuFormat *format, MleuLoadRow load, const MleuPlane *plane, guint x,
                     guint y)
{
    guint16 value;
    load(&value, plane->data + (gssize)y * plane->stride + (gssize)x * plane->step, plane->step, 1,
         format->shift);
    return value;
}

double mleu_frame_measure_color(const MleuFormat *format, const MleuFrame *frame)
{
    if (format->layout == MLEU_LAYOUT_GRAY)
        return 0;
    const MleuLoadRow load = mleu_format_loader(format);
    const double full = (double)((1u << format->depth) - 1);
    double black, white, centre, span;
    MleuChromaMatrix m;
    Cell cells[CLASSES] = {0};
    mleu_format_luma_range(format, &black, &white);
    mleu_format_chroma_range(format, &centre, &span);
    mleu_matrix_coefficients(format->matrix, &m);

    const guint columns = MIN(format->width, SIDE), rows = MIN(format->height, SIDE);
    for (guint j = 0; j < rows; j++) {
        for (guint i = 0; i < columns; i++) {
            const guint x = (guint)((guint64)(2 * i + 1) * format->width / (2 * columns));
            const guint y = (guint)((guint64)(2 * j + 1) * format->height / (2 * rows));
            double luma, chroma[2];
            if (format->layout == MLEU_LAYOUT_RGB) {
                const double r = sample(format, load, &frame->plane[0], x, y) / full;
                const double g = sample(format, load, &frame->plane[1], x, y) / full;
                const double b = sample(format, load, &frame->plane[2], x, y) / full;
                luma = (double)m.kr * r + (double)m.kg * g + (double)m.kb * b;
                chroma[0] = (b - luma) / (2 * (1 - (double)m.kb));
                chroma[1] = (r - luma) / (2 * (1 - (double)m.kr));
            } else {
                const guint cx = x >> format->chroma_shift_x, cy = y >> format->chroma_shift_y;
                luma = (sample(format, load, &frame->plane[0], x, y) - black) / (white - black);
                chroma[0] = (sample(format, load, &frame->plane[1], cx, cy) - centre) / span;
                chroma[1] = (sample(format, load, &frame->plane[2], cx, cy) - centre) / span;
            }
            Cell *cell = &cells[(guint)CLAMP(luma * CLASSES, 0, CLASSES - 1)];
            cell->n += 1;
            for (guint c = 0; c < 2; c++) {
                cell->sum[c] += chroma[c];
                cell->squares[c] += chroma[c] * chroma[c];
            }
        }
    }

    double deviation = 0;
    for (guint i = 0; i < CLASSES; i++) {
        for (guint c = 0; c < 2 && cells[i].n > 0; c++)
            deviation += cells[i].squares[c] - cells[i].sum[c] * cells[i].sum[c] / cells[i].n;
    }
    return 224 * sqrt(MAX(deviation, 0) / ((double)columns * rows));
}
