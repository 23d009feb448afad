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

/* Eight cells of a way. What is of a* and b* lies side by side, in two halves: that of cells 0, 1,
 * 4 and 5, and that of 2, 3, 6 and 7. */
enum { HALVES = 2 };

static inline __m256i twice(__m256i values, guint half)
{
    return half == 0 ? _mm256_unpacklo_epi32(values, values)
                     : _mm256_unpackhi_epi32(values, values);
}

static inline __m256i load(const guint32 *from)
{
    return _mm256_loadu_si256((const __m256i_u *)from);
}

/* Out of vectors two at a time. */
static inline void take_out(guint32 at[8], __m256i indices)
{
    const __m128i parts[] = {_mm256_castsi256_si128(indices), _mm256_extracti128_si256(indices, 1)};
    for (guint k = 0; k < 2; k++) {
        const guint64 low = (guint64)_mm_cvtsi128_si64(parts[k]),
                      high = (guint64)_mm_extract_epi64(parts[k], 1);
        at[4 * k] = (guint32)low;
        at[4 * k + 1] = (guint32)(low >> 32);
        at[4 * k + 2] = (guint32)high;
        at[4 * k + 3] = (guint32)(high >> 32);
    }
}

/* Values by their indices. Loads and inserts, here and below: few processors gather fast. */
static inline __m256i pick(const guint32 *from, __m256i indices)
{
    guint32 at[8];
    take_out(at, indices);
    return _mm256_setr_epi32((gint32)from[at[0]], (gint32)from[at[1]], (gint32)from[at[2]],
                             (gint32)from[at[3]], (gint32)from[at[4]], (gint32)from[at[5]],
                             (gint32)from[at[6]], (gint32)from[at[7]]);
}

/* Of two cells: each with the one at its right. */
static inline __m128i pick_pairs(const guint32 *from, guint32 first, guint32 second)
{
    const __m128i low = _mm_loadl_epi64((const __m128i_u *)(from + first));
    return _mm_unpacklo_epi64(low, _mm_loadl_epi64((const __m128i_u *)(from + second)));
}

/* The pairs of all cells, by half. */
static inline void pick_all(__m256i pairs[HALVES], const guint32 *from, __m256i indices)
{
    guint32 at[8];
    take_out(at, indices);
    for (guint half = 0; half < HALVES; half++) {
        const guint32 *first = at + 2 * half;
        pairs[half] =
            _mm256_inserti128_si256(_mm256_castsi128_si256(pick_pairs(from, first[0], first[1])),
                                    pick_pairs(from, first[4], first[5]), 1);
    }
}

/* The same of cells in a row. */
static inline void load_all(__m256i pairs[HALVES], const guint32 *from)
{
    const __m256i here = load(from), next = load(from + 1);
    pairs[0] = _mm256_unpacklo_epi32(here, next);
    pairs[1] = _mm256_unpackhi_epi32(here, next);
}

/* Whether the cells lie in a row, as those of a picture that stands still or moves as one do. */
static inline gboolean are_in_row(__m256i x, __m256i y)
{
    const __m256i apart = _mm256_setr_epi32(
        0, MLEU_WALK_PARTS, 2 * MLEU_WALK_PARTS, 3 * MLEU_WALK_PARTS, 4 * MLEU_WALK_PARTS,
        5 * MLEU_WALK_PARTS, 6 * MLEU_WALK_PARTS, 7 * MLEU_WALK_PARTS);
    const __m256i first = _mm256_broadcastd_epi32(_mm256_castsi256_si128(x)),
                  line = _mm256_broadcastd_epi32(_mm256_castsi256_si128(y));
    const __m256i same = _mm256_and_si256(_mm256_cmpeq_epi32(_mm256_add_epi32(first, apart), x),
                                          _mm256_cmpeq_epi32(line, y));
    return _mm256_movemask_epi8(same) == -1;
}

static inline __m256i index_of(__m256i x, __m256i y, __m256i width)
{
    return _mm256_add_epi32(_mm256_mullo_epi32(_mm256_srli_epi32(y, 6), width),
                            _mm256_srli_epi32(x, 6));
}

/* Between four cells, by the shares of each, of 4096. Where one is 0 there may be no cell beyond,
 * or another row's. */
static inline void mix(__m256i values[HALVES], const guint32 *colours, __m256i x, __m256i y,
                       __m256i width, gboolean in_row)
{
    const __m256i mask = _mm256_set1_epi32(MLEU_WALK_PARTS - 1), zero = _mm256_setzero_si256();
    const __m256i fx = _mm256_and_si256(x, mask), fy = _mm256_and_si256(y, mask);
    const __m256i at = index_of(x, y, width);
    if (_mm256_testz_si256(_mm256_or_si256(fx, fy), mask)) {
        const __m256i here = in_row ? load(colours + _mm256_cvtsi256_si32(at)) : pick(colours, at);
        const __m256i a = _mm256_srai_epi32(_mm256_slli_epi32(here, 16), 16),
                      b = _mm256_srai_epi32(here, 16);
        values[0] = _mm256_unpacklo_epi32(a, b);
        values[1] = _mm256_unpackhi_epi32(a, b);
        return;
    }
    const __m256i parts = _mm256_set1_epi32(MLEU_WALK_PARTS);
    const __m256i half_unit = _mm256_set1_epi32(MLEU_WALK_PARTS * MLEU_WALK_PARTS / 2);
    const __m256i gx = _mm256_sub_epi32(parts, fx), gy = _mm256_sub_epi32(parts, fy);
    const __m256i sides = _mm256_or_si256(gx, _mm256_slli_epi32(fx, 16));
    const __m256i upper = _mm256_mullo_epi16(sides, _mm256_or_si256(gy, _mm256_slli_epi32(gy, 16)));
    const __m256i lower = _mm256_mullo_epi16(sides, _mm256_or_si256(fy, _mm256_slli_epi32(fy, 16)));
    const __m256i down =
        _mm256_add_epi32(at, _mm256_and_si256(_mm256_cmpgt_epi32(fy, zero), width));
    __m256i above[HALVES], below[HALVES];
    if (in_row) {
        load_all(above, colours + _mm256_cvtsi256_si32(at));
        load_all(below, colours + _mm256_cvtsi256_si32(down));
    } else {
        pick_all(above, colours, at);
        pick_all(below, colours, down);
    }
    /* a* of both cells of a pair, then b*. */
    const __m256i order = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15));
    for (guint half = 0; half < HALVES; half++) {
        const __m256i sum = _mm256_add_epi32(
            _mm256_madd_epi16(_mm256_shuffle_epi8(above[half], order), twice(upper, half)),
            _mm256_madd_epi16(_mm256_shuffle_epi8(below[half], order), twice(lower, half)));
        values[half] = _mm256_srai_epi32(_mm256_add_epi32(sum, half_unit), 12);
    }
}

static inline __m256i clamp(__m256i value, gint32 most)
{
    return _mm256_max_epi32(_mm256_min_epi32(value, _mm256_set1_epi32(most)),
                            _mm256_setzero_si256());
}

/* Where eight cells have come to, and what was found on the way. */
typedef struct {
    __m256i x, y, way, both[HALVES], total;
} Eight;

static inline void begin(Eight *eight, guint first, guint row, const MleuWalk *job)
{
    const __m256i zero = _mm256_setzero_si256();
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i x =
        _mm256_slli_epi32(_mm256_add_epi32(_mm256_set1_epi32((gint32)first), lane), 6);
    /* Beyond the end of the row, any cell will do. */
    *eight = (Eight){.x = clamp(x, ((gint32)job->width - 1) * MLEU_WALK_PARTS),
                     .y = _mm256_set1_epi32((gint32)row * MLEU_WALK_PARTS),
                     .way = _mm256_set1_epi32(MLEU_WALK_WHOLE),
                     .both = {zero, zero},
                     .total = zero};
}

/* One frame further back. Cells that are done get no weight any more; FALSE where all are. */
static inline gboolean go_on(Eight *eight, guint age, const MleuWalk *job)
{
    const gint32 right = ((gint32)job->width - 1) * MLEU_WALK_PARTS,
                 bottom = ((gint32)job->height - 1) * MLEU_WALK_PARTS;
    const __m256i zero = _mm256_setzero_si256(), one = _mm256_set1_epi32(1);
    const __m256i width = _mm256_set1_epi32((gint32)job->width);
    const __m256i least = _mm256_set1_epi32(MLEU_WALK_LEAST);
    const __m256i half_cell = _mm256_set1_epi32(MLEU_WALK_PARTS / 2);
    const __m256i x = eight->x, y = eight->y, way = eight->way;
    __m256i weight =
        _mm256_srli_epi32(_mm256_mullo_epi32(way, _mm256_set1_epi32(job->ages[age])), 8);
    const __m256i done =
        _mm256_and_si256(_mm256_cmpgt_epi32(eight->total, zero), _mm256_cmpgt_epi32(least, weight));
    if (_mm256_movemask_epi8(done) == -1)
        return FALSE;
    const gboolean in_row = are_in_row(x, y);
    if (job->colours[age] != NULL) {
        __m256i values[HALVES];
        mix(values, job->colours[age], x, y, width, in_row);
        weight = _mm256_andnot_si256(done, _mm256_max_epi32(weight, one));
        for (guint half = 0; half < HALVES; half++)
            eight->both[half] = _mm256_add_epi32(
                eight->both[half], _mm256_mullo_epi32(twice(weight, half), values[half]));
        eight->total = _mm256_add_epi32(eight->total, weight);
    }
    const __m256i at =
        index_of(_mm256_add_epi32(x, half_cell), _mm256_add_epi32(y, half_cell), width);
    const __m256i step =
        in_row ? load(job->steps[age] + _mm256_cvtsi256_si32(at)) : pick(job->steps[age], at);
    const __m256i keep = _mm256_srli_epi32(step, 24);
    const __m256i dx = _mm256_srai_epi32(_mm256_slli_epi32(step, 20), 20);
    const __m256i dy = _mm256_srai_epi32(_mm256_slli_epi32(step, 8), 20);
    eight->x = clamp(_mm256_add_epi32(x, dx), right);
    eight->y = clamp(_mm256_add_epi32(y, dy), bottom);
    eight->way = _mm256_srli_epi32(
        _mm256_mullo_epi32(way, _mm256_add_epi32(keep, _mm256_srli_epi32(keep, 7))), 8);
    return TRUE;
}

/* All of them a frame further, then the next frame: a frame's cells do not wait for each other. */
void mleu_s16_walk__avx2(gint32 *a, gint32 *b, gint32 *total, guint first, guint row, guint n,
                         const MleuWalk *job)
{
    enum { AT_ONCE = 8 };
    for (guint i = 0; i < n; i += 8 * AT_ONCE) {
        Eight eights[AT_ONCE];
        const guint count = MIN((n - i + 7) / 8, (guint)AT_ONCE);
        gboolean goes_on = TRUE;
        for (guint k = 0; k < count; k++)
            begin(&eights[k], first + i + 8 * k, row, job);
        for (guint age = 0; age < job->length && goes_on; age++) {
            goes_on = FALSE;
            for (guint k = 0; k < count; k++)
                goes_on |= go_on(&eights[k], age, job);
        }
        for (guint k = 0; k < count; k++) {
            const __m256 low = _mm256_castsi256_ps(eights[k].both[0]),
                         high = _mm256_castsi256_ps(eights[k].both[1]);
            const __m256i sums[] = {_mm256_castps_si256(_mm256_shuffle_ps(low, high, 0x88)),
                                    _mm256_castps_si256(_mm256_shuffle_ps(low, high, 0xdd)),
                                    eights[k].total};
            gint32 *const out[] = {a, b, total};
            for (guint c = 0; c < G_N_ELEMENTS(out); c++) {
                gint32 eight[8];
                _mm256_storeu_si256((__m256i_u *)eight, sums[c]);
                memcpy(out[c] + i + 8 * k, eight, MIN(n - i - 8 * k, 8) * sizeof *eight);
            }
        }
    }
}
