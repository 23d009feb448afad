/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "temporal/smooth.h"

#include <math.h>

#define UNKNOWN_SECONDS (1.0 / 25)

float mleu_smooth_rate(double seconds, double tau)
{
    if (isnan(seconds))
        seconds = UNKNOWN_SECONDS;
    if (seconds < 0 || seconds > MLEU_SMOOTH_GAP || tau <= 0)
        return 1;
    return (float)(1 - exp(-seconds / tau));
}

void mleu_smooth(float *colours, const float *predicted, gsize n, float rate)
{
    if (rate >= 1) {
        for (gsize i = 0; i < n; i++)
            colours[i] = predicted[i];
        return;
    }
    for (gsize i = 0; i < n; i++)
        colours[i] += rate * (predicted[i] - colours[i]);
}
