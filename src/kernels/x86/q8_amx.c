/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * q8_conv and q8_logits with AMX: a tile has the sums of sixteen pixels and sixteen outputs, and
 * one instruction adds to them the products of up to 64 channels of a tap. The weights lie as tiles
 * want them; so do pixels that are evenly apart, which neighbours are except at the picture's
 * edges.
 */
#include <string.h>

#include "kernels/tiers.h"
#include "kernels/x86/amx.inc"
#include "kernels/x86/q8_avx512.inc"

#ifndef TIER
#define TIER(name) name##__amx
#define LOWER_TIER(name) name##__avx512vnni
#endif

/* Fewer channels at a time leave too much of a tile empty. By instructions' cycles in Intel's
 * manual AVX-512 VNNI is as fast with about 16; neither was measured. */
enum { LEAST_CHANNELS = 24 };

static gboolean lies_evenly(const guint8 *const *in)
{
    const guintptr begin = (guintptr)in[0], apart = (guintptr)in[1] - begin;
    guintptr difference = 0;
    for (guint p = 0; p < ROWS; p++)
        difference |= (guintptr)in[p] ^ (begin + p * apart);
    return difference == 0;
}

/* The @n bytes of a pixel, and none beyond: another thread may be writing those. */
static inline void copy_pixel(guint8 *to, const guint8 *from, guint n)
{
    guint i = 0;
    for (; i + ROW_BYTES <= n; i += ROW_BYTES)
        _mm512_storeu_si512(to + i, load_64(from + i));
    for (; i < n; i += LANES) {
        const __mmask16 mask = first(MIN(n - i, LANES));
        _mm_mask_storeu_epi8(to + i, mask, _mm_maskz_loadu_epi8(mask, from + i));
    }
}

/* Where the rows of the pixels' tiles lie, by sixteen pixels and tap: where the pixels are, or in
 * copies. Of the last pixels, if they are fewer, the rows beyond have bytes of no meaning. */
static MleuQ8Rows *find_rows(const MleuQ8Tile *tile)
{
    const gsize row = (gsize)mleu_q8_chunks(tile->channels) * MLEU_Q8_CHUNK;
    const gsize groups = (tile->pixels + ROWS - 1) / ROWS;
    guint8 *copy = tile->scratch;
    MleuQ8Rows *all = (MleuQ8Rows *)(copy + groups * tile->taps * ROWS * row), *rows = all;
    for (guint p = 0; p < tile->pixels; p += ROWS) {
        const guint n = MIN(ROWS, tile->pixels - p);
        for (guint t = 0; t < tile->taps; t++, rows++) {
            const guint8 *const *in = tile->in + (gsize)t * tile->pixels + p;
            if (n == ROWS && lies_evenly(in)) {
                *rows = (MleuQ8Rows){in[0], in[1] - in[0]};
                continue;
            }
            *rows = (MleuQ8Rows){copy, (gssize)row};
            for (guint i = 0; i < n; i++, copy += row)
                copy_pixel(copy, in[i], tile->channels);
            copy += (ROWS - n) * row;
        }
    }
    let_tiles_see(tile->scratch);
    return all;
}

/* Channels at a time. */
static inline guint chunk(const MleuQ8Tile *tile)
{
    return 4 * mleu_q8_depth(tile->channels) / mleu_q8_chunks(tile->channels);
}

/* The sums of sixteen pixels, or of those and sixteen more (@upper), and of sixteen outputs, or of
 * those and the next block's, whose weights lie @next bytes on. */
static inline void multiply(const MleuQ8Rows *lower, const MleuQ8Rows *upper,
                            const MleuQ8Tile *tile, const gint8 *weight, gsize next)
{
    const gsize channels = chunk(tile), depth = 4 * (gsize)mleu_q8_depth(tile->channels);
    zero_sums();
    for (guint t = 0; t < tile->taps; t++) {
        for (gsize c = 0; c < depth; c += channels) {
            _tile_loadd(LEFT_LOWER, lower[t].first + c, lower[t].apart);
            _tile_loadd(RIGHT_LOWER, weight, ROW_BYTES);
            _tile_dpbusd(LOWER_LOWER, LEFT_LOWER, RIGHT_LOWER);
            if (next > 0) {
                _tile_loadd(RIGHT_UPPER, weight + next, ROW_BYTES);
                _tile_dpbusd(LOWER_UPPER, LEFT_LOWER, RIGHT_UPPER);
            }
            if (upper != NULL) {
                _tile_loadd(LEFT_UPPER, upper[t].first + c, upper[t].apart);
                _tile_dpbusd(UPPER_LOWER, LEFT_UPPER, RIGHT_LOWER);
                if (next > 0)
                    _tile_dpbusd(UPPER_UPPER, LEFT_UPPER, RIGHT_UPPER);
            }
            weight += channels * MLEU_Q8_OUTPUTS;
        }
    }
}

typedef struct {
    gint32 sums[SUM_TILES][ROWS][MLEU_Q8_OUTPUTS];
} __attribute__((aligned(ROW_BYTES))) Sums;

static inline void store_sums(Sums *sums)
{
    _tile_stored(LOWER_LOWER, sums->sums[LOWER_LOWER], ROW_BYTES);
    _tile_stored(LOWER_UPPER, sums->sums[LOWER_UPPER], ROW_BYTES);
    _tile_stored(UPPER_LOWER, sums->sums[UPPER_LOWER], ROW_BYTES);
    _tile_stored(UPPER_UPPER, sums->sums[UPPER_UPPER], ROW_BYTES);
    let_tiles_see(sums);
}

/* What becomes of the first @n sums of a pixel, of outputs from @o on, to which their bias is still
 * to be added. */
typedef void (*Finish)(gpointer out, gsize index, gsize n, const gint32 *sums,
                       const MleuQ8Tile *tile, gsize o);

static inline __attribute__((always_inline)) void
multiply_all(gpointer out, gsize step, gsize outputs, const MleuQ8Tile *tile, Finish finish)
{
    const MleuQ8Rows *rows = find_rows(tile);
    const gsize block_bytes = mleu_q8_block_bytes(tile->taps, tile->channels);
    Sums sums;
    configure(chunk(tile) / 4);
    for (gsize o = 0; o < outputs; o += 2 * MLEU_Q8_OUTPUTS) {
        const gint8 *weight = tile->weight + o / MLEU_Q8_OUTPUTS * block_bytes;
        const gsize end = MIN(o + 2 * MLEU_Q8_OUTPUTS, outputs);
        for (guint p = 0; p < tile->pixels; p += 2 * ROWS) {
            const guint n = MIN(2 * ROWS, tile->pixels - p);
            const MleuQ8Rows *lower = rows + (gsize)(p / ROWS) * tile->taps;
            multiply(lower, n > ROWS ? lower + tile->taps : NULL, tile, weight,
                     end - o > MLEU_Q8_OUTPUTS ? block_bytes : 0);
            store_sums(&sums);
            for (guint i = 0; i < n; i++) {
                guint part = i < ROWS ? LOWER_LOWER : UPPER_LOWER;
                for (gsize k = o; k < end; k += MLEU_Q8_OUTPUTS, part++)
                    finish(out, (p + i) * step + k, MIN(MLEU_Q8_OUTPUTS, end - k),
                           sums.sums[part][i % ROWS], tile, k);
            }
        }
    }
    _tile_release();
}

static gboolean is_worthwhile(const MleuQ8Tile *tile)
{
    return tile->pixels >= ROWS && chunk(tile) >= LEAST_CHANNELS;
}

static inline void finish_bytes(gpointer out, gsize index, gsize n, const gint32 *sums,
                                const MleuQ8Tile *tile, gsize o)
{
    requantize((guint8 *)out + index, n,
               _mm512_add_epi32(load_64(sums), load_64(tile->to.bias + o)), tile->to.scale + o,
               &tile->to);
}

void TIER(mleu_q8_conv)(guint8 *out, gsize step, gsize outputs, const MleuQ8Tile *tile)
{
    if (is_worthwhile(tile))
        multiply_all(out, step, outputs, tile, finish_bytes);
    else
        LOWER_TIER(mleu_q8_conv)(out, step, outputs, tile);
}

static inline void finish_logits(gpointer out, gsize index, gsize n G_GNUC_UNUSED,
                                 const gint32 *sums, const MleuQ8Tile *tile, gsize o)
{
    store_logits((gint16 *)out + index, _mm512_add_epi32(load_64(sums), load_64(tile->to.bias + o)),
                 tile->to.scale + o);
}

void TIER(mleu_q8_logits)(gint16 *out, gsize step, gsize outputs, const MleuQ8Tile *tile)
{
    if (is_worthwhile(tile))
        multiply_all(out, step, outputs, tile, finish_logits);
    else
        LOWER_TIER(mleu_q8_logits)(out, step, outputs, tile);
}
