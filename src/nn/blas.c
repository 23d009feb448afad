/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/blas.h"

#include <dlfcn.h>

/* cblas.h's own names and values, so that no header of a library that may be absent is needed. */
enum { CBLAS_ROW_MAJOR = 101, CBLAS_NO_TRANS = 111 };
typedef void (*CblasSgemm)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
                           const float *a, int lda, const float *b, int ldb, float beta, float *c,
                           int ldc);

static CblasSgemm cblas_sgemm;
static const char *found = "no BLAS, own kernel";

static void gemm_by_blas(guint m, guint n, guint k, const float *a, gsize lda, const float *b,
                         gsize ldb, float *c, gsize ldc)
{
    cblas_sgemm(CBLAS_ROW_MAJOR, CBLAS_NO_TRANS, CBLAS_NO_TRANS, (int)m, (int)n, (int)k, 1.0f, a,
                (int)lda, b, (int)ldb, 0.0f, c, (int)ldc);
}

static gpointer load(gpointer unused G_GNUC_UNUSED)
{
    /* Parallelism is ours, above BLAS: the single-threaded build starts no thread and has no global
     * setting that a plugin would change for its host. Its absolute path keeps it apart from a
     * threaded OpenBLAS that the host has loaded under the same SONAME. */
    static const char *const places[] = {
#ifdef MLEU_MULTIARCH
        "/usr/lib/" MLEU_MULTIARCH "/openblas-serial/libopenblas.so.0",
#endif
        "libopenblas.so.0",
    };
    for (guint i = 0; i < G_N_ELEMENTS(places) && cblas_sgemm == NULL; i++) {
        void *library = dlopen(places[i], RTLD_NOW | RTLD_LOCAL);
        if (library == NULL)
            continue;
        cblas_sgemm = (CblasSgemm)dlsym(library, "cblas_sgemm");
        if (cblas_sgemm != NULL)
            found = places[i];
        else
            dlclose(library);
    }
    return cblas_sgemm != NULL ? (gpointer)gemm_by_blas
                               : (gpointer)mleu_kernels_get(mleu_cpu_tier())->f32_gemm;
}

MleuGemm mleu_blas_gemm(const char **description)
{
    static GOnce once = G_ONCE_INIT;
    const MleuGemm gemm = (MleuGemm)g_once(&once, load, NULL);
    if (description != NULL)
        *description = found;
    return gemm;
}
