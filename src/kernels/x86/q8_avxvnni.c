/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The quantised kernels with AVX-VNNI: products are added in one instruction, without saturation.
 */
#include <immintrin.h>

#include "kernels/tiers.h"

static inline __m256i add_bytes(__m256i sums, __m256i x, __m256i weights)
{
    return _mm256_dpbusd_avx_epi32(sums, x, weights);
}

static inline __m256i add_words(__m256i sums, __m256i x, __m256i weights)
{
    return _mm256_dpwssd_avx_epi32(sums, x, weights);
}

#ifndef TIER
#define TIER(name) name##__avxvnni
#endif
#include "kernels/x86/q8_tiles.inc"
