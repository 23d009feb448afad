/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The kernels by their full names, for the dispatch table and the files that define them. */
#include "kernels/kernels.h"

#define MLEU_DECLARE_C(type, name, arguments) type mleu_##name##__c arguments;
MLEU_KERNEL_LIST(MLEU_DECLARE_C)
#undef MLEU_DECLARE_C

#define MLEU_DECLARE_AVX2(type, name, arguments) type mleu_##name##__avx2 arguments;
MLEU_KERNEL_LIST(MLEU_DECLARE_AVX2)
#undef MLEU_DECLARE_AVX2
