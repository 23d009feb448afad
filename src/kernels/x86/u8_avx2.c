/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernels of bytes with AVX2. */
#include <immintrin.h>

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
