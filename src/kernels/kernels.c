/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/tiers.h"

#define C_ENTRY(type, name, arguments) .name = mleu_##name##__c,
static const MleuKernels kernels_c = {MLEU_KERNEL_LIST(C_ENTRY)};

#if defined(__x86_64__)
#define AVX2_ENTRY(type, name, arguments) .name = mleu_##name##__avx2,
static const MleuKernels kernels_avx2 = {MLEU_KERNEL_LIST(AVX2_ENTRY)};
#endif

const MleuKernels *mleu_kernels_get(MleuTier tier)
{
#if defined(__x86_64__)
    if (tier >= MLEU_TIER_AVX2)
        return &kernels_avx2;
#endif
    (void)tier;
    return &kernels_c;
}
