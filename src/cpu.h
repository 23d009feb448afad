/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

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
 * mleu_cpu_tier: the best tier that the processor and the operating system have and that the
 * environment variable MLEU_CPU ("c", "avx2") allows. Read once.
 */
MleuTier mleu_cpu_tier(void);

/** The best tier of the machine, whatever MLEU_CPU says: what tests may run. */
MleuTier mleu_cpu_best_tier(void);

G_END_DECLS
