/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <mleu/cpu.h>

G_BEGIN_DECLS

/** The tiers of kernels, each faster than those before it; one that a processor has may be missing
 * in between. */
typedef enum {
    MLEU_TIER_C,
    MLEU_TIER_AVX2,       /* with FMA */
    MLEU_TIER_AVXVNNI,    /* and AVX2 */
    MLEU_TIER_AVX512VNNI, /* with AVX-512 F, BW and VL, and AVX2 */
    MLEU_TIER_AMX,        /* its tiles, INT8 and BF16, and AVX512VNNI */
} MleuTier;

#define MLEU_N_TIERS 5

/** "c", "avx2", "avxvnni", "avx512vnni", "amx". */
const char *mleu_tier_name(MleuTier tier);

/** Whether the processor and the operating system have a tier. The first call for AMX asks Linux to
 * let the process use it. */
gboolean mleu_cpu_has(MleuTier tier);

/**
 * mleu_cpu_tier: the best tier that the processor and the operating system have and that
 * mleu_cpu_set_limit(), or else the environment variable MLEU_CPU, allows. The environment is read
 * once; a name that is none there is warned of and limits nothing.
 */
MleuTier mleu_cpu_tier(void);

/** The best tier of the machine, whatever the limit: what tests may run. */
MleuTier mleu_cpu_best_tier(void);

G_END_DECLS
