/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "color/luma.h"
#include "pool.h"

G_BEGIN_DECLS

/**
 * MleuScaler: frames -> the network's input.
 *
 * Y' is averaged over the area of each small pixel (enlarged linearly where the frame is smaller),
 * in its gamma-encoded form, as pictures are resized in training; then converted to L*. The scaled
 * picture lies in the middle of the input; around it the picture is reflected.
 *
 * Thread-safety: one thread at a time.
 */
typedef struct _MleuScaler MleuScaler;

/**
 * mleu_scaler_new:
 * @width: the network's input.
 * @content_width: the scaled picture within it.
 *
 * Returns: %NULL where there is no memory.
 */
MleuScaler *mleu_scaler_new(const MleuFormat *format, guint width, guint height,
                            guint content_width, guint content_height, MleuPool *pool);
void mleu_scaler_free(MleuScaler *scaler);

/** @lightness: (out caller-allocates): height x width L*, 0..100. */
void mleu_scaler_run(MleuScaler *scaler, const MleuFrame *frame, float *lightness);

G_END_DECLS
