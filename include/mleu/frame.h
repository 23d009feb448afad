/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <mleu/error.h>

G_BEGIN_DECLS

/** Largest side of a frame, in pixels. */
#define MLEU_FRAME_MAX_SIDE 16384

/**
 * MleuLayout:
 * @MLEU_LAYOUT_GRAY: component 0 is Y'.
 * @MLEU_LAYOUT_YUV: components 0, 1, 2 are Y', Cb, Cr.
 * @MLEU_LAYOUT_RGB: components 0, 1, 2 are R', G', B'; component 3 is alpha where `data` is not
 * %NULL.
 */
typedef enum {
    MLEU_LAYOUT_GRAY,
    MLEU_LAYOUT_YUV,
    MLEU_LAYOUT_RGB,
} MleuLayout;

/**
 * MleuMatrix: the coefficients between R'G'B' and Y'CbCr.
 * @MLEU_MATRIX_BT601: ITU-R BT.601 (Kr 0.299, Kb 0.114).
 * @MLEU_MATRIX_BT709: ITU-R BT.709 (Kr 0.2126, Kb 0.0722).
 * @MLEU_MATRIX_BT2020: ITU-R BT.2020, non-constant luminance (Kr 0.2627, Kb 0.0593).
 *
 * For a grey or RGB frame the matrix says which luma its values stand for.
 */
typedef enum {
    MLEU_MATRIX_BT601,
    MLEU_MATRIX_BT709,
    MLEU_MATRIX_BT2020,
} MleuMatrix;

/**
 * MleuRange:
 * @MLEU_RANGE_LIMITED: 8-bit Y' 16..235, Cb and Cr 16..240; scaled by 2^(depth - 8) above.
 * @MLEU_RANGE_FULL: 0..2^depth - 1, chroma centred on 2^(depth - 1).
 */
typedef enum {
    MLEU_RANGE_LIMITED,
    MLEU_RANGE_FULL,
} MleuRange;

/**
 * MleuSiting: where a subsampled chroma sample lies between the luma samples it serves, in one
 * direction.
 * @MLEU_SITING_COSITED: on the first of them (MPEG-2 horizontally).
 * @MLEU_SITING_CENTRE: midway (JPEG, MPEG-1; MPEG-2 vertically).
 */
typedef enum {
    MLEU_SITING_COSITED,
    MLEU_SITING_CENTRE,
} MleuSiting;

/**
 * MleuFormat:
 * @layout: what the components are.
 * @width: luma width in pixels, 1..%MLEU_FRAME_MAX_SIDE.
 * @height: luma height in pixels, likewise.
 * @chroma_shift_x: log2 of the horizontal chroma subsampling, 0 or 1 (YUV only); chroma width is
 *   (width + (1 << shift) - 1) >> shift.
 * @chroma_shift_y: log2 of the vertical one, likewise.
 * @siting_x: horizontal chroma siting.
 * @siting_y: vertical chroma siting.
 * @matrix: see #MleuMatrix.
 * @range: see #MleuRange.
 * @depth: significant bits of a sample, 8..16. 8: one byte a sample; more: two bytes.
 * @shift: left shift of the significant bits in a two-byte sample (P010: 6); 0 otherwise. The bits
 * below are zero.
 * @big_endian: two-byte samples are big-endian.
 *
 * How the samples of a frame are to be read. It does not change from frame to frame.
 */
typedef struct {
    MleuLayout layout;
    guint width, height;
    guint chroma_shift_x, chroma_shift_y;
    MleuSiting siting_x, siting_y;
    MleuMatrix matrix;
    MleuRange range;
    guint depth;
    guint shift;
    gboolean big_endian;
} MleuFormat;

/**
 * MleuPlane: one component of a frame.
 * @data: the first sample; %NULL for a component that the layout does not have. No alignment is
 * assumed.
 * @stride: bytes from one row to the next; may be negative.
 * @step: bytes from one sample to the next in a row (I420: 1, NV12 chroma: 2, RGBA: 4).
 */
typedef struct {
    guint8 *data;
    gssize stride;
    gssize step;
} MleuPlane;

/**
 * MleuFrame: the samples of one picture. A view: it owns nothing, and is read as its #MleuFormat
 * says.
 * @plane: by component, as #MleuLayout orders them.
 * @interlaced: its rows are of two fields in turn, and so are the rows of its chroma: where these
 * are half as many, each serves two rows of its own field. Of a frame that is read; ignored in one
 * that is written.
 */
typedef struct {
    MleuPlane plane[4];
    gboolean interlaced;
} MleuFrame;

/**
 * mleu_frame_measure_color:
 * @format: the format of @frame.
 * @frame: the picture.
 *
 * How much colour a picture has of its own: the root mean square deviation of Cb and Cr from their
 * mean at equal luma, in 8-bit code values (at equal luma, so that a tinted or toned
 * black-and-white picture measures near 0). Samples a grid of at most some thousand pixels.
 *
 * Thread-safety: may be called from any thread.
 *
 * Returns: 0 for a grey frame; a colour picture gives 4 and more.
 */
MLEU_API double mleu_frame_measure_color(const MleuFormat *format, const MleuFrame *frame);

G_END_DECLS
