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
        [MLEU_MATRIX_BT601] = {{-0.40806606f,  0.036654159f,  -0.036312509f, 0.0085718343f,
                                -0.044937633f, -0.047547083f, 0.073549978f,  -0.054758571f,
                                0.12797704f,   -0.15366079f,  0.070158459f,  -0.059594605f,
                                0.20455123f,   -0.34091187f,  -0.019346667f, 0.16599311f,
                                -0.42103279f,  0.066419281f,  -0.28508413f,  -0.086488277f},
                               {0.24067748f,  -0.12546057f, 0.066481762f, -0.074375689f,
                                0.074996181f, 0.48293227f,  -0.17358224f, 0.15285316f,
                                -0.32510307f, 0.42914948f,  -0.10085077f, 0.15791053f,
                                -0.55062795f, 1.0268567f,   0.086210586f, -0.45354217f,
                                1.366016f,    -0.15773891f, 1.0067548f,   0.37085807f}},
        [MLEU_MATRIX_BT709] = {{-0.38857466f,  0.022644445f, -0.022143941f, 0.00033668638f,
                                -0.050014373f, 0.006077264f, 0.045624383f,  -0.017715402f,
                                0.10990037f,   -0.1742385f,  0.059246622f,  -0.019086059f,
                                0.17162232f,   -0.41050014f, 0.0020413732f, 0.14280514f,
                                -0.5220508f,   0.058587588f, -0.36297816f,  -0.11553387f},
                               {0.21776529f,  -0.12172423f, 0.046620369f,  -0.092721984f,
                                0.11521339f,  0.49540189f,  -0.16197751f,  0.072987832f,
                                -0.39590213f, 0.71997315f,  -0.087446347f, 0.053356897f,
                                -0.68151975f, 1.7752308f,   0.017238008f,  -0.55874044f,
                                2.4439139f,   -0.19176072f, 1.8357159f,    0.69820487f}},
        [MLEU_MATRIX_BT2020] = {{-0.34084791f,   0.029456994f,   -0.0062491717f, 0.0017734774f,
                                 -0.0027235467f, 0.0022178767f,  0.016280394f,   -0.011709394f,
                                 0.010930249f,   -0.0066246889f, 0.022934576f,   -0.0095824292f,
                                 0.010586351f,   -0.01114111f,   0.0020696549f,  0.0053037857f,
                                 -0.0095786117f, 0.0026124632f,  -0.0042358264f, -0.00057642919f},
                                {0.11698852f,   -0.057070449f,  0.019855345f,  -0.0089197196f,
                                 0.0060646581f, 0.27663952f,    -0.047888715f, 0.040035892f,
                                 -0.029951377f, 0.024113096f,   0.0052954233f, 0.02998486f,
                                 -0.036781736f, 0.039160747f,   0.017567987f,  -0.020293107f,
                                 0.031862866f,  -0.0035721536f, 0.013327382f,  0.0026038904f}},
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
