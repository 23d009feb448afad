/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cpu.h"

#include <string.h>

static const char *const names[MLEU_N_TIERS] = {"c", "avx2"};

const char *mleu_tier_name(MleuTier tier)
{
    return names[tier];
}

MleuTier mleu_cpu_best_tier(void)
{
#if defined(__x86_64__)
    /* The compiler's own test looks at XCR0 too: the kernel must save the wide registers. */
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return MLEU_TIER_AVX2;
#endif
    return MLEU_TIER_C;
}

static gpointer choose(gpointer unused G_GNUC_UNUSED)
{
    const char *mask = g_getenv("MLEU_CPU");
    MleuTier tier = mleu_cpu_best_tier();
    for (guint i = 0; mask != NULL && i < MLEU_N_TIERS; i++) {
        if (strcmp(mask, names[i]) == 0)
            tier = MIN(tier, (MleuTier)i);
    }
    return GUINT_TO_POINTER(tier);
}

MleuTier mleu_cpu_tier(void)
{
    static GOnce once = G_ONCE_INIT;
    return (MleuTier)GPOINTER_TO_UINT(g_once(&once, choose, NULL));
}
