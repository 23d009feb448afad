/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/graph.h"

G_BEGIN_DECLS

/** Whether a node is a convolution that Winograd's method is used for. */
gboolean mleu_winograd_fits(const MleuNode *node, guint in_channels);

/**
 * mleu_winograd_weights:
 * @weight: out x in x 3 x 3.
 *
 * Returns: (transfer full): the transformed weights, 36 points x out x in, to be freed with
 * g_free(); %NULL where there is no memory.
 */
float *mleu_winograd_weights(const float *weight, guint out_channels, guint in_channels);

G_END_DECLS
