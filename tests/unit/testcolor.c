/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "testcolor.h"

#include <math.h>
#include <string.h>

/* CIE x, y of D65, and of red, green and blue in ITU-R BT.709 (sRGB) and BT.2020. */
static const double white_xy[2] = {0.3127, 0.3290};
static const double bt709_xy[3][2] = {{0.640, 0.330}, {0.300, 0.600}, {0.150, 0.060}};
static const double bt2020_xy[3][2] = {{0.708, 0.292}, {0.170, 0.797}, {0.131, 0.046}};

void testcolor_weights(MleuMatrix matrix, double *kr, double *kg, double *kb)
{
    *kr = matrix == MLEU_MATRIX_BT601 ? 0.299 : matrix == MLEU_MATRIX_BT709 ? 0.2126 : 0.2627;
    *kb = matrix == MLEU_MATRIX_BT601 ? 0.114 : matrix == MLEU_MATRIX_BT709 ? 0.0722 : 0.0593;
    *kg = 1 - *kr - *kb;
}

static void invert(double m[3][3], double out[3][3])
{
    double determinant = 0;
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) {
            const int r = (j + 1) % 3, s = (j + 2) % 3, p = (i + 1) % 3, q = (i + 2) % 3;
            out[i][j] = m[r][p] * m[s][q] - m[r][q] * m[s][p];
        }
    }
    for (int k = 0; k < 3; k++)
        determinant += m[0][k] * out[k][0];
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++)
            out[i][j] /= determinant;
    }
}

static void xyz_from_xy(const double xy[2], double xyz[3])
{
    xyz[0] = xy[0] / xy[1];
    xyz[1] = 1;
    xyz[2] = (1 - xy[0] - xy[1]) / xy[1];
}

/* Linear R, G, B from X, Y, Z, each relative to white. */
static void rgb_from_xyz(MleuMatrix matrix, double out[3][3])
{
    const double(*xy)[2] = matrix == MLEU_MATRIX_BT2020 ? bt2020_xy : bt709_xy;
    double primaries[3][3], inverse[3][3], white[3], amount[3] = {0};
    xyz_from_xy(white_xy, white);
    for (int c = 0; c < 3; c++) {
        double xyz[3];
        xyz_from_xy(xy[c], xyz);
        for (int i = 0; i < 3; i++)
            primaries[i][c] = xyz[i];
    }
    invert(primaries, inverse);
    for (int c = 0; c < 3; c++) {
        for (int i = 0; i < 3; i++)
            amount[c] += inverse[c][i] * white[i];
    }
    for (int i = 0; i < 3; i++) {
        for (int c = 0; c < 3; c++)
            primaries[i][c] *= amount[c] / white[i];
    }
    invert(primaries, out);
}

/* sRGB's curve (IEC 61966-2-1), odd about 0. */
static double encode(double linear)
{
    const double x = fabs(linear);
    return copysign(x <= 0.0031308 ? 12.92 * x : 1.055 * pow(x, 1 / 2.4) - 0.055, linear);
}

static double cie_inverse(double f)
{
    return f > 6.0 / 29 ? f * f * f : (f - 4.0 / 29) * 108 / 841;
}

double testcolor_lightness(double y)
{
    const double linear = y <= 0.04045 ? y / 12.92 : pow((y + 0.055) / 1.055, 2.4);
    return linear > 216.0 / 24389 ? 116 * cbrt(linear) - 16 : linear * 24389 / 27;
}

void testcolor_chroma(MleuMatrix matrix, double y, double a, double b, double *cb, double *cr)
{
    double to_rgb[3][3], weight[3], rgb[3], luma = 0, low = -2, high = 4, limit = 1;
    rgb_from_xyz(matrix, to_rgb);
    testcolor_weights(matrix, &weight[0], &weight[1], &weight[2]);
    /* Luma rises with f = (L* + 16) / 116. */
    for (int step = 0; step < 80; step++) {
        const double f = (low + high) / 2;
        const double xyz[3] = {cie_inverse(f + a / 500), cie_inverse(f), cie_inverse(f - b / 200)};
        luma = 0;
        for (int c = 0; c < 3; c++) {
            rgb[c] = encode(to_rgb[c][0] * xyz[0] + to_rgb[c][1] * xyz[1] + to_rgb[c][2] * xyz[2]);
            luma += weight[c] * rgb[c];
        }
        *(luma < y ? &low : &high) = f;
    }
    for (int c = 0; c < 3; c++) {
        const double over = rgb[c] - luma;
        if (over > 0)
            limit = MIN(limit, (1 - y) / over);
        else if (over < 0)
            limit = MIN(limit, y / -over);
    }
    *cr = limit * (rgb[0] - luma) / (2 * (1 - weight[0]));
    *cb = limit * (rgb[2] - luma) / (2 * (1 - weight[2]));
}

void testcolor_rgb(MleuMatrix matrix, double y, double cb, double cr, double rgb[3])
{
    double kr, kg, kb;
    testcolor_weights(matrix, &kr, &kg, &kb);
    rgb[0] = y + 2 * (1 - kr) * cr;
    rgb[2] = y + 2 * (1 - kb) * cb;
    rgb[1] = (y - kr * rgb[0] - kb * rgb[2]) / kg;
}
