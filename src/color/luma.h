/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "color/format.h"

G_BEGIN_DECLS

/**
 * MleuLuma: reads rows of Y' of one format.
 * @depth: bits of what is read: the format's, or 16 (full range) for RGB, whose luma has fractions.
 * @is_bytes: Y' is in bytes: rows can be read from the frame itself where the step is 1.
 */
typedef struct {
    MleuFormat format;
    MleuLoadRow load;
    guint depth;
    gboolean is_bytes;
    float black, scale; /* y = (code - black) * scale */
    double weights[3];  /* RGB: of each component, to 16 bits */
} MleuLuma;

void mleu_luma_init(MleuLuma *luma, const MleuFormat *format);

/**
 * mleu_luma_row: Y' code values of row @y.
 * @spare: (nullable): room for width values; used for RGB only.
 */
void mleu_luma_row(const MleuLuma *luma, const MleuFrame *frame, guint y, guint16 *out,
                   guint16 *spare);

G_END_DECLS
