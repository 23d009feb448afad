/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <mleu/frame.h>

/*
 * The colour mathematics of the library once more, in double precision and from the definitions:
 * primaries and white by their chromaticities, the curves as the standards give them, bisection
 * where the library iterates.
 */

void testcolor_weights(MleuMatrix matrix, double *kr, double *kg, double *kb);

/** CIE L*, 0 .. 100, of a grey whose sRGB code value is @y, 0 .. 1. */
double testcolor_lightness(double y);

/** Cb, Cr (-0.5 .. 0.5) of the colour of luma @y with the hue of @a, @b, its chroma lowered into
 * the gamut. */
void testcolor_chroma(MleuMatrix matrix, double y, double a, double b, double *cb, double *cr);

/** R'G'B' from Y', Cb, Cr. */
void testcolor_rgb(MleuMatrix matrix, double y, double cb, double cr, double rgb[3]);
