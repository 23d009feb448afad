/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define TIER(name) name##__avx2
#include "kernels/guide.inc"
