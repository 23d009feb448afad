/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* f32_chroma in plain C that compilers vectorise. */
#include <math.h>
#include <string.h>

#include "kernels/tiers.h"

/* The inverse of CIE Lab's f: a cube above 6/29, a line below. */
static inline float lab_inverse(float f)
{
    const float cube = f * f * f, line = (f - 4.0f / 29) * (108.0f / 841);
    return f > 6.0f / 29 ? cube : line;
}

/* sRGB's transfer function, odd about 0: linear light -> code value. Above the toe 1.055 x^(5/12) -
 * 0.055 is a polynomial in the fourth root of x, which needs no table: error under 8e-6 on 0
 * .. 1.6. */
static inline float transfer(float x)
{
    float magnitude = fabsf(x);
    magnitude = magnitude < 4 ? magnitude : 4;
    const float s = sqrtf(sqrtf(magnitude));
    float p = 0.0436260195f;
    p = p * s - 0.226127182f;
    p = p * s + 0.517911449f;
    p = p * s - 0.745235632f;
    p = p * s + 1.32106569f;
    p = p * s + 0.149103663f;
    p = p * s - 0.0603438354f;
    p = magnitude > 0.0031308f ? p : 12.92f * magnitude;
    return copysignf(p, x);
}

/* About f(L*) of a grey of code value y. It only steers the iteration below, which is exact
 * wherever it ends. */
static inline float grey_f(float y)
{
    y = y > -0.5f ? y : -0.5f;
    y = y < 2.0f ? y : 2.0f;
    return 0.121f + (1.0302f - 0.15405f * y) * y;
}

void mleu_f32_chroma__c(float *cb, float *cr, const float *y, const float *a, const float *b,
                        gsize n, const MleuChromaMatrix *matrix)
{
    /* A block at a time with the steps outside, so that the loops over pixels vectorise. */
    enum { PIXELS = 64, STEPS = 6 };
    /* In luma: what is left is shifted along the grey axis, to which Cb and Cr are all but blind.
     */
    const float CLOSE = 1e-4f;
    const float m00 = matrix->rgb[0][0], m01 = matrix->rgb[0][1], m02 = matrix->rgb[0][2];
    const float m10 = matrix->rgb[1][0], m11 = matrix->rgb[1][1], m12 = matrix->rgb[1][2];
    const float m20 = matrix->rgb[2][0], m21 = matrix->rgb[2][1], m22 = matrix->rgb[2][2];
    const float kr = matrix->kr, kg = matrix->kg, kb = matrix->kb;
    const float to_cb = 0.5f / (1 - kb), to_cr = 0.5f / (1 - kr);
    /* By how much luma moves with X and with Z, of what it moves with all three, near the greys: a*
     * and b* shift f by as much the other way where luma stays. */
    const float with_x = kr * m00 + kg * m10 + kb * m20, with_z = kr * m02 + kg * m12 + kb * m22;
    float luma[PIXELS] = {0}, da[PIXELS] = {0}, db[PIXELS] = {0};
    float f[PIXELS], last_f[PIXELS], got[PIXELS], last_got[PIXELS], red[PIXELS], green[PIXELS],
        blue[PIXELS];

    for (gsize begin = 0; begin < n; begin += PIXELS) {
        const gsize count = MIN((gsize)PIXELS, n - begin);
        for (gsize i = 0; i < count; i++) {
            luma[i] = y[begin + i];
            da[i] = a[begin + i] * (1.0f / 500);
            db[i] = b[begin + i] * (1.0f / 200);
        }
        /* The secant starts where that puts the colour of this luma. */
        for (gsize i = 0; i < PIXELS; i++) {
            f[i] = grey_f(luma[i]) - with_x * da[i] + with_z * db[i];
            last_f[i] = last_got[i] = 0;
        }
        for (int step = 0; step < STEPS; step++) {
            for (gsize i = 0; i < PIXELS; i++) {
                const float x_ = lab_inverse(f[i] + da[i]), y_ = lab_inverse(f[i]),
                            z_ = lab_inverse(f[i] - db[i]);
                red[i] = transfer(m00 * x_ + m01 * y_ + m02 * z_);
                green[i] = transfer(m10 * x_ + m11 * y_ + m12 * z_);
                blue[i] = transfer(m20 * x_ + m21 * y_ + m22 * z_);
                got[i] = kr * red[i] + kg * green[i] + kb * blue[i];
            }
            gint32 away = 0;
            for (gsize i = 0; i < PIXELS; i++)
                away += !(fabsf(luma[i] - got[i]) < CLOSE);
            if (away == 0 || step + 1 == STEPS)
                break;
            for (gsize i = 0; i < PIXELS; i++) {
                const float missing = luma[i] - got[i];
                const float rise = got[i] - last_got[i], run = f[i] - last_f[i];
                const float grey = grey_f(luma[i]) - grey_f(got[i]);
                /* Luma rises with f: where the secant says otherwise, it has converged to rounding.
                 */
                const gboolean use_secant = step > 0 && rise * run > 1e-9f;
                float move = use_secant ? missing * run / rise : grey;
                move = move < 0.25f ? move : 0.25f;
                move = move > -0.25f ? move : -0.25f;
                last_f[i] = f[i];
                last_got[i] = got[i];
                f[i] += move;
            }
        }
        for (gsize i = 0; i < PIXELS; i++) {
            /* What is left of the difference in luma is a shift along the grey axis. */
            const float r = red[i] - got[i], g = green[i] - got[i], u = blue[i] - got[i];
            float above = r > g ? r : g, below = r < g ? r : g;
            above = above > u ? above : u;
            below = below < u ? below : u;
            above = above > 1e-9f ? above : 1e-9f;
            below = -below > 1e-9f ? -below : 1e-9f;
            float limit = (1 - luma[i]) / above;
            const float lower = luma[i] / below;
            limit = limit < lower ? limit : lower;
            limit = limit < 1 ? limit : 1;
            limit = limit > 0 ? limit : 0;
            red[i] = limit * r * to_cr;
            blue[i] = limit * u * to_cb;
        }
        memcpy(cb + begin, blue, count * sizeof(float));
        memcpy(cr + begin, red, count * sizeof(float));
    }
}
