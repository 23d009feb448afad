/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of check-kernels share. */
#pragma once

#include "kernels/tiers.h"

/* The same numbers in every run: from -1 up to 1, and from 0 to 255. */
float next_random(void);
guint8 next_byte(void);

/* One rounding of float32, relative. */
#define ROUNDING 6e-8

/* Fails where a value is off by more than @bound. */
void check_close(float value, double expected, double bound);

/* checks-bf16.c */
void check_bf16_pairs(const MleuKernels *kernels);
void check_bf16_conv(const MleuKernels *kernels);

/* checks-q8.c */
void check_q8_conv(const MleuKernels *kernels);
void check_q8_winograd(const MleuKernels *kernels);
void check_q8_logits(const MleuKernels *kernels);
void check_q8_dwconv(const MleuKernels *kernels);
void check_q8_mean(const MleuKernels *kernels);
void check_q8_add(const MleuKernels *kernels);
void check_q8_affine(const MleuKernels *kernels);
