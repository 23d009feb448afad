/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kernels/kernels.h"
#include "model/graph.h"
#include "nn/executor.h"
#include "nn/f32/bf16.h"
#include "nn/f32/winograd.h"
#include "pool.h"

G_BEGIN_DECLS

/** MleuValue: a node's output, channels x h x w, in the plan's arena. */
typedef struct {
    guint channels, h, w;
    float *data;
} MleuValue;

/** MleuContext: what every step of a plan works with. */
typedef struct {
    const MleuKernels *kernels;
    MleuPool *pool;
    float *scratch;     /* of worker w: scratch + w * scratch_size */
    gsize scratch_size; /* floats for each worker */
    float *shared;      /* of all workers, for one step at a time */
    const gint *cancel; /* of the current run; may be NULL */
} MleuContext;

/**
 * MleuStep: one node, its values placed.
 * @copy: for a concatenation: whether input i was written elsewhere and has to be copied.
 * @parts: how many tasks it is split into: from the size of the work alone, so that results do not
 * depend on threads.
 * @block: what one task does, in the operator's own unit.
 * @outputs: of a dense convolution done directly: the output channels of one task.
 * @shared: floats that it needs and all workers share.
 */
typedef struct {
    const MleuNode *node;
    const MleuContext *context;
    MleuValue in[MLEU_INPUTS_MAX];
    MleuValue out;
    gboolean copy[MLEU_INPUTS_MAX];
    guint parts;
    guint block, outputs;
    gsize shared;
} MleuStep;

/* One pair for each file of operators: fill parts, block and shared and say how many floats of
 * scratch a worker needs; do one part. */
gsize mleu_conv_prepare(MleuStep *step);
void mleu_conv_run(gpointer step, guint index, guint count);
gsize mleu_transpose_prepare(MleuStep *step);
void mleu_transpose_run(gpointer step, guint index, guint count);
gsize mleu_plane_prepare(MleuStep *step);
void mleu_plane_run(gpointer step, guint index, guint count);
/* Likewise, but for steps of several jobs, one after the other, which share themselves out. */
gsize mleu_winograd_prepare(MleuStep *step);
void mleu_winograd_run(const MleuStep *step);
gsize mleu_bf16_prepare(MleuStep *step);
void mleu_bf16_run(const MleuStep *step);

static inline float *mleu_step_scratch(const MleuStep *step)
{
    return step->context->scratch + mleu_pool_current_worker() * step->context->scratch_size;
}

G_END_DECLS
