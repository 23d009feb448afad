/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The quantised kernels with AVX-512 and its VNNI: a register has the sums of sixteen outputs, or
 * channels, of one pixel. What lies beyond the last of them is masked out of loads and stores. */
#include <string.h>

#include "kernels/tiers.h"
#include "kernels/x86/q8_avx512.inc"

/* Pixels whose sums stay in registers. */
enum { PIXELS = 6 };

#ifndef TIER
#define TIER(name) name##__avx512vnni
#endif

static inline __m512i broadcast_four(const guint8 *bytes)
{
    gint32 four;
    memcpy(&four, bytes, sizeof four);
    return _mm512_set1_epi32(four);
}

/* The last one to three channels of a pixel, without the bytes beyond: another thread may be
 * writing them. */
static inline __m512i broadcast_rest(const guint8 *bytes, guint count)
{
    guint32 rest = bytes[0];
    if (count > 1)
        rest |= (guint32)bytes[1] << 8;
    if (count > 2)
        rest |= (guint32)bytes[2] << 16;
    return _mm512_set1_epi32((gint32)rest);
}

/* The sums of `pixels` pixels from `begin` on and the first block of outputs, their bias included.
 * `pixels` is a constant wherever this is called, so that they stay in registers; there are two for
 * each pixel, for the products of one follow one another more slowly than they can be started. */
static inline __attribute__((always_inline)) void dot_tile(__m512i *sums, guint pixels, guint begin,
                                                           const MleuQ8Tile *tile)
{
    const guint8 *const *in = tile->in + begin;
    const gint8 *weight = tile->weight;
    const guint depth = tile->channels / 4, rest = tile->channels % 4;
    const gsize padding =
        (mleu_q8_depth(tile->channels) - depth - (rest > 0 ? 1 : 0)) * 4 * MLEU_Q8_OUTPUTS;
    __m512i others[PIXELS];
    for (guint p = 0; p < pixels; p++) {
        sums[p] = load_64(tile->to.bias);
        others[p] = _mm512_setzero_si512();
    }
    for (guint t = 0; t < tile->taps; t++, in += tile->pixels, weight += padding) {
        guint d = 0;
        for (; d + 2 <= depth; d += 2, weight += 8 * MLEU_Q8_OUTPUTS) {
            const __m512i even = load_64(weight), odd = load_64(weight + 4 * MLEU_Q8_OUTPUTS);
            for (guint p = 0; p < pixels; p++)
                sums[p] = _mm512_dpbusd_epi32(sums[p], broadcast_four(in[p] + 4 * d), even);
            for (guint p = 0; p < pixels; p++)
                others[p] = _mm512_dpbusd_epi32(others[p], broadcast_four(in[p] + 4 * d + 4), odd);
        }
        if (d < depth) {
            const __m512i last = load_64(weight);
            for (guint p = 0; p < pixels; p++)
                sums[p] = _mm512_dpbusd_epi32(sums[p], broadcast_four(in[p] + 4 * d), last);
            weight += 4 * MLEU_Q8_OUTPUTS;
        }
        if (rest > 0) {
            const __m512i last = load_64(weight);
            for (guint p = 0; p < pixels; p++)
                others[p] =
                    _mm512_dpbusd_epi32(others[p], broadcast_rest(in[p] + 4 * depth, rest), last);
            weight += 4 * MLEU_Q8_OUTPUTS;
        }
    }
    for (guint p = 0; p < pixels; p++)
        sums[p] = _mm512_add_epi32(sums[p], others[p]);
}

/* Likewise of the first two blocks. What is loaded of a pixel serves both, and loads are what
 * bounds the sums of one block. */
static inline __attribute__((always_inline)) void
dot_two(__m512i *sums, __m512i *others, guint pixels, guint begin, const MleuQ8Tile *tile)
{
    const guint8 *const *in = tile->in + begin;
    const gint8 *weight = tile->weight;
    const gsize next = mleu_q8_block_bytes(tile->taps, tile->channels);
    const guint depth = tile->channels / 4, rest = tile->channels % 4;
    const gsize padding =
        (mleu_q8_depth(tile->channels) - depth - (rest > 0 ? 1 : 0)) * 4 * MLEU_Q8_OUTPUTS;
    for (guint p = 0; p < pixels; p++) {
        sums[p] = load_64(tile->to.bias);
        others[p] = load_64(tile->to.bias + MLEU_Q8_OUTPUTS);
    }
    for (guint t = 0; t < tile->taps; t++, in += tile->pixels, weight += padding) {
        for (guint d = 0; d < depth; d++, weight += 4 * MLEU_Q8_OUTPUTS) {
            const __m512i first = load_64(weight), second = load_64(weight + next);
            __m512i x[PIXELS];
            for (guint p = 0; p < pixels; p++)
                x[p] = broadcast_four(in[p] + 4 * d);
            for (guint p = 0; p < pixels; p++)
                sums[p] = _mm512_dpbusd_epi32(sums[p], x[p], first);
            for (guint p = 0; p < pixels; p++)
                others[p] = _mm512_dpbusd_epi32(others[p], x[p], second);
        }
        if (rest > 0) {
            const __m512i first = load_64(weight), second = load_64(weight + next);
            for (guint p = 0; p < pixels; p++) {
                const __m512i x = broadcast_rest(in[p] + 4 * depth, rest);
                sums[p] = _mm512_dpbusd_epi32(sums[p], x, first);
                others[p] = _mm512_dpbusd_epi32(others[p], x, second);
            }
            weight += 4 * MLEU_Q8_OUTPUTS;
        }
    }
}

/* Calls f(pixels, ...) with the number of pixels, PIXELS at most, as a constant. */
#define WITH_CONSTANT_PIXELS(pixels, f, ...)                                                       \
    switch (pixels) {                                                                              \
    case 1:                                                                                        \
        f(1, __VA_ARGS__);                                                                         \
        break;                                                                                     \
    case 2:                                                                                        \
        f(2, __VA_ARGS__);                                                                         \
        break;                                                                                     \
    case 3:                                                                                        \
        f(3, __VA_ARGS__);                                                                         \
        break;                                                                                     \
    case 4:                                                                                        \
        f(4, __VA_ARGS__);                                                                         \
        break;                                                                                     \
    case 5:                                                                                        \
        f(5, __VA_ARGS__);                                                                         \
        break;                                                                                     \
    default:                                                                                       \
        f(6, __VA_ARGS__);                                                                         \
        break;                                                                                     \
    }

/* `n` outputs of one block, or of two. */
static inline __attribute__((always_inline)) void
conv_tile(guint pixels, guint8 *out, gsize step, gsize n, guint begin, const MleuQ8Tile *tile)
{
    __m512i sums[PIXELS];
    dot_tile(sums, pixels, begin, tile);
    for (guint p = 0; p < pixels; p++)
        requantize(out + p * step, n, sums[p], tile->to.scale, &tile->to);
}

static inline __attribute__((always_inline)) void
conv_two(guint pixels, guint8 *out, gsize step, gsize n, guint begin, const MleuQ8Tile *tile)
{
    __m512i sums[PIXELS], others[PIXELS];
    dot_two(sums, others, pixels, begin, tile);
    for (guint p = 0; p < pixels; p++) {
        guint8 *to = out + p * step;
        requantize(to, MLEU_Q8_OUTPUTS, sums[p], tile->to.scale, &tile->to);
        requantize(to + MLEU_Q8_OUTPUTS, n - MLEU_Q8_OUTPUTS, others[p],
                   tile->to.scale + MLEU_Q8_OUTPUTS, &tile->to);
    }
}

/* Two blocks of outputs of all pixels, then the next: so their weights stay near. */
void TIER(mleu_q8_conv)(guint8 *out, gsize step, gsize outputs, const MleuQ8Tile *tile)
{
    MleuQ8Tile block = *tile;
    for (gsize o = 0; o < outputs; o += 2 * MLEU_Q8_OUTPUTS) {
        const gsize n = MIN(2 * MLEU_Q8_OUTPUTS, outputs - o);
        for (guint p = 0; p < tile->pixels; p += PIXELS) {
            guint8 *to = out + p * step + o;
            if (n > MLEU_Q8_OUTPUTS)
                WITH_CONSTANT_PIXELS(tile->pixels - p, conv_two, to, step, n, p, &block)
            else
                WITH_CONSTANT_PIXELS(tile->pixels - p, conv_tile, to, step, n, p, &block)
        }
        mleu_q8_skip_blocks(&block, 2);
    }
}

static inline __attribute__((always_inline)) void logits_tile(guint pixels, gint16 *out, gsize step,
                                                              guint begin, const MleuQ8Tile *tile)
{
    __m512i sums[PIXELS];
    dot_tile(sums, pixels, begin, tile);
    for (guint p = 0; p < pixels; p++)
        store_logits(out + p * step, sums[p], tile->to.scale);
}

static inline __attribute__((always_inline)) void logits_two(guint pixels, gint16 *out, gsize step,
                                                             guint begin, const MleuQ8Tile *tile)
{
    __m512i sums[PIXELS], others[PIXELS];
    dot_two(sums, others, pixels, begin, tile);
    for (guint p = 0; p < pixels; p++) {
        gint16 *to = out + p * step;
        store_logits(to, sums[p], tile->to.scale);
        store_logits(to + MLEU_Q8_OUTPUTS, others[p], tile->to.scale + MLEU_Q8_OUTPUTS);
    }
}

void TIER(mleu_q8_logits)(gint16 *out, gsize step, gsize outputs, const MleuQ8Tile *tile)
{
    MleuQ8Tile block = *tile;
    for (gsize o = 0; o < outputs; o += 2 * MLEU_Q8_OUTPUTS) {
        for (guint p = 0; p < tile->pixels; p += PIXELS) {
            gint16 *to = out + p * step + o;
            if (outputs - o > MLEU_Q8_OUTPUTS)
                WITH_CONSTANT_PIXELS(tile->pixels - p, logits_two, to, step, p, &block)
            else
                WITH_CONSTANT_PIXELS(tile->pixels - p, logits_tile, to, step, p, &block)
        }
        mleu_q8_skip_blocks(&block, 2);
    }
}

/* Channels of two taps, in the lower and the upper half of 32 bits. */
static inline __m512i pair_bytes(const guint8 *lower, const guint8 *upper, __mmask16 mask)
{
    const __m512i x = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(mask, lower));
    const __m512i y = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(mask, upper));
    return _mm512_or_si512(x, _mm512_slli_epi32(y, 16));
}

/* Their weights. */
static inline __m512i pair_weights(__m128i lower, __m128i upper)
{
    const __m512i x = _mm512_and_si512(_mm512_cvtepi8_epi32(lower), _mm512_set1_epi32(0xffff));
    return _mm512_or_si512(x, _mm512_slli_epi32(_mm512_cvtepi8_epi32(upper), 16));
}

/* Channels from `c` on of pixels from `begin` on, `n` of sixteen, two taps at a time in 16 bits. */
static inline __attribute__((always_inline)) void dwconv_tile(guint pixels, guint8 *out, gsize step,
                                                              guint begin, const MleuQ8Tile *tile,
                                                              gsize c, gsize n, gsize row)
{
    __m512i sums[PIXELS];
    for (guint p = 0; p < pixels; p++)
        sums[p] = load_64(tile->to.bias + c);
    for (guint t = 0; t < tile->taps; t += 2) {
        /* Where their number is odd, the last tap meets itself with a weight of 0. */
        const gboolean both = t + 1 < tile->taps;
        const guint8 *const *one = tile->in + t * tile->pixels + begin;
        const guint8 *const *other = both ? one + tile->pixels : one;
        const gint8 *weight = tile->weight + t * row + c;
        const __m512i weights = pair_weights(
            _mm_loadu_si128((const __m128i_u *)weight),
            both ? _mm_loadu_si128((const __m128i_u *)(weight + row)) : _mm_setzero_si128());
        for (guint p = 0; p < pixels; p++)
            sums[p] = _mm512_dpwssd_epi32(sums[p], pair_bytes(one[p] + c, other[p] + c, first(n)),
                                          weights);
    }
    for (guint p = 0; p < pixels; p++)
        requantize(out + p * step + c, n, sums[p], tile->to.scale + c, &tile->to);
}

void TIER(mleu_q8_dwconv)(guint8 *out, gsize step, const MleuQ8Tile *tile)
{
    const gsize row = (tile->channels + MLEU_Q8_CHANNELS - 1) / MLEU_Q8_CHANNELS * MLEU_Q8_CHANNELS;
    for (guint p = 0; p < tile->pixels; p += PIXELS, out += PIXELS * step) {
        for (gsize c = 0; c < tile->channels; c += MLEU_Q8_CHANNELS) {
            const gsize n = MIN(MLEU_Q8_CHANNELS, tile->channels - c);
            WITH_CONSTANT_PIXELS(tile->pixels - p, dwconv_tile, out, step, p, tile, c, n, row)
        }
    }
}

void TIER(mleu_q8_add)(guint8 *out, const guint8 *a, const guint8 *b, gsize n, const MleuQ8Add *job)
{
    const __m512i zero_a = _mm512_set1_epi32(job->zero_a), zero_b = _mm512_set1_epi32(job->zero_b);
    const __m512 low = _mm512_set1_ps((float)job->low), high = _mm512_set1_ps((float)job->high);
    for (gsize i = 0; i < n; i += LANES) {
        const gsize count = MIN((gsize)LANES, n - i);
        const __m512i x = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(first(count), a + i));
        const __m512i y = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(first(count), b + i));
        const __m512 one = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(x, zero_a)),
                                         _mm512_set1_ps(job->scale_a));
        const __m512 other = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(y, zero_b)),
                                           _mm512_set1_ps(job->scale_b));
        const __m512i sum =
            _mm512_cvtps_epi32(_mm512_min_ps(_mm512_max_ps(_mm512_add_ps(one, other), low), high));
        store_bytes(out + i, _mm512_add_epi32(sum, _mm512_set1_epi32(job->zero)), count);
    }
}
