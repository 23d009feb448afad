/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "color/format.h"

#include <string.h>

gboolean mleu_format_check(const MleuFormat *format, const char *what, GError **error)
{
    const guint most = format->layout == MLEU_LAYOUT_YUV ? 1 : 0;
    /* Written so that no sum of what a caller gave can wrap. */
    const guint room = format->depth > 8 && format->depth <= 16 ? 16 - format->depth : 0;

    if (format->width < 1 || format->width > MLEU_FRAME_MAX_SIDE || format->height < 1 ||
        format->height > MLEU_FRAME_MAX_SIDE)
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_INVALID,
                    "%s of %u x %u pixels: each side must be from 1 to %d", what, format->width,
                    format->height, MLEU_FRAME_MAX_SIDE);
    else if ((guint)format->layout > MLEU_LAYOUT_RGB)
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_INVALID,
                    "%s layout %u: must be grey, YUV or RGB (0 to 2)", what, (guint)format->layout);
    else if ((guint)format->matrix > MLEU_MATRIX_BT2020)
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_INVALID,
                    "%s matrix %u: must be BT.601, BT.709 or BT.2020 (0 to 2)", what,
                    (guint)format->matrix);
    else if ((guint)format->range > MLEU_RANGE_FULL)
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_INVALID,
                    "%s range %u: must be limited or full (0 or 1)", what, (guint)format->range);
    else if ((guint)format->siting_x > MLEU_SITING_CENTRE ||
             (guint)format->siting_y > MLEU_SITING_CENTRE)
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_INVALID,
                    "%s siting %u, %u: each must be cosited or centre (0 or 1)", what,
                    (guint)format->siting_x, (guint)format->siting_y);
    else if (format->depth < 8 || format->depth > 16)
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_INVALID,
                    "%s depth of %u bits: must be from 8 to 16", what, format->depth);
    else if (format->shift > room)
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_INVALID,
                    "%s shift of %u bits: must be from 0 to %u at depth %u", what, format->shift,
                    room, format->depth);
    else if (format->chroma_shift_x > most || format->chroma_shift_y > most)
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_INVALID,
                    "%s chroma shift %u, %u: each must be %s", what, format->chroma_shift_x,
                    format->chroma_shift_y, most > 0 ? "0 or 1" : "0 where it is not YUV");
    else
        return TRUE;
    return FALSE;
}

static void load_bytes(guint16 *out, const guint8 *in, gssize step, guint n,
                       guint shift G_GNUC_UNUSED)
{
    if (step == 1) {
        for (guint i = 0; i < n; i++)
            out[i] = in[i];
    } else {
        for (guint i = 0; i < n; i++)
            out[i] = in[(gssize)i * step];
    }
}

static void load_little(guint16 *out, const guint8 *in, gssize step, guint n, guint shift)
{
    for (guint i = 0; i < n; i++, in += step)
        out[i] = (guint16)((in[0] | in[1] << 8) >> shift);
}

static void load_big(guint16 *out, const guint8 *in, gssize step, guint n, guint shift)
{
    for (guint i = 0; i < n; i++, in += step)
        out[i] = (guint16)((in[1] | in[0] << 8) >> shift);
}

static void store_bytes(guint8 *out, gssize step, const guint16 *in, guint n,
                        guint shift G_GNUC_UNUSED)
{
    if (step == 1) {
        for (guint i = 0; i < n; i++)
            out[i] = (guint8)in[i];
    } else {
        for (guint i = 0; i < n; i++)
            out[(gssize)i * step] = (guint8)in[i];
    }
}

static void store_little(guint8 *out, gssize step, const guint16 *in, guint n, guint shift)
{
    for (guint i = 0; i < n; i++, out += step) {
        const guint value = (guint)in[i] << shift;
        out[0] = (guint8)value;
        out[1] = (guint8)(value >> 8);
    }
}

static void store_big(guint8 *out, gssize step, const guint16 *in, guint n, guint shift)
{
    for (guint i = 0; i < n; i++, out += step) {
        const guint value = (guint)in[i] << shift;
        out[1] = (guint8)value;
        out[0] = (guint8)(value >> 8);
    }
}

MleuLoadRow mleu_format_loader(const MleuFormat *format)
{
    if (format->depth == 8)
        return load_bytes;
    return format->big_endian ? load_big : load_little;
}

MleuStoreRow mleu_format_storer(const MleuFormat *format)
{
    if (format->depth == 8)
        return store_bytes;
    return format->big_endian ? store_big : store_little;
}

void mleu_format_luma_range(const MleuFormat *format, double *black, double *white)
{
    const double unit = (double)(1u << (format->depth - 8));
    const gboolean full = format->range == MLEU_RANGE_FULL;
    *black = full ? 0 : 16 * unit;
    *white = full ? (double)((1u << format->depth) - 1) : 235 * unit;
}

void mleu_format_chroma_range(const MleuFormat *format, double *centre, double *span)
{
    *centre = (double)(1u << (format->depth - 1));
    *span = format->range == MLEU_RANGE_FULL ? (double)((1u << format->depth) - 1)
                                             : 224.0 * (double)(1u << (format->depth - 8));
}

void mleu_matrix_coefficients(MleuMatrix matrix, MleuChromaMatrix *out)
{
    /* IEC 61966-2-1 and ITU-R BT.2020, the columns multiplied by D65's X, Y, Z = 0.95047,
     * 1, 1.08883. */
    static const double bt709[3][3] = {{3.2404542, -1.5371385, -0.4985314},
                                       {-0.9692660, 1.8760108, 0.0415560},
                                       {0.0556434, -0.2040259, 1.0572252}};
    static const double bt2020[3][3] = {{1.7166512, -0.3556708, -0.2533663},
                                        {-0.6666844, 1.6164812, 0.0157685},
                                        {0.0176399, -0.0427706, 0.9421031}};
    static const double white[3] = {0.95047, 1, 1.08883};
    static const double red[] = {
        [MLEU_MATRIX_BT601] = 0.299, [MLEU_MATRIX_BT709] = 0.2126, [MLEU_MATRIX_BT2020] = 0.2627};
    static const double blue[] = {
        [MLEU_MATRIX_BT601] = 0.114, [MLEU_MATRIX_BT709] = 0.0722, [MLEU_MATRIX_BT2020] = 0.0593};
    /* Fitted to colours such as photographs have, with paler and stronger ones, off the toes of the
     * curves, by least squares that weigh pale ones most: half of them are within 5e-4 of f. */
    static const float start[][5] = {
        [MLEU_MATRIX_BT601] = {-0.4295f, -0.0134f, 3.3540f, 0.9451f, 0.2194f},
        [MLEU_MATRIX_BT709] = {-0.0178f, -0.0056f, 2.6335f, 0.7090f, 0.1407f},
        [MLEU_MATRIX_BT2020] = {-0.0023f, -0.0018f, 0.9353f, 0.2224f, 0.0669f}};
    /* Cb, Cr: of the colours in the ellipse the least largest error that there is, times the
     * lightest luma that lies in the gamut. */
    static const float pale[][2][MLEU_PALE_TERMS] = {
        [MLEU_MATRIX_BT601] = {{-0.40700848f, 0.034668563f, -0.051775675f, 0.018674177f,
                                -0.046936512f, 0.073423008f, -0.087498635f, 0.13980907f,
                                0.071672596f, -0.10050193f, 0.21821043f, -0.037327397f, 0.17811309f,
                                0.063485682f},
                               {0.23887453f, -0.12498989f, 0.092470509f, -0.083375856f, 0.47919297f,
                                -0.16900693f, 0.26017053f, -0.3631156f, -0.10002812f, 0.29735824f,
                                -0.60888618f, 0.16658016f, -0.52349504f, -0.17603881f}},
        [MLEU_MATRIX_BT709] = {{-0.38701636f, 0.020718817f, -0.041840601f, 0.0092033412f,
                                0.0072307347f, 0.047346179f, -0.061066161f, 0.11049107f,
                                0.061257996f, -0.074678027f, 0.17444438f, -0.024439201f,
                                0.14598447f, 0.053326767f},
                               {0.21424905f, -0.12324055f, 0.091615914f, -0.095334116f, 0.48736105f,
                                -0.15763767f, 0.27331367f, -0.43662852f, -0.085390969f, 0.32054763f,
                                -0.74918515f, 0.18316456f, -0.6230444f, -0.20568206f}},
        [MLEU_MATRIX_BT2020] = {{-0.34078273f, 0.02933391f, -0.0071952369f, 0.0023979889f,
                                 0.0022240503f, 0.016268246f, -0.012880651f, 0.011689252f,
                                 0.022907873f, -0.010572499f, 0.012139095f, 0.0019243317f,
                                 0.0068018162f, 0.0032153753f},
                                {0.11684131f, -0.05694646f, 0.022023871f, -0.0098040088f,
                                 0.27654435f, -0.047752434f, 0.045084661f, -0.032487334f,
                                 0.0052544822f, 0.03390502f, -0.038682801f, 0.018485026f,
                                 -0.020305926f, -0.0030423699f}},
    };
    const double(*primaries)[3] = matrix == MLEU_MATRIX_BT2020 ? bt2020 : bt709;

    for (guint i = 0; i < 3; i++) {
        /* Rows are scaled to sum to exactly 1, so that a* = b* = 0 is exactly grey. */
        double sum = 0;
        for (guint j = 0; j < 3; j++)
            sum += primaries[i][j] * white[j];
        for (guint j = 0; j < 3; j++)
            out->rgb[i][j] = (float)(primaries[i][j] * white[j] / sum);
    }
    out->kr = (float)red[matrix];
    out->kb = (float)blue[matrix];
    out->kg = 1.0f - out->kr - out->kb;
    memcpy(out->start, start[matrix], sizeof out->start);
    memcpy(out->pale_cb, pale[matrix][0], sizeof out->pale_cb);
    memcpy(out->pale_cr, pale[matrix][1], sizeof out->pale_cr);
}
