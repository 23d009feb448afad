/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "temporal/scenecut.h"

#include <math.h>
#include <string.h>

/* Largest shift that is tried, in cells: a tenth of the picture's width between two frames is a
 * fast pan. */
#define SHIFT_X 4
#define SHIFT_Y 3

/* Standard deviation of L* over the cells under which a frame has no structure. Title cards have 10
 * and more. */
#define FLAT 2.0f

/* Correlation under which it is another scene. Measured on five clips of film and video (2,593
 * frames, 3 cuts): frames of one shot stay above 0.88, two cuts are under 0.4. */
#define SAME_SCENE 0.6f

/* The third cut has 0.61: the dark border of a scanned film frame and a sky above are alike in any
 * two scenes. But it changes L* by 32 in the mean, so that a change of much light needs more
 * likeness. With three frames of four left out, a car that fills the picture has 0.69 at 4, and
 * 0.74 at 12. */
#define MUCH_DIFFERENCE 15.0f
#define SAME_SCENE_MUCH 0.75f

/* Correlation under which the motion decides. Of 120 cuts between three clips, eight have more than
 * SAME_SCENE, up to 0.64; there the motion is lost in 38 % of the cells and more (two scenes look
 * more alike in one light, in which they are searched), and in 8 % at most within the clips, which
 * stay above 0.86. */
#define IN_DOUBT 0.8f
#define LOST 0.25f

/* Frames without structure after which nothing is left to compare with: a pause between scenes, and
 * not a flash. */
#define PAUSE 12

/* Least mean absolute difference, in L*, of a cut: pictures without contrast correlate badly with
 * themselves. */
#define LEAST_DIFFERENCE 2.5f

void mleu_scene_cut_reset(MleuSceneCut *cut)
{
    cut->have_last = FALSE;
    cut->flat = 0;
}

static void coarse_picture(float *out, const float *lightness, guint width, guint height)
{
    for (guint j = 0; j < MLEU_COARSE_H; j++) {
        const guint top = j * height / MLEU_COARSE_H,
                    bottom = MAX((j + 1) * height / MLEU_COARSE_H, top + 1);
        for (guint i = 0; i < MLEU_COARSE_W; i++) {
            const guint left = i * width / MLEU_COARSE_W,
                        right = MAX((i + 1) * width / MLEU_COARSE_W, left + 1);
            float sum = 0;
            for (guint y = top; y < bottom; y++) {
                for (guint x = left; x < right; x++)
                    sum += lightness[(gsize)y * width + x];
            }
            out[j * MLEU_COARSE_W + i] = sum / (float)((bottom - top) * (right - left));
        }
    }
}

static float deviation(const float *picture)
{
    double sum = 0, squares = 0;
    for (guint i = 0; i < MLEU_COARSE_W * MLEU_COARSE_H; i++) {
        sum += (double)picture[i];
        squares += (double)picture[i] * (double)picture[i];
    }
    const double n = MLEU_COARSE_W * MLEU_COARSE_H;
    return (float)sqrt(MAX(squares / n - (sum / n) * (sum / n), 0));
}

/* Correlation, -1..1, of @a with @b moved by (dx, dy) cells, over where they overlap. */
static float correlation(const float *a, const float *b, int dx, int dy)
{
    const int w = MLEU_COARSE_W, h = MLEU_COARSE_H;
    double n = 0, sa = 0, sb = 0, saa = 0, sbb = 0, sab = 0;
    for (int y = MAX(0, -dy); y < MIN(h, h - dy); y++) {
        for (int x = MAX(0, -dx); x < MIN(w, w - dx); x++) {
            const double p = (double)a[y * w + x], q = (double)b[(y + dy) * w + x + dx];
            n += 1;
            sa += p;
            sb += q;
            saa += p * p;
            sbb += q * q;
            sab += p * q;
        }
    }
    const double va = saa - sa * sa / n, vb = sbb - sb * sb / n;
    return va <= 0 || vb <= 0 ? 0 : (float)((sab - sa * sb / n) / sqrt(va * vb));
}

/* A correlation that is asked for at a sensitivity of 0.5, at another one. */
static float adapt(float likeness, float sensitivity)
{
    return 1 - 2 * (1 - sensitivity) * (1 - likeness);
}

gboolean mleu_scene_cut_next(MleuSceneCut *cut, const float *lightness, guint width, guint height,
                             float sensitivity)
{
    float picture[MLEU_COARSE_W * MLEU_COARSE_H];
    gboolean is_cut = FALSE;

    cut->in_doubt = FALSE;
    coarse_picture(picture, lightness, width, height);
    if (deviation(picture) < FLAT) {
        cut->flat++;
        return FALSE;
    }
    if (!cut->have_last || (cut->flat > PAUSE && sensitivity > 0)) {
        is_cut = TRUE;
    } else if (sensitivity > 0) {
        float difference = 0;
        for (guint i = 0; i < G_N_ELEMENTS(picture); i++)
            difference += fabsf(picture[i] - cut->last[i]);
        difference /= (float)G_N_ELEMENTS(picture);
        /* Most frames are much like the one before, and are done here. */
        const float same =
            adapt(difference > MUCH_DIFFERENCE ? SAME_SCENE_MUCH : SAME_SCENE, sensitivity);
        const float in_doubt = adapt(IN_DOUBT, sensitivity);
        float likeness = correlation(picture, cut->last, 0, 0);
        for (int dy = -SHIFT_Y; dy <= SHIFT_Y; dy++) {
            for (int dx = -SHIFT_X; dx <= SHIFT_X && likeness < in_doubt; dx++)
                likeness = MAX(likeness, correlation(picture, cut->last, dx, dy));
        }
        is_cut = difference > LEAST_DIFFERENCE && likeness < same;
        cut->in_doubt = difference > LEAST_DIFFERENCE && !is_cut && likeness < in_doubt;
    }
    memcpy(cut->last, picture, sizeof picture);
    cut->have_last = TRUE;
    cut->flat = 0;
    return is_cut;
}

gboolean mleu_scene_cut_decide(const MleuSceneCut *cut, float lost)
{
    return cut->in_doubt && lost > LOST;
}
