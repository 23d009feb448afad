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

/* `pixels` is a constant wherever this is called, so that the sums stay in registers. */
static inline __attribute__((always_inline)) void dot_tile(gint32 *sums, const guint8 *const *in,
                                                           guint pixels, guint taps, guint channels,
                                                           const gint8 *weight)
{
    const __m256i ones = _mm256_set1_epi16(1);
    const guint depth = channels / 4, rest = channels % 4;
    __m256i low[MLEU_Q8_PIXELS], high[MLEU_Q8_PIXELS];
    for (guint p = 0; p < pixels; p++)
        low[p] = high[p] = _mm256_setzero_si256();
    for (guint t = 0; t < taps; t++, in += pixels) {
        for (guint d = 0; d < depth; d++, weight += 4 * MLEU_Q8_OUTPUTS) {
            const __m256i first = _mm256_loadu_si256((const __m256i_u *)weight);
            const __m256i second = _mm256_loadu_si256((const __m256i_u *)(weight + 32));
            for (guint p = 0; p < pixels; p++) {
                const __m256i x = _mm256_set1_epi32(load_four(in[p] + 4 * d));
                low[p] = _mm256_add_epi32(low[p],
                                          _mm256_madd_epi16(_mm256_maddubs_epi16(x, first), ones));
                high[p] = _mm256_add_epi32(
                    high[p], _mm256_madd_epi16(_mm256_maddubs_epi16(x, second), ones));
            }
        }
        if (rest == 0)
            continue;
        const __m256i first = _mm256_loadu_si256((const __m256i_u *)weight);
        const __m256i second = _mm256_loadu_si256((const __m256i_u *)(weight + 32));
        for (guint p = 0; p < pixels; p++) {
            const __m256i x = _mm256_set1_epi32(load_rest(in[p] + 4 * depth, rest));
            low[p] =
                _mm256_add_epi32(low[p], _mm256_madd_epi16(_mm256_maddubs_epi16(x, first), ones));
            high[p] =
                _mm256_add_epi32(high[p], _mm256_madd_epi16(_mm256_maddubs_epi16(x, second), ones));
        }
        weight += 4 * MLEU_Q8_OUTPUTS;
    }
    for (guint p = 0; p < pixels; p++) {
        _mm256_storeu_si256((__m256i_u *)(sums + p * MLEU_Q8_OUTPUTS), low[p]);
        _mm256_storeu_si256((__m256i_u *)(sums + p * MLEU_Q8_OUTPUTS + 8), high[p]);
    }
}

void mleu_q8_dot__avx2(gint32 *sums, const guint8 *const *in, guint pixels, guint taps,
                       guint channels, const gint8 *weight)
{
    switch (pixels) {
    case 1:
        dot_tile(sums, in, 1, taps, channels, weight);
        break;
    case 2:
        dot_tile(sums, in, 2, taps, channels, weight);
        break;
    case 3:
        dot_tile(sums, in, 3, taps, channels, weight);
        break;
    case 4:
        dot_tile(sums, in, 4, taps, channels, weight);
        break;
    case 5:
        dot_tile(sums, in, 5, taps, channels, weight);
        break;
    default:
        dot_tile(sums, in, 6, taps, channels, weight);
        break;
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

/* Sixteen sums with their bias added, requantised. */
static inline __m128i requantize_sixteen(__m256i first, __m256i second, const float *scale,
                                         const MleuRequantize *to)
{
    const __m256 low = _mm256_set1_ps((float)to->low), high = _mm256_set1_ps((float)to->high);
    const __m256i zero = _mm256_set1_epi32(to->zero);
    first =
        round_clamped(_mm256_mul_ps(_mm256_cvtepi32_ps(first), _mm256_loadu_ps(scale)), low, high);
    second = round_clamped(_mm256_mul_ps(_mm256_cvtepi32_ps(second), _mm256_loadu_ps(scale + 8)),
                           low, high);
    return pack_sixteen(_mm256_add_epi32(first, zero), _mm256_add_epi32(second, zero));
}

void mleu_q8_requantize__avx2(guint8 *out, const gint32 *sums, gsize n, const MleuRequantize *to)
{
    gsize i = 0;
    for (; i + 16 <= n; i += 16) {
        const __m256i first =
            _mm256_add_epi32(_mm256_loadu_si256((const __m256i_u *)(sums + i)),
                             _mm256_loadu_si256((const __m256i_u *)(to->bias + i)));
        const __m256i second =
            _mm256_add_epi32(_mm256_loadu_si256((const __m256i_u *)(sums + i + 8)),
                             _mm256_loadu_si256((const __m256i_u *)(to->bias + i + 8)));
        _mm_storeu_si128((__m128i_u *)(out + i),
                         requantize_sixteen(first, second, to->scale + i, to));
    }
    if (i < n) {
        const MleuRequantize rest = {to->bias + i, to->scale + i, to->zero, to->low, to->high};
        mleu_q8_requantize__c(out + i, sums + i, n - i, &rest);
    }
}

/* Eight products of two taps each: channels 0..3 and 8..11 in `even`, the others in `odd`. */
static inline void add_two_taps(__m256i *even, __m256i *odd, __m256i x0, __m256i x1, __m256i w0,
                                __m256i w1)
{
    *even = _mm256_add_epi32(
        *even, _mm256_madd_epi16(_mm256_unpacklo_epi16(x0, x1), _mm256_unpacklo_epi16(w0, w1)));
    *odd = _mm256_add_epi32(
        *odd, _mm256_madd_epi16(_mm256_unpackhi_epi16(x0, x1), _mm256_unpackhi_epi16(w0, w1)));
}

static inline __m256i load_pixels(const guint8 *bytes)
{
    return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i_u *)bytes));
}

static inline __m256i load_weights(const gint8 *bytes)
{
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i_u *)bytes));
}

void mleu_q8_dwconv__avx2(guint8 *out, const guint8 *const *in, guint taps, gsize channels,
                          const gint8 *weight, const MleuRequantize *to)
{
    const gsize row = (channels + MLEU_Q8_CHANNELS - 1) / MLEU_Q8_CHANNELS * MLEU_Q8_CHANNELS;
    gsize c = 0;
    for (; c + MLEU_Q8_CHANNELS <= channels; c += MLEU_Q8_CHANNELS) {
        __m256i even = _mm256_setzero_si256(), odd = _mm256_setzero_si256();
        const gint8 *w = weight + c;
        guint t = 0;
        for (; t + 2 <= taps; t += 2, w += 2 * row)
            add_two_taps(&even, &odd, load_pixels(in[t] + c), load_pixels(in[t + 1] + c),
                         load_weights(w), load_weights(w + row));
        if (t < taps)
            add_two_taps(&even, &odd, load_pixels(in[t] + c), _mm256_setzero_si256(),
                         load_weights(w), _mm256_setzero_si256());
        const __m256i first =
            _mm256_add_epi32(_mm256_permute2x128_si256(even, odd, 0x20),
                             _mm256_loadu_si256((const __m256i_u *)(to->bias + c)));
        const __m256i second =
            _mm256_add_epi32(_mm256_permute2x128_si256(even, odd, 0x31),
                             _mm256_loadu_si256((const __m256i_u *)(to->bias + c + 8)));
        _mm_storeu_si128((__m128i_u *)(out + c),
                         requantize_sixteen(first, second, to->scale + c, to));
    }
    /* What is left, without the bytes beyond: another thread may be writing them. */
    for (; c < channels; c++) {
        gint32 sum = 0;
        for (guint t = 0; t < taps; t++)
            sum += in[t][c] * weight[t * row + c];
        const MleuRequantize one = {to->bias + c, to->scale + c, to->zero, to->low, to->high};
        mleu_q8_requantize__c(out + c, &sum, 1, &one);
    }
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
