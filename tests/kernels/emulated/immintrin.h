/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * In the place of the compiler's header: instructions of wider processors as portable C, by SIMD
 * Everywhere, so that check-kernels runs their kernels on any machine. What SIMD Everywhere 0.7
 * lacks follows, as the processors' manuals define it.
 */
#pragma once

/* Its own headers are not to include the compiler's, which would be this one. */
#define SIMDE_NO_NATIVE
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx2.h>
#include <simde/x86/avx512.h>

#include <math.h>

#include "amx.h"

typedef simde__m128i __m128i_u;
typedef simde__m256i __m256i_u;
#define __mmask16 simde__mmask16

#define _mm256_dpbusd_avx_epi32 simde_mm256_dpbusd_epi32
#define _mm256_dpwssd_avx_epi32 simde_mm256_dpwssd_epi32

/* A name of SIMD Everywhere's own may come with a later version. */
#define LANE(i) for (int i = 0; i < 16; i++)

static inline simde__m128i emulated_maskz_loadu_epi8(simde__mmask16 mask, const void *bytes)
{
    simde__m128i_private r = {0};
    LANE(i) r.u8[i] = mask >> i & 1 ? ((const uint8_t *)bytes)[i] : 0;
    return simde__m128i_from_private(r);
}

static inline void emulated_mask_storeu_epi8(void *bytes, simde__mmask16 mask, simde__m128i x)
{
    const simde__m128i_private from = simde__m128i_to_private(x);
    LANE(i) if (mask >> i & 1)((uint8_t *)bytes)[i] = from.u8[i];
}

static inline simde__m128i emulated_cvtepi32_epi8(simde__m512i x)
{
    const simde__m512i_private from = simde__m512i_to_private(x);
    simde__m128i_private r;
    LANE(i) r.u8[i] = (uint8_t)from.i32[i];
    return simde__m128i_from_private(r);
}

static inline simde__m256i emulated_cvtepi32_epi16(simde__m512i x)
{
    const simde__m512i_private from = simde__m512i_to_private(x);
    simde__m256i_private r;
    LANE(i) r.u16[i] = (uint16_t)from.i32[i];
    return simde__m256i_from_private(r);
}

static inline simde__m512i emulated_cvtepu8_epi32(simde__m128i x)
{
    const simde__m128i_private from = simde__m128i_to_private(x);
    simde__m512i_private r;
    LANE(i) r.i32[i] = from.u8[i];
    return simde__m512i_from_private(r);
}

static inline simde__m512i emulated_cvtepi8_epi32(simde__m128i x)
{
    const simde__m128i_private from = simde__m128i_to_private(x);
    simde__m512i_private r;
    LANE(i) r.i32[i] = from.i8[i];
    return simde__m512i_from_private(r);
}

static inline simde__m512 emulated_cvtepi32_ps(simde__m512i x)
{
    const simde__m512i_private from = simde__m512i_to_private(x);
    simde__m512_private r;
    LANE(i) r.f32[i] = (float)from.i32[i];
    return simde__m512_from_private(r);
}

/* To the nearest, halves to even; what does not fit is the least integer. */
static inline simde__m512i emulated_cvtps_epi32(simde__m512 x)
{
    const simde__m512_private from = simde__m512_to_private(x);
    simde__m512i_private r;
    LANE(i)
    {
        const float rounded = rintf(from.f32[i]);
        r.i32[i] = rounded >= -0x1p31f && rounded < 0x1p31f ? (int32_t)rounded : INT32_MIN;
    }
    return simde__m512i_from_private(r);
}

#undef LANE

#define _mm_maskz_loadu_epi8 emulated_maskz_loadu_epi8
#define _mm_mask_storeu_epi8 emulated_mask_storeu_epi8
#define _mm512_cvtepi32_epi8 emulated_cvtepi32_epi8
#define _mm512_cvtepi32_epi16 emulated_cvtepi32_epi16
#define _mm512_cvtepu8_epi32 emulated_cvtepu8_epi32
#define _mm512_cvtepi8_epi32 emulated_cvtepi8_epi32
#define _mm512_cvtepi32_ps emulated_cvtepi32_ps
#define _mm512_cvtps_epi32 emulated_cvtps_epi32

#define _tile_loadconfig emulated_tile_loadconfig
#define _tile_release emulated_tile_release
#define _tile_zero emulated_tile_zero
#define _tile_loadd emulated_tile_loadd
#define _tile_stored emulated_tile_stored
#define _tile_dpbusd emulated_tile_dpbusd
#define _tile_dpbf16ps emulated_tile_dpbf16ps
