/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cpu.h"

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

static const char *const names[MLEU_N_TIERS] = {"c", "avx2", "avxvnni", "avx512vnni", "amx"};
#define ALL_NAMES "c, avx2, avxvnni, avx512vnni and amx"

/* The limit that MLEU_CPU or mleu_cpu_set_limit() sets; LIMIT_UNREAD until the first is looked at.
 */
#define LIMIT_NONE (MLEU_N_TIERS - 1)
#define LIMIT_UNREAD (-1)
static gint limit = LIMIT_UNREAD;

const char *mleu_tier_name(MleuTier tier)
{
    return names[tier];
}

#if defined(__x86_64__)
/* The compilers' own tests look at XCR0 too: the kernel must save the wide registers. */
static gboolean has_avx2(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

/* Its registers are AVX2's. Older compilers do not know the name. */
static gboolean has_avxvnni(void)
{
#if defined(MLEU_HAVE_AVXVNNI)
    guint a, b, c, d;
    return has_avx2() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1) != 0;
#else
    return FALSE;
#endif
}

static gboolean has_avx512vnni(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
}

#if defined(MLEU_HAVE_AMX) && defined(__linux__)
/* Leaf 7 has AMX-BF16, AMX-TILE and AMX-INT8 in bits 22, 24 and 25; leaf 0x1d the sizes of palette
 * 1: eight tiles of 16 rows of 64 bytes are what the kernels want. */
static gboolean processor_has_amx(void)
{
    guint a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d >> 22 & 13) != 13)
        return FALSE;
    return __get_cpuid_count(0x1d, 1, &a, &b, &c, &d) && b >> 16 >= 8 && (b & 0xffff) == 64 &&
           (c & 0xffff) == 16;
}

/* XCR0: the kernel saves the tiles' configuration (17) and data (18). */
static gboolean kernel_saves_tiles(void)
{
    guint a, b, c, d, low, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c >> 27 & 1) == 0)
        return FALSE;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low >> 17 & 3) == 3;
}

/* Linux traps tiles in a process that has not asked for them. It refuses where a thread's signal
 * stack is too small for them, and those before 5.16 do not know the question. */
static gboolean may_use_tiles(void)
{
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

static gboolean has_amx(void)
{
    enum { UNKNOWN, YES, NO };
    static gsize known = UNKNOWN;
    if (g_once_init_enter(&known)) {
        const gboolean has =
            has_avx512vnni() && processor_has_amx() && kernel_saves_tiles() && may_use_tiles();
        g_once_init_leave(&known, has ? YES : NO);
    }
    return known == YES;
}
#else
static gboolean has_amx(void)
{
    return FALSE;
}
#endif
#endif

gboolean mleu_cpu_has(MleuTier tier)
{
    switch (tier) {
    case MLEU_TIER_C:
        return TRUE;
#if defined(__x86_64__)
    case MLEU_TIER_AVX2:
        return has_avx2();
    case MLEU_TIER_AVXVNNI:
        return has_avxvnni();
    case MLEU_TIER_AVX512VNNI:
        return has_avx512vnni();
    case MLEU_TIER_AMX:
        return has_amx();
#endif
    default:
        return FALSE;
    }
}

/* The best tier of the machine up to @most. */
static MleuTier best_up_to(MleuTier most)
{
    while (!mleu_cpu_has(most))
        most--;
    return most;
}

MleuTier mleu_cpu_best_tier(void)
{
    return best_up_to(MLEU_N_TIERS - 1);
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
                    "no tier of kernels is named %s; there are " ALL_NAMES, tier);
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
            g_warning("MLEU_CPU=%s: no tier of kernels has this name; there are " ALL_NAMES, name);
        /* Unless another thread has set one meanwhile. */
        if (!g_atomic_int_compare_and_exchange(&limit, LIMIT_UNREAD, most))
            return mleu_cpu_tier();
    }
    return best_up_to((MleuTier)most);
}

const char *mleu_cpu_get_tier(void)
{
    return mleu_tier_name(mleu_cpu_tier());
}
