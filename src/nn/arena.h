/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "nn/step.h"

G_BEGIN_DECLS

/** Where a node's output lies in the arena, in floats from its start. */
typedef struct {
    gsize offset;
} MleuPlacement;

/**
 * mleu_arena_place: gives every node's output a place in one arena, outputs that are never alive
 * together sharing memory. What a concatenation reads is written straight into it where that is
 * possible: planar channels make each input a contiguous slice. The graph's input keeps its memory
 * to the end, since the caller fills and reads it.
 * @floats: (out): size of the arena.
 *
 * Returns: %FALSE where the size overflows.
 */
gboolean mleu_arena_place(const MleuGraph *graph, const MleuValue *values, MleuPlacement *places,
                          gsize *floats);

/** Floats of one value. */
gsize mleu_arena_floats(const MleuValue *value);

/** Zeroed memory aligned to 64 bytes; %NULL where there is none. Freed by mleu_arena_free_floats().
 */
float *mleu_arena_allocate_floats(gsize floats);
void mleu_arena_free_floats(float *memory);

G_END_DECLS
