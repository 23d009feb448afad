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

enum { WINDOW_W = MLEU_Q8_WINDOW_W, WINDOW_H = MLEU_Q8_WINDOW_H, POINTS = MLEU_Q8_POINTS };
enum { TILE_W = MLEU_Q8_TILE_W, TILE_H = MLEU_Q8_TILE_H };

static inline __m256i twice(__m256i words)
{
    return _mm256_slli_epi16(words, 1);
}

static inline __m256i four_times(__m256i words)
{
    return _mm256_slli_epi16(words, 2);
}

/* The transforms of a tile's inputs, along x and along y, in place. */
static inline void transform_row(__m256i x[WINDOW_W])
{
    const __m256i x1 = x[1], x2 = x[2], x3 = x[3], x4 = x[4];
    const __m256i far = _mm256_sub_epi16(x4, x2), near = twice(_mm256_sub_epi16(x3, x1));
    x[0] = _mm256_add_epi16(four_times(_mm256_sub_epi16(x[0], x2)), far);
    x[1] = _mm256_sub_epi16(_mm256_add_epi16(x4, x3), four_times(_mm256_add_epi16(x2, x1)));
    x[2] = _mm256_sub_epi16(_mm256_sub_epi16(x4, x3), four_times(_mm256_sub_epi16(x2, x1)));
    x[3] = _mm256_add_epi16(far, near);
    x[4] = _mm256_sub_epi16(far, near);
    x[5] = _mm256_add_epi16(four_times(_mm256_sub_epi16(x1, x3)), _mm256_sub_epi16(x[5], x3));
}

static inline void transform_column(__m256i *x)
{
    enum { W = WINDOW_W };
    const __m256i x1 = x[W], x2 = x[2 * W], x3 = x[3 * W];
    const __m256i far = _mm256_sub_epi16(x3, x2), near = _mm256_sub_epi16(x3, x1);
    x[0] = _mm256_add_epi16(twice(_mm256_sub_epi16(x[0], x2)), near);
    x[W] = _mm256_sub_epi16(far, twice(x1));
    x[2 * W] = _mm256_add_epi16(far, twice(_mm256_sub_epi16(x1, x2)));
    x[3 * W] = near;
    x[4 * W] = _mm256_sub_epi16(_mm256_sub_epi16(x[4 * W], x2), twice(near));
}

/* Sixteen channels of a tile, from `c` on, `n` of them there: point k goes to out + k step. */
static inline __attribute__((always_inline)) void
transform_tile(gint16 *out, gsize step, const guint8 *const *in, guint tiles, gsize c, gsize n)
{
    __m256i x[POINTS];
    for (guint k = 0; k < POINTS; k++)
        x[k] = _mm256_cvtepu8_epi16(load_bytes(in[k * tiles] + c, n));
    for (guint i = 0; i < WINDOW_W; i++)
        transform_column(x + i);
    for (guint i = 0; i < WINDOW_H; i++)
        transform_row(x + i * WINDOW_W);
    for (guint k = 0; k < POINTS; k++)
        _mm256_store_si256((__m256i *)(out + k * step), x[k]);
}

/* Tiles' transformed inputs: points x tiles x channels. */
static void transform_tiles(gint16 *out, const MleuQ8Winograd *job)
{
    const gsize row = mleu_q8_winograd_row(job->channels), whole = job->channels / 16 * 16;
    for (guint t = 0; t < job->tiles; t++) {
        gint16 *to = out + t * row;
        for (gsize c = 0; c < whole; c += 16)
            transform_tile(to + c, job->tiles * row, job->in + t, job->tiles, c, 16);
        if (whole < job->channels)
            transform_tile(to + whole, job->tiles * row, job->in + t, job->tiles, whole,
                           job->channels - whole);
    }
}

/* Of one point of `tiles` tiles: the sums over the channels of a block of outputs, or of its first
 * eight. `tiles` and `eight` are constants wherever this is called, so that they stay in registers.
 */
static inline __attribute__((always_inline)) void sum_channels(guint tiles, gint32 *out,
                                                               const gint16 *in, gsize row,
                                                               guint pairs, const gint16 *weight,
                                                               gboolean eight)
{
    Sums sums[PIXELS];
    for (guint t = 0; t < tiles; t++)
        sums[t] = (Sums){_mm256_setzero_si256(), _mm256_setzero_si256()};
    for (guint c = 0; c < pairs; c++, weight += 2 * MLEU_Q8_OUTPUTS) {
        const __m256i first = load_32(weight), second = load_32(weight + MLEU_Q8_OUTPUTS);
        for (guint t = 0; t < tiles; t++) {
            const __m256i x = _mm256_set1_epi32(load_four((const guint8 *)(in + t * row + 2 * c)));
            sums[t].low = add_words(sums[t].low, x, first);
            if (!eight)
                sums[t].high = add_words(sums[t].high, x, second);
        }
    }
    for (guint t = 0; t < tiles; t++) {
        _mm256_store_si256((__m256i *)(out + t * MLEU_Q8_OUTPUTS), sums[t].low);
        _mm256_store_si256((__m256i *)(out + t * MLEU_Q8_OUTPUTS + 8), sums[t].high);
    }
}

/* Tiles to take at a time, of those that are left: evenly, for a few take as long as many. */
static inline guint share_of(guint tiles)
{
    const guint turns = (tiles + PIXELS - 1) / PIXELS;
    return (tiles + turns - 1) / turns;
}

/* Of one point of all tiles, of a block's outputs or the first eight of them. A function of its
 * own, so that gcc keeps the sums in registers. */
static __attribute__((noinline)) void sum_point(gint32 *out, guint tiles, const gint16 *in,
                                                gsize row, guint pairs, const gint16 *weight,
                                                gboolean eight)
{
    for (guint t = 0, n; t < tiles; t += n, out += n * MLEU_Q8_OUTPUTS, in += n * row) {
        n = share_of(tiles - t);
        if (eight)
            WITH_CONSTANT_PIXELS(n, sum_channels, out, in, row, pairs, weight, TRUE)
        else
            WITH_CONSTANT_PIXELS(n, sum_channels, out, in, row, pairs, weight, FALSE)
    }
}

/* The transforms of a tile's sums: six of a row become four, five of a column three. */
static inline void untransform_row(__m256i x[WINDOW_W])
{
    const __m256i x0 = x[0], sum = _mm256_add_epi32(x[1], x[2]),
                  difference = _mm256_sub_epi32(x[1], x[2]);
    const __m256i sum_2 = _mm256_add_epi32(x[3], x[4]), difference_2 = _mm256_sub_epi32(x[3], x[4]);
    x[0] = _mm256_add_epi32(_mm256_add_epi32(x0, sum), sum_2);
    x[1] = _mm256_add_epi32(difference, _mm256_slli_epi32(difference_2, 1));
    x[2] = _mm256_add_epi32(sum, _mm256_slli_epi32(sum_2, 2));
    x[3] = _mm256_add_epi32(_mm256_add_epi32(difference, x[5]), _mm256_slli_epi32(difference_2, 3));
}

static inline void untransform_column(__m256i *x)
{
    enum { W = WINDOW_W };
    const __m256i sum = _mm256_add_epi32(x[W], x[2 * W]), x3 = x[3 * W];
    const __m256i difference = _mm256_sub_epi32(x[W], x[2 * W]);
    x[0] = _mm256_add_epi32(x[0], _mm256_add_epi32(sum, x3));
    x[W] = _mm256_add_epi32(difference, _mm256_slli_epi32(x3, 1));
    x[2 * W] = _mm256_add_epi32(_mm256_add_epi32(sum, x[4 * W]), _mm256_slli_epi32(x3, 2));
}

/* Of 144 times sums, modulo 2^32, the sums: by what 9 becomes 1 with, then by 16. */
static inline __m256i divide(__m256i sums)
{
    return _mm256_srai_epi32(_mm256_mullo_epi32(sums, _mm256_set1_epi32(0x38e38e39)), 4);
}

/* The sums of eight outputs of a tile's pixels, their bias included. */
static inline void finish_eight(__m256i out[TILE_H][TILE_W], const gint32 *sums, gsize step,
                                const gint32 *bias)
{
    __m256i x[POINTS];
    for (guint k = 0; k < POINTS; k++)
        x[k] = load_32(sums + k * step);
    for (guint i = 0; i < WINDOW_W; i++)
        untransform_column(x + i);
    for (guint i = 0; i < TILE_H; i++) {
        untransform_row(x + i * WINDOW_W);
        for (guint k = 0; k < TILE_W; k++)
            out[i][k] = _mm256_add_epi32(divide(x[i * WINDOW_W + k]), load_32(bias));
    }
}

/* `n` outputs of a block, from `o` on, of the pixels of a tile at `x`, `y`; its sums are points x
 * tiles x outputs. */
static inline __attribute__((always_inline)) void
finish_tile(const MleuQ8Winograd *job, guint x, guint y, gsize o, gsize n, const gint32 *sums)
{
    const gsize step = (gsize)job->tiles * MLEU_Q8_OUTPUTS;
    const guint width = MIN(TILE_W, job->width - x), height = MIN(TILE_H, job->height - y);
    __m256i low[TILE_H][TILE_W], high[TILE_H][TILE_W];
    finish_eight(low, sums, step, job->to.bias + o);
    finish_eight(high, sums + 8, step, job->to.bias + o + 8);
    for (guint i = 0; i < height; i++) {
        guint8 *out = job->out + ((gsize)(y + i) * job->width + x) * job->step + o;
        for (guint k = 0; k < width; k += 2, out += 2 * job->step) {
            const __m256i bytes =
                requantize_two((Sums){low[i][k], high[i][k]}, (Sums){low[i][k + 1], high[i][k + 1]},
                               job->to.scale + o, &job->to);
            store_bytes(out, _mm256_castsi256_si128(bytes), n);
            if (k + 1 < width)
                store_bytes(out + job->step, _mm256_extracti128_si256(bytes, 1), n);
        }
    }
}

/* Likewise of all tiles. */
static void finish(const MleuQ8Winograd *job, gsize o, gsize n, const gint32 *sums)
{
    guint x = job->first % job->columns * TILE_W, y = job->first / job->columns * TILE_H;
    for (guint t = 0; t < job->tiles; t++, sums += MLEU_Q8_OUTPUTS) {
        if (n == MLEU_Q8_OUTPUTS)
            finish_tile(job, x, y, o, MLEU_Q8_OUTPUTS, sums);
        else
            finish_tile(job, x, y, o, n, sums);
        x += TILE_W;
        if (x >= job->width) {
            x = 0;
            y += TILE_H;
        }
    }
}

/* Point by point, so that its weights serve all tiles out of the first-level cache. */
void mleu_q8_winograd__avx2(gsize outputs, const MleuQ8Winograd *job)
{
    const gsize row = mleu_q8_winograd_row(job->channels), of_point = job->tiles * row;
    const guint pairs = (job->channels + 1) / 2;
    gint16 *in = job->scratch;
    gint32 *sums = (gint32 *)(in + POINTS * of_point);
    const gint16 *weight = job->weight;
    transform_tiles(in, job);
    for (gsize o = 0; o < outputs; o += MLEU_Q8_OUTPUTS) {
        for (guint k = 0; k < POINTS; k++, weight += 2 * MLEU_Q8_OUTPUTS * pairs) {
            sum_point(sums + k * job->tiles * MLEU_Q8_OUTPUTS, job->tiles, in + k * of_point, row,
                      pairs, weight, outputs - o <= 8);
        }
        finish(job, o, MIN(MLEU_Q8_OUTPUTS, outputs - o), sums);
    }
}

/* Sixteen 32-bit values in 0 .. 255, as bytes in their order. */
static inline __m128i pack_sixteen(__m256i first, __m256i second)
{
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(first, second), 0xd8);
    return _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}

static inline gint64 add_up(__m256i sums)
{
    gint64 lanes[4];
    _mm256_storeu_si256((__m256i_u *)lanes, sums);
    return lanes[0] + lanes[1] + lanes[2] + lanes[3];
}

MleuQ8Mean mleu_q8_mean__avx2(const gint16 *logits, const MleuQ8Softmax *softmax)
{
    enum { LANES = 16 };
    const guint32 *table = softmax->table;
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

    /* Classes beyond the table's reach have no weight; often all of a vector are. */
    const __m256i top = _mm256_set1_epi16(most);
    const __m256i reach = _mm256_set1_epi16((short)softmax->reach);
    __m256i weights = _mm256_setzero_si256(), a = weights, b = weights;
    for (guint begin = 0; begin < whole; begin += LANES) {
        const __m256i below = _mm256_subs_epi16(top, load_32(logits + begin));
        const __m256i within = _mm256_cmpgt_epi16(reach, below);
        if (_mm256_testz_si256(within, within))
            continue;
        gint16 at[LANES];
        _mm256_storeu_si256((__m256i_u *)at, _mm256_min_epi16(below, reach));
        for (guint i = 0; i < LANES; i += 4) {
            /* Single loads are faster than a gather. */
            const __m256i weight = _mm256_setr_epi64x(table[at[i]], table[at[i + 1]],
                                                      table[at[i + 2]], table[at[i + 3]]);
            const __m256i bins = load_32(softmax->bins + 2 * (begin + i));
            weights = _mm256_add_epi64(weights, weight);
            a = _mm256_add_epi64(a, _mm256_mul_epi32(weight, bins));
            b = _mm256_add_epi64(b, _mm256_mul_epi32(weight, _mm256_srli_epi64(bins, 32)));
        }
    }
    MleuQ8Mean mean = {add_up(weights), add_up(a), add_up(b)};
    for (guint c = whole; c < classes; c++) {
        const gint64 weight = table[MIN((guint)(most - logits[c]), softmax->reach)];
        mean.weight += weight;
        mean.a += weight * softmax->bins[2 * c];
        mean.b += weight * softmax->bins[2 * c + 1];
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

static inline __m256i affine_eight(const float *x, const MleuQ8Affine *job)
{
    const __m256 value = _mm256_mul_ps(_mm256_loadu_ps(x), _mm256_set1_ps(job->scale));
    const __m256 moved = _mm256_add_ps(
        _mm256_div_ps(_mm256_add_ps(value, _mm256_set1_ps(job->offset)), _mm256_set1_ps(job->unit)),
        _mm256_set1_ps((float)job->zero));
    /* The maximum is its second operand where the first is not a number. */
    return round_clamped(moved, _mm256_setzero_ps(), _mm256_set1_ps(255));
}

void mleu_q8_affine__avx2(guint8 *out, gsize step, const float *x, gsize n, const MleuQ8Affine *job)
{
    gsize i = 0;
    for (; step == 1 && i + 16 <= n; i += 16)
        _mm_storeu_si128((__m128i_u *)(out + i),
                         pack_sixteen(affine_eight(x + i, job), affine_eight(x + i + 8, job)));
    mleu_q8_affine__c(out + i * step, step, x + i, n - i, job);
}
