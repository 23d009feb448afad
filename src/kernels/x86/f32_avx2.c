/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define TIER(name) name##__avx2
#define GEMM_LANES 8
#include "kernels/f32.inc"
#include "kernels/winograd.inc"
