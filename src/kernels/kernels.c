/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/tiers.h"

static MleuKernels tables[MLEU_N_TIERS];

#define C_ENTRY(type, name, arguments) .name = mleu_##name##__c,
#define AVX2_ENTRY(type, name, arguments) .name = mleu_##name##__avx2,

/* The C kernels first; each better tier overwrites what it has. */
static void fill(void)
{
    tables[MLEU_TIER_C] = (MleuKernels){MLEU_KERNEL_LIST(C_ENTRY).q8_pixels = 1};
    for (guint tier = MLEU_TIER_C + 1; tier < MLEU_N_TIERS; tier++)
        tables[tier] = tables[MLEU_TIER_C];
#if defined(__x86_64__)
    for (guint tier = MLEU_TIER_AVX2; tier < MLEU_N_TIERS; tier++)
        tables[tier] = (MleuKernels){MLEU_KERNEL_LIST(AVX2_ENTRY).q8_pixels = 6};
    /* With VNNI an instruction makes twice as many products of 8 bits as of 16, which is about what
     * the method saves when its transforms are done; with AVX2 two make as many of either. */
    tables[MLEU_TIER_AVX2].q8_by_winograd = TRUE;
#if defined(MLEU_HAVE_AVXVNNI)
    MleuKernels *vnni = &tables[MLEU_TIER_AVXVNNI];
    vnni->q8_conv = mleu_q8_conv__avxvnni;
    vnni->q8_logits = mleu_q8_logits__avxvnni;
    vnni->q8_dwconv = mleu_q8_dwconv__avxvnni;
#endif
    MleuKernels *wide = &tables[MLEU_TIER_AVX512VNNI];
    wide->q8_conv = mleu_q8_conv__avx512vnni;
    wide->q8_logits = mleu_q8_logits__avx512vnni;
    wide->q8_dwconv = mleu_q8_dwconv__avx512vnni;
    wide->q8_add = mleu_q8_add__avx512vnni;
    tables[MLEU_TIER_AMX] = *wide;
#if defined(MLEU_HAVE_AMX)
    MleuKernels *tiled = &tables[MLEU_TIER_AMX];
    tiled->q8_conv = mleu_q8_conv__amx;
    tiled->q8_logits = mleu_q8_logits__amx;
    tiled->q8_pixels = 2 * MLEU_Q8_ROWS;
    tiled->bf16_conv = mleu_bf16_conv__amx;
    tiled->bf16_is_native = TRUE;
#endif
#endif
}

const MleuKernels *mleu_kernels_get(MleuTier tier)
{
    static gsize ready;
    if (g_once_init_enter(&ready)) {
        fill();
        g_once_init_leave(&ready, 1);
    }
    return &tables[tier];
}
