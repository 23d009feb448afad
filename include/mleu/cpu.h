/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <mleu/error.h>

G_BEGIN_DECLS

/*
 * The inner loops come in tiers: "c" runs everywhere, "avx2" on x86-64 processors with AVX2 and
 * FMA, "avxvnni" where there is AVX-VNNI too, "avx512vnni" where there are AVX2, FMA, AVX-512 F, BW
 * and VL and its VNNI, "amx" where there are AMX's tiles and its 8-bit and bfloat16 products
 * besides. The last three are for 8-bit networks, "amx" for those in floating point too. The best
 * one that the processor and the operating system have is used; a limit, for tests and for
 * comparing, is set by the environment variable MLEU_CPU or by mleu_cpu_set_limit(). Linux lets a
 * process use AMX when it asks, and is asked once, before the first use, unless a limit keeps to a
 * tier below.
 */

/**
 * mleu_cpu_set_limit:
 * @tier: (nullable): a tier's name: no kernels above this tier, in the order above; %NULL: what
 * MLEU_CPU says, and without it none.
 * @error: return location.
 *
 * For the colorizers that are made from now on; those that exist keep theirs. Takes the place of
 * MLEU_CPU. A tier that the processor lacks may be named: the best one below it is used.
 *
 * Errors: %MLEU_ERROR_INVALID: no tier has this name.
 *
 * Thread-safety: any thread, at any time.
 *
 * Returns: %TRUE on success.
 */
MLEU_API gboolean mleu_cpu_set_limit(const char *tier, GError **error);

/**
 * mleu_cpu_get_tier:
 *
 * Thread-safety: any thread, at any time.
 *
 * Returns: (transfer none): the name of the tier that a colorizer made now would use.
 */
MLEU_API const char *mleu_cpu_get_tier(void);

G_END_DECLS
