/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/graph.h"

G_BEGIN_DECLS

/** Whether a node is a convolution that is done with products of bfloat16 where those are wanted:
 * of many channels. Others are a small part of a network, and stay in float32. */
gboolean mleu_bf16_fits(const MleuNode *node, guint in_channels);

/**
 * mleu_bf16_weights: of a node that fits, whose @weight is there.
 *
 * Returns: (transfer full): packed for bf16_conv, blocks of MLEU_BF16_OUTPUTS outputs, to be freed
 * with g_free(); %NULL where there is no memory.
 */
guint32 *mleu_bf16_weights(const MleuNode *node, guint in_channels);

G_END_DECLS
