/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* In the place of the library's dispatch: AMX by emulation, on every machine. */
#include "../kernels/emulated/kernels.h"

const MleuKernels *mleu_kernels_get(MleuTier tier G_GNUC_UNUSED)
{
    return emulated_kernels(MLEU_TIER_AMX);
}
