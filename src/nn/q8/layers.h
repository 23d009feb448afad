/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kernels/kernels.h"

G_BEGIN_DECLS

/**
 * MleuQ8Layer: what a quantised graph's node needs that does not depend on the picture's size.
 * @weight: packed for q8_conv, @blocks of MLEU_Q8_OUTPUTS outputs; depthwise: for q8_dwconv.
 * @bias: by channel, padded to MLEU_Q8_OUTPUTS; likewise @scale. The share of the input's zero is
 * in the bias.
 * @padding: a pixel of the input's zero.
 * @unfolded: a convolution of one channel, whose taps count as channels of one tap: tap t is
 * channel 2 t, for neighbours have to fit together, and only zeros are sure to.
 * @to: of the last node only bias and scale, the scale being that of a logit.
 * @winograd: for q8_winograd, from mleu_q8_layer_make_winograd() on.
 * @add: of an addition.
 */
typedef struct {
    gint8 *weight;
    gint16 *winograd;
    gint32 *bias;
    float *scale;
    guint8 *padding;
    gboolean depthwise, unfolded;
    guint taps, channels, blocks; /* channels: of the input */
    MleuRequantize to;
    MleuQ8Add add;
} MleuQ8Layer;

/** Units of a logit: 1 / MLEU_Q8_LOGIT. */
#define MLEU_Q8_LOGIT 64

/**
 * mleu_q8_layers_new: packs the weights of a quantised graph, and takes them from its nodes: their
 * @weight_q8 is %NULL from then on.
 *
 * Errors: %MLEU_ERROR_FORMAT (a weight or an input that does not fit the rules of
 * models/FORMAT.md), %MLEU_ERROR_UNSUPPORTED (an operator that has no quantised form).
 *
 * Returns: (transfer full): a layer for each node.
 */
MleuQ8Layer *mleu_q8_layers_new(MleuGraph *graph, const char *path, GError **error);
void mleu_q8_layers_free(MleuQ8Layer *layers, const MleuGraph *graph);

/**
 * mleu_q8_layer_make_winograd: gives a layer its transformed weights, if it is one that Winograd's
 * method is for: 3 x 3, stride 1, not depthwise, of many channels.
 *
 * Returns: whether it has them.
 */
gboolean mleu_q8_layer_make_winograd(MleuQ8Layer *layer, const MleuNode *node);

/** The weights of a convolution in float32, in the file's order. Returns: (transfer full): to be
 * freed with g_free(); %NULL where there is no memory. */
float *mleu_q8_layer_to_float(const MleuQ8Layer *layer, const MleuNode *node);

/** The packed layers of a quantised model, by node. */
const MleuQ8Layer *mleu_model_get_q8_layers(const MleuModel *model);

G_END_DECLS
