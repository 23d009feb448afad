/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernels of integers with AVX2. */
#include <immintrin.h>
#include <string.h>

#include "kernels/tiers.h"

/* Rows 0 to 3 of a block. */
static inline __m256i load_rows(const guint8 *rows, gsize stride)
{
    __m128i half[2];
    for (guint i = 0; i < 2; i++, rows += 2 * stride)
        half[i] = _mm_unpacklo_epi64(_mm_loadl_epi64((const __m128i_u *)rows),
                                     _mm_loadl_epi64((const __m128i_u *)(rows + stride)));
    return _mm256_inserti128_si256(_mm256_castsi128_si256(half[0]), half[1], 1);
}

guint32 mleu_u8_sad__avx2(const guint8 *a, gsize a_stride, const guint8 *b, gsize b_stride)
{
    const __m256i four =
        _mm256_add_epi64(_mm256_sad_epu8(load_rows(a, a_stride), load_rows(b, b_stride)),
                         _mm256_sad_epu8(load_rows(a + 4 * a_stride, a_stride),
                                         load_rows(b + 4 * b_stride, b_stride)));
    const __m128i two =
        _mm_add_epi64(_mm256_castsi256_si128(four), _mm256_extracti128_si256(four, 1));
    return (guint32)_mm_cvtsi128_si32(_mm_add_epi64(two, _mm_unpackhi_epi64(two, two)));
}

static inline __m256i gather(const guint32 *from, __m256i index)
{
    return _mm256_i32gather_epi32((const int *)from, index, 4);
}

/* The low, or the high, 16 bits of @first and @second, in pairs. */
static inline __m256i pair_low(__m256i first, __m256i second)
{
    return _mm256_blend_epi16(first, _mm256_slli_epi32(second, 16), 0xaa);
}

static inline __m256i pair_high(__m256i first, __m256i second)
{
    return _mm256_blend_epi16(_mm256_srli_epi32(first, 16), second, 0xaa);
}

/* Between four cells, by the shares of each, of 4096. Where one is 0 there may be no cell beyond.
 */
static inline void mix(const guint32 *colours, __m256i x, __m256i y, __m256i width, __m256i *a,
                       __m256i *b)
{
    const __m256i mask = _mm256_set1_epi32(MLEU_WALK_PARTS - 1), zero = _mm256_setzero_si256();
    const __m256i fx = _mm256_and_si256(x, mask), fy = _mm256_and_si256(y, mask);
    const __m256i at = _mm256_add_epi32(_mm256_mullo_epi32(_mm256_srli_epi32(y, 6), width),
                                        _mm256_srli_epi32(x, 6));
    const __m256i here = gather(colours, at);
    if (_mm256_testz_si256(_mm256_or_si256(fx, fy), mask)) {
        *a = _mm256_srai_epi32(_mm256_slli_epi32(here, 16), 16);
        *b = _mm256_srai_epi32(here, 16);
        return;
    }
    const __m256i parts = _mm256_set1_epi32(MLEU_WALK_PARTS);
    const __m256i half = _mm256_set1_epi32(MLEU_WALK_PARTS * MLEU_WALK_PARTS / 2);
    const __m256i gx = _mm256_sub_epi32(parts, fx), gy = _mm256_sub_epi32(parts, fy);
    const __m256i beside = _mm256_sub_epi32(at, _mm256_cmpgt_epi32(fx, zero));
    const __m256i down = _mm256_and_si256(_mm256_cmpgt_epi32(fy, zero), width);
    const __m256i next = gather(colours, beside);
    const __m256i below = gather(colours, _mm256_add_epi32(at, down));
    const __m256i across = gather(colours, _mm256_add_epi32(beside, down));
    const __m256i sides = _mm256_or_si256(gx, _mm256_slli_epi32(fx, 16));
    const __m256i upper = _mm256_mullo_epi16(sides, _mm256_or_si256(gy, _mm256_slli_epi32(gy, 16)));
    const __m256i lower = _mm256_mullo_epi16(sides, _mm256_or_si256(fy, _mm256_slli_epi32(fy, 16)));
    const __m256i sum_a = _mm256_add_epi32(_mm256_madd_epi16(pair_low(here, next), upper),
                                           _mm256_madd_epi16(pair_low(below, across), lower));
    const __m256i sum_b = _mm256_add_epi32(_mm256_madd_epi16(pair_high(here, next), upper),
                                           _mm256_madd_epi16(pair_high(below, across), lower));
    *a = _mm256_srai_epi32(_mm256_add_epi32(sum_a, half), 12);
    *b = _mm256_srai_epi32(_mm256_add_epi32(sum_b, half), 12);
}

static inline __m256i clamp(__m256i value, gint32 most)
{
    return _mm256_max_epi32(_mm256_min_epi32(value, _mm256_set1_epi32(most)),
                            _mm256_setzero_si256());
}

/* Eight cells at once; those that are done get no weight any more. */
static inline void walk_eight(__m256i sums[3], guint first, guint row, const MleuWalk *job)
{
    const gint32 right = ((gint32)job->width - 1) * MLEU_WALK_PARTS,
                 bottom = ((gint32)job->height - 1) * MLEU_WALK_PARTS;
    const __m256i zero = _mm256_setzero_si256(), one = _mm256_set1_epi32(1);
    const __m256i width = _mm256_set1_epi32((gint32)job->width);
    const __m256i least = _mm256_set1_epi32(MLEU_WALK_LEAST);
    const __m256i half = _mm256_set1_epi32(MLEU_WALK_PARTS / 2);
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    __m256i x = _mm256_add_epi32(_mm256_set1_epi32((gint32)first), lane);
    /* Beyond the end of the row, any cell will do. */
    x = clamp(_mm256_mullo_epi32(x, _mm256_set1_epi32(MLEU_WALK_PARTS)), right);
    __m256i y = _mm256_set1_epi32((gint32)row * MLEU_WALK_PARTS);
    __m256i way = _mm256_set1_epi32(MLEU_WALK_WHOLE);
    __m256i a = zero, b = zero, total = zero;
    for (guint age = 0; age < job->length; age++) {
        __m256i weight =
            _mm256_srli_epi32(_mm256_mullo_epi32(way, _mm256_set1_epi32(job->ages[age])), 8);
        const __m256i done =
            _mm256_and_si256(_mm256_cmpgt_epi32(total, zero), _mm256_cmpgt_epi32(least, weight));
        if (_mm256_movemask_epi8(done) == -1)
            break;
        if (job->colours[age] != NULL) {
            __m256i value_a, value_b;
            mix(job->colours[age], x, y, width, &value_a, &value_b);
            weight = _mm256_andnot_si256(done, _mm256_max_epi32(weight, one));
            a = _mm256_add_epi32(a, _mm256_mullo_epi32(weight, value_a));
            b = _mm256_add_epi32(b, _mm256_mullo_epi32(weight, value_b));
            total = _mm256_add_epi32(total, weight);
        }
        const __m256i column = _mm256_srli_epi32(_mm256_add_epi32(x, half), 6);
        const __m256i line = _mm256_srli_epi32(_mm256_add_epi32(y, half), 6);
        const __m256i step =
            gather(job->steps[age], _mm256_add_epi32(_mm256_mullo_epi32(line, width), column));
        const __m256i keep = _mm256_srli_epi32(step, 24);
        const __m256i dx = _mm256_srai_epi32(_mm256_slli_epi32(step, 20), 20);
        const __m256i dy = _mm256_srai_epi32(_mm256_slli_epi32(step, 8), 20);
        x = clamp(_mm256_add_epi32(x, dx), right);
        y = clamp(_mm256_add_epi32(y, dy), bottom);
        way = _mm256_srli_epi32(
            _mm256_mullo_epi32(way, _mm256_add_epi32(keep, _mm256_srli_epi32(keep, 7))), 8);
    }
    sums[0] = a;
    sums[1] = b;
    sums[2] = total;
}

void mleu_s16_walk__avx2(gint32 *a, gint32 *b, gint32 *total, guint first, guint row, guint n,
                         const MleuWalk *job)
{
    gint32 *const out[] = {a, b, total};
    for (guint i = 0; i < n; i += 8) {
        __m256i sums[3];
        walk_eight(sums, first + i, row, job);
        for (guint k = 0; k < 3; k++) {
            gint32 eight[8];
            _mm256_storeu_si256((__m256i_u *)eight, sums[k]);
            memcpy(out[k] + i, eight, MIN(n - i, 8) * sizeof *eight);
        }
    }
}
