/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cpu.h"

#include <string.h>

static const char *const names[MLEU_N_TIERS] = {"c", "avx2"};

/* The limit that MLEU_CPU or mleu_cpu_set_limit() sets; LIMIT_UNREAD until the first is looked at.
 */
#define LIMIT_NONE (MLEU_N_TIERS - 1)
#define LIMIT_UNREAD (-1)
static gint limit = LIMIT_UNREAD;

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

static gboolean find_tier(const char *name, gint *tier)
{
    for (gint i = 0; i < MLEU_N_TIERS; i++) {
        if (strcmp(name, names[i]) == 0) {
            *tier = i;
            return TRUE;
        }
    }
    return FALSE;
}

gboolean mleu_cpu_set_limit(const char *tier, GError **error)
{
    gint wanted = LIMIT_UNREAD;
    if (tier != NULL && !find_tier(tier, &wanted)) {
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_INVALID,
                    "no tier of kernels is named %s; there are c and avx2", tier);
        return FALSE;
    }
    g_atomic_int_set(&limit, wanted);
    return TRUE;
}

MleuTier mleu_cpu_tier(void)
{
    gint most = g_atomic_int_get(&limit);
    if (most == LIMIT_UNREAD) {
        const char *name = g_getenv("MLEU_CPU");
        most = LIMIT_NONE;
        if (name != NULL && !find_tier(name, &most))
            g_warning("MLEU_CPU=%s: no tier of kernels has this name; there are c and avx2", name);
        /* Unless another thread has set one meanwhile. */
        if (!g_atomic_int_compare_and_exchange(&limit, LIMIT_UNREAD, most))
            return mleu_cpu_tier();
    }
    return MIN(mleu_cpu_best_tier(), (MleuTier)most);
}

const char *mleu_cpu_get_tier(void)
{
    return mleu_tier_name(mleu_cpu_tier());
}
