/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The quantised kernels with AVX2. */
#include <immintrin.h>
#include <string.h>

#include "kernels/tiers.h"

static inline gint32 load_four(const guint8 *bytes)
{
    gint32 four;
    memcpy(&four, bytes, sizeof four);
    return four;
}

/* The last one to three channels of a pixel, without the bytes beyond: another thread may be
 * writing them. */
static inline gint32 load_rest(const guint8 *bytes, guint count)
{
    gint32 rest = bytes[0];
    if (count > 1)
        rest |= bytes[1] << 8;
    if (count > 2)
        rest |= bytes[2] << 16;
    return rest;
}

typedef struct {
    __m256i low, high;
} Sums;

/* Adds the products of four channels, `x` in every 32 bits, to the sums of sixteen outputs. No pair
 * of products saturates: see MleuQ8Tile. */
static inline void add_four(Sums *sums, gint32 four, __m256i first, __m256i second)
{
    const __m256i x = _mm256_set1_epi32(four), ones = _mm256_set1_epi16(1);
    sums->low =
        _mm256_add_epi32(sums->low, _mm256_madd_epi16(_mm256_maddubs_epi16(x, first), ones));
    sums->high =
        _mm256_add_epi32(sums->high, _mm256_madd_epi16(_mm256_maddubs_epi16(x, second), ones));
}

static inline __m256i load_32(const void *bytes)
{
    return _mm256_loadu_si256((const __m256i_u *)bytes);
}

/* The sums of every pixel, their bias included. `pixels` is a constant wherever this is called, so
 * that they stay in registers. */
static inline __attribute__((always_inline)) void dot_tile(Sums *sums, guint pixels,
                                                           const MleuQ8Tile *tile)
{
    const guint8 *const *in = tile->in;
    const gint8 *weight = tile->weight;
    const guint depth = tile->channels / 4, rest = tile->channels % 4;
    for (guint p = 0; p < pixels; p++)
        sums[p] = (Sums){load_32(tile->to.bias), load_32(tile->to.bias + 8)};
    for (guint t = 0; t < tile->taps; t++, in += pixels) {
        for (guint d = 0; d < depth; d++, weight += 4 * MLEU_Q8_OUTPUTS) {
            const __m256i first = load_32(weight), second = load_32(weight + 32);
            for (guint p = 0; p < pixels; p++)
                add_four(&sums[p], load_four(in[p] + 4 * d), first, second);
        }
        if (rest == 0)
            continue;
        const __m256i first = load_32(weight), second = load_32(weight + 32);
        for (guint p = 0; p < pixels; p++)
            add_four(&sums[p], load_rest(in[p] + 4 * depth, rest), first, second);
        weight += 4 * MLEU_Q8_OUTPUTS;
    }
}

/* Eight values, rounded and clamped, without the zero. */
static inline __m256i round_clamped(__m256 value, __m256 low, __m256 high)
{
    return _mm256_cvtps_epi32(_mm256_min_ps(_mm256_max_ps(value, low), high));
}

/* Sixteen 32-bit values in 0 .. 255, as bytes in their order. */
static inline __m128i pack_sixteen(__m256i first, __m256i second)
{
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(first, second), 0xd8);
    return _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}

/* Sixteen 16-bit values: those of `low` in the lower halves of the two lanes. The lower bound of
 * what they become is left to the saturation of packing and to a maximum of bytes. */
static inline __m256i scaled_words(Sums sums, __m256 first, __m256 second, __m256 high)
{
    const __m256 low_values = _mm256_mul_ps(_mm256_cvtepi32_ps(sums.low), first);
    const __m256 high_values = _mm256_mul_ps(_mm256_cvtepi32_ps(sums.high), second);
    return _mm256_packs_epi32(_mm256_cvtps_epi32(_mm256_min_ps(low_values, high)),
                              _mm256_cvtps_epi32(_mm256_min_ps(high_values, high)));
}

/* Requantises the sums of two pixels with their bias: sixteen bytes of each, in their order. */
static inline __m256i requantize_two(Sums a, Sums b, const float *scale, const MleuRequantize *to)
{
    const __m256 first = _mm256_loadu_ps(scale), second = _mm256_loadu_ps(scale + 8);
    const __m256 high = _mm256_set1_ps((float)to->high);
    const __m256i zero = _mm256_set1_epi16((short)to->zero);
    const __m256i least = _mm256_set1_epi8((char)(to->zero + to->low));
    const __m256i bytes =
        _mm256_packus_epi16(_mm256_adds_epi16(scaled_words(a, first, second, high), zero),
                            _mm256_adds_epi16(scaled_words(b, first, second, high), zero));
    return _mm256_permutevar8x32_epi32(_mm256_max_epu8(bytes, least),
                                       _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

/* Sixteen bytes, or the first `n`: another thread may be writing those beyond. */
static inline __attribute__((always_inline)) void store_bytes(guint8 *out, __m128i bytes, gsize n)
{
    guint8 all[16];
    if (n == 16) {
        _mm_storeu_si128((__m128i_u *)out, bytes);
        return;
    }
    _mm_storeu_si128((__m128i_u *)all, bytes);
    memcpy(out, all, n);
}

static inline __attribute__((always_inline)) __m128i load_bytes(const guint8 *bytes, gsize n)
{
    guint8 all[16] = {0};
    if (n == 16)
        return _mm_loadu_si128((const __m128i_u *)bytes);
    memcpy(all, bytes, n);
    return _mm_loadu_si128((const __m128i_u *)all);
}

static inline __attribute__((always_inline)) void store_tile(guint8 *out, gsize step, gsize n,
                                                             const Sums *sums, guint pixels,
                                                             const float *scale,
                                                             const MleuRequantize *to)
{
    for (guint p = 0; p < pixels; p += 2) {
        const gboolean both = p + 1 < pixels;
        const __m256i bytes = requantize_two(sums[p], sums[both ? p + 1 : p], scale, to);
        store_bytes(out + p * step, _mm256_castsi256_si128(bytes), n);
        if (both)
            store_bytes(out + (p + 1) * step, _mm256_extracti128_si256(bytes, 1), n);
    }
}

/* Calls f(pixels, ...) with the number of pixels as a constant. */
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

static inline __attribute__((always_inline)) void conv_tile(guint pixels, guint8 *out, gsize step,
                                                            gsize n, const MleuQ8Tile *tile)
{
    Sums sums[MLEU_Q8_PIXELS];
    dot_tile(sums, pixels, tile);
    store_tile(out, step, n, sums, pixels, tile->to.scale, &tile->to);
}

void mleu_q8_conv__avx2(guint8 *out, gsize step, gsize n, const MleuQ8Tile *tile)
{
    WITH_CONSTANT_PIXELS(tile->pixels, conv_tile, out, step, n, tile)
}

static inline __attribute__((always_inline)) void logits_tile(guint pixels, gint16 *out, gsize step,
                                                              const MleuQ8Tile *tile)
{
    const __m256 first = _mm256_loadu_ps(tile->to.scale), most = _mm256_set1_ps(32767);
    const __m256 second = _mm256_loadu_ps(tile->to.scale + 8), least = _mm256_set1_ps(-32767);
    Sums sums[MLEU_Q8_PIXELS];
    dot_tile(sums, pixels, tile);
    for (guint p = 0; p < pixels; p++) {
        const __m256 low = _mm256_mul_ps(_mm256_cvtepi32_ps(sums[p].low), first);
        const __m256 high = _mm256_mul_ps(_mm256_cvtepi32_ps(sums[p].high), second);
        const __m256i words =
            _mm256_packs_epi32(round_clamped(low, least, most), round_clamped(high, least, most));
        _mm256_storeu_si256((__m256i_u *)(out + p * step), _mm256_permute4x64_epi64(words, 0xd8));
    }
}

void mleu_q8_logits__avx2(gint16 *out, gsize step, const MleuQ8Tile *tile)
{
    WITH_CONSTANT_PIXELS(tile->pixels, logits_tile, out, step, tile)
}

/* Channels from `c` on of every pixel, `n` of sixteen. Two taps at a time, in 16 bits: a pair of
 * products of any weights does not fit into the 16 bits of what q8_conv starts with. */
static inline __attribute__((always_inline)) void dwconv_tile(guint pixels, guint8 *out, gsize step,
                                                              const MleuQ8Tile *tile, gsize c,
                                                              gsize n, gsize row)
{
    Sums sums[MLEU_Q8_PIXELS]; /* channels 0..3 and 8..11, the others, until the taps are done */
    for (guint p = 0; p < pixels; p++)
        sums[p] = (Sums){_mm256_setzero_si256(), _mm256_setzero_si256()};
    for (guint t = 0; t < tile->taps; t += 2) {
        /* Where their number is odd, the last tap meets itself with a weight of 0. */
        const gboolean both = t + 1 < tile->taps;
        const guint8 *const *upper = tile->in + t * pixels, *const *lower =
                                                                both ? upper + pixels : upper;
        const gint8 *weight = tile->weight + t * row + c;
        const __m256i w0 = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i_u *)weight));
        const __m256i w1 =
            both ? _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i_u *)(weight + row)))
                 : _mm256_setzero_si256();
        const __m256i even = _mm256_unpacklo_epi16(w0, w1), odd = _mm256_unpackhi_epi16(w0, w1);
        for (guint p = 0; p < pixels; p++) {
            const __m256i x0 = _mm256_cvtepu8_epi16(load_bytes(upper[p] + c, n));
            const __m256i x1 = _mm256_cvtepu8_epi16(load_bytes(lower[p] + c, n));
            sums[p].low = _mm256_add_epi32(sums[p].low,
                                           _mm256_madd_epi16(_mm256_unpacklo_epi16(x0, x1), even));
            sums[p].high = _mm256_add_epi32(sums[p].high,
                                            _mm256_madd_epi16(_mm256_unpackhi_epi16(x0, x1), odd));
        }
    }
    for (guint p = 0; p < pixels; p++) {
        const __m256i first = _mm256_permute2x128_si256(sums[p].low, sums[p].high, 0x20);
        const __m256i second = _mm256_permute2x128_si256(sums[p].low, sums[p].high, 0x31);
        sums[p] = (Sums){_mm256_add_epi32(first, load_32(tile->to.bias + c)),
                         _mm256_add_epi32(second, load_32(tile->to.bias + c + 8))};
    }
    store_tile(out + c, step, n, sums, pixels, tile->to.scale + c, &tile->to);
}

void mleu_q8_dwconv__avx2(guint8 *out, gsize step, const MleuQ8Tile *tile)
{
    const gsize row = (tile->channels + MLEU_Q8_CHANNELS - 1) / MLEU_Q8_CHANNELS * MLEU_Q8_CHANNELS;
    const gsize whole = tile->channels / MLEU_Q8_CHANNELS * MLEU_Q8_CHANNELS;
    for (gsize c = 0; c < whole; c += MLEU_Q8_CHANNELS)
        WITH_CONSTANT_PIXELS(tile->pixels, dwconv_tile, out, step, tile, c, MLEU_Q8_CHANNELS, row)
    if (whole < tile->channels)
        WITH_CONSTANT_PIXELS(tile->pixels, dwconv_tile, out, step, tile, whole,
                             tile->channels - whole, row)
}

MleuQ8Mean mleu_q8_mean__avx2(const gint16 *logits, const MleuQ8Softmax *softmax)
{
    enum { LANES = 16 };
    MleuQ8Mean mean = {0};
    const guint classes = softmax->classes, whole = classes / LANES * LANES;
    __m256i most_of = _mm256_set1_epi16(logits[0]);
    for (guint c = 0; c < whole; c += LANES)
        most_of = _mm256_max_epi16(most_of, load_32(logits + c));
    gint16 lanes[LANES], most = logits[0];
    _mm256_storeu_si256((__m256i_u *)lanes, most_of);
    for (guint i = 0; i < LANES; i++)
        most = MAX(most, lanes[i]);
    for (guint c = whole; c < classes; c++)
        most = MAX(most, logits[c]);

    /* Most classes are beyond the table's reach; of the others the mask has two bits each. */
    const __m256i top = _mm256_set1_epi16(most);
    const __m256i reach = _mm256_set1_epi16((short)softmax->reach);
    for (guint begin = 0; begin < classes; begin += LANES) {
        guint mask;
        if (begin < whole) {
            const __m256i below = _mm256_subs_epi16(top, load_32(logits + begin));
            mask = (guint)_mm256_movemask_epi8(_mm256_cmpgt_epi16(reach, below));
        } else {
            mask = 0;
            for (guint i = 0; i < classes - whole; i++)
                mask |= (guint)(most - logits[whole + i]) < softmax->reach ? 3u << 2 * i : 0;
        }
        for (; mask != 0; mask &= mask - 1, mask &= mask - 1) {
            const guint c = begin + (guint)__builtin_ctz(mask) / 2;
            const gint64 weight = softmax->table[most - logits[c]];
            mean.weight += weight;
            mean.a += weight * softmax->bins[2 * c];
            mean.b += weight * softmax->bins[2 * c + 1];
        }
    }
    return mean;
}

void mleu_q8_add__avx2(guint8 *out, const guint8 *a, const guint8 *b, gsize n, const MleuQ8Add *job)
{
    const __m256 scale_a = _mm256_set1_ps(job->scale_a), scale_b = _mm256_set1_ps(job->scale_b);
    const __m256 low = _mm256_set1_ps((float)job->low), high = _mm256_set1_ps((float)job->high);
    const __m256i zero_a = _mm256_set1_epi32(job->zero_a), zero_b = _mm256_set1_epi32(job->zero_b);
    const __m256i zero = _mm256_set1_epi32(job->zero);
    gsize i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256i half[2];
        for (guint k = 0; k < 2; k++) {
            const __m256i x =
                _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i_u *)(a + i + 8 * k)));
            const __m256i y =
                _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i_u *)(b + i + 8 * k)));
            const __m256 first =
                _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_sub_epi32(x, zero_a)), scale_a);
            const __m256 second =
                _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_sub_epi32(y, zero_b)), scale_b);
            half[k] =
                _mm256_add_epi32(round_clamped(_mm256_add_ps(first, second), low, high), zero);
        }
        _mm_storeu_si128((__m128i_u *)(out + i), pack_sixteen(half[0], half[1]));
    }
    mleu_q8_add__c(out + i, a + i, b + i, n - i, job);
}
