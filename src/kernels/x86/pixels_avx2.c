/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernels between code values and floats with AVX2. Multiplication and addition are rounded one
 * by one, as in C. */
#include <immintrin.h>
#include <string.h>

#include "kernels/tiers.h"

enum { LANES = 8 };

static inline __m256 load_bytes(const guint8 *bytes)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i_u *)bytes)));
}

void mleu_u8_blend__avx2(float *out, gsize n, const guint8 *const *rows, const float *weights,
                         guint count)
{
    gsize x = 0;
    for (; x + LANES <= n; x += LANES) {
        __m256 sum = _mm256_mul_ps(_mm256_set1_ps(weights[0]), load_bytes(rows[0] + x));
        for (guint k = 1; k < count; k++)
            sum = _mm256_add_ps(sum,
                                _mm256_mul_ps(_mm256_set1_ps(weights[k]), load_bytes(rows[k] + x)));
        _mm256_storeu_ps(out + x, sum);
    }
    for (; x < n; x++) {
        out[x] = weights[0] * rows[0][x];
        for (guint k = 1; k < count; k++)
            out[x] += weights[k] * rows[k][x];
    }
}

static inline __m256 filter_one(const float *in, const MleuFilter *filter, gsize i)
{
    const float *from = in + filter->first[i], *weight = filter->weight + i * filter->taps;
    __m256 sum = _mm256_mul_ps(_mm256_loadu_ps(from), _mm256_loadu_ps(weight));
    for (guint k = LANES; k < filter->taps; k += LANES)
        sum = _mm256_add_ps(sum,
                            _mm256_mul_ps(_mm256_loadu_ps(from + k), _mm256_loadu_ps(weight + k)));
    return sum;
}

void mleu_f32_filter__avx2(float *out, gsize n, const float *in, const MleuFilter *filter)
{
    gsize i = 0;
    for (; i + LANES <= n; i += LANES) {
        __m256 pair[4];
        for (guint k = 0; k < 4; k++)
            pair[k] = _mm256_hadd_ps(filter_one(in, filter, i + 2 * k),
                                     filter_one(in, filter, i + 2 * k + 1));
        const __m256 first = _mm256_hadd_ps(pair[0], pair[1]),
                     second = _mm256_hadd_ps(pair[2], pair[3]);
        _mm256_storeu_ps(out + i, _mm256_add_ps(_mm256_permute2f128_ps(first, second, 0x20),
                                                _mm256_permute2f128_ps(first, second, 0x31)));
    }
    const MleuFilter rest = {filter->first + i, filter->weight + i * filter->taps, filter->taps};
    mleu_f32_filter__c(out + i, n - i, in, &rest);
}

/* Two entries and those after them. */
static inline __m128 load_entries(const float *table, gint32 first, gint32 second)
{
    return _mm_loadh_pi(_mm_castsi128_ps(_mm_loadl_epi64((const __m128i_u *)(table + first))),
                        (const __m64 *)(table + second));
}

void mleu_f32_interpolate__avx2(float *out, const float *x, gsize n, const float *table)
{
    gsize i = 0;
    for (; i + LANES <= n; i += LANES) {
        const __m256 place = _mm256_loadu_ps(x + i);
        const __m256i whole = _mm256_cvttps_epi32(place);
        gint32 at[LANES];
        _mm256_storeu_si256((__m256i_u *)at, whole);
        /* Samples 0, 1 and 4, 5; 2, 3 and 6, 7. */
        const __m256 first = _mm256_set_m128(load_entries(table, at[4], at[5]),
                                             load_entries(table, at[0], at[1])),
                     second = _mm256_set_m128(load_entries(table, at[6], at[7]),
                                              load_entries(table, at[2], at[3]));
        const __m256 low = _mm256_shuffle_ps(first, second, 0x88),
                     high = _mm256_shuffle_ps(first, second, 0xdd);
        const __m256 part = _mm256_sub_ps(place, _mm256_cvtepi32_ps(whole));
        _mm256_storeu_ps(out + i,
                         _mm256_add_ps(low, _mm256_mul_ps(_mm256_sub_ps(high, low), part)));
    }
    mleu_f32_interpolate__c(out + i, x + i, n - i, table);
}

/* Eight samples read from eight neighbouring cells, where they do; the last cells of a row where
 * there are no eight from the first on. */
void mleu_f32_widen__avx2(float *out, gsize n, const MleuWiden *job)
{
    gsize x = 0;
    for (; x + LANES <= n && job->width >= LANES; x += LANES) {
        const guint base = MIN(job->cell[x], job->width - LANES);
        if (job->next[x + LANES - 1] - base >= LANES)
            break;
        const __m256i from = _mm256_set1_epi32((gint)base);
        const __m256i cell =
            _mm256_sub_epi32(_mm256_loadu_si256((const __m256i_u *)(job->cell + x)), from);
        const __m256i next =
            _mm256_sub_epi32(_mm256_loadu_si256((const __m256i_u *)(job->next + x)), from);
        const __m256 share = _mm256_loadu_ps(job->share + x);
        for (guint k = 0; k < job->count; k++) {
            const __m256 cells = _mm256_loadu_ps(job->rows[k] + base);
            const __m256 left = _mm256_permutevar8x32_ps(cells, cell);
            const __m256 rise = _mm256_sub_ps(_mm256_permutevar8x32_ps(cells, next), left);
            _mm256_storeu_ps(out + k * MLEU_WIDE + x,
                             _mm256_add_ps(left, _mm256_mul_ps(share, rise)));
        }
    }
    MleuWiden rest = *job;
    rest.cell += x;
    rest.next += x;
    rest.share += x;
    mleu_f32_widen__c(out + x, n - x, &rest);
}

static inline __m256 between(const float *upper, const float *lower, gsize i, __m256 share)
{
    const __m256 from = _mm256_loadu_ps(upper + i);
    return _mm256_add_ps(from,
                         _mm256_mul_ps(share, _mm256_sub_ps(_mm256_loadu_ps(lower + i), from)));
}

/* The samples from @i on. */
static inline void enlarge(float *a, float *b, const float *y, gsize i, const MleuEnlarge *job)
{
    const __m256 share = _mm256_set1_ps(job->share);
    const MleuWide *upper = job->upper, *lower = job->lower;
    const __m256 detail =
        _mm256_sub_ps(_mm256_loadu_ps(y + i), between(upper->luma, lower->luma, i, share));
    for (guint c = 0; c < 2; c++) {
        __m256 value = between(upper->value[c], lower->value[c], i, share);
        if (job->guided) {
            value = _mm256_add_ps(
                value, _mm256_mul_ps(between(upper->slope[c], lower->slope[c], i, share), detail));
            value = _mm256_max_ps(between(upper->low[c], lower->low[c], i, share), value);
            value = _mm256_min_ps(between(upper->high[c], lower->high[c], i, share), value);
        }
        _mm256_storeu_ps((c == 0 ? a : b) + i, _mm256_mul_ps(_mm256_set1_ps(job->factor), value));
    }
}

/* Both channels at a time, since luma is common. Planes at known distances from two pointers:
 * nineteen are more than there are registers. */
void mleu_f32_enlarge__avx2(float *a, float *b, const float *y, gsize n, const MleuEnlarge *job)
{
    const MleuEnlarge own = *job;
    const gsize whole = n - n % LANES, bytes = (n - whole) * sizeof(float);
    float rest[3][MLEU_WIDE];
    for (gsize i = 0; i < whole; i += LANES)
        enlarge(a, b, y, i, &own);
    if (bytes == 0)
        return;
    memset(rest[0] + whole, 0, LANES * sizeof(float));
    memcpy(rest[0] + whole, y + whole, bytes);
    enlarge(rest[1], rest[2], rest[0], whole, &own);
    memcpy(a + whole, rest[1] + whole, bytes);
    memcpy(b + whole, rest[2] + whole, bytes);
}

/* Sums of the pairs of 16 bytes. */
static inline __m128i pairs(const guint8 *bytes)
{
    return _mm_maddubs_epi16(_mm_loadu_si128((const __m128i_u *)bytes), _mm_set1_epi8(1));
}

void mleu_u8_luma__avx2(float *y, gsize n, const guint8 *upper, const guint8 *lower, float black,
                        float scale)
{
    gsize i = 0;
    for (; i + LANES <= n; i += LANES) {
        const __m256 sum = _mm256_cvtepi32_ps(
            _mm256_cvtepu16_epi32(_mm_add_epi16(pairs(upper + 2 * i), pairs(lower + 2 * i))));
        const __m256 value = _mm256_mul_ps(
            _mm256_sub_ps(_mm256_mul_ps(sum, _mm256_set1_ps(0.25f)), _mm256_set1_ps(black)),
            _mm256_set1_ps(scale));
        _mm256_storeu_ps(
            y + i, _mm256_min_ps(_mm256_max_ps(value, _mm256_setzero_ps()), _mm256_set1_ps(1)));
    }
    mleu_u8_luma__c(y + i, n - i, upper + 2 * i, lower + 2 * i, black, scale);
}

void mleu_u8_chroma__avx2(guint8 *out, gsize n, const float *values, float centre, float span)
{
    gsize i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        __m256i codes[2];
        for (guint k = 0; k < 2; k++) {
            const __m256 moved =
                _mm256_mul_ps(_mm256_set1_ps(span), _mm256_loadu_ps(values + i + k * LANES));
            codes[k] = _mm256_cvttps_epi32(
                _mm256_min_ps(_mm256_add_ps(_mm256_set1_ps(centre), moved), _mm256_set1_ps(255)));
        }
        const __m256i words =
            _mm256_permute4x64_epi64(_mm256_packs_epi32(codes[0], codes[1]), 0xd8);
        _mm_storeu_si128(
            (__m128i_u *)(out + i),
            _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
    }
    mleu_u8_chroma__c(out + i, n - i, values + i, centre, span);
}
