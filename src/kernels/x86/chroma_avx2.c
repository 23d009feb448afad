/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * f32_chroma with AVX2. The powers are cubic polynomials, one for each power of two of their
 * argument, whose coefficients lie in registers and are fetched by the argument's exponent. A block
 * of pixels goes through one stage after the other, since a pixel's chain of instructions is longer
 * than processors look ahead.
 *
 * Most colours, which are not very strong and lie in the gamut, off the toes of sRGB and of L*,
 * take the short way: there the whole conversion is a power law, so that Cb and Cr over luma +
 * 0.055 depend on two numbers alone, a* and b* over the f of the grey of their luma, and are
 * polynomials of them. Vectors that hold another colour are searched for, and those that are not
 * close enough yet evaluated again.
 */
#include <immintrin.h>
#include <string.h>

#include "kernels/tiers.h"

enum { LANES = 8, VECTORS = 8, PIXELS = LANES * VECTORS, STEPS = 6 };

/* Vectors of a run, of which those that the short way leaves are searched for together: a bit for
 * each. */
enum { RUN = 32 };

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

/* What is needed of MleuChromaMatrix, in every lane. */
typedef struct {
    __m256 rgb[3][3], weight[3], start[5];
    __m256 to_cb, to_cr;                 /* from B' - Y', from R' - Y' */
    __m256 to_blue, to_red;              /* and back */
    __m256 green_with_cb, green_with_cr; /* G' - Y' */
    __m256 pale_cb[MLEU_PALE_TERMS], pale_cr[MLEU_PALE_TERMS];
} Matrix;

static void spread(Matrix *out, const MleuChromaMatrix *matrix)
{
    const float to_blue = 2 * (1 - matrix->kb), to_red = 2 * (1 - matrix->kr);
    const float weights[3] = {matrix->kr, matrix->kg, matrix->kb};
    for (guint i = 0; i < 3; i++) {
        for (guint j = 0; j < 3; j++)
            out->rgb[i][j] = set(matrix->rgb[i][j]);
        out->weight[i] = set(weights[i]);
    }
    for (guint i = 0; i < 5; i++)
        out->start[i] = set(matrix->start[i]);
    out->to_cb = set(1 / to_blue);
    out->to_cr = set(1 / to_red);
    out->to_blue = set(to_blue);
    out->to_red = set(to_red);
    out->green_with_cb = set(-to_blue * matrix->kb / matrix->kg);
    out->green_with_cr = set(-to_red * matrix->kr / matrix->kg);
    for (guint i = 0; i < MLEU_PALE_TERMS; i++) {
        out->pale_cb[i] = set(matrix->pale_cb[i]);
        out->pale_cr[i] = set(matrix->pale_cr[i]);
    }
}

static inline __m256 dot(const __m256 row[3], __m256 x, __m256 y, __m256 z)
{
    return _mm256_fmadd_ps(row[0], x, _mm256_fmadd_ps(row[1], y, _mm256_mul_ps(row[2], z)));
}

static inline __m256 least_of(__m256 a, __m256 b, __m256 c)
{
    return _mm256_min_ps(_mm256_min_ps(a, b), c);
}

static inline __m256 most_of(__m256 a, __m256 b, __m256 c)
{
    return _mm256_max_ps(_mm256_max_ps(a, b), c);
}

/* A block on its way. */
typedef struct {
    __m256 y[VECTORS], da[VECTORS], db[VECTORS];
    __m256 f[VECTORS], last_f[VECTORS], got[VECTORS], last_got[VECTORS];
    __m256 red[VECTORS], green[VECTORS], blue[VECTORS];
} Block;

/* Where the greys have this luma, moved by what a*, b* do to luma to second order. */
static inline void start(Block *block, guint v, const Matrix *matrix)
{
    const __m256 *by = matrix->start;
    const __m256 da = block->da[v], db = block->db[v], grey = grey_f(block->y[v]);
    const __m256 first = _mm256_fmadd_ps(by[0], da, _mm256_fmadd_ps(by[1], db, grey));
    const __m256 along_a = _mm256_fmadd_ps(by[3], db, _mm256_mul_ps(by[2], da));
    const __m256 second = _mm256_fmadd_ps(along_a, da, _mm256_mul_ps(_mm256_mul_ps(by[4], db), db));
    block->f[v] = _mm256_add_ps(first, _mm256_div_ps(second, grey));
}

/* R', G', B' and luma at f. Returns: whether this is not close enough. */
static inline gboolean look(Block *block, guint v, const Matrix *matrix)
{
    const __m256 f = block->f[v];
    const __m256 x = lab_inverse(_mm256_add_ps(f, block->da[v])), y = lab_inverse(f),
                 z = lab_inverse(_mm256_sub_ps(f, block->db[v]));
    block->red[v] = transfer(dot(matrix->rgb[0], x, y, z));
    block->green[v] = transfer(dot(matrix->rgb[1], x, y, z));
    block->blue[v] = transfer(dot(matrix->rgb[2], x, y, z));
    block->got[v] = dot(matrix->weight, block->red[v], block->green[v], block->blue[v]);
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
static inline void finish(float *cb, float *cr, const Block *block, guint v, const Matrix *matrix)
{
    const __m256 least = set(1e-9f), zero = _mm256_setzero_ps();
    const __m256 y = block->y[v], white = _mm256_sub_ps(set(1), y);
    const __m256 red = _mm256_sub_ps(block->red[v], block->got[v]);
    const __m256 green = _mm256_sub_ps(block->green[v], block->got[v]);
    const __m256 blue = _mm256_sub_ps(block->blue[v], block->got[v]);
    const __m256 above = _mm256_max_ps(most_of(red, green, blue), least);
    const __m256 below = _mm256_max_ps(_mm256_sub_ps(zero, least_of(red, green, blue)), least);
    const __m256 is_above =
        _mm256_cmp_ps(_mm256_mul_ps(white, below), _mm256_mul_ps(y, above), _CMP_LT_OQ);
    const __m256 limit = _mm256_div_ps(_mm256_blendv_ps(y, white, is_above),
                                       _mm256_blendv_ps(below, above, is_above));
    const __m256 share = _mm256_max_ps(_mm256_min_ps(limit, set(1)), zero);
    _mm256_storeu_ps(cb, _mm256_mul_ps(_mm256_mul_ps(share, matrix->to_cb), blue));
    _mm256_storeu_ps(cr, _mm256_mul_ps(_mm256_mul_ps(share, matrix->to_cr), red));
}

/* Vectors of @wanted, some at a time. */
static void search(float *cb, float *cr, const float *y, const float *a, const float *b,
                   guint32 wanted, const Matrix *matrix)
{
    while (wanted != 0) {
        Block block;
        guint at[VECTORS], count = 0, far = 0;
        for (; wanted != 0 && count < VECTORS; wanted &= wanted - 1)
            at[count++] = (guint)__builtin_ctz(wanted) * LANES;
        for (guint v = 0; v < count; v++) {
            block.y[v] = _mm256_loadu_ps(y + at[v]);
            block.da[v] = _mm256_mul_ps(_mm256_loadu_ps(a + at[v]), set(1.0f / 500));
            block.db[v] = _mm256_mul_ps(_mm256_loadu_ps(b + at[v]), set(1.0f / 200));
            start(&block, v, matrix);
        }
        for (guint v = 0; v < count; v++)
            far |= (guint)look(&block, v, matrix) << v;
        for (guint step = 1; step < STEPS && far != 0; step++) {
            for (guint left = far; left != 0; left &= left - 1) {
                const guint v = (guint)__builtin_ctz(left);
                move(&block, v, step);
                if (!look(&block, v, matrix))
                    far &= ~(1u << v);
            }
        }
        for (guint v = 0; v < count; v++)
            finish(cb + at[v], cr + at[v], &block, v, matrix);
    }
}

/* (x / 1.055)^-0.8 / 100, x = Y' + 0.055 on 1/8 .. 2: 1 / 100 f of a grey off the toes, to 1.4e-4
 * of itself. Columns are halves of octaves: the exponent and the highest bit of the mantissa. */
static const float inverse_f[4][LANES]
    __attribute__((aligned(32))) = {{-8.4506061f, -2.3067189f, -0.60669983f, -0.16560778f,
                                     -0.043557191f, -0.011889585f, -0.0031271297f, -0.0008535967f},
                                    {5.3701526f, 2.0532982f, 0.77108566f, 0.29482754f, 0.11071811f,
                                     0.042333488f, 0.015897714f, 0.0060785508f},
                                    {-1.295123f, -0.69593109f, -0.37192638f, -0.19985373f,
                                     -0.10680781f, -0.057392912f, -0.030672488f, -0.016481786f},
                                    {0.14956964f, 0.11333403f, 0.085905199f, 0.065093307f,
                                     0.049339581f, 0.037386286f, 0.028338146f, 0.021472783f}};

/* Encoded, where sRGB's toe ends, and luma where that of L* surely has for X and Y. */
#define TOE 0.0405f
#define DARKEST 0.105f

static inline __m256 inverse_of_f(__m256 x)
{
    const __m256i column = _mm256_srli_epi32(_mm256_castps_si256(x), 22);
    __m256 value = _mm256_permutevar8x32_ps(_mm256_load_ps(inverse_f[0]), column);
    for (guint i = 1; i < 4; i++)
        value = _mm256_fmadd_ps(value, x,
                                _mm256_permutevar8x32_ps(_mm256_load_ps(inverse_f[i]), column));
    return value;
}

/* A polynomial of MleuChromaMatrix: the rows of one power of u, then these. */
static inline __m256 pale(const __m256 *c, __m256 u, __m256 v)
{
    const __m256 row3 = _mm256_fmadd_ps(c[12], v, c[11]);
    const __m256 row2 = _mm256_fmadd_ps(_mm256_fmadd_ps(c[10], v, c[9]), v, c[8]);
    const __m256 row1 =
        _mm256_fmadd_ps(_mm256_fmadd_ps(_mm256_fmadd_ps(c[7], v, c[6]), v, c[5]), v, c[4]);
    const __m256 row0 =
        _mm256_fmadd_ps(_mm256_fmadd_ps(_mm256_fmadd_ps(c[3], v, c[2]), v, c[1]), v, c[0]);
    const __m256 from2 = _mm256_fmadd_ps(_mm256_fmadd_ps(c[13], u, row3), u, row2);
    return _mm256_fmadd_ps(row0, v, _mm256_mul_ps(_mm256_fmadd_ps(from2, u, row1), u));
}

/* What the short way keeps of a vector between its stages. */
typedef struct {
    __m256 u[VECTORS], v[VECTORS], good[VECTORS];
} Pale;

static inline void pale_start(Pale *block, guint k, __m256 luma, __m256 a, __m256 b,
                              const Matrix *matrix)
{
    const __m256 inverse = inverse_of_f(_mm256_add_ps(luma, set(0.055f)));
    const __m256 u = _mm256_mul_ps(a, inverse), v = _mm256_mul_ps(b, inverse);
    /* The ellipse that the polynomials hold in. */
    const __m256 x = _mm256_mul_ps(u, set(1 / MLEU_PALE_U)),
                 y = _mm256_fmadd_ps(v, set(1 / MLEU_PALE_V), set(-MLEU_PALE_MIDDLE / MLEU_PALE_V));
    const __m256 distance = _mm256_fmadd_ps(y, y, _mm256_mul_ps(x, _mm256_add_ps(x, y)));
    /* f of Z over that of the grey, to first order, against where its toe ends. The second would
     * raise it. */
    const __m256 along_a = _mm256_fmadd_ps(_mm256_mul_ps(matrix->start[0], set(0.2f)), u, set(1));
    const __m256 room =
        _mm256_fmadd_ps(inverse, set(-600.0f / 29), _mm256_fmadd_ps(v, set(-0.5f), along_a));
    block->u[k] = u;
    block->v[k] = v;
    block->good[k] =
        _mm256_and_ps(_mm256_and_ps(_mm256_cmp_ps(distance, set(1), _CMP_LT_OQ),
                                    _mm256_cmp_ps(room, _mm256_setzero_ps(), _CMP_GT_OQ)),
                      _mm256_cmp_ps(luma, set(DARKEST), _CMP_GT_OQ));
}

/* Returns: whether all of the vector is good. If not, nothing is written. */
static inline gboolean pale_finish(float *to_cb, float *to_cr, const Pale *block, guint k,
                                   __m256 luma, const Matrix *matrix)
{
    const __m256 scale = _mm256_add_ps(luma, set(0.055f));
    const __m256 cb = _mm256_mul_ps(scale, pale(matrix->pale_cb, block->u[k], block->v[k]));
    const __m256 cr = _mm256_mul_ps(scale, pale(matrix->pale_cr, block->u[k], block->v[k]));
    const __m256 blue = _mm256_fmadd_ps(cb, matrix->to_blue, luma),
                 red = _mm256_fmadd_ps(cr, matrix->to_red, luma),
                 green = _mm256_fmadd_ps(cb, matrix->green_with_cb,
                                         _mm256_fmadd_ps(cr, matrix->green_with_cr, luma));
    const __m256 inside =
        _mm256_and_ps(_mm256_cmp_ps(least_of(red, green, blue), set(TOE), _CMP_GT_OQ),
                      _mm256_cmp_ps(most_of(red, green, blue), set(1), _CMP_LE_OQ));
    /* Black and white have no colour, whatever came of them. */
    const __m256 neutral = _mm256_or_ps(_mm256_cmp_ps(luma, _mm256_setzero_ps(), _CMP_LE_OQ),
                                        _mm256_cmp_ps(luma, set(1), _CMP_GE_OQ));
    const __m256 good = _mm256_or_ps(_mm256_and_ps(block->good[k], inside), neutral);
    if (_mm256_movemask_ps(good) != 0xff)
        return FALSE;
    _mm256_storeu_ps(to_cb, _mm256_andnot_ps(neutral, cb));
    _mm256_storeu_ps(to_cr, _mm256_andnot_ps(neutral, cr));
    return TRUE;
}

/* Returns: a bit for each vector that is left. */
static inline guint32 pale_block(float *cb, float *cr, const float *y, const float *a,
                                 const float *b, const Matrix *matrix)
{
    Pale block;
    guint32 left = 0;
    for (guint v = 0; v < VECTORS; v++)
        pale_start(&block, v, _mm256_loadu_ps(y + v * LANES), _mm256_loadu_ps(a + v * LANES),
                   _mm256_loadu_ps(b + v * LANES), matrix);
    for (guint v = 0; v < VECTORS; v++)
        left |= (guint32)!pale_finish(cb + v * LANES, cr + v * LANES, &block, v,
                                      _mm256_loadu_ps(y + v * LANES), matrix)
                << v;
    return left;
}

/* A multiple of PIXELS, RUN vectors at most. */
static void chroma_run(float *cb, float *cr, const float *y, const float *a, const float *b,
                       gsize n, const Matrix *matrix)
{
    guint32 left = 0;
    for (gsize i = 0; i < n; i += PIXELS)
        left |= pale_block(cb + i, cr + i, y + i, a + i, b + i, matrix) << i / LANES;
    search(cb, cr, y, a, b, left, matrix);
}

void mleu_f32_chroma__avx2(float *cb, float *cr, const float *y, const float *a, const float *b,
                           gsize n, const MleuChromaMatrix *matrix)
{
    Matrix own;
    const gsize whole = n - n % PIXELS, bytes = (n - whole) * sizeof(float);
    spread(&own, matrix);
    for (gsize i = 0; i < whole; i += RUN * LANES)
        chroma_run(cb + i, cr + i, y + i, a + i, b + i, MIN(whole - i, (gsize)RUN * LANES), &own);
    if (bytes == 0)
        return;
    float rest[5][PIXELS] = {0};
    memcpy(rest[0], y + whole, bytes);
    memcpy(rest[1], a + whole, bytes);
    memcpy(rest[2], b + whole, bytes);
    chroma_run(rest[3], rest[4], rest[0], rest[1], rest[2], PIXELS, &own);
    memcpy(cb + whole, rest[3], bytes);
    memcpy(cr + whole, rest[4], bytes);
}
