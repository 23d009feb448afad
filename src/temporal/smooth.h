/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kernels/kernels.h"
#include "pool.h"

G_BEGIN_DECLS

/** Longest gap between two frames over which colours are remembered, in seconds. */
#define MLEU_SMOOTH_GAP 1.0

/** Frames that a colour is made from, at most, its own and those after it included. */
#define MLEU_HISTORY 48

/**
 * MleuHistory: the predictions of the last frames of a scene, and the motion between them.
 *
 * A cell's colour is the mean of the predictions on its way back through the frames, weighted by
 * their age, by how well each step of the way is known, and by how far it leads: a finite sum, of
 * integers, that depends on the last %MLEU_HISTORY frames alone, so that a film played from
 * elsewhere gives the same bytes. A sum along the way samples every prediction once: what is
 * averaged over and over by a filter that feeds on its own output is blurred a little more each
 * time.
 *
 * With a look-ahead, the colours of a frame that is not the newest are asked for: then the way goes
 * on through the frames after it as well, up to the next scene.
 *
 * Thread-safety: one thread at a time; it uses the pool's.
 */
typedef struct _MleuHistory MleuHistory;

/** mleu_history_new: @looks_ahead: whether the colours of any but the newest frame will be wanted.
 * Returns: %NULL where there is no memory. */
MleuHistory *mleu_history_new(guint width, guint height, gboolean looks_ahead,
                              const MleuKernels *kernels, MleuPool *pool);
void mleu_history_free(MleuHistory *history);

/** mleu_history_clear: forgets all frames. */
void mleu_history_clear(MleuHistory *history);

gboolean mleu_history_is_empty(const MleuHistory *history);

/** mleu_history_next_steps: (transfer none): where the motion from the last frame to the one that
 * mleu_history_add() adds next has to be, height x width. */
guint32 *mleu_history_next_steps(MleuHistory *history);

/** mleu_history_onward_steps: (transfer none): where, with a look-ahead, the motion from the last
 * frame on to the one that mleu_history_add() adds next has to be. */
guint32 *mleu_history_onward_steps(MleuHistory *history);

/**
 * mleu_history_reaches: whether colours of the frames before can be carried to the next one, along
 * mleu_history_next_steps(): whether the way to the last prediction is known for nearly all cells.
 */
gboolean mleu_history_reaches(MleuHistory *history);

/**
 * mleu_history_add:
 * @ab: (nullable): height x width a*, then b*; %NULL: nothing was predicted for this frame.
 * @seconds: since the frame before.
 * @starts_scene: no way leads to the frame before; @ab is there, then.
 */
void mleu_history_add(MleuHistory *history, const float *ab, double seconds, gboolean starts_scene);

/**
 * mleu_history_colours: of the frame @ahead frames before the one added last.
 * @ahead: 0 without a look-ahead.
 * @tau: time constant of the weights, exp(-age / tau), in seconds, for the frames after as for
 * those before; 0: the frame's own prediction alone.
 * @colours: (out caller-allocates): height x width a*, then b*. Where the frame has no prediction
 * and the way is not known, that of the next prediction on the likeliest way.
 *
 * Returns: %FALSE where so many frames were not added; nothing is written then.
 */
gboolean mleu_history_colours(MleuHistory *history, guint ahead, double tau, float *colours);

G_END_DECLS
