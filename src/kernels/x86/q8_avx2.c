/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The quantised kernels with AVX2. */
#include <immintrin.h>

#include "kernels/tiers.h"

/* No pair of products saturates: see MleuQ8Tile. */
static inline __m256i add_bytes(__m256i sums, __m256i x, __m256i weights)
{
    const __m256i words = _mm256_maddubs_epi16(x, weights);
    return _mm256_add_epi32(sums, _mm256_madd_epi16(words, _mm256_set1_epi16(1)));
}

static inline __m256i add_words(__m256i sums, __m256i x, __m256i weights)
{
    return _mm256_add_epi32(sums, _mm256_madd_epi16(x, weights));
}

#define TIER(name) name##__avx2
#include "kernels/x86/q8_tiles.inc"

/* Sixteen 32-bit values in 0 .. 255, as bytes in their order. */
static inline __m128i pack_sixteen(__m256i first, __m256i second)
{
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(first, second), 0xd8);
    return _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
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
