/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The corrections of colours against their definition, on single colours. */
#include <math.h>

#include "color/correct.h"

/* a*, b* of chroma @chroma and hue @degrees, corrected. */
static void correct(double chroma, double degrees, float luma, const MleuParams *params, double *a,
                    double *b)
{
    const double hue = degrees * G_PI / 180;
    const float ab[2] = {(float)(chroma * cos(hue)), (float)(chroma * sin(hue))};
    float out[2];
    mleu_correct(out, ab, &luma, 1, params);
    *a = (double)out[0];
    *b = (double)out[1];
}

/* Share of its chroma that a colour of a hue keeps; the hue has to stay. */
static double kept(double degrees, const MleuParams *params)
{
    double a, b;
    correct(40, degrees, 0.5f, params, &a, &b);
    const double chroma = hypot(a, b);
    if (chroma > 1e-3) {
        const double turned = atan2(b, a) - degrees * G_PI / 180;
        g_assert_cmpfloat(fabs(remainder(turned, 2 * G_PI)), <, 1e-4);
    }
    return chroma / 40;
}

static void test_nothing(void)
{
    const MleuParams params = {0};
    for (double degrees = -180; degrees <= 180; degrees += 7.5) {
        double a, b;
        correct(60, degrees, 0.3f, &params, &a, &b);
        g_assert_cmpfloat_with_epsilon(a, 60 * cos(degrees * G_PI / 180), 1e-4);
        g_assert_cmpfloat_with_epsilon(b, 60 * sin(degrees * G_PI / 180), 1e-4);
    }
}

static void check_window(const MleuParams *params, double amount, double middle, double half_width)
{
    for (double degrees = -180; degrees <= 360; degrees += 2.5) {
        const double distance = fabs(remainder(degrees - middle, 360));
        const double wave = distance < half_width ? cos(G_PI_2 * distance / half_width) : 0;
        g_assert_cmpfloat_with_epsilon(kept(degrees, params), 1 - amount * wave * wave, 1e-4);
    }
}

static void test_windows(void)
{
    check_window(&(MleuParams){.tame_reds = 1}, 1, 15, 50);
    check_window(&(MleuParams){.tame_reds = 0.4}, 0.4, 15, 50);
    check_window(&(MleuParams){.tame_blues = 1}, 1, 280, 60);
    check_window(&(MleuParams){.tame_blues = 0.7}, 0.7, 280, 60);
}

/* What the properties promise: skin stays, and grass is neither red nor blue. */
static void test_spared(void)
{
    const MleuParams both = {.tame_reds = 1, .tame_blues = 1};
    g_assert_cmpfloat(kept(55, &both), >, 0.9);
    g_assert_cmpfloat_with_epsilon(kept(120, &both), 1, 1e-4);
    g_assert_cmpfloat(kept(15, &both), <, 1e-3);
    g_assert_cmpfloat(kept(280, &both), <, 1e-3);
}

static void test_warmth(void)
{
    double a, b;
    correct(0, 0, 0.5f, &(MleuParams){.warmth = 1}, &a, &b);
    g_assert_cmpfloat_with_epsilon(a, 2, 1e-5);
    g_assert_cmpfloat_with_epsilon(b, 10, 1e-5);
    correct(20, 90, 0.5f, &(MleuParams){.warmth = -0.5}, &a, &b);
    g_assert_cmpfloat_with_epsilon(a, -1, 1e-4);
    g_assert_cmpfloat_with_epsilon(b, 15, 1e-4);
}

/* Towards black colours fade evenly, and the warmth with them. */
static void test_dark(void)
{
    const MleuParams params = {.warmth = 1};
    double last = -1, a, b;
    for (float luma = 0; luma < 0.2f; luma += 0.01f) {
        correct(30, 0, luma, &params, &a, &b);
        g_assert_cmpfloat(a, >=, last);
        last = a;
        if (luma <= 0) {
            g_assert_cmpfloat_with_epsilon(a, 0, 1e-6);
            g_assert_cmpfloat_with_epsilon(b, 0, 1e-6);
        }
    }
    g_assert_cmpfloat_with_epsilon(last, 32, 1e-4);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/correct/nothing", test_nothing);
    g_test_add_func("/correct/windows", test_windows);
    g_test_add_func("/correct/spared", test_spared);
    g_test_add_func("/correct/warmth", test_warmth);
    g_test_add_func("/correct/dark", test_dark);
    return g_test_run();
}
