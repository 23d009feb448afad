/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/** Longest gap between two frames over which colours are remembered, in seconds. */
#define MLEU_SMOOTH_GAP 1.0

/**
 * mleu_smooth_rate:
 * @seconds: since the frame before; NaN: unknown, taken as 1/25.
 * @tau: time constant in seconds; 0: no smoothing.
 *
 * Returns: a = 1 - exp(-seconds / tau), the new frame's share: by the clock, so that 24 and 60
 * frames a second look alike. 1 (the past is forgotten) for a negative time or one of more than
 * %MLEU_SMOOTH_GAP.
 */
float mleu_smooth_rate(double seconds, double tau);

/** mleu_smooth: colours = rate * predicted + (1 - rate) * colours, @n values. */
void mleu_smooth(float *colours, const float *predicted, gsize n, float rate);

G_END_DECLS
