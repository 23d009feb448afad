/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * f32_chroma with AVX2. The powers are cubic polynomials, one for each power of two of their
 * argument, whose coefficients lie in registers and are fetched by the argument's exponent. A block
 * of pixels goes through one stage after the other, since a pixel's chain of instructions is longer
 * than processors look ahead.
 *
 * Most colours, whose R'G'B' lie in the gamut and off the toes of sRGB and of L*, take the short
 * way: there the whole conversion is a power law, so that relative to the grey of their luma, f =
 * 1, all that is left of the search is a second-order guess. Cb and Cr hardly depend on what luma
 * it misses by. Vectors that hold another colour are searched for, and those that are not close
 * enough yet evaluated again.
 */
#include <immintrin.h>
#include <string.h>

#include "kernels/tiers.h"

enum { LANES = 8, VECTORS = 8, PIXELS = LANES * VECTORS, STEPS = 6 };

/* In luma: what is left is a shift along the grey axis, to which Cb and Cr are all but blind. An
 * eighth of an 8-bit code value of Cb is the most that it makes of in-gamut colours. */
#define CLOSE 1e-3f

/* Coefficients of x^3, x^2, x, 1; where exponents go up to `most`, that of x, modulo 8, is the
 * column. Arguments below the lowest power of two take its column. */
typedef struct {
    float c[4][LANES] __attribute__((aligned(32)));
    float least;
} Segments;

/* sRGB's transfer function of s^2, s from 0 to 4, the square making it nearly straight: least
 * maximum error on each octave, 8e-5 on 1/32 .. 1/16 where the toe ends, and under 4e-5 from there
 * to 2. Below 1/32 it is the toe itself. */
static const Segments transfer_of_square = {
    .c = {{0.002797954f, 0, -166.68167f, 5.1050366f, 1.1370176f, 0.25324189f, 0.056403218f,
           0.012562389f},
          {-0.046016078f, 12.92f, 34.833861f, -2.6237225f, -1.1687355f, -0.52061249f, -0.2319065f,
           -0.1033026f},
          {0.93256371f, 0, -0.94058235f, 1.6616396f, 1.4803526f, 1.3188442f, 1.1749567f,
           1.0467674f},
          {0.12141452f, 0, 0.013162492f, -0.045177033f, -0.037497462f, -0.023814023f,
           0.00056709331f, 0.044009304f}},
    .least = 0x1p-6f};

/* CIE Lab's f of a grey of code value 0 .. 2: error under 1e-4; a line up to 1/32. It only steers
 * the iteration. */
static const Segments f_of_grey = {
    .c = {{0, 0, 61.29997f, -64.16834f, 0.7174533f, 0.2055494f, 0.05208685f, 0.01228542f},
          {0, 0, -4.554387f, 20.00418f, -0.8294764f, -0.4463341f, -0.2188295f, -0.1014827f},
          {0.6027118f, 0.6027118f, 0.6899353f, -0.9587099f, 1.252878f, 1.155376f, 1.040731f,
           0.9231483f},
          {0.137931f, 0.137931f, 0.1378082f, 0.1755188f, 0.09795821f, 0.1063908f, 0.1260297f,
           0.1660838f}},
    .least = 0x1p-7f};

static inline __m256 set(float value)
{
    return _mm256_set1_ps(value);
}

static inline __m256 evaluate(const Segments *segments, __m256 x)
{
    const __m256 power = _mm256_max_ps(x, set(segments->least));
    const __m256i column = _mm256_srli_epi32(_mm256_castps_si256(power), 23);
    __m256 value = _mm256_permutevar8x32_ps(_mm256_load_ps(segments->c[0]), column);
    for (guint i = 1; i < 4; i++)
        value = _mm256_fmadd_ps(value, x,
                                _mm256_permutevar8x32_ps(_mm256_load_ps(segments->c[i]), column));
    return value;
}

/* sRGB's transfer function, odd about 0. */
static inline __m256 transfer(__m256 x)
{
    const __m256 sign = _mm256_and_ps(x, set(-0.0f));
    const __m256 magnitude = _mm256_min_ps(_mm256_andnot_ps(set(-0.0f), x), set(15));
    return _mm256_xor_ps(evaluate(&transfer_of_square, _mm256_sqrt_ps(magnitude)), sign);
}

static inline __m256 grey_f(__m256 y)
{
    return evaluate(&f_of_grey, _mm256_min_ps(_mm256_max_ps(y, _mm256_setzero_ps()), set(1.99f)));
}

/* The inverse of CIE Lab's f: a cube above 6/29, a line below. */
static inline __m256 lab_inverse(__m256 f)
{
    const __m256 cube = _mm256_mul_ps(_mm256_mul_ps(f, f), f);
    const __m256 line = _mm256_fmadd_ps(f, set(108.0f / 841), set(-4.0f / 29 * (108.0f / 841)));
    return _mm256_blendv_ps(line, cube, _mm256_cmp_ps(f, set(6.0f / 29), _CMP_GT_OQ));
}

static inline __m256 dot(const float row[3], __m256 x, __m256 y, __m256 z)
{
    return _mm256_fmadd_ps(set(row[0]), x,
                           _mm256_fmadd_ps(set(row[1]), y, _mm256_mul_ps(set(row[2]), z)));
}

/* A block on its way. */
typedef struct {
    __m256 y[VECTORS], da[VECTORS], db[VECTORS];
    __m256 f[VECTORS], last_f[VECTORS], got[VECTORS], last_got[VECTORS];
    __m256 red[VECTORS], green[VECTORS], blue[VECTORS];
} Block;

/* Where the greys have this luma, moved by what a*, b* do to luma to second order. */
static inline void start(Block *block, guint v, const MleuChromaMatrix *matrix)
{
    const float *by = matrix->start;
    const __m256 da = block->da[v], db = block->db[v], grey = grey_f(block->y[v]);
    const __m256 first = _mm256_fmadd_ps(set(by[0]), da, _mm256_fmadd_ps(set(by[1]), db, grey));
    const __m256 along_a = _mm256_fmadd_ps(set(by[3]), db, _mm256_mul_ps(set(by[2]), da));
    const __m256 second =
        _mm256_fmadd_ps(along_a, da, _mm256_mul_ps(_mm256_mul_ps(set(by[4]), db), db));
    block->f[v] = _mm256_add_ps(first, _mm256_div_ps(second, grey));
}

/* R', G', B' and luma at f. Returns: whether this is not close enough. */
static inline gboolean look(Block *block, guint v, const MleuChromaMatrix *matrix)
{
    const float weights[3] = {matrix->kr, matrix->kg, matrix->kb};
    const __m256 f = block->f[v];
    const __m256 x = lab_inverse(_mm256_add_ps(f, block->da[v])), y = lab_inverse(f),
                 z = lab_inverse(_mm256_sub_ps(f, block->db[v]));
    block->red[v] = transfer(dot(matrix->rgb[0], x, y, z));
    block->green[v] = transfer(dot(matrix->rgb[1], x, y, z));
    block->blue[v] = transfer(dot(matrix->rgb[2], x, y, z));
    block->got[v] = dot(weights, block->red[v], block->green[v], block->blue[v]);
    const __m256 away = _mm256_andnot_ps(set(-0.0f), _mm256_sub_ps(block->y[v], block->got[v]));
    return _mm256_movemask_ps(_mm256_cmp_ps(away, set(CLOSE), _CMP_NLT_UQ)) != 0;
}

/* The first step takes the slope of the greys, later ones that of the step before. */
static inline void move(Block *block, guint v, guint step)
{
    const __m256 y = block->y[v], f = block->f[v], got = block->got[v];
    __m256 by = _mm256_sub_ps(grey_f(y), grey_f(got));
    if (step > 1) {
        const __m256 rise = _mm256_sub_ps(got, block->last_got[v]);
        const __m256 run = _mm256_sub_ps(f, block->last_f[v]);
        const __m256 secant = _mm256_div_ps(_mm256_mul_ps(_mm256_sub_ps(y, got), run), rise);
        /* Luma rises with f: where it seems not to, it has converged to rounding. */
        by = _mm256_blendv_ps(by, secant,
                              _mm256_cmp_ps(_mm256_mul_ps(rise, run), set(1e-9f), _CMP_GT_OQ));
    }
    block->last_f[v] = f;
    block->last_got[v] = got;
    block->f[v] = _mm256_add_ps(f, _mm256_max_ps(_mm256_min_ps(by, set(0.25f)), set(-0.25f)));
}

/* From the grey of luma y along the line to R'G'B' until the gamut ends: at 1 or at 0, whichever is
 * nearer, which the products tell without a division. */
static inline void finish(float *cb, float *cr, const Block *block, guint v,
                          const MleuChromaMatrix *matrix)
{
    const __m256 least = set(1e-9f), zero = _mm256_setzero_ps();
    const __m256 y = block->y[v], white = _mm256_sub_ps(set(1), y);
    const __m256 red = _mm256_sub_ps(block->red[v], block->got[v]);
    const __m256 green = _mm256_sub_ps(block->green[v], block->got[v]);
    const __m256 blue = _mm256_sub_ps(block->blue[v], block->got[v]);
    const __m256 above = _mm256_max_ps(_mm256_max_ps(red, green), _mm256_max_ps(blue, least));
    const __m256 lowest = _mm256_min_ps(_mm256_min_ps(red, green), blue);
    const __m256 below = _mm256_max_ps(_mm256_sub_ps(zero, lowest), least);
    const __m256 is_above =
        _mm256_cmp_ps(_mm256_mul_ps(white, below), _mm256_mul_ps(y, above), _CMP_LT_OQ);
    const __m256 limit = _mm256_div_ps(_mm256_blendv_ps(y, white, is_above),
                                       _mm256_blendv_ps(below, above, is_above));
    const __m256 share = _mm256_max_ps(_mm256_min_ps(limit, set(1)), zero);
    _mm256_storeu_ps(cb, _mm256_mul_ps(_mm256_mul_ps(share, set(0.5f / (1 - matrix->kb))), blue));
    _mm256_storeu_ps(cr, _mm256_mul_ps(_mm256_mul_ps(share, set(0.5f / (1 - matrix->kr))), red));
}

/* Vectors of @wanted. */
static void search(float *cb, float *cr, const float *y, const float *a, const float *b,
                   guint wanted, const MleuChromaMatrix *matrix)
{
    Block block;
    guint far = 0;
    for (guint left = wanted; left != 0; left &= left - 1) {
        const guint v = (guint)__builtin_ctz(left);
        block.y[v] = _mm256_loadu_ps(y + v * LANES);
        block.da[v] = _mm256_mul_ps(_mm256_loadu_ps(a + v * LANES), set(1.0f / 500));
        block.db[v] = _mm256_mul_ps(_mm256_loadu_ps(b + v * LANES), set(1.0f / 200));
        start(&block, v, matrix);
    }
    for (guint left = wanted; left != 0; left &= left - 1) {
        const guint v = (guint)__builtin_ctz(left);
        far |= (guint)look(&block, v, matrix) << v;
    }
    for (guint step = 1; step < STEPS && far != 0; step++) {
        for (guint left = far; left != 0; left &= left - 1) {
            const guint v = (guint)__builtin_ctz(left);
            move(&block, v, step);
            if (!look(&block, v, matrix))
                far &= ~(1u << v);
        }
    }
    for (guint left = wanted; left != 0; left &= left - 1) {
        const guint v = (guint)__builtin_ctz(left);
        finish(cb + v * LANES, cr + v * LANES, &block, v, matrix);
    }
}

/* What is raised lies on 1/8 .. 2, and that of greys, 1, here: within an octave, where colours near
 * them see no seam. */
#define GREY 0.75f

/* (x / GREY)^(5/12) by octaves: error under 1e-4. */
static const float power[4][4]
    __attribute__((aligned(16))) = {{5.9198222f, 0.98775178f, 0.16481131f, 0.027499588f},
                                    {-5.3479557f, -1.7846662f, -0.59556085f, -0.1987446f},
                                    {2.6276922f, 1.7537742f, 1.1705037f, 0.78121758f},
                                    {0.21756943f, 0.29042035f, 0.38766465f, 0.51747024f}};

/* (x / 1.055)^-0.8, x = Y' + 0.055 on 1/8 .. 2: 1 / f of a grey off the toes, to 1.4e-4 of itself.
 * Columns are halves of octaves: the exponent and the highest bit of the mantissa. */
static const float inverse_f[4][LANES]
    __attribute__((aligned(32))) = {{-845.06061f, -230.67189f, -60.669983f, -16.560778f,
                                     -4.3557191f, -1.1889585f, -0.31271297f, -0.08535967f},
                                    {537.01526f, 205.32982f, 77.108566f, 29.482754f, 11.071811f,
                                     4.2333488f, 1.5897714f, 0.60785508f},
                                    {-129.5123f, -69.593109f, -37.192638f, -19.985373f, -10.680781f,
                                     -5.7392912f, -3.0672488f, -1.6481786f},
                                    {14.956964f, 11.333403f, 8.5905199f, 6.5093307f, 4.9339581f,
                                     3.7386286f, 2.8338146f, 2.1472783f}};

/* How far `got` may be from luma on the short way, as a share of luma + 0.055: again about an
 * eighth of an 8-bit code value of Cb or Cr is the most that it makes. */
#define NEAR 0.004f

/* Encoded, where sRGB's toe ends, and luma where that of L* surely has. */
#define TOE 0.0405f
#define DARKEST 0.1f

static inline __m256 five_twelfths(__m256 x)
{
    const __m256i column = _mm256_srli_epi32(_mm256_castps_si256(x), 23);
    __m256 value = _mm256_permutevar_ps(_mm256_broadcast_ps((const __m128 *)power[0]), column);
    for (guint i = 1; i < 4; i++)
        value = _mm256_fmadd_ps(
            value, x, _mm256_permutevar_ps(_mm256_broadcast_ps((const __m128 *)power[i]), column));
    return value;
}

static inline __m256 inverse_of_f(__m256 x)
{
    const __m256i column = _mm256_srli_epi32(_mm256_castps_si256(x), 22);
    __m256 value = _mm256_permutevar8x32_ps(_mm256_load_ps(inverse_f[0]), column);
    for (guint i = 1; i < 4; i++)
        value = _mm256_fmadd_ps(value, x,
                                _mm256_permutevar8x32_ps(_mm256_load_ps(inverse_f[i]), column));
    return value;
}

static inline __m256 cube(__m256 x)
{
    return _mm256_mul_ps(_mm256_mul_ps(x, x), x);
}

static inline __m256 least_of(__m256 a, __m256 b, __m256 c)
{
    return _mm256_min_ps(_mm256_min_ps(a, b), c);
}

static inline __m256 most_of(__m256 a, __m256 b, __m256 c)
{
    return _mm256_max_ps(_mm256_max_ps(a, b), c);
}

/* What the short way keeps of a vector between its stages; X, Y, Z then R, G, B are relative to the
 * grey of the same luma. */
typedef struct {
    __m256 x[VECTORS], y[VECTORS], z[VECTORS], good[VECTORS];
} Relative;

static inline void quick_start(Relative *relative, guint v, __m256 luma, __m256 a, __m256 b,
                               const float *by)
{
    const __m256 inverse = inverse_of_f(_mm256_add_ps(luma, set(0.055f)));
    const __m256 da = _mm256_mul_ps(_mm256_mul_ps(a, set(1.0f / 500)), inverse);
    const __m256 db = _mm256_mul_ps(_mm256_mul_ps(b, set(1.0f / 200)), inverse);
    const __m256 along_a =
        _mm256_fmadd_ps(set(by[3]), db, _mm256_fmadd_ps(set(by[2]), da, set(by[0])));
    const __m256 along_b = _mm256_fmadd_ps(set(by[4]), db, set(by[1]));
    const __m256 f = _mm256_fmadd_ps(along_a, da, _mm256_fmadd_ps(along_b, db, set(1)));
    const __m256 fx = _mm256_add_ps(f, da), fz = _mm256_sub_ps(f, db);
    relative->x[v] = cube(fx);
    relative->y[v] = cube(f);
    relative->z[v] = cube(fz);
    relative->good[v] = _mm256_and_ps(
        _mm256_cmp_ps(luma, set(DARKEST), _CMP_GT_OQ),
        _mm256_cmp_ps(_mm256_min_ps(fx, fz), _mm256_mul_ps(inverse, set(6.0f / 29)), _CMP_GT_OQ));
}

static inline void quick_raise(Relative *relative, guint v, const float rgb[3][3])
{
    const __m256 x = relative->x[v], y = relative->y[v], z = relative->z[v];
    const __m256 red = dot(rgb[0], x, y, z), green = dot(rgb[1], x, y, z),
                 blue = dot(rgb[2], x, y, z);
    const __m256 inside =
        _mm256_and_ps(_mm256_cmp_ps(least_of(red, green, blue), set(0.125f), _CMP_GE_OQ),
                      _mm256_cmp_ps(most_of(red, green, blue), set(2), _CMP_LT_OQ));
    relative->good[v] = _mm256_and_ps(relative->good[v], inside);
    relative->x[v] = five_twelfths(red);
    relative->y[v] = five_twelfths(green);
    relative->z[v] = five_twelfths(blue);
}

/* Returns: whether all of the vector is good. If not, nothing is written. */
static inline gboolean quick_finish(float *cb, float *cr, const Relative *relative, guint v,
                                    __m256 luma, const MleuChromaMatrix *matrix)
{
    const float weights[3] = {matrix->kr, matrix->kg, matrix->kb};
    const __m256 scale = _mm256_add_ps(luma, set(0.055f));
    const __m256 got = dot(weights, relative->x[v], relative->y[v], relative->z[v]);
    const __m256 red = _mm256_mul_ps(_mm256_sub_ps(relative->x[v], got), scale),
                 green = _mm256_mul_ps(_mm256_sub_ps(relative->y[v], got), scale),
                 blue = _mm256_mul_ps(_mm256_sub_ps(relative->z[v], got), scale);
    const __m256 away = _mm256_andnot_ps(set(-0.0f), _mm256_sub_ps(got, set(1)));
    const __m256 lowest = _mm256_add_ps(least_of(red, green, blue), luma),
                 above = most_of(red, green, blue), white = _mm256_sub_ps(set(1), luma);
    const __m256 good = _mm256_and_ps(relative->good[v],
                                      _mm256_and_ps(_mm256_cmp_ps(away, set(NEAR), _CMP_LT_OQ),
                                                    _mm256_cmp_ps(lowest, set(TOE), _CMP_GT_OQ)));
    /* Black has no colour, whatever came of it. */
    const __m256 black = _mm256_cmp_ps(luma, _mm256_setzero_ps(), _CMP_LE_OQ);
    if (_mm256_movemask_ps(_mm256_or_ps(good, black)) != 0xff)
        return FALSE;
    __m256 share = _mm256_andnot_ps(black, set(1));
    const __m256 beyond = _mm256_cmp_ps(above, white, _CMP_GT_OQ);
    if (_mm256_movemask_ps(beyond) != 0)
        share =
            _mm256_andnot_ps(black, _mm256_blendv_ps(set(1), _mm256_div_ps(white, above), beyond));
    _mm256_storeu_ps(cb, _mm256_mul_ps(_mm256_mul_ps(share, set(0.5f / (1 - matrix->kb))), blue));
    _mm256_storeu_ps(cr, _mm256_mul_ps(_mm256_mul_ps(share, set(0.5f / (1 - matrix->kr))), red));
    return TRUE;
}

static void chroma_block(float *cb, float *cr, const float *y, const float *a, const float *b,
                         const MleuChromaMatrix *matrix, const float from_grey[3][3])
{
    Relative relative;
    guint left = 0;
    for (guint v = 0; v < VECTORS; v++)
        quick_start(&relative, v, _mm256_loadu_ps(y + v * LANES), _mm256_loadu_ps(a + v * LANES),
                    _mm256_loadu_ps(b + v * LANES), matrix->start);
    for (guint v = 0; v < VECTORS; v++)
        quick_raise(&relative, v, from_grey);
    for (guint v = 0; v < VECTORS; v++)
        left |= (guint)!quick_finish(cb + v * LANES, cr + v * LANES, &relative, v,
                                     _mm256_loadu_ps(y + v * LANES), matrix)
                << v;
    if (left != 0)
        search(cb, cr, y, a, b, left, matrix);
}

void mleu_f32_chroma__avx2(float *cb, float *cr, const float *y, const float *a, const float *b,
                           gsize n, const MleuChromaMatrix *matrix)
{
    /* Of its own, so that no output can lie in it as far as compilers know. */
    const MleuChromaMatrix own = *matrix;
    float from_grey[3][3];
    for (guint k = 0; k < 9; k++)
        from_grey[k / 3][k % 3] = GREY * own.rgb[k / 3][k % 3];
    gsize i = 0;
    for (; i + PIXELS <= n; i += PIXELS)
        chroma_block(cb + i, cr + i, y + i, a + i, b + i, &own, from_grey);
    if (i == n)
        return;
    float rest[5][PIXELS] = {0};
    const gsize bytes = (n - i) * sizeof(float);
    memcpy(rest[0], y + i, bytes);
    memcpy(rest[1], a + i, bytes);
    memcpy(rest[2], b + i, bytes);
    chroma_block(rest[3], rest[4], rest[0], rest[1], rest[2], &own, from_grey);
    memcpy(cb + i, rest[3], bytes);
    memcpy(cr + i, rest[4], bytes);
}
