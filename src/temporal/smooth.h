/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kernels/kernels.h"
#include "pool.h"

G_BEGIN_DECLS

/** Longest gap between two frames over which colours are remembered, in seconds. */
#define MLEU_SMOOTH_GAP 1.0

/** Frames that a colour is made from, at most, the new one included. */
#define MLEU_HISTORY 48

/**
 * MleuHistory: the predictions of the last frames of a scene, and the motion between them.
 *
 * A cell's colour is the mean of the predictions on its way back through the frames, weighted by
 * their age and by how well each step of the way is known: a finite sum, of integers, that depends
 * on the last %MLEU_HISTORY frames alone, so that a film played from elsewhere gives the same
 * bytes. A sum along the way samples every prediction once: what is averaged over and over by a
 * filter that feeds on its own output is blurred a little more each time.
 *
 * Thread-safety: one thread at a time; it uses the pool's.
 */
typedef struct _MleuHistory MleuHistory;

MleuHistory *mleu_history_new(guint width, guint height, const MleuKernels *kernels,
                              MleuPool *pool);
void mleu_history_free(MleuHistory *history);

/** mleu_history_clear: forgets all frames. */
void mleu_history_clear(MleuHistory *history);

gboolean mleu_history_is_empty(const MleuHistory *history);

/** mleu_history_next_steps: (transfer none): where the motion from the last frame to the one that
 * mleu_history_add() adds next has to be, height x width. */
guint32 *mleu_history_next_steps(MleuHistory *history);

/**
 * mleu_history_reaches: whether colours of the frames before can be carried to the next one, along
 * mleu_history_next_steps(): whether the way to the last prediction is known for nearly all cells.
 */
gboolean mleu_history_reaches(MleuHistory *history);

/**
 * mleu_history_add:
 * @ab: (nullable): height x width a*, then b*; %NULL: nothing was predicted for this frame.
 * @seconds: since the frame before.
 */
void mleu_history_add(MleuHistory *history, const float *ab, double seconds);

/**
 * mleu_history_colours: of the frame added last.
 * @tau: time constant of the weights, exp(-age / tau), in seconds; 0: the newest prediction alone.
 * @colours: (out caller-allocates): height x width a*, then b*. Where the newest frame has no
 * prediction and the way back is not known, that of the last prediction on the likeliest way.
 */
void mleu_history_colours(MleuHistory *history, double tau, float *colours);

G_END_DECLS
