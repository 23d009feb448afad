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

/* VNNI is for the quantised kernels alone, AMX for dense convolutions. */
#define MLEU_DECLARE(name, tier) __typeof__(mleu_##name##__c) mleu_##name##__##tier;
MLEU_DECLARE(q8_conv, avxvnni)
MLEU_DECLARE(q8_logits, avxvnni)
MLEU_DECLARE(q8_dwconv, avxvnni)
MLEU_DECLARE(q8_conv, avx512vnni)
MLEU_DECLARE(q8_logits, avx512vnni)
MLEU_DECLARE(q8_dwconv, avx512vnni)
MLEU_DECLARE(q8_add, avx512vnni)
MLEU_DECLARE(q8_conv, amx)
MLEU_DECLARE(q8_logits, amx)
MLEU_DECLARE(bf16_conv, amx)
#undef MLEU_DECLARE
