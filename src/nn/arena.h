/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/graph.h"

G_BEGIN_DECLS

/**
 * MleuPlacement: where a node's output lies in the arena.
 * @offset: units from its start.
 * @owner: the node in whose memory it lies: a concatenation that reads it, or itself.
 */
typedef struct {
    gsize offset;
    guint owner;
} MleuPlacement;

/**
 * mleu_arena_place: gives every node's output a place in one arena, outputs that are never alive
 * together sharing memory. What a concatenation reads is written straight into it where that is
 * possible. The graph's input keeps its memory to the end, since the caller fills and reads it.
 * @sizes: units that each node's output takes by itself; at most %MLEU_ARENA_MAX each.
 * @slices: units by which each moves the next input of a concatenation on: its whole size where
 * channels are planes, a pixel's size where they lie side by side.
 *
 * Returns: the size of the arena in units; %G_MAXSIZE, more than any may have, where there is no
 * memory to work it out.
 */
gsize mleu_arena_place(const MleuGraph *graph, const gsize *sizes, const gsize *slices,
                       MleuPlacement *places);

/** Largest arena, in units: a full-resolution decoder of 512 channels at 1024 x 1024 fits, a
 * hostile file's wishes do not. */
#define MLEU_ARENA_MAX ((gsize)1 << 30)

/** Zeroed memory aligned to 64 bytes; %NULL where there is none. Freed by mleu_arena_free(). */
gpointer mleu_arena_allocate(gsize count, gsize unit);
void mleu_arena_free(gpointer memory);

G_END_DECLS
