/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define TIER(name) name##__avx2
#define BF16_LANES 8
#include "kernels/bf16.inc"
