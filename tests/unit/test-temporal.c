/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>

#include "temporal/scenecut.h"
#include "temporal/smooth.h"

#define W 96
#define H 64

static void test_rate(void)
{
    g_assert_cmpfloat(mleu_smooth_rate(0.04, 0), ==, 1);
    g_assert_cmpfloat(mleu_smooth_rate(-0.04, 0.3), ==, 1);
    g_assert_cmpfloat(mleu_smooth_rate(1.5, 0.3), ==, 1);
    g_assert_cmpfloat(mleu_smooth_rate(NAN, 0.3), ==, mleu_smooth_rate(1.0 / 25, 0.3));
    g_assert_cmpfloat_with_epsilon(mleu_smooth_rate(0.3, 0.3), 1 - exp(-1), 1e-6);
}

/* A step from 0 to 1 is at 1 - exp(-t / tau) after t seconds at any frame rate. */
static void test_step_response(void)
{
    const double rates[] = {24, 25, 30, 60};
    for (guint i = 0; i < G_N_ELEMENTS(rates); i++) {
        float colour = 0;
        const float target = 1;
        const guint frames = (guint)lround(rates[i] / 2);
        for (guint f = 0; f < frames; f++)
            mleu_smooth(&colour, &target, 1, mleu_smooth_rate(1 / rates[i], 0.4));
        g_assert_cmpfloat_with_epsilon(colour, 1 - exp(-(frames / rates[i]) / 0.4), 1e-5);
    }
}

static guint32 random_state = 1;

static float next_random(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (float)(random_state >> 8) / 16777216.0f;
}

/* Light at a point of scene @seed's lattice, 0..1. */
static float lattice(guint seed, int u, int v)
{
    guint32 state = seed * 7919u + (guint32)u * 104729u + (guint32)v * 1299709u;
    for (guint i = 0; i < 3; i++)
        state = (state ^ state >> 15) * 2654435761u;
    return (float)(state >> 8) / 16777216.0f;
}

/* A picture with structure of its own for each seed: value noise, a lattice every 16 pixels. Seen
 * from `shift` pixels further on, with gain and lift of its light, and grain. */
static void draw(float *out, guint seed, float shift, float gain, float lift, float grain)
{
    for (guint y = 0; y < H; y++) {
        for (guint x = 0; x < W; x++) {
            const float u = ((float)x + shift) / 16, v = (float)y / 16;
            const int i = (int)u, j = (int)v;
            const float s = u - (float)i, t = v - (float)j;
            const float top = lattice(seed, i, j) * (1 - s) + lattice(seed, i + 1, j) * s;
            const float bottom =
                lattice(seed, i, j + 1) * (1 - s) + lattice(seed, i + 1, j + 1) * s;
            const float light = 100 * (top * (1 - t) + bottom * t);
            out[y * W + x] = CLAMP(light * gain + lift + grain * (next_random() - 0.5f), 0, 100);
        }
    }
}

static guint count_cuts(guint frames, void (*picture)(float *out, guint frame))
{
    MleuSceneCut cut;
    float lightness[W * H];
    guint cuts = 0;
    mleu_scene_cut_reset(&cut);
    for (guint f = 0; f < frames; f++) {
        picture(lightness, f);
        cuts += mleu_scene_cut_next(&cut, lightness, W, H) ? 1 : 0;
    }
    return cuts;
}

static void still_with_grain(float *out, guint frame)
{
    (void)frame;
    draw(out, 1, 0, 1, 0, 30);
}

static void pan(float *out, guint frame)
{
    draw(out, 1, 3 * (float)frame, 1, 0, 5);
}

static void fade(float *out, guint frame)
{
    draw(out, 1, 0, 1 - (float)frame / 60, 0, 3);
}

static void flash(float *out, guint frame)
{
    draw(out, 1, 0, 1, frame == 10 ? 90 : frame == 20 ? 30 : 0, 3);
}

static void cuts_each_second(float *out, guint frame)
{
    draw(out, frame / 25, (float)(frame % 25), 1, 0, 5);
}

/* Scans of film show its dark border: two scenes have that much in common. The second is a bright
 * one. */
static void cut_within_border(float *out, guint frame)
{
    draw(out, frame < 20 ? 2 : 3, (float)frame, 1, frame < 20 ? -20 : 35, 5);
    for (guint y = 0; y < H; y++) {
        for (guint x = 0; x < W; x++) {
            if (x < 8 || x >= W - 8 || y < 6 || y >= H - 6)
                out[y * W + x] = 2;
        }
    }
}

static void black_between(float *out, guint frame)
{
    draw(out, frame < 20 ? 0 : 2, 0, frame >= 15 && frame < 20 ? 0 : 1, 0, 1);
}

static void test_no_cut(void)
{
    /* The first frame always starts a scene. */
    g_assert_cmpuint(count_cuts(60, still_with_grain), ==, 1);
    g_assert_cmpuint(count_cuts(60, pan), ==, 1);
    g_assert_cmpuint(count_cuts(60, fade), ==, 1);
    g_assert_cmpuint(count_cuts(60, flash), ==, 1);
}

static void test_cuts(void)
{
    g_assert_cmpuint(count_cuts(150, cuts_each_second), ==, 6);
    g_assert_cmpuint(count_cuts(40, black_between), ==, 2);
    g_assert_cmpuint(count_cuts(40, cut_within_border), ==, 2);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/temporal/rate", test_rate);
    g_test_add_func("/temporal/step-response", test_step_response);
    g_test_add_func("/temporal/no-cut", test_no_cut);
    g_test_add_func("/temporal/cuts", test_cuts);
    return g_test_run();
}
