/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Clips of 1920 x 1080 made here, with known colours on the small grid, through the library from
 * the scaling to the chroma samples: colours end at the luma's edges while these move, nothing
 * stays behind what moved on, and scenes begin where they do.
 */
#include <math.h>
#include <string.h>

#include "color/guide.h"
#include "color/render.h"
#include "color/scale.h"
#include "temporal/motion.h"
#include "temporal/scenecut.h"
#include "temporal/smooth.h"

/* As for the default model: the short side at 256, borders to multiples of 32. */
enum {
    W = 1920,
    H = 1080,
    CONTENT_W = 455,
    IN_W = 480,
    IN_H = 256,
    CELL = 4,
    GRID_W = IN_W / CELL,
    GRID_H = IN_H / CELL,
    CELLS = GRID_W * GRID_H,
    CHROMA = W / 2 * (H / 2),
};

#define FPS 25
#define TAU 0.5

/* Two grounds, and what moves over them: a*, b* and luma. */
enum { AREAS = 3 };
static const float area_ab[AREAS][2] = {{-14, 24}, {24, -10}, {32, 36}};
static const float area_luma[AREAS] = {0.30f, 0.52f, 0.75f};

static guint32 random_state = 1;

/* -0.5 .. 0.5 */
static float next_random(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (float)(random_state >> 8) / 16777216.0f - 0.5f;
}

static float lattice(guint seed, int u, int v)
{
    guint32 state = seed * 7919u + (guint32)u * 104729u + (guint32)v * 1299709u;
    for (guint i = 0; i < 3; i++)
        state = (state ^ state >> 15) * 2654435761u;
    return (float)(state >> 8) / 16777216.0f;
}

/* Value noise of 32 pixels, 0..1. */
static float texture(guint seed, float x, float y)
{
    const float u = x / 32 + 1000, v = y / 32 + 1000;
    const int i = (int)u, j = (int)v;
    const float s = u - (float)i, t = v - (float)j;
    const float top = lattice(seed, i, j) * (1 - s) + lattice(seed, i + 1, j) * s;
    const float bottom = lattice(seed, i, j + 1) * (1 - s) + lattice(seed, i + 1, j + 1) * s;
    return top * (1 - t) + bottom * t;
}

#define RADIUS 220.0f

typedef enum { STILL, PAN, ZOOM, DISC } Kind;

/* What is done to a clip's light: 0 none; a flash at its fifth frame, a fade to black at its end.
 */
typedef struct {
    guint seed;
    Kind kind;
    gboolean flash, fade;
    float grain; /* of luma, from one end to the other */
} Clip;

typedef struct {
    guint area;
    float luma;
} Point;

static float disc_x(float frame)
{
    return 400 + 24 * frame;
}

/* What frame @f of a clip shows at a place of 1920 x 1080. */
static Point look(const Clip *clip, float f, float x, float y)
{
    float u = x, v = y;
    if (clip->kind == PAN) {
        u += 13 * f;
        v += 3 * f;
    } else if (clip->kind == ZOOM) {
        const float scale = powf(0.99f, f);
        u = W / 2 + (x - W / 2) * scale;
        v = H / 2 + (y - H / 2) * scale;
    }
    if (clip->kind == DISC && hypotf(x - disc_x(f), y - H / 2) < RADIUS) {
        const float own = texture(clip->seed + 1, x - disc_x(f), y);
        return (Point){2, area_luma[2] + 0.08f * (own - 0.5f)};
    }
    /* Patches of the two grounds, some 240 pixels large. */
    const guint area = texture(clip->seed + 100, u / 7.5f, v / 7.5f) > 0.5f;
    return (Point){area, area_luma[area] + 0.08f * (texture(clip->seed, u, v) - 0.5f)};
}

/* The library's way from luma and predictions to chroma. */
typedef struct {
    MleuPool *pool;
    MleuScaler *scaler;
    MleuRenderer *renderer;
    MleuMotion *motion;
    MleuHistory *history;
    MleuGuide guide;
    MleuGrid grid;
    float lightness[IN_W * IN_H];
    float ab[2 * CELLS], colours[2 * CELLS];
    guint8 luma[W * H], written[W * H], chroma[2 * CHROMA], wanted[AREAS][2 * CHROMA];
    MleuFrame input;
} Player;

static MleuFrame output_of(Player *p, guint8 *chroma)
{
    return (MleuFrame){
        .plane = {{p->written, W, 1}, {chroma, W / 2, 1}, {chroma + CHROMA, W / 2, 1}}};
}

static Player *player_new(void)
{
    Player *p = g_new0(Player, 1);
    const MleuKernels *kernels = mleu_kernels_get(mleu_cpu_tier());
    const MleuFormat format = {.layout = MLEU_LAYOUT_YUV,
                               .width = W,
                               .height = H,
                               .matrix = MLEU_MATRIX_BT709,
                               .range = MLEU_RANGE_FULL,
                               .depth = 8,
                               .chroma_shift_x = 1,
                               .chroma_shift_y = 1};
    p->pool = mleu_pool_new(2, NULL);
    p->scaler = mleu_scaler_new(&format, IN_W, IN_H, CONTENT_W, IN_H, p->pool);
    p->grid = (MleuGrid){.width = GRID_W,
                         .height = GRID_H,
                         .scale_x = (double)CONTENT_W / W / CELL,
                         .scale_y = (double)IN_H / H / CELL,
                         .offset_x = (IN_W - CONTENT_W) / 2 / (double)CELL};
    p->renderer = mleu_renderer_new(&format, &format, &p->grid, p->pool);
    p->motion = mleu_motion_new(IN_W, IN_H, GRID_W, GRID_H, kernels);
    p->history = mleu_history_new(GRID_W, GRID_H, FALSE, kernels, p->pool);
    mleu_guide_init(&p->guide, GRID_W, GRID_H, kernels);
    p->input = (MleuFrame){.plane = {{p->luma, W, 1}}};
    return p;
}

static void player_free(Player *p)
{
    mleu_guide_clear(&p->guide);
    mleu_history_free(p->history);
    mleu_motion_free(p->motion);
    mleu_renderer_free(p->renderer);
    mleu_scaler_free(p->scaler);
    mleu_pool_free(p->pool);
    g_free(p);
}

/* Luma of a frame, and the mean colour of each cell; @flicker: of the colours, from one end to the
 * other. */
static void draw(Player *p, const Clip *clip, guint frame, float flicker)
{
    enum { POINTS = 4 };
    for (guint y = 0; y < H; y++) {
        for (guint x = 0; x < W; x++) {
            const Point at = look(clip, (float)frame, (float)x + 0.5f, (float)y + 0.5f);
            p->luma[y * W + x] = (guint8)(255 * (at.luma + clip->grain * next_random()) + 0.5f);
        }
    }
    for (guint i = 0; i < CELLS; i++) {
        float sum[2] = {0, 0};
        for (guint k = 0; k < POINTS * POINTS; k++) {
            const double u = i % GRID_W + (k % POINTS + 0.5) / POINTS,
                         v = i / GRID_W + (k / POINTS + 0.5) / POINTS;
            const Point at =
                look(clip, (float)frame, (float)((u - p->grid.offset_x) / p->grid.scale_x),
                     (float)(v / p->grid.scale_y));
            for (guint c = 0; c < 2; c++)
                sum[c] += area_ab[at.area][c] / (POINTS * POINTS);
        }
        for (guint c = 0; c < 2; c++)
            p->ab[c * CELLS + i] = sum[c] + flicker * next_random();
    }
}

/* @follow: along the motion; otherwise as if nothing ever moved. */
static void play(Player *p, gboolean is_first, gboolean follow)
{
    mleu_scaler_run(p->scaler, &p->input, p->lightness);
    mleu_motion_look(p->motion, p->lightness);
    for (guint i = 0; i < CELLS && !is_first; i++)
        mleu_history_next_steps(p->history)[i] = 255u << 24;
    if (!is_first && follow)
        mleu_motion_find(p->motion, mleu_history_next_steps(p->history));
    mleu_history_add(p->history, p->ab, 1.0 / FPS, is_first);
    mleu_history_colours(p->history, 0, TAU, p->colours);
    mleu_motion_accept(p->motion);
}

/* Renders the present colours; and each area's alone, what every place should have. @guided: at the
 * luma's edges. */
static void render(Player *p, gboolean guided)
{
    const MleuFrame output = output_of(p, p->chroma);
    float ab[2 * CELLS];
    mleu_guide_set_luma(&p->guide, p->lightness, IN_W, IN_H);
    mleu_guide_settle(&p->guide, ab, p->colours);
    mleu_guide_fit(&p->guide, ab);
    mleu_renderer_run(p->renderer, ab, guided ? &p->guide : NULL, 1, &p->input, &output);
    g_assert_cmpmem(p->luma, sizeof p->luma, p->written, sizeof p->written);
    for (guint k = 0; k < AREAS; k++) {
        const MleuFrame wanted = output_of(p, p->wanted[k]);
        for (guint i = 0; i < 2 * CELLS; i++)
            ab[i] = area_ab[k][i / CELLS];
        mleu_renderer_run(p->renderer, ab, NULL, 1, &p->input, &wanted);
    }
}

/* Whether all is of one area up to two pixels around the middle of a chroma sample. */
static gboolean is_pure(const Clip *clip, guint frame, float x, float y, guint area)
{
    for (gint k = 0; k < 8; k++) {
        const float u = x + 3 * cosf((float)k * (float)G_PI_4),
                    v = y + 3 * sinf((float)k * (float)G_PI_4);
        if (look(clip, (float)frame, u, v).area != area)
            return FALSE;
    }
    return TRUE;
}

/* Of Cb and Cr, from what a place of that area should have. */
static double distance_to(const Player *p, guint area, guint sample)
{
    return hypot((double)p->chroma[sample] - p->wanted[area][sample],
                 (double)p->chroma[CHROMA + sample] - p->wanted[area][CHROMA + sample]);
}

/* Whether a chroma sample is a third and more of the way to another area's colour. */
static gboolean is_wrong(const Player *p, guint area, guint sample)
{
    for (guint k = 0; k < AREAS; k++) {
        if (k != area && distance_to(p, k, sample) < 2 * distance_to(p, area, sample))
            return TRUE;
    }
    return FALSE;
}

/* Chroma samples more than two pixels away from every edge, in 10000, that are wrong: of those near
 * an edge if @near, of those that the disc left three frames ago or more if not. */
static guint count_wrong(Player *p, const Clip *clip, guint frame, gboolean near)
{
    guint count = 0, wrong = 0;
    for (guint y = 20; y < H / 2 - 20; y++) {
        for (guint x = 40; x < W / 2 - 40; x++) {
            const float u = 2 * (float)x + 1, v = 2 * (float)y + 1;
            const guint area = look(clip, (float)frame, u, v).area;
            if (near) {
                /* Two cells: beyond, there is nothing to bleed. */
                const float reach = 34;
                if (look(clip, (float)frame, u - reach, v).area == area &&
                    look(clip, (float)frame, u + reach, v).area == area)
                    continue;
            } else if (area == 2 || hypotf(u - disc_x((float)frame - 3), v - H / 2) < RADIUS + 8 ||
                       u > disc_x((float)frame) || fabsf(v - H / 2) > RADIUS) {
                continue;
            }
            if (!is_pure(clip, frame, u, v, area))
                continue;
            count++;
            wrong += is_wrong(p, area, y * (W / 2) + x) ? 1 : 0;
        }
    }
    g_assert_cmpuint(count, >, 1000);
    return (guint)((guint64)wrong * 10000 / count);
}

#define LAST 9

/* Clips of ten frames; of the last, what is wrong. */
static guint play_clip(const Clip *clip, float flicker, gboolean follow, gboolean guided,
                       gboolean near)
{
    Player *p = player_new();
    for (guint f = 0; f <= LAST; f++) {
        draw(p, clip, f, flicker);
        play(p, f == 0, follow);
    }
    render(p, guided);
    const guint wrong = count_wrong(p, clip, LAST, near);
    player_free(p);
    return wrong;
}

/* Colours end within two pixels of the luma's edge: in a picture that stands still, in one that
 * moves, at the border of what moves in one; with grain, and colours that flicker. One sample in a
 * thousand, three with grain, lies in a corner or a neck of an area. */
static void test_edges(void)
{
    static const Clip clips[] = {{1, STILL, FALSE, FALSE, 0},   {2, PAN, FALSE, FALSE, 0},
                                 {3, ZOOM, FALSE, FALSE, 0},    {4, DISC, FALSE, FALSE, 0},
                                 {2, PAN, FALSE, FALSE, 0.05f}, {5, DISC, FALSE, FALSE, 0.05f}};
    for (guint k = 0; k < G_N_ELEMENTS(clips); k++) {
        const gboolean is_clean = clips[k].grain <= 0;
        const guint wrong = play_clip(&clips[k], is_clean ? 0 : 16, TRUE, TRUE, TRUE);
        g_test_message("clip %u: %u of 10000 wrong beside edges", k, wrong);
        g_assert_cmpuint(wrong, <=, is_clean ? 10 : 30);
    }
    /* The test can fail. */
    g_assert_cmpuint(play_clip(&clips[0], 0, TRUE, FALSE, TRUE), >, 200);
}

/* Three frames after the disc has left a place, nothing of its colour is there. */
static void test_ghosts(void)
{
    static const Clip clips[] = {{4, DISC, FALSE, FALSE, 0}, {5, DISC, FALSE, FALSE, 0.05f}};
    for (guint k = 0; k < G_N_ELEMENTS(clips); k++) {
        const guint ghosts = play_clip(&clips[k], k == 0 ? 0 : 16, TRUE, TRUE, FALSE);
        g_test_message("clip %u: %u of 10000 wrong behind the disc", k, ghosts);
        g_assert_cmpuint(ghosts, ==, 0);
    }
    g_assert_cmpuint(play_clip(&clips[0], 0, FALSE, TRUE, FALSE), >, 1000);
}

/* The network's picture of a frame, its light changed as the clip says. */
static void draw_small(float *lightness, const Clip *clip, guint frame)
{
    float gain = 1, lift = 0;
    if (clip->flash && frame == 10) {
        gain = 0.4f;
        lift = 60;
    }
    if (clip->fade && frame > FPS - 11)
        gain = (float)(FPS - 1 - frame) / 10;
    for (guint y = 0; y < IN_H; y++) {
        for (guint x = 0; x < IN_W; x++) {
            const Point at = look(clip, (float)frame, ((float)x + 0.5f) * W / IN_W,
                                  ((float)y + 0.5f) * H / IN_H);
            const float luma = at.luma + clip->grain * next_random();
            lightness[y * IN_W + x] = CLAMP(100 * luma * gain + lift, 0, 100);
        }
    }
}

/* A cut every second: each is found, at its frame, and none is where something moves, flashes or
 * fades. */
static void test_cuts(void)
{
    static const Clip clips[] = {{11, STILL, FALSE, FALSE, 0}, {12, PAN, FALSE, FALSE, 0.05f},
                                 {13, ZOOM, TRUE, FALSE, 0},   {14, DISC, TRUE, TRUE, 0.05f},
                                 {15, PAN, TRUE, FALSE, 0},    {16, STILL, FALSE, TRUE, 0.05f},
                                 {17, ZOOM, FALSE, TRUE, 0},   {18, DISC, FALSE, FALSE, 0}};
    Player *p = player_new();
    MleuSceneCut cut;
    mleu_scene_cut_reset(&cut);
    guint32 *steps = g_new(guint32, CELLS);
    for (guint f = 0; f < FPS * G_N_ELEMENTS(clips); f++) {
        draw_small(p->lightness, &clips[f / FPS], f % FPS);
        gboolean is_cut = mleu_scene_cut_next(&cut, p->lightness, IN_W, IN_H, 0.5f);
        mleu_motion_look(p->motion, p->lightness);
        if (!is_cut)
            is_cut = mleu_scene_cut_decide(&cut, mleu_motion_find(p->motion, steps));
        mleu_motion_accept(p->motion);
        g_test_message("frame %u: %d", f, is_cut);
        g_assert_cmpint(is_cut, ==, f % FPS == 0);
    }
    g_free(steps);
    player_free(p);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/scenes/edges", test_edges);
    g_test_add_func("/scenes/ghosts", test_ghosts);
    g_test_add_func("/scenes/cuts", test_cuts);
    return g_test_run();
}
