/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kernels/kernels.h"

/* The kernels of a tier of VNNI or AMX by emulation, for a machine that may lack it; those that
 * such a tier has no own version of are in plain C. Those of AMX end the test on every fault
 * against the rules of its tiles. */
const MleuKernels *emulated_kernels(MleuTier tier);
