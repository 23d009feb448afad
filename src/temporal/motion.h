/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kernels/kernels.h"

G_BEGIN_DECLS

/**
 * MleuMotion: motion from one frame to the next, on the network's input.
 *
 * Blocks of 8 x 8 pixels of 8-bit L* are searched for in the frame before: around zero, the vectors
 * of the blocks at the left and above, and that of a search in a quarter of the size, in a diamond;
 * then to parts of a pixel. Each cell takes the vector, of its own block or of those around it,
 * that suits a window around the cell best. Where the light of the whole picture has changed, the
 * frame before is searched in the light of the new one. All arithmetic is of integers, and nothing
 * but the two frames goes in: the same field on every machine, and wherever playing began.
 *
 * Thread-safety: one thread at a time.
 */
typedef struct _MleuMotion MleuMotion;

/**
 * mleu_motion_new:
 * @width: of the network's input, whole multiples of the grid's.
 *
 * Returns: %NULL where there is no memory.
 */
MleuMotion *mleu_motion_new(guint width, guint height, guint grid_width, guint grid_height,
                            const MleuKernels *kernels);
void mleu_motion_free(MleuMotion *motion);

/** mleu_motion_look: takes the new frame: @lightness, height x width L*, 0..100. */
void mleu_motion_look(MleuMotion *motion, const float *lightness);

/**
 * mleu_motion_find: from the frame accepted last to the one looked at.
 * @steps: (out caller-allocates): grid height x grid width, as in #MleuWalk. Of the weight nothing
 * is kept where a cell's content was not to be seen in the frame before.
 *
 * Returns: share of the cells that keep less than a quarter, 0..1.
 */
float mleu_motion_find(MleuMotion *motion, guint32 *steps);

/**
 * mleu_motion_find_onward: the other way: from the frame accepted last on to the one looked at.
 * @steps: (out caller-allocates): as above, of the cells of the frame accepted last.
 */
void mleu_motion_find_onward(MleuMotion *motion, guint32 *steps);

/** mleu_motion_accept: the frame looked at becomes the one before. */
void mleu_motion_accept(MleuMotion *motion);

G_END_DECLS
