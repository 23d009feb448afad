/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <mleu/colorizer.h>

G_BEGIN_DECLS

/**
 * mleu_correct: the colours of the small grid as the parameters want them.
 * @out: @cells a*, then @cells b*; may be @ab.
 * @ab: likewise.
 * @luma: @cells, 0..1: what is nearly black has no colour.
 * @params: tame_reds, tame_blues and warmth are used, and are within their ranges.
 *
 * Of a colour of chroma C and hue h, with a window w(h) = cos^2(90 deg x distance / half width), 0
 * from the half width on, for each of the two:
 *   C' = C (1 - tame_reds w_red(h)) (1 - tame_blues w_blue(h))
 * and then a*' = a* + 2 warmth, b*' = b* + 10 warmth, about the way of daylight from 6500 K to 5000
 * K, greys included; and both times how far luma is from black.
 *
 * Thread-safety: any thread.
 */
void mleu_correct(float *out, const float *ab, const float *luma, gsize cells,
                  const MleuParams *params);

G_END_DECLS
