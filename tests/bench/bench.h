/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cpu.h"

/*
 * What the benchmark programs share. Times are CPU seconds of the whole process: a machine that is
 * busy with other work changes them little, and threads do not make them smaller.
 */

/* CPU seconds that this process has used, all threads together. */
double bench_cpu_seconds(void);

/* Wall-clock seconds. */
double bench_seconds(void);

/* Multiply-accumulates a second of one thread, from a loop that touches registers alone: 8-bit
 * (without VNNI two instructions multiply 32 pairs: what exact sums take), float32 (fused) and
 * bfloat16. 0 where the tier has no such loop. */
double bench_peak_int8(MleuTier tier);
double bench_peak_float32(MleuTier tier);
double bench_peak_bf16(MleuTier tier);

/* Additions a second of four independent chains: what a core's front end and integer units give one
 * thread, about four a cycle. Where the core's other hardware thread is busy, with another guest's
 * work for one, there are down to half as many, and all but the simplest code is slower. */
double bench_additions(void);

/* L* of a square picture, of shades, edges and grain: a network is less sure of what it sees there
 * than of noise, and then more of its classes count. */
void bench_draw(float *lightness, guint side);

/* The median of @n values, which are sorted. */
double bench_median(double *values, guint n);

/* Largest resident memory of this process so far, in MiB. */
double bench_peak_memory(void);
