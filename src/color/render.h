/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <mleu/colorizer.h>

#include "color/guide.h"
#include "color/luma.h"
#include "pool.h"

G_BEGIN_DECLS

/**
 * MleuGrid: how the small grid of a*, b* lies over the frame.
 * @width: cells in a row.
 * @scale_x: cells for each luma pixel.
 * @offset_x: cells from the grid's left border to the frame's (the reflected border).
 */
typedef struct {
    guint width, height;
    double scale_x, scale_y;
    double offset_x, offset_y;
} MleuGrid;

/**
 * MleuRenderer: luma and small a*, b* -> coloured frames.
 *
 * Thread-safety: one thread at a time.
 */
typedef struct _MleuRenderer MleuRenderer;

/** mleu_renderer_new: Returns: %NULL where there is no memory. */
MleuRenderer *mleu_renderer_new(const MleuFormat *input, const MleuFormat *output,
                                const MleuGrid *grid, MleuPool *pool);
void mleu_renderer_free(MleuRenderer *renderer);

/**
 * mleu_renderer_set_split: the share, 0..1, of the frames from now on that stays grey.
 */
void mleu_renderer_set_split(MleuRenderer *renderer, double share, MleuSplit orientation);

/**
 * mleu_renderer_run:
 * @ab: grid height x width a*, then b*.
 * @guide: (nullable): fitted to @ab; %NULL enlarges @ab linearly, whatever the luma.
 * @factor: on a*, b*; 0 makes a grey picture, whatever they are.
 */
void mleu_renderer_run(MleuRenderer *renderer, const float *ab, const MleuGuide *guide,
                       float factor, const MleuFrame *input, const MleuFrame *output);

G_END_DECLS
