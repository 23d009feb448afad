/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define TIER(name) name##__c
/* SSE2's and NEON's vectors. */
#define GEMM_LANES 4
#include "kernels/f32.inc"
#include "kernels/winograd.inc"
