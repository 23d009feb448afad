/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cpu.h"
#include "model/graph.h"

G_BEGIN_DECLS

/*
 * Every kernel's signature, once. The name says what (mleu_f32_dwconv), the suffix how (__c,
 * __avx2). The C version is the specification; float versions of other tiers may round differently
 * and are each held to a bound against a double-precision reference. Pictures are planar, rows
 * without gaps. No kernel allocates, locks or keeps state: all are thread-safe on disjoint outputs.
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

/**
 * MleuChromaMatrix: what f32_chroma needs to know of the output's colour space.
 * @rgb: linear R, G, B (rows) from X, Y, Z relative to D65.
 * @kr: luma coefficient of R', and so on; they sum to 1.
 */
typedef struct {
    float rgb[3][3];
    float kr, kg, kb;
} MleuChromaMatrix;

#define MLEU_KERNEL_LIST(X)                                                                        \
    /* C[m x n] = A[m x k] B[k x n], rows of A, B, C lda, ldb, ldc apart. */                       \
    X(void, f32_gemm,                                                                              \
      (guint m, guint n, guint k, const float *a, gsize lda, const float *b, gsize ldb, float *c,  \
       gsize ldc))                                                                                 \
    X(void, f32_dwconv, (const MleuDwconv *job))                                                   \
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
    /* Cb, Cr (-0.5 .. 0.5) of n pixels of luma y (0 .. 1) and colour a*, b*: of the colour that   \
       has this a*, b* and this luma, its chroma lowered until R'G'B' lies in 0 .. 1 with the      \
       luma as it is. cb, cr may be a, b. */                                                       \
    X(void, f32_chroma,                                                                            \
      (float *cb, float *cr, const float *y, const float *a, const float *b, gsize n,              \
       const MleuChromaMatrix *matrix))

#define MLEU_KERNEL_MEMBER(type, name, arguments) type(*name) arguments;
typedef struct {
    MLEU_KERNEL_LIST(MLEU_KERNEL_MEMBER)
} MleuKernels;

/** The kernels of a tier, which the machine must have; each is the best at or below it. */
const MleuKernels *mleu_kernels_get(MleuTier tier);

G_END_DECLS
