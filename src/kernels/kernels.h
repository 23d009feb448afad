/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cpu.h"
#include "model/graph.h"

G_BEGIN_DECLS

/*
 * Every kernel's signature, once. The name says what (mleu_f32_dwconv), the suffix how (__c,
 * __avx2). The C version is the specification; float versions of other tiers may round differently
 * and are each held to a bound against a double-precision reference, quantised ones (q8) give the
 * same bytes on every tier, and so do those of integers (u8, s16), bf16_pairs, f32_filter,
 * f32_interpolate, f32_widen, f32_enlarge, f32_alike and f32_fit. Float pictures are planar, rows
 * without gaps; quantised ones have a pixel's channels side by side. No kernel allocates, locks or
 * keeps state: all are thread-safe on disjoint outputs.
 */

/**
 * MleuDwconv: one channel of a depthwise convolution, bias and activation included.
 * @in: in_h x in_w.
 * @weight: kernel_h x kernel_w.
 * @rows: output rows [row_begin, row_end) are written; @out is the channel's first row.
 */
typedef struct {
    const float *in;
    float *out;
    const float *weight;
    float bias;
    MleuActivation activation;
    guint in_h, in_w, out_w;
    guint kernel_h, kernel_w, stride, dilation, pad_top, pad_left;
    guint row_begin, row_end;
} MleuDwconv;

/** Terms of a polynomial of degree 4 in two variables without its constant, and the ellipse that
 * those of MleuChromaMatrix hold in: x^2 + x y + y^2 < 1, x = u / U, y = (v - MIDDLE) / V. */
#define MLEU_PALE_TERMS 14
#define MLEU_PALE_U 0.38f
#define MLEU_PALE_V 0.54f
#define MLEU_PALE_MIDDLE (-0.06f)

/**
 * MleuChromaMatrix: what f32_chroma needs to know of the output's colour space.
 * @rgb: linear R, G, B (rows) from X, Y, Z relative to D65.
 * @kr: luma coefficient of R', and so on; they sum to 1.
 * @start: about by how much f(L*) of a colour differs from that of the grey of its luma, as
 * multiples of x = a* / 500, z = b* / 200, and of x^2 / f, x z / f, z^2 / f, f being the grey's. A
 * search for f starts there; 0 will do.
 * @pale_cb: Cb / (luma + 0.055) of a colour off the toes of sRGB and of L* and in the gamut, to
 * 5e-4 where the ellipse is, from u = a* / 100 f, v = b* / 100 f: v, v^2, v^3, v^4; u, u v, u v^2,
 * u v^3; u^2, u^2 v, u^2 v^2; u^3, u^3 v; u^4. @pale_cr: likewise Cr.
 */
typedef struct {
    float rgb[3][3];
    float kr, kg, kb;
    float start[5];
    float pale_cb[MLEU_PALE_TERMS], pale_cr[MLEU_PALE_TERMS];
} MleuChromaMatrix;

/** Output channels that q8_conv's weights lie together in. */
#define MLEU_Q8_OUTPUTS 16
/** Channels of which q8_dwconv takes that many at a time: its weights, bias and scale are padded to
 * a multiple. */
#define MLEU_Q8_CHANNELS 16

/** Parts of a cell that places are counted in, and the weights of a whole way and of a whole age.
 * With these, sums over 64 frames stay within 32 bits: 2^9 x 2^14 x 2^6. */
#define MLEU_WALK_PARTS 64
#define MLEU_WALK_WHOLE 512
#define MLEU_WALK_AGE 256
/** The least weight that a way is followed for. */
#define MLEU_WALK_LEAST (MLEU_WALK_WHOLE / 32)

/**
 * MleuWalk: the last frames of a scene, the newest first.
 * @width: of the grid; @height its rows.
 * @length: frames.
 * @steps: of each cell of each frame, where it was in the frame before: bits 0 .. 11 and 12 .. 23
 * are the signed distances along x and y in cells / %MLEU_WALK_PARTS, bits 24 .. 31 are what share
 * of the weight is kept, in 255ths.
 * @colours: of each cell of each frame: a* in bits 0 .. 15, b* in bits 16 .. 31, both signed, -2^14
 * .. 2^14; %NULL for a frame without. One more value after the last may be read, and counts for
 * nothing.
 * @ages: weight of each frame, 0 .. %MLEU_WALK_AGE, never growing.
 */
typedef struct {
    guint width, height, length;
    const guint32 *const *steps, *const *colours;
    const gint32 *ages;
} MleuWalk;

/** The distance of a step along x, and along y. */
static inline gint32 mleu_walk_x(guint32 step)
{
    return (gint32)(step << 20) >> 20;
}
static inline gint32 mleu_walk_y(guint32 step)
{
    return (gint32)(step << 8) >> 20;
}

/** Side of the blocks that u8_sad compares. */
#define MLEU_SAD_BLOCK 8

/**
 * MleuRequantize: from sums to 8 bits: zero + clamp(round((sum + bias) x scale), low, high), the
 * product in float32, rounded to the nearest, halves to even.
 * @bias: a value for each channel; likewise @scale.
 */
typedef struct {
    const gint32 *bias;
    const float *scale;
    gint32 zero, low, high;
} MleuRequantize;

/** Most channels that AMX multiplies at a time, and the equal chunks that it takes a tap's in. */
#define MLEU_Q8_CHUNK 64
static inline guint mleu_q8_chunks(guint channels)
{
    return (channels + MLEU_Q8_CHUNK - 1) / MLEU_Q8_CHUNK;
}

/** Groups of four channels that q8_conv's weights have for each tap: those that there are, and as
 * many more of weight 0 as make whole chunks. */
static inline guint mleu_q8_depth(guint channels)
{
    const guint chunks = mleu_q8_chunks(channels), groups = (channels + 3) / 4;
    return (groups + chunks - 1) / chunks * chunks;
}

/**
 * MleuQ8Tile: some pixels of a quantised convolution's output, and what they see.
 * @in: taps x pixels pointers to @channels bytes. Of q8_conv and q8_logits the bytes after them, up
 * to 4 x mleu_q8_depth(), may be read, and count for nothing.
 * @pixels: any number.
 * @weight: q8_conv, q8_logits: [outputs / MLEU_Q8_OUTPUTS, rounded
 * up][taps][mleu_q8_depth()][MLEU_Q8_OUTPUTS][4], 0 beyond the channels. Of weights c and c + 1, c
 * even, those of one sign add up to at most 128, so that a sum of two products fits into 16 bits.
 * q8_dwconv: [taps][channels, rounded up to MLEU_Q8_CHANNELS], any values.
 * @to: its bias and scale have a value for each output, padded to whole blocks of
 * MLEU_Q8_OUTPUTS; for q8_dwconv as many as a row of weights.
 * @scratch: of q8_conv and q8_logits: mleu_q8_scratch() bytes, aligned to 64, that no other thread
 * uses meanwhile.
 */
typedef struct {
    const guint8 *const *in;
    guint pixels, taps, channels;
    const gint8 *weight;
    MleuRequantize to;
    gpointer scratch;
} MleuQ8Tile;

/** Bytes of q8_conv's weights for MLEU_Q8_OUTPUTS outputs. */
static inline gsize mleu_q8_block_bytes(guint taps, guint channels)
{
    return (gsize)taps * mleu_q8_depth(channels) * 4 * MLEU_Q8_OUTPUTS;
}

/** Pixels that AMX takes at a time, and what it notes of each tap of theirs. */
#define MLEU_Q8_ROWS 16
typedef struct {
    const guint8 *first;
    gssize apart; /* bytes from a pixel to the next */
} MleuQ8Rows;

/** What q8_conv and q8_logits need besides: AMX reads pixels that lie evenly, and copies others. */
static inline gsize mleu_q8_scratch(guint pixels, guint taps, guint channels)
{
    const gsize groups = (pixels + MLEU_Q8_ROWS - 1) / MLEU_Q8_ROWS;
    const gsize row = (gsize)mleu_q8_chunks(channels) * MLEU_Q8_CHUNK;
    const gsize bytes = groups * taps * (MLEU_Q8_ROWS * row + sizeof(MleuQ8Rows));
    return (bytes + 63) / 64 * 64;
}

/** Makes a tile that of the outputs so many blocks further on. */
static inline void mleu_q8_skip_blocks(MleuQ8Tile *tile, gsize blocks)
{
    tile->weight += blocks * mleu_q8_block_bytes(tile->taps, tile->channels);
    tile->to.bias += blocks * MLEU_Q8_OUTPUTS;
    tile->to.scale += blocks * MLEU_Q8_OUTPUTS;
}

/**
 * MleuQ8Softmax: exp() as whole numbers, and the classes' colours.
 * @table: the weight of a logit that lies so far below the largest, at most 2^16: @reach + 1
 * entries, of which the last is 0, and so are all that would follow. @reach: at most 32767.
 * @bins: classes x 2: a*, b*.
 */
typedef struct {
    const guint32 *table;
    guint reach, classes;
    const gint32 *bins;
} MleuQ8Softmax;

/** MleuQ8Mean: @weight: the sum of the classes' weights; @a and @b: of their weighted bins. */
typedef struct {
    gint64 weight, a, b;
} MleuQ8Mean;

/** MleuQ8Add: zero + clamp(round((a - zero_a) x scale_a + (b - zero_b) x scale_b), low, high). */
typedef struct {
    float scale_a, scale_b;
    gint32 zero_a, zero_b, zero, low, high;
} MleuQ8Add;

/**
 * A tile of a quantised 3 x 3 convolution by Winograd's method: 3 x 4 outputs, F(3, 3) along y and
 * F(4, 3) along x, from 5 x 6 pixels, of which as many points are made. In whole numbers the
 * weights are 144 times as large, 6 x 24, and fit into 16 bits (216 x 128); so do the points, -7650
 * .. 7650. F(4, 3) along both would need 576 x 128.
 */
#define MLEU_Q8_TILE_H 3
#define MLEU_Q8_TILE_W 4
#define MLEU_Q8_WINDOW_H 5
#define MLEU_Q8_WINDOW_W 6
#define MLEU_Q8_POINTS (MLEU_Q8_WINDOW_H * MLEU_Q8_WINDOW_W)

/** Most that the sizes of an output's weights may add up to for q8_winograd: sixteen times a sum
 * stays within 32 bits. */
#define MLEU_Q8_WINOGRAD_MOST (G_MAXINT32 / 16 / 255)

/** Transformed channels of a point: padded so that whole vectors are written. */
static inline gsize mleu_q8_winograd_row(guint channels)
{
    return (channels + 15) / 16 * (gsize)16;
}

/** Values of the transformed weights for MLEU_Q8_OUTPUTS outputs: channels go in pairs. */
static inline gsize mleu_q8_winograd_block(guint channels)
{
    return (gsize)MLEU_Q8_POINTS * MLEU_Q8_OUTPUTS * ((channels + 1) / 2 * 2);
}

/** Bytes that q8_winograd needs besides: transformed inputs, and the sums of a block of outputs. */
static inline gsize mleu_q8_winograd_scratch(guint tiles, guint channels)
{
    return MLEU_Q8_POINTS * (gsize)tiles *
           (mleu_q8_winograd_row(channels) * sizeof(gint16) + MLEU_Q8_OUTPUTS * sizeof(gint32));
}

/**
 * MleuQ8Winograd: some tiles of a quantised 3 x 3 convolution.
 * @in: MLEU_Q8_POINTS x tiles pointers to @channels bytes, those of a row of the window one after
 * the other.
 * @out: the picture's first pixel; pixels @step bytes apart, @height x @width of them. What of a
 * tile lies beyond is not written.
 * @first: of the tiles, counted in rows of @columns.
 * @weight: 144 G g G^T: [outputs / MLEU_Q8_OUTPUTS, rounded up][point][channels / 2, rounded
 * up][MLEU_Q8_OUTPUTS][2], 0 beyond the channels.
 * @to: as of q8_conv.
 * @scratch: mleu_q8_winograd_scratch() bytes, aligned to 64, that no other thread uses meanwhile.
 */
typedef struct {
    const guint8 *const *in;
    guint8 *out;
    gsize step;
    guint tiles, channels, first, columns, height, width;
    const gint16 *weight;
    MleuRequantize to;
    gpointer scratch;
} MleuQ8Winograd;

/** MleuQ8Affine: round((x scale + offset) / unit + zero), clamped to 0 .. 255; float32, rounded
 * after each step, halves to even. */
typedef struct {
    float scale, offset, unit;
    gint32 zero;
} MleuQ8Affine;

/** Sides of a tile of a 3 x 3 convolution by Winograd's method: outputs, and what they see. */
#define MLEU_WINOGRAD_OUT 4
#define MLEU_WINOGRAD_IN 6

/**
 * MleuWinograd: how tiles lie over a plane of @h x @w.
 * @columns: tiles in a row of tiles.
 * @pad_top: of an input, rows of zeros above it; @pad_left: columns.
 */
typedef struct {
    guint h, w, columns, pad_top, pad_left;
} MleuWinograd;

/** Outputs that bf16_conv makes at a time, positions of which it takes a multiple, and pairs of
 * channels that it multiplies at a time at most. */
#define MLEU_BF16_OUTPUTS 32
#define MLEU_BF16_POSITIONS 32
#define MLEU_BF16_CHUNK 16

/** Pairs of channels that it multiplies at a time: equal chunks of those that there are; and pairs
 * that there are then, the last ones without channels. */
static inline guint mleu_bf16_chunk(guint channels)
{
    const guint pairs = (channels + 1) / 2;
    const guint chunks = (pairs + MLEU_BF16_CHUNK - 1) / MLEU_BF16_CHUNK;
    return (pairs + chunks - 1) / chunks;
}
static inline guint mleu_bf16_depth(guint channels)
{
    const guint pairs = (channels + 1) / 2, chunk = mleu_bf16_chunk(channels);
    return (pairs + chunk - 1) / chunk * chunk;
}

/** Words of bf16_conv's weights for MLEU_BF16_OUTPUTS outputs. */
static inline gsize mleu_bf16_block(guint taps, guint channels)
{
    return (gsize)taps * mleu_bf16_depth(channels) * MLEU_BF16_OUTPUTS;
}

/**
 * MleuBf16Conv: a convolution with products of bfloat16, the upper half of a float32: numbers of
 * two channels make a word, that of the even one its lower half.
 * @in: mleu_bf16_depth() planes of words, one for each pair of channels, @plane words apart. Values
 * of channels that are not there are 0.
 * @offset: of each of the taps, words from a position to what the tap sees of it.
 * @weight: [taps][depth / chunk][MLEU_BF16_OUTPUTS][chunk] words, 0 beyond the channels.
 */
typedef struct {
    const guint32 *in;
    gsize plane;
    const gsize *offset;
    guint taps, channels;
    const guint32 *weight;
} MleuBf16Conv;

/** Neighbouring samples that f32_filter multiplies at a time. */
#define MLEU_FILTER_LANES 8

/**
 * MleuFilter: weighted sums along a row.
 * @first: of each sum the first sample that it counts; @weight: its taps.
 * @taps: a multiple of MLEU_FILTER_LANES; the row goes on for so many samples after the last
 * @first, which are finite where their weight is 0.
 */
typedef struct {
    const guint *first;
    const float *weight;
    guint taps;
} MleuFilter;

/**
 * MleuWiden: where samples lie in rows of @width cells: at @cell, which does not fall, and by
 * @share on the way to @next, which is the cell after it or, at the end of the row, the same.
 * @rows: @count rows, between whose cells the samples are.
 */
typedef struct {
    const guint *cell, *next;
    const float *share;
    guint width;
    const float *const *rows;
    guint count;
} MleuWiden;

/** Samples of a row that f32_widen and f32_enlarge make at most: a multiple of 8. */
#define MLEU_WIDE 256

/** Planes of MleuWide: all, and those that are needed where luma does not guide. */
#define MLEU_WIDE_PLANES 9
#define MLEU_WIDE_VALUES 2

/**
 * MleuWide: a row of the small grid, enlarged along x: f32_widen's output.
 * @value: a*, then b*; likewise the others, which say how luma guides them: @value + @slope x (luma
 * of the pixel - @luma), cut off to @low .. @high.
 */
typedef struct {
    float value[2][MLEU_WIDE], luma[MLEU_WIDE];
    float slope[2][MLEU_WIDE], low[2][MLEU_WIDE], high[2][MLEU_WIDE];
} MleuWide;

/**
 * MleuEnlarge: a row between two rows of the small grid.
 * @upper: may be @lower.
 * @share: of the lower one.
 * @factor: on the result.
 * @guided: whether by luma. If not, only values are read.
 */
typedef struct {
    const MleuWide *upper, *lower;
    float share, factor;
    gboolean guided;
} MleuEnlarge;

/** How far around a cell f32_alike looks. */
#define MLEU_AROUND 2

/**
 * MleuAround: cells of one row of the small grid, and those around them.
 * @luma: rows, 0 .. 1, from MLEU_AROUND above to as many below; each has that many values more
 * before the first cell and after the last.
 * @value: likewise a*, then b*.
 */
typedef struct {
    const float *luma[2 * MLEU_AROUND + 1], *value[2][2 * MLEU_AROUND + 1];
} MleuAround;

#define MLEU_KERNEL_LIST(X)                                                                        \
    /* C[m x n] = A[m x k] B[k x n], rows of A, B, C lda, ldb, ldc apart. */                       \
    X(void, f32_gemm,                                                                              \
      (guint m, guint n, guint k, const float *a, gsize lda, const float *b, gsize ldb, float *c,  \
       gsize ldc))                                                                                 \
    /* sum(p, o) = over taps t and channels c, of in[t][p][c] weight[o / 16][t][c / 4][o % 16][c   \
       % 4]. out: `outputs` of each pixel, requantised, pixels `step` bytes apart. */              \
    X(void, q8_conv, (guint8 * out, gsize step, gsize outputs, const MleuQ8Tile *tile))            \
    /* The same sums: (sum + bias) x scale in float32, clamped to -32767 .. 32767 and rounded to   \
       the nearest, halves to even; `outputs`, rounded up to MLEU_Q8_OUTPUTS, of pixels `step`     \
       values apart. */                                                                            \
    X(void, q8_logits, (gint16 * out, gsize step, gsize outputs, const MleuQ8Tile *tile))          \
    /* The same bytes as q8_conv's of 3 x 3 taps, `outputs` of each pixel, by Winograd's method    \
       (Lavin and Gray 2016) in whole numbers modulo 2^32: what comes out is 144 times the sums.   \
     */                                                                                            \
    X(void, q8_winograd, (gsize outputs, const MleuQ8Winograd *job))                               \
    /* A depthwise convolution: out[p][c] from the sum over taps of in[t][p][c] weight[t][c]. */   \
    X(void, q8_dwconv, (guint8 * out, gsize step, const MleuQ8Tile *tile))                         \
    /* The annealed mean's sums over the classes of one pixel. */                                  \
    X(MleuQ8Mean, q8_mean, (const gint16 *logits, const MleuQ8Softmax *softmax))                   \
    X(void, q8_add,                                                                                \
      (guint8 * out, const guint8 *a, const guint8 *b, gsize n, const MleuQ8Add *job))             \
    /* n values to bytes, `step` bytes apart. */                                                   \
    X(void, q8_affine,                                                                             \
      (guint8 * out, gsize step, const float *x, gsize n, const MleuQ8Affine *job))                \
    /* A word for each of n values of two channels, `apart` from one to the next, rounded to the   \
       nearest, halves to even; a NaN of another kind than arithmetic makes may become 0. odd:     \
       NULL for zeros. */                                                                          \
    X(void, bf16_pairs,                                                                            \
      (guint32 * out, const float *even, const float *odd, gsize n, gsize apart))                  \
    /* MLEU_BF16_OUTPUTS rows, `step` apart, of sums in float32 for the positions from the first   \
       on, a multiple of MLEU_BF16_POSITIONS. */                                                   \
    X(void, bf16_conv, (float *out, gsize step, guint positions, const MleuBf16Conv *job))         \
    /* Sum of the absolute differences of two blocks of MLEU_SAD_BLOCK x MLEU_SAD_BLOCK bytes,     \
       whose rows are that many bytes apart. */                                                    \
    X(guint32, u8_sad, (const guint8 *a, gsize a_stride, const guint8 *b, gsize b_stride))         \
    /* Of n cells of row y from x on, weighted sums of a*, of b*, and of the weights, over the     \
       frames, along the way of each cell back through them. The first colour on the way counts,   \
       if only a little, however it was come by. */                                                \
    X(void, s16_walk,                                                                              \
      (gint32 * a, gint32 * b, gint32 * total, guint x, guint y, guint n, const MleuWalk *job))    \
    X(void, f32_dwconv, (const MleuDwconv *job))                                                   \
    /* The transformed inputs of a row of tiles: point p of tile t at out[p step + t]. */          \
    X(void, f32_winograd_in,                                                                       \
      (float *out, gsize step, const float *plane, guint tile_row, const MleuWinograd *job))       \
    /* From the products of a row of tiles, laid out alike, the rows of a plane. */                \
    X(void, f32_winograd_out,                                                                      \
      (float *plane, const float *in, gsize step, guint tile_row, float bias,                      \
       MleuActivation activation, const MleuWinograd *job))                                        \
    /* x = activation(x + bias), n values in place. */                                             \
    X(void, f32_bias_activation, (float *x, gsize n, float bias, MleuActivation activation))       \
    /* out = activation(a + b); out may be a or b. */                                              \
    X(void, f32_add,                                                                               \
      (float *out, const float *a, const float *b, gsize n, MleuActivation activation))            \
    /* out = x * scale + offset; out may be x. */                                                  \
    X(void, f32_affine, (float *out, const float *x, gsize n, float scale, float offset))          \
    /* The annealed mean softmax(logits / temperature) . bins (Zhang et al. 2016, equation 5) of   \
       n pixels. logits: classes rows, `step` apart; bins: classes x 2. NaN where a logit is not   \
       finite. */                                                                                  \
    X(void, f32_annealed_mean,                                                                     \
      (float *a, float *b, gsize n, const float *logits, gsize step, guint classes,                \
       const float *bins, float temperature))                                                      \
    /* Weighted sum of `count` rows of n bytes, added in their order. */                           \
    X(void, u8_blend,                                                                              \
      (float *out, gsize n, const guint8 *const *rows, const float *weights, guint count))         \
    /* n weighted sums along a row: those of every MLEU_FILTER_LANES-th tap first, then            \
       ((0 + 1) + (2 + 3)) + ((4 + 5) + (6 + 7)). */                                               \
    X(void, f32_filter, (float *out, gsize n, const float *in, const MleuFilter *filter))          \
    /* Between the entries of a table: table[k] + (table[k + 1] - table[k]) (x - k), k the whole   \
       part of x, which is not negative. out may be x. */                                          \
    X(void, f32_interpolate, (float *out, const float *x, gsize n, const float *table))            \
    /* n samples, MLEU_WIDE at most, between the cells of each row; those of the next row are      \
       MLEU_WIDE further on. */                                                                    \
    X(void, f32_widen, (float *out, gsize n, const MleuWiden *job))                                \
    /* Luma 0 .. 1 of n samples of 2 x 2 bytes: (mean - black) x scale, cut off. */                \
    X(void, u8_luma,                                                                               \
      (float *y, gsize n, const guint8 *upper, const guint8 *lower, float black, float scale))     \
    /* Bytes: the whole part of centre + span x value, which is not negative, 255 at most. */      \
    X(void, u8_chroma, (guint8 * out, gsize n, const float *values, float centre, float span))     \
    /* Means of a*, of b*, over the 5 x 5 cells around each of n, weighted by 1 4 6 4 1 along both \
       sides and by likeness of luma: 1 for the same, 0 from a difference of 0.2 on. */            \
    X(void, f32_alike, (float *a, float *b, gsize n, const MleuAround *job))                       \
    /* Of a* (channel 0) or b* (1) of the 3 x 3 cells around each of n: slope over luma, cov(luma, \
       value) / (var(luma) + 0.04^2), and range. */                                                \
    X(void, f32_fit,                                                                               \
      (float *slope, float *low, float *high, gsize n, const MleuAround *job, guint channel))      \
    /* n values, MLEU_WIDE at most, of a* and of b* between two rows of the small grid; y: luma of \
       the pixels. a and b are none of what is read. */                                            \
    X(void, f32_enlarge, (float *a, float *b, const float *y, gsize n, const MleuEnlarge *job))    \
    /* Cb, Cr (-0.5 .. 0.5) of n pixels of luma y (0 .. 1) and colour a*, b*: of the colour that   \
       has this a*, b* and this luma, its chroma lowered until R'G'B' lies in 0 .. 1 with the      \
       luma as it is. cb, cr may be a, b. */                                                       \
    X(void, f32_chroma,                                                                            \
      (float *cb, float *cr, const float *y, const float *a, const float *b, gsize n,              \
       const MleuChromaMatrix *matrix))

#define MLEU_KERNEL_MEMBER(type, name, arguments) type(*name) arguments;
typedef struct {
    MLEU_KERNEL_LIST(MLEU_KERNEL_MEMBER)
    guint q8_pixels;         /* that q8_conv takes at a time: it likes multiples */
    gboolean q8_by_winograd; /* whether q8_winograd is faster than q8_conv */
    gboolean bf16_is_native; /* whether the processor has bf16_conv's products */
} MleuKernels;

/** The kernels of a tier, which the machine must have; each is the best at or below it. */
const MleuKernels *mleu_kernels_get(MleuTier tier);

G_END_DECLS
