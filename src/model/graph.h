/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <mleu/model.h>

#include "model/safetensors.h"

G_BEGIN_DECLS

/** Short side of the picture that a network sees where its file names none. */
#define MLEU_RENDER_SIZE_DEFAULT 256

/** Largest number of nodes, of inputs to one, of channels of one, and of a convolution's kernel
 * side. */
#define MLEU_NODES_MAX 2048
#define MLEU_INPUTS_MAX 8
#define MLEU_CHANNELS_MAX 8192
#define MLEU_KERNEL_MAX 15

typedef enum {
    MLEU_OP_INPUT,
    MLEU_OP_AFFINE,
    MLEU_OP_CONV2D,
    MLEU_OP_CONV_TRANSPOSE2D,
    MLEU_OP_ADD,
    MLEU_OP_CONCAT,
    MLEU_OP_UPSAMPLE,
    MLEU_OP_MAXPOOL,
} MleuOp;

typedef enum {
    MLEU_ACTIVATION_NONE,
    MLEU_ACTIVATION_RELU,
    MLEU_ACTIVATION_RELU6,
    MLEU_ACTIVATION_TANH,
} MleuActivation;

/**
 * MleuNode: one operator of a graph (models/FORMAT.md).
 * @inputs: indices of earlier nodes.
 * @channels: channels of its output.
 * @pad_top: zero padding, and so on; for a transposed convolution what is cropped.
 * @weight: float32, in the file's order: [out, in / groups, kh, kw], transposed [in, out, kh, kw].
 * Owned by the graph. Of a quantised graph: %NULL until mleu_model_make_floats().
 * @bias: @channels values; zeros where the file has none.
 * @scale: affine: @channels values; likewise @offset.
 * @winograd: transformed weights from the first float32 plan on, where the convolution is done so:
 * see mleu_winograd_weights(). @bf16: likewise from the first plan in bfloat16 on:
 * mleu_bf16_weights().
 * @weight_q8: of a quantised graph: the weight as the file has it, 8-bit; in the mapped file, and
 * gone when the model is loaded. @weight_scale: the factor of each of its @channels.
 * @out_scale: of a quantised graph: its output is @out_scale x (8-bit value - @out_zero); not of
 * the input and of the last node.
 */
typedef struct {
    char *name;
    MleuOp op;
    guint n_inputs;
    guint inputs[MLEU_INPUTS_MAX];
    guint channels;
    guint kernel_h, kernel_w;
    guint stride, dilation, groups;
    guint pad_top, pad_left, pad_bottom, pad_right;
    guint factor;
    MleuActivation activation;
    float *weight;
    float *winograd;
    guint32 *bf16;
    float *bias;
    float *scale;
    float *offset;
    const gint8 *weight_q8;
    float *weight_scale;
    float out_scale;
    gint32 out_zero;
} MleuNode;

/**
 * MleuGraph: a network, its shapes checked. The last node is the head's input.
 * @bins: classes x 2: a*, b* of each class; %NULL for regression.
 * @head_scale: regression and combined: factor on the two regressed channels.
 * @blend: combined: the share of what is regressed, 0..1.
 * @quantized: whether activations have a scale, so that it can run in 8-bit integers.
 */
typedef struct {
    guint stride;
    guint render_size;
    guint n_nodes;
    MleuNode *nodes;
    MleuHead head;
    guint classes;
    float *bins;
    double temperature;
    double head_scale;
    double blend;
    gboolean quantized;
    double saturation;
} MleuGraph;

/** Errors: %MLEU_ERROR_FORMAT, %MLEU_ERROR_UNSUPPORTED, %MLEU_ERROR_NO_MEMORY. @path is for their
 * messages. */
MleuGraph *mleu_graph_new(const MleuSafetensors *file, const char *path, GError **error);
void mleu_graph_free(MleuGraph *graph);

/**
 * mleu_node_output_size: height and width of @node's output from those of its first input.
 *
 * Returns: %FALSE where the input is smaller than the kernel needs.
 */
gboolean mleu_node_output_size(const MleuNode *node, guint in_h, guint in_w, guint *out_h,
                               guint *out_w);

/** The graph of a model, for the planner. */
const MleuGraph *mleu_model_get_graph(const MleuModel *model);

/**
 * mleu_model_make_floats: gives convolutions the weights that plans in float32 want, or with @bf16
 * those in bfloat16, once for all streams. To be called before a thread reads them.
 *
 * Thread-safety: any thread, any time.
 *
 * Returns: %FALSE where there is no memory.
 */
gboolean mleu_model_make_floats(MleuModel *model, gboolean bf16);

/**
 * mleu_model_make_winograd: gives a convolution of a quantised model transformed weights, once for
 * all streams, if it is one for Winograd's method; to be called before a thread reads them.
 *
 * Thread-safety: any thread, any time.
 *
 * Returns: whether it has them: also %FALSE where there is no memory.
 */
gboolean mleu_model_make_winograd(MleuModel *model, guint node);

G_END_DECLS
