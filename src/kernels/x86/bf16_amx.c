/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bf16_conv with AMX: a tile has the sums of sixteen outputs and sixteen positions, and one
 * instruction adds to them the products of up to sixteen pairs of channels of a tap. Weights lie as
 * tiles want them, and so do planes: a tile's row is of neighbouring positions.
 */
#include "kernels/tiers.h"
#include "kernels/x86/amx.inc"

#ifndef TIER
#define TIER(name) name##__amx
#endif

G_STATIC_ASSERT(MLEU_BF16_OUTPUTS == 2 * ROWS && MLEU_BF16_POSITIONS == 2 * ROWS);
G_STATIC_ASSERT(MLEU_BF16_CHUNK == ROWS);

/* The sums of all outputs and of MLEU_BF16_POSITIONS positions from `in` on. */
static inline void multiply(const guint32 *in, guint chunk, guint depth, const MleuBf16Conv *job)
{
    const gsize apart = job->plane * sizeof *in, row = chunk * sizeof *in;
    const guint32 *weight = job->weight;
    zero_sums();
    for (guint t = 0; t < job->taps; t++) {
        for (guint d = 0; d < depth; d += chunk, weight += MLEU_BF16_OUTPUTS * chunk) {
            const guint32 *from = in + job->offset[t] + d * job->plane;
            _tile_loadd(LEFT_LOWER, weight, row);
            _tile_loadd(RIGHT_LOWER, from, apart);
            _tile_dpbf16ps(LOWER_LOWER, LEFT_LOWER, RIGHT_LOWER);
            _tile_loadd(RIGHT_UPPER, from + ROWS, apart);
            _tile_dpbf16ps(LOWER_UPPER, LEFT_LOWER, RIGHT_UPPER);
            _tile_loadd(LEFT_UPPER, weight + ROWS * chunk, row);
            _tile_dpbf16ps(UPPER_LOWER, LEFT_UPPER, RIGHT_LOWER);
            _tile_dpbf16ps(UPPER_UPPER, LEFT_UPPER, RIGHT_UPPER);
        }
    }
}

void TIER(mleu_bf16_conv)(float *out, gsize step, guint positions, const MleuBf16Conv *job)
{
    const guint chunk = mleu_bf16_chunk(job->channels), depth = mleu_bf16_depth(job->channels);
    const gsize row = step * sizeof *out;
    configure(chunk);
    let_tiles_see(job->in);
    for (guint p = 0; p < positions; p += MLEU_BF16_POSITIONS, out += MLEU_BF16_POSITIONS) {
        multiply(job->in + p, chunk, depth, job);
        _tile_stored(LOWER_LOWER, out, row);
        _tile_stored(LOWER_UPPER, out + ROWS, row);
        _tile_stored(UPPER_LOWER, out + ROWS * step, row);
        _tile_stored(UPPER_UPPER, out + ROWS * step + ROWS, row);
    }
    let_tiles_see(out);
    _tile_release();
}
