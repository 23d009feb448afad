/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/graph.h"
#include "pool.h"

G_BEGIN_DECLS

/** MleuShape: of a node's output. */
typedef struct {
    guint channels, h, w;
} MleuShape;

/**
 * MleuExecutor: how a plan is carried out in one precision.
 * @new: everything allocated for a graph whose shapes fit; @input: height x width floats, L*,
 * which every run reads. %NULL where there is no memory.
 * @run: writes a*, then b*, of the head's grid to @result; ends early where *@cancel becomes not 0.
 */
typedef struct {
    gpointer (*new)(MleuModel *model, const MleuShape *shapes, MleuPool *pool,
                    const float *input);
    void (*free)(gpointer state);
    void (*run)(gpointer state, float temperature, const gint *cancel, float *result);
} MleuExecutor;

/** Blocks that make up a size, the last one maybe smaller. */
static inline guint mleu_blocks_along(guint size, guint block)
{
    return (size + block - 1) / block;
}

/** float32, planar. */
extern const MleuExecutor mleu_f32_executor;

/** The same with products of bfloat16 where there are many: mleu_bf16_fits(). */
extern const MleuExecutor mleu_bf16_executor;

/** 8-bit integers with a pixel's channels side by side: the same bytes on every tier of kernels.
 * For models with quantised activations. */
extern const MleuExecutor mleu_q8_executor;

G_END_DECLS
