/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kernels/kernels.h"

G_BEGIN_DECLS

/**
 * MleuGuide: what ties the colours of the small grid to the frame's luma, so that they end at its
 * edges: for every cell the mean luma, and for a* and b* their slope over luma around it and the
 * range of their values around it.
 *
 * Thread-safety: one thread at a time.
 */
typedef struct {
    guint width, height;
    float *luma;     /* height x width, 0..1 */
    float *slope[2]; /* of a*, of b*: per unit of luma */
    float *low[2], *high[2];
    float *padded[3]; /* luma, a*, b* with a border of MLEU_AROUND cells */
    float *memory;
    const MleuKernels *kernels;
} MleuGuide;

/** mleu_guide_init: Returns: %FALSE where there is no memory. */
gboolean mleu_guide_init(MleuGuide *guide, guint width, guint height, const MleuKernels *kernels);
void mleu_guide_clear(MleuGuide *guide);

/**
 * mleu_guide_set_luma: the mean luma of every cell.
 * @lightness: L*, in_height x in_width, whole multiples of the grid's sides.
 */
void mleu_guide_set_luma(MleuGuide *guide, const float *lightness, guint in_width, guint in_height);

/**
 * mleu_guide_settle: what the network says of one cell and not of those beside it that look the
 * same is mostly chance, and changes from frame to frame. @out: @ab (height x width a*, then b*)
 * averaged over 5 x 5 cells, by distance and by likeness of luma (a joint bilateral filter:
 * Petschnigg and others, 2004). tests/quality/README.md has the figures. May be @ab itself.
 */
void mleu_guide_settle(MleuGuide *guide, float *out, const float *ab);

/**
 * mleu_guide_fit: slopes and ranges of @ab (height x width a*, then b*), from the 3 x 3 cells
 * around each, the border repeated: slope = cov(luma, ab) / (var(luma) + epsilon), as in the guided
 * filter (He, Sun, Tang 2013, equation 5; fast form: He and Sun 2015).
 */
void mleu_guide_fit(MleuGuide *guide, const float *ab);

G_END_DECLS
