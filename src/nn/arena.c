/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/arena.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "allocate.h"

/* Places are multiples of a cache line of floats. */
#define LINE 16

/* Pages of a large arena are asked to be of this size. In small ones, the 60 MiB of a picture of
 * 1376 x 1024 take tens of milliseconds to be made, and ten to be given back while somebody waits.
 */
#define LARGE_PAGE ((gsize)2 << 20)

/* A node's memory: its own, or a slice of the concatenation that reads it. */
typedef struct {
    guint owner;  /* node whose memory it is in; itself for its own */
    gsize within; /* units from the owner's start */
    guint birth, death;
    gsize offset, size; /* of an owner */
    gboolean placed;
} Life;

/* Sends outputs into the concatenation that reads them. A later concatenation may itself lie in
 * another. */
static void merge_concats(const MleuGraph *graph, const gsize *slices, Life *lives)
{
    for (guint i = 0; i < graph->n_nodes; i++) {
        const MleuNode *node = &graph->nodes[i];
        if (node->op != MLEU_OP_CONCAT)
            continue;
        gsize within = 0;
        for (guint j = 0; j < node->n_inputs; j++) {
            const guint input = node->inputs[j];
            if (input != 0 && lives[input].owner == input) {
                lives[input].owner = i;
                lives[input].within = within;
            }
            within += slices[input];
        }
    }
    /* From the last node back: an owner is later than what it owns, so its own owner is final
     * already. */
    for (guint i = graph->n_nodes; i-- > 0;) {
        Life *life = &lives[i];
        if (life->owner != i) {
            const Life *owner = &lives[life->owner];
            life->within += owner->owner != life->owner ? owner->within : 0;
            life->owner = owner->owner;
        }
    }
}

static void find_lives(const MleuGraph *graph, Life *lives)
{
    for (guint i = 0; i < graph->n_nodes; i++) {
        Life *owner = &lives[lives[i].owner];
        owner->birth = MIN(owner->birth, i);
        owner->death = MAX(owner->death, i);
        for (guint j = 0; j < graph->nodes[i].n_inputs; j++) {
            Life *read = &lives[lives[graph->nodes[i].inputs[j]].owner];
            read->death = MAX(read->death, i);
        }
    }
    /* The caller's input, and what the head reads. */
    lives[0].death = graph->n_nodes;
    lives[lives[graph->n_nodes - 1].owner].death = graph->n_nodes;
}

/* The lowest offset where @life overlaps no placed owner that is alive at the same time. */
static gsize first_fit(const MleuGraph *graph, const Life *lives, const Life *life)
{
    gsize offset = 0;
    gboolean moved = TRUE;
    while (moved) {
        moved = FALSE;
        for (guint i = 0; i < graph->n_nodes; i++) {
            const Life *other = &lives[i];
            if (!other->placed || other->death < life->birth || life->death < other->birth)
                continue;
            if (offset < other->offset + other->size && other->offset < offset + life->size) {
                offset = other->offset + other->size;
                moved = TRUE;
            }
        }
    }
    return offset;
}

gsize mleu_arena_place(const MleuGraph *graph, const gsize *sizes, const gsize *slices,
                       MleuPlacement *places)
{
    Life *lives = mleu_try_new0(Life, graph->n_nodes);
    gsize total = 0;
    if (lives == NULL)
        return G_MAXSIZE;
    for (guint i = 0; i < graph->n_nodes; i++) {
        lives[i].owner = i;
        lives[i].birth = G_MAXUINT;
        lives[i].size = (sizes[i] + LINE - 1) / LINE * LINE;
    }
    merge_concats(graph, slices, lives);
    find_lives(graph, lives);
    for (guint i = 0; i < graph->n_nodes; i++) {
        if (lives[i].owner != i)
            continue;
        lives[i].offset = first_fit(graph, lives, &lives[i]);
        lives[i].placed = TRUE;
        total = MAX(total, lives[i].offset + lives[i].size);
    }
    for (guint i = 0; i < graph->n_nodes; i++) {
        places[i].owner = lives[i].owner;
        places[i].offset = lives[lives[i].owner].offset + lives[i].within;
    }
    g_free(lives);
    return total;
}

gpointer mleu_arena_allocate(gsize count, gsize unit)
{
    gpointer memory = NULL;
    gsize bytes;
    if (!g_size_checked_mul(&bytes, count, unit))
        return NULL;
    const gboolean is_large = bytes >= 4 * LARGE_PAGE;
    if (posix_memalign(&memory, is_large ? LARGE_PAGE : 64, MAX(bytes, 64)) != 0)
        return NULL;
    if (is_large)
        madvise(memory, bytes / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE);
    memset(memory, 0, bytes);
    return memory;
}

void mleu_arena_free(gpointer memory)
{
    free(memory);
}
