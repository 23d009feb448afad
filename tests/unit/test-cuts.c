/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scene cuts, in clips made here. */
#include "temporal/scenecut.h"
#include "testnoise.h"

#define W 96
#define H 64

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

#define DEFAULT_SENSITIVITY 0.5f

static guint count_cuts_at(float sensitivity, guint frames,
                           void (*picture)(float *out, guint frame))
{
    MleuSceneCut cut;
    float lightness[W * H];
    guint cuts = 0;
    mleu_scene_cut_reset(&cut);
    for (guint f = 0; f < frames; f++) {
        picture(lightness, f);
        cuts += mleu_scene_cut_next(&cut, lightness, W, H, sensitivity) ? 1 : 0;
    }
    return cuts;
}

static guint count_cuts(guint frames, void (*picture)(float *out, guint frame))
{
    return count_cuts_at(DEFAULT_SENSITIVITY, frames, picture);
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

/* Half of another scene mixed in is neither the same nor another: then motion tells. */
static void test_doubt(void)
{
    MleuSceneCut cut;
    float first[W * H], second[W * H];
    draw(first, 1, 0, 1, 0, 0);
    draw(second, 2, 0, 1, 0, 0);
    mleu_scene_cut_reset(&cut);
    g_assert_true(mleu_scene_cut_next(&cut, first, W, H, DEFAULT_SENSITIVITY));
    g_assert_false(mleu_scene_cut_decide(&cut, 1));
    for (guint i = 0; i < W * H; i++)
        second[i] = 0.5f * (first[i] + second[i]);
    g_assert_false(mleu_scene_cut_next(&cut, second, W, H, DEFAULT_SENSITIVITY));
    g_assert_true(mleu_scene_cut_decide(&cut, 0.9f));
    g_assert_false(mleu_scene_cut_decide(&cut, 0.1f));
    g_assert_false(mleu_scene_cut_next(&cut, second, W, H, DEFAULT_SENSITIVITY));
    g_assert_false(mleu_scene_cut_decide(&cut, 0.9f));
}

static void test_cuts(void)
{
    g_assert_cmpuint(count_cuts(150, cuts_each_second), ==, 6);
    g_assert_cmpuint(count_cuts(40, black_between), ==, 2);
    g_assert_cmpuint(count_cuts(40, cut_within_border), ==, 2);
}

/* Alike by four fifths and lighter, from one frame to the next. */
static void much_the_same(float *out, guint frame)
{
    float other[W * H];
    draw(out, 1, 0, 1, frame % 2 == 0 ? -10 : 10, 0);
    draw(other, 2 + frame % 2, 0, 1, 0, 0);
    for (guint i = 0; i < W * H; i++)
        out[i] = 0.8f * out[i] + 0.2f * other[i];
}

/* More sensitive: more cuts; at 0 none but the first frame. */
static void test_sensitivity(void)
{
    g_assert_cmpuint(count_cuts_at(0, 150, cuts_each_second), ==, 1);
    g_assert_cmpuint(count_cuts_at(0, 40, black_between), ==, 1);
    g_assert_cmpuint(count_cuts_at(0.25f, 150, cuts_each_second), ==, 6);
    g_assert_cmpuint(count_cuts_at(0.5f, 40, much_the_same), ==, 1);
    g_assert_cmpuint(count_cuts_at(1, 40, much_the_same), ==, 40);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cuts/none", test_no_cut);
    g_test_add_func("/cuts/found", test_cuts);
    g_test_add_func("/cuts/sensitivity", test_sensitivity);
    g_test_add_func("/cuts/doubt", test_doubt);
    return g_test_run();
}
