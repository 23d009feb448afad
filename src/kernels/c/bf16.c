/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define TIER(name) name##__c
/* SSE2's and NEON's vectors. */
#define BF16_LANES 4
#include "kernels/bf16.inc"
