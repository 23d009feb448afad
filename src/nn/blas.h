/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kernels/kernels.h"

G_BEGIN_DECLS

/** MleuGemm: C[m x n] = A[m x k] B[k x n], row-major, as the kernel f32_gemm. Thread-safe on
 * disjoint C. */
typedef void (*MleuGemm)(guint m, guint n, guint k, const float *a, gsize lda, const float *b,
                         gsize ldb, float *c, gsize ldc);

/**
 * mleu_blas_gemm: OpenBLAS's sgemm, loaded on the first call and kept; our own kernel where there
 * is none.
 * @description: (out) (optional): what it is, for messages.
 */
MleuGemm mleu_blas_gemm(const char **description);

G_END_DECLS
