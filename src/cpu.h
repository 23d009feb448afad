/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <mleu/cpu.h>

G_BEGIN_DECLS

/** The tiers of kernels, from the portable one up. A processor that has one has those below it. */
typedef enum {
    MLEU_TIER_C,
    MLEU_TIER_AVX2, /* with FMA */
} MleuTier;

#define MLEU_N_TIERS 2

/** "c", "avx2". */
const char *mleu_tier_name(MleuTier tier);

/**
 * mleu_cpu_tier: the best tier that the processor and the operating system have and that
 * mleu_cpu_set_limit(), or else the environment variable MLEU_CPU, allows. The environment is read
 * once; a name that is none there is warned of and limits nothing.
 */
MleuTier mleu_cpu_tier(void);

/** The best tier of the machine, whatever the limit: what tests may run. */
MleuTier mleu_cpu_best_tier(void);

G_END_DECLS
