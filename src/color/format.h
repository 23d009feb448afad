/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <mleu/frame.h>

#include "kernels/kernels.h"

G_BEGIN_DECLS

/** Reads @n samples of one row as whole numbers of the format's depth. */
typedef void (*MleuLoadRow)(guint16 *out, const guint8 *in, gssize step, guint n, guint shift);

/** Writes @n samples. */
typedef void (*MleuStoreRow)(guint8 *out, gssize step, const guint16 *in, guint n, guint shift);

/**
 * mleu_format_check:
 * @what: "input" or "output", for the message.
 *
 * Returns: %FALSE with %MLEU_ERROR_INVALID or %MLEU_ERROR_UNSUPPORTED where the format is none that
 * can be read.
 */
gboolean mleu_format_check(const MleuFormat *format, const char *what, GError **error);

MleuLoadRow mleu_format_loader(const MleuFormat *format);
MleuStoreRow mleu_format_storer(const MleuFormat *format);

/** The code values of Y' 0 and 1 (for RGB: of a component). */
void mleu_format_luma_range(const MleuFormat *format, double *black, double *white);

/** The code value of neutral chroma, and the distance between those of -0.5 and 0.5. */
void mleu_format_chroma_range(const MleuFormat *format, double *centre, double *span);

/** Luma coefficients and the way to linear R, G, B: BT.2020's primaries for its matrix, BT.709's
 * for the others. */
void mleu_matrix_coefficients(MleuMatrix matrix, MleuChromaMatrix *out);

static inline guint mleu_format_chroma_width(const MleuFormat *format)
{
    return (format->width + (1u << format->chroma_shift_x) - 1) >> format->chroma_shift_x;
}

static inline guint mleu_format_chroma_height(const MleuFormat *format)
{
    return (format->height + (1u << format->chroma_shift_y) - 1) >> format->chroma_shift_y;
}

G_END_DECLS
