/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "color/correct.h"

#include <math.h>

/* Of the windows, in radians: middle and half width. Reds and magentas from 325 to 65 degrees: all
 * of maroon (25) and half of the sRGB red (40), and little of skin (55). Blues and violets from 220
 * to 340: of a sky (260) three quarters, of cyan (196) nothing. */
#define DEGREE ((float)(G_PI / 180))
#define RED (15 * DEGREE)
#define RED_HALF_WIDTH (50 * DEGREE)
#define BLUE (280 * DEGREE)
#define BLUE_HALF_WIDTH (60 * DEGREE)

/* What warmth 1 adds to a* and b*. */
#define WARM_A 2.0f
#define WARM_B 10.0f

/* Luma under which colours fade: there the network guesses, and film has its grain. */
#define DARK 0.08f

static float window(float hue, float middle, float half_width)
{
    float distance = fabsf(hue - middle);
    distance = MIN(distance, 2 * (float)G_PI - distance);
    const float wave = distance < half_width ? cosf((float)G_PI_2 * distance / half_width) : 0;
    return wave * wave;
}

void mleu_correct(float *out, const float *ab, const float *luma, gsize cells,
                  const MleuParams *params)
{
    const float reds = (float)params->tame_reds, blues = (float)params->tame_blues;
    const float warm_a = WARM_A * (float)params->warmth, warm_b = WARM_B * (float)params->warmth;
    const gboolean tames = reds > 0 || blues > 0;
    for (gsize i = 0; i < cells; i++) {
        const float a = ab[i], b = ab[cells + i];
        float keep = 1;
        if (tames) {
            const float hue = atan2f(b, a), positive = hue < 0 ? hue + 2 * (float)G_PI : hue;
            keep = (1 - reds * window(positive, RED, RED_HALF_WIDTH)) *
                   (1 - blues * window(positive, BLUE, BLUE_HALF_WIDTH));
        }
        const float light = luma[i] < DARK ? luma[i] / DARK : 1;
        out[i] = light * (keep * a + warm_a);
        out[cells + i] = light * (keep * b + warm_b);
    }
}
