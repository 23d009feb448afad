/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/** The coarse picture that frames are compared by: cells in a row, rows. */
#define MLEU_COARSE_W 32
#define MLEU_COARSE_H 24

/**
 * MleuSceneCut: finds the first frame of each scene.
 *
 * A new scene is a picture whose structure is another: the correlation of the two coarse pictures,
 * each less its mean, is low for every small shift. So a pan is no cut (some shift correlates), a
 * fade or a flash is none (means and contrast cancel), grain is none (a cell averages it away). A
 * frame without structure, black or white, starts no scene; the frame after it is compared with the
 * last one that had some, unless that is long ago. In doubt, motion decides.
 *
 * Thread-safety: one thread at a time.
 */
typedef struct {
    float last[MLEU_COARSE_W * MLEU_COARSE_H]; /* of the last frame with structure */
    gboolean have_last;
    guint flat; /* frames without structure since */
    gboolean in_doubt;
} MleuSceneCut;

void mleu_scene_cut_reset(MleuSceneCut *cut);

/**
 * mleu_scene_cut_next:
 * @lightness: height x width L*, 0..100.
 * @sensitivity: 0: no cut is found; 0.5: what is measured in scenecut.c; 1: every frame that is not
 * like the one before to the last digit, and not nearly as light, is one.
 *
 * Returns: %TRUE where this frame starts a new scene; always for the first one with structure.
 */
gboolean mleu_scene_cut_next(MleuSceneCut *cut, const float *lightness, guint width, guint height,
                             float sensitivity);

/**
 * mleu_scene_cut_decide: for a frame that mleu_scene_cut_next() did not take for a new scene.
 * @lost: share of the picture whose content was not found in the frame before, 0..1.
 *
 * Returns: %TRUE where it starts one all the same: its structure is neither quite another nor the
 * same, and nothing leads from the one to the other.
 */
gboolean mleu_scene_cut_decide(const MleuSceneCut *cut, float lost);

G_END_DECLS
