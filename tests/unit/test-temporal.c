/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Colours along the motion, of clips made here with known colours. */
#include <math.h>
#include <string.h>

#include <mleu/colorizer.h>

#include "temporal/motion.h"
#include "temporal/smooth.h"
#include "testnoise.h"

/* Pictures of MOTION_W x MOTION_H with a cell of colour for each 4 x 4 pixels. */
#define MOTION_W 192
#define MOTION_H 128
#define CELL 4
#define GRID_W (MOTION_W / CELL)
#define GRID_H (MOTION_H / CELL)
#define CELLS (GRID_W * GRID_H)
#define PIXELS (MOTION_W * MOTION_H)

/* Cells that are eight away from the border and more. */
#define INNER ((GRID_W - 16) * (GRID_H - 16))

typedef struct {
    float lightness[PIXELS];
    float ab[2 * CELLS];  /* predicted */
    float out[2 * CELLS]; /* smoothed */
} Frame;

/* The library's way from frame to frame. */
typedef struct {
    MleuPool *pool;
    MleuMotion *motion;
    MleuHistory *history;
} Player;

static Player player_new(guint threads, MleuTier tier)
{
    Player player = {.pool = mleu_pool_new(threads, NULL)};
    player.motion = mleu_motion_new(MOTION_W, MOTION_H, GRID_W, GRID_H, mleu_kernels_get(tier));
    player.history = mleu_history_new(GRID_W, GRID_H, TRUE, mleu_kernels_get(tier), player.pool);
    return player;
}

static void player_free(Player *player)
{
    mleu_motion_free(player->motion);
    mleu_history_free(player->history);
    mleu_pool_free(player->pool);
}

static void play(Player *player, Frame *frame, double seconds, double tau, gboolean is_predicted)
{
    mleu_motion_look(player->motion, frame->lightness);
    if (!mleu_history_is_empty(player->history)) {
        mleu_motion_find(player->motion, mleu_history_next_steps(player->history));
        mleu_motion_find_onward(player->motion, mleu_history_onward_steps(player->history));
    }
    mleu_history_add(player->history, is_predicted ? frame->ab : NULL, seconds, FALSE);
    mleu_history_colours(player->history, 0, tau, frame->out);
    mleu_motion_accept(player->motion);
}

/* Value noise of 8 pixels, 0..100. */
static float texture(guint seed, double x, double y)
{
    const double u = x / 8 + 1000, v = y / 8 + 1000;
    const int i = (int)u, j = (int)v;
    const float s = (float)(u - i), t = (float)(v - j);
    const float top = lattice(seed, i, j) * (1 - s) + lattice(seed, i + 1, j) * s;
    const float bottom = lattice(seed, i, j + 1) * (1 - s) + lattice(seed, i + 1, j + 1) * s;
    return 100 * (top * (1 - t) + bottom * t);
}

/* A point of the scene that a pixel shows. */
typedef struct {
    double x, y;
} Point;

static Point seen_by_pan(double x, double y, guint frame)
{
    return (Point){x + 3.3 * frame, y + 0.6 * frame};
}

static Point seen_by_zoom(double x, double y, guint frame)
{
    const double scale = pow(0.99, frame);
    return (Point){(x - MOTION_W / 2.0) * scale, (y - MOTION_H / 2.0) * scale};
}

/* Colours of the scene: waves of 100 pixels. */
static float scene_colour(Point point, guint channel)
{
    const double at = channel == 0 ? point.x : point.y;
    return (float)(40 * sin(at * 2 * G_PI / 100));
}

/* One frame of a scene without anything that moves in it; @flicker: of the predicted colours. */
static void draw_scene(Frame *frame, guint index, Point (*seen)(double, double, guint), float grain,
                       float flicker)
{
    for (guint i = 0; i < PIXELS; i++) {
        const Point at = seen(i % MOTION_W, i / MOTION_W, index);
        frame->lightness[i] =
            CLAMP(texture(7, at.x, at.y) + grain * (next_random() - 0.5f), 0, 100);
    }
    for (guint i = 0; i < 2 * CELLS; i++) {
        const guint cell = i % CELLS;
        const Point at =
            seen((cell % GRID_W) * CELL + 1.5, (double)(cell / GRID_W * CELL) + 1.5, index);
        frame->ab[i] = scene_colour(at, i / CELLS) + flicker * (next_random() - 0.5f);
    }
}

/* Mean distance of smoothed colours to the scene's, in a* and b*, away from the frame's border. */
static double scene_error(const Frame *frame, guint index, Point (*seen)(double, double, guint))
{
    double sum = 0;
    guint count = 0;
    for (guint y = 4; y < GRID_H - 4; y++) {
        for (guint x = 4; x < GRID_W - 4; x++, count++) {
            const Point at = seen(x * CELL + 1.5, y * CELL + 1.5, index);
            const guint cell = y * GRID_W + x;
            sum += hypot((double)(frame->out[cell] - scene_colour(at, 0)),
                         (double)(frame->out[CELLS + cell] - scene_colour(at, 1)));
        }
    }
    return sum / count;
}

/* A step from 0 to 1 is at 1 - exp(-t / tau) after t seconds at any frame rate. What is left out of
 * the sum, older than 48 frames or of a weight under 1/32, is what it may be beside. */
static void test_step_response(void)
{
    const double rates[] = {24, 25, 30, 60};
    Frame *frame = g_new0(Frame, 1);
    for (guint i = 0; i < G_N_ELEMENTS(rates); i++) {
        Player player = player_new(1, MLEU_TIER_C);
        const guint before = (guint)lround(rates[i] * 0.5), frames = (guint)lround(rates[i] * 0.2);
        for (guint f = 0; f < before + frames; f++) {
            for (guint k = 0; k < 2 * CELLS; k++)
                frame->ab[k] = f < before ? 0 : 1;
            play(&player, frame, 1 / rates[i], 0.15, TRUE);
        }
        const double whole = 1 - exp(-(double)(before + frames) / rates[i] / 0.15);
        for (guint k = 0; k < 2 * CELLS; k++)
            g_assert_cmpfloat_with_epsilon(frame->out[k], (1 - exp(-0.2 / 0.15)) / whole, 0.04);
        player_free(&player);
    }
    g_free(frame);
}

/* Without smoothing, each frame is as predicted; at its first frame anyway. */
static void test_no_smoothing(void)
{
    Frame *frame = g_new0(Frame, 1);
    Player player = player_new(1, MLEU_TIER_C);
    for (guint f = 0; f < 3; f++) {
        draw_scene(frame, f, seen_by_pan, 5, 60);
        play(&player, frame, 0.04, f == 0 ? 0.5 : 0, TRUE);
        for (guint k = 0; k < 2 * CELLS; k++)
            g_assert_cmpfloat_with_epsilon(frame->out[k], frame->ab[k], 0.005);
    }
    player_free(&player);
    g_free(frame);
}

/* A camera that moves: colours stay with what they belong to, through 5 % of grain as well, and
 * flicker goes. */
static void test_moving_camera(void)
{
    Point (*const cameras[])(double, double, guint) = {seen_by_pan, seen_by_zoom};
    Frame *frame = g_new0(Frame, 1);
    for (guint c = 0; c < 2 * G_N_ELEMENTS(cameras); c++) {
        Player player = player_new(1, mleu_cpu_tier());
        const float grain = c < 2 ? 0 : 10;
        double raw = 0, error = 0;
        for (guint f = 0; f < 30; f++) {
            draw_scene(frame, f, cameras[c % 2], grain, 40);
            play(&player, frame, 0.04, 0.3, TRUE);
            if (f < 15)
                continue;
            error += scene_error(frame, f, cameras[c % 2]) / 15;
            memcpy(frame->out, frame->ab, sizeof frame->out);
            raw += scene_error(frame, f, cameras[c % 2]) / 15;
        }
        g_test_message("camera %u, grain %.0f: %.2f of %.2f", c % 2, (double)grain, error, raw);
        g_assert_cmpfloat(error, <, 0.5 * raw);
        player_free(&player);
    }
    g_free(frame);
}

/* Of the cells away from the border, those whose step is (x, y) pixels, @most off, and of whose
 * weight @keep is kept at least; and the mean of their distances along x. */
static guint count_steps(const guint32 *steps, double x, double y, double most, guint keep,
                         double *mean)
{
    guint count = 0;
    *mean = 0;
    for (guint i = 0; i < CELLS; i++) {
        const guint column = i % GRID_W, row = i / GRID_W;
        const gint dx = mleu_walk_x(steps[i]), dy = mleu_walk_y(steps[i]);
        const double off_x = (double)dx * CELL / MLEU_WALK_PARTS - x,
                     off_y = (double)dy * CELL / MLEU_WALK_PARTS - y;
        if (column < 8 || column >= GRID_W - 8 || row < 8 || row >= GRID_H - 8)
            continue;
        count += fabs(off_x) <= most && fabs(off_y) <= most && steps[i] >> 24 >= keep ? 1 : 0;
        *mean += (off_x + x) / INNER;
    }
    return count;
}

/* The coarse one leads far, where the fine one misleads. */
static float two_textures(double x, double y)
{
    return 0.5f * texture(7, x, y) + 0.5f * texture(8, x / 5, y / 5);
}

/* Near and far, both ways, in other light too; and parts of a pixel. */
static void test_motion(void)
{
    const double shifts[][2] = {{0, 0}, {3, -2}, {20, -12}, {-17, 9}, {0.3, 0}, {-0.3, 0}};
    Frame *before = g_new0(Frame, 1), *now = g_new0(Frame, 1);
    guint32 *steps = g_new0(guint32, CELLS);
    for (guint i = 0; i < 2 * G_N_ELEMENTS(shifts); i++) {
        const double x = shifts[i / 2][0], y = shifts[i / 2][1];
        Player player = player_new(1, mleu_cpu_tier());
        for (guint k = 0; k < PIXELS; k++) {
            const double u = k % MOTION_W, v = (double)(k / MOTION_W);
            before->lightness[k] = two_textures(u, v);
            now->lightness[k] = two_textures(u + x, v + y);
            if (i % 2 == 1)
                now->lightness[k] = 25 + 0.6f * now->lightness[k];
        }
        mleu_motion_look(player.motion, before->lightness);
        mleu_motion_accept(player.motion);
        mleu_motion_look(player.motion, now->lightness);
        mleu_motion_find(player.motion, steps);
        /* How much the light has changed is not known that well where much comes into view. */
        const guint keep = i % 2 == 0 ? 200 : 0;
        const double most = i % 2 == 0 ? 0.25 : 1;
        double mean_back, mean_onward;
        const guint back = count_steps(steps, x, y, most, keep, &mean_back);
        mleu_motion_find_onward(player.motion, steps);
        const guint onward = count_steps(steps, -x, -y, most, keep, &mean_onward);
        g_test_message("(%g, %g): %u and %u of %u cells, mean %.2f and %.2f", x, y, back, onward,
                       INNER, mean_back, mean_onward);
        if (x == floor(x)) {
            g_assert_cmpuint(back, >=, INNER * 8 / 10);
            g_assert_cmpuint(onward, >=, INNER * 8 / 10);
        } else {
            g_assert_cmpfloat_with_epsilon(mean_back, x, 0.2);
            g_assert_cmpfloat_with_epsilon(mean_onward, -x, 0.2);
        }
        if (i == 0) {
            /* What is the same to the bit stands still. */
            for (guint k = 0; k < CELLS; k++)
                g_assert_cmphex(steps[k], ==, 0xff000000);
        }
        player_free(&player);
    }
    g_free(before);
    g_free(now);
    g_free(steps);
}

/* Light of a frame, as gain and lift. */
typedef struct {
    float gain, lift;
} Light;

static Light fade_to_black(guint frame)
{
    return (Light){1 - 0.03f * (float)frame, 0};
}

static Light fade_from_white(guint frame)
{
    return (Light){0.1f + 0.03f * (float)frame, 90 - 3 * (float)frame};
}

static Light flickering(guint frame)
{
    return (Light){1 + 0.08f * lattice(5, (int)frame, 0), 6 * lattice(6, (int)frame, 0)};
}

static Light flash_of_light(guint frame)
{
    return frame % 6 == 0 ? (Light){0.5f, 45} : (Light){1, 0};
}

/* Changes of the light do not part the frames: colours are as steady as without. In a zoom, for in
 * the pan the way leads too far for much to be kept. */
static void test_light(void)
{
    Light (*const lights[])(guint) = {fade_to_black, fade_from_white, flickering, flash_of_light};
    Frame *frame = g_new0(Frame, 1);
    for (guint k = 0; k < G_N_ELEMENTS(lights); k++) {
        Player player = player_new(1, mleu_cpu_tier());
        double raw = 0, error = 0;
        for (guint f = 0; f < 28; f++) {
            const Light light = lights[k](f);
            draw_scene(frame, f, seen_by_zoom, 2, 40);
            for (guint i = 0; i < PIXELS; i++)
                frame->lightness[i] = CLAMP(frame->lightness[i] * light.gain + light.lift, 0, 100);
            play(&player, frame, 0.04, 0.3, TRUE);
            if (f < 13)
                continue;
            error += scene_error(frame, f, seen_by_zoom) / 15;
            memcpy(frame->out, frame->ab, sizeof frame->out);
            raw += scene_error(frame, f, seen_by_zoom) / 15;
        }
        g_test_message("light %u: %.2f of %.2f", k, error, raw);
        g_assert_cmpfloat(error, <, 0.45 * raw);
        player_free(&player);
    }
    g_free(frame);
}

#define RADIUS 22.0
#define DISC_SPEED 3

/* Distance of a point to the middle of the disc, in pixels. */
static double from_disc(double x, double y, guint frame)
{
    return hypot(x - 30 - DISC_SPEED * (double)frame, y - MOTION_H / 2.0);
}

/* Looked at from frames to come too, colours are nearer to the truth than from those before alone,
 * and as near to it where the network ran for every other frame. */
static void test_lookahead(void)
{
    Point (*const cameras[])(double, double, guint) = {seen_by_pan, seen_by_zoom};
    const guint ahead = 6;
    Frame *frame = g_new0(Frame, 1);
    for (guint c = 0; c < 2 * G_N_ELEMENTS(cameras); c++) {
        Player player = player_new(1, mleu_cpu_tier());
        double causal = 0, error = 0;
        for (guint f = 0; f < 40; f++) {
            draw_scene(frame, f, cameras[c % 2], 5, 40);
            play(&player, frame, 0.04, 0.3, c < 2 || f % 2 == 0);
            if (f < 20)
                continue;
            causal += scene_error(frame, f, cameras[c % 2]) / 20;
            g_assert_true(mleu_history_colours(player.history, ahead, 0.3, frame->out));
            error += scene_error(frame, f - ahead, cameras[c % 2]) / 20;
        }
        g_test_message("camera %u: %.2f, looking ahead %.2f", c % 2, causal, error);
        g_assert_cmpfloat(error, <, 0.85 * causal);
        player_free(&player);
    }
    g_free(frame);
}

/* A step of the colours, in a scene and at the start of one: what comes after has a say before it
 * in the one case, and none at all in the other. */
static void test_lookahead_step(void)
{
    Frame *frame = g_new0(Frame, 1);
    double times[12] = {0};
    for (guint f = 1; f < 12; f++)
        times[f] = times[f - 1] + (f % 3 == 0 ? 0.1 : 0.02);
    for (guint cut = 0; cut < 2; cut++) {
        Player player = player_new(1, mleu_cpu_tier());
        g_assert_false(mleu_history_colours(player.history, 0, 0.1, frame->out));
        for (guint f = 0; f < 12; f++) {
            for (guint k = 0; k < 2 * CELLS; k++)
                frame->ab[k] = f < 6 ? 0 : 1;
            mleu_motion_look(player.motion, frame->lightness);
            if (f > 0) {
                mleu_motion_find(player.motion, mleu_history_next_steps(player.history));
                mleu_motion_find_onward(player.motion, mleu_history_onward_steps(player.history));
            }
            mleu_history_add(player.history, frame->ab, f > 0 ? times[f] - times[f - 1] : 0,
                             f == 0 || (cut == 1 && f == 6));
            mleu_motion_accept(player.motion);
            g_assert_false(mleu_history_colours(player.history, f + 1, 0.1, frame->out));
        }
        for (guint ahead = 0; ahead < 12; ahead++) {
            const guint f = 11 - ahead;
            /* Of the whole sum, what lies on the side of the step. */
            double all = 0, after = 0;
            for (guint k = 0; k < 12; k++) {
                const double weight = exp(-fabs(times[k] - times[f]) / 0.1);
                all += weight;
                after += k >= 6 ? weight : 0;
            }
            const double wanted = cut == 0 ? after / all : f < 6 ? 0 : 1;
            g_assert_true(mleu_history_colours(player.history, ahead, 0.1, frame->out));
            for (guint k = 0; k < 2 * CELLS; k++)
                g_assert_cmpfloat_with_epsilon(frame->out[k], wanted, cut == 0 ? 0.03 : 1e-5);
        }
        player_free(&player);
    }
    g_free(frame);
}

/* A frame without a prediction between two that have one: of each side counts what is known. */
static void test_between(void)
{
    /* What is kept on the way back and on, and the least and most that the colour may be. */
    const guint cases[][4] = {
        {255, 255, 29, 31}, {255, 0, 10, 10}, {0, 255, 50, 50}, {0, 0, 10, 50}, {255, 2, 10, 10}};
    Frame *frame = g_new0(Frame, 1);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Player player = player_new(1, mleu_cpu_tier());
        for (guint f = 0; f < 3; f++) {
            for (guint k = 0; k < 2 * CELLS; k++)
                frame->ab[k] = f == 0 ? 10 : 50;
            for (guint k = 0; k < CELLS && f > 0; k++) {
                mleu_history_next_steps(player.history)[k] = cases[i][0] << 24;
                mleu_history_onward_steps(player.history)[k] = cases[i][1] << 24;
            }
            mleu_history_add(player.history, f == 1 ? NULL : frame->ab, 0.04, f == 0);
        }
        g_assert_true(mleu_history_colours(player.history, 1, 0.5, frame->out));
        for (guint k = 0; k < 2 * CELLS; k++) {
            g_assert_cmpfloat(frame->out[k], >=, cases[i][2]);
            g_assert_cmpfloat(frame->out[k], <=, cases[i][3]);
        }
        player_free(&player);
    }
    g_free(frame);
}

/* What is known to the bit, but of a thing that was elsewhere then, counts less, before as after:
 * over two cells, on a grid as small as this one, as over the time constant. In many steps as in
 * one. */
static void test_far_way(void)
{
    Frame *frame = g_new0(Frame, 1);
    for (gint parts = 0; parts <= 4 * MLEU_WALK_PARTS; parts += MLEU_WALK_PARTS) {
        for (guint steps = 1; steps <= 4; steps *= 4) {
            Player player = player_new(1, mleu_cpu_tier());
            for (guint f = 0; f <= 2 * steps; f++) {
                for (guint k = 0; k < 2 * CELLS; k++)
                    frame->ab[k] = f == steps ? 1 : 0;
                for (guint k = 0; k < CELLS && f > 0; k++) {
                    const guint32 way = ((guint32)(parts / (gint)steps) & 0xfff) << 12;
                    mleu_history_next_steps(player.history)[k] = 255u << 24 | way;
                    mleu_history_onward_steps(player.history)[k] = 255u << 24 | way;
                }
                const gboolean is_predicted = f % steps == 0;
                mleu_history_add(player.history, is_predicted ? frame->ab : NULL, 0.1 / steps,
                                 f == 0);
            }
            const double weight = exp(-0.1 / 0.5 - parts / (2.0 * MLEU_WALK_PARTS));
            g_assert_true(mleu_history_colours(player.history, steps, 0.5, frame->out));
            for (guint k = 0; k < 2 * CELLS; k++)
                g_assert_cmpfloat_with_epsilon(frame->out[k], 1 / (1 + 2 * weight), 0.01);
            player_free(&player);
        }
    }
    g_free(frame);
}

static void draw_disc(Frame *frame, guint index, float grain)
{
    for (guint i = 0; i < PIXELS; i++) {
        const double x = i % MOTION_W, y = i / MOTION_W;
        const float light = from_disc(x, y, index) < RADIUS
                                ? texture(3, x - DISC_SPEED * (double)index, y)
                                : texture(4, x, y);
        frame->lightness[i] = CLAMP(light + grain * (next_random() - 0.5f), 0, 100);
    }
    for (guint i = 0; i < CELLS; i++) {
        const gboolean on =
            from_disc(i % GRID_W * CELL + 1.5, (double)(i / GRID_W * CELL) + 1.5, index) < RADIUS;
        frame->ab[i] = on ? 60 : -20;
        frame->ab[CELLS + i] = on ? -20 : 40;
    }
}

/* A disc over a still ground: what it uncovered has the ground's colour within three frames, the
 * disc keeps its own. */
static void test_disc(void)
{
    Frame *frame = g_new0(Frame, 1);
    for (guint round = 0; round < 2; round++) {
        Player player = player_new(1, mleu_cpu_tier());
        guint ghosts = 0, wrong = 0, uncovered = 0;
        for (guint f = 0; f < 40; f++) {
            draw_disc(frame, f, round == 0 ? 0 : 10);
            play(&player, frame, 0.04, 0.5, TRUE);
            for (guint i = 0; i < CELLS && f >= 4; i++) {
                const double x = i % GRID_W * CELL + 1.5, y = (double)(i / GRID_W * CELL) + 1.5;
                const double now = from_disc(x, y, f), before = from_disc(x, y, f - 3);
                const double off = hypot((double)(frame->out[i] - frame->ab[i]),
                                         (double)(frame->out[CELLS + i] - frame->ab[CELLS + i]));
                /* It left this cell in the last 20 frames, three of them at least ago. */
                if (now > RADIUS && before > RADIUS + CELL && x < 30 + DISC_SPEED * (double)f &&
                    from_disc(x, y, f - MIN(f, 20)) < RADIUS) {
                    uncovered++;
                    ghosts += off > 10 ? 1 : 0;
                }
                if (now < RADIUS - CELL)
                    wrong += off > 10 ? 1 : 0;
            }
        }
        g_test_message("%u ghosts of %u cells, %u wrong on the disc", ghosts, uncovered, wrong);
        g_assert_cmpuint(uncovered, >, 1000);
        /* Grain hides the like: where disc and ground are of one lightness, some colour stays. */
        g_assert_cmpuint(ghosts, <=, round == 0 ? 0 : uncovered * 4 / 100);
        g_assert_cmpuint(wrong, ==, 0);
        player_free(&player);
    }
    g_free(frame);
}

/* The same from the other side: what the disc will cover has no colour of it three frames before.
 */
static void test_disc_to_come(void)
{
    Frame *frame = g_new0(Frame, 1), *past = g_new0(Frame, 1);
    Player player = player_new(1, mleu_cpu_tier());
    const guint ahead = 8;
    guint ghosts = 0, to_come = 0, wrong = 0;
    for (guint f = 0; f < 40; f++) {
        draw_disc(frame, f, 0);
        play(&player, frame, 0.04, 0.5, TRUE);
        if (f < ahead)
            continue;
        const guint then = f - ahead;
        g_assert_true(mleu_history_colours(player.history, ahead, 0.5, frame->out));
        draw_disc(past, then, 0);
        for (guint i = 0; i < CELLS; i++) {
            const double x = i % GRID_W * CELL + 1.5, y = (double)(i / GRID_W * CELL) + 1.5;
            const double off = hypot((double)(frame->out[i] - past->ab[i]),
                                     (double)(frame->out[CELLS + i] - past->ab[CELLS + i]));
            if (from_disc(x, y, then) > RADIUS && from_disc(x, y, then + 3) > RADIUS + CELL &&
                from_disc(x, y, f) < RADIUS) {
                to_come++;
                ghosts += off > 10 ? 1 : 0;
            }
            if (from_disc(x, y, then) < RADIUS - CELL)
                wrong += off > 10 ? 1 : 0;
        }
    }
    g_test_message("%u ghosts of %u cells, %u wrong on the disc", ghosts, to_come, wrong);
    g_assert_cmpuint(to_come, >, 500);
    g_assert_cmpuint(ghosts, ==, 0);
    g_assert_cmpuint(wrong, ==, 0);
    player_free(&player);
    g_free(frame);
    g_free(past);
}

/* A clip of everything: a zoom with flicker and grain, and frames without a prediction. In a pan,
 * the way would lead too far in a few frames for those before to count. */
static void play_clip(Player *player, Frame *frame, guint index)
{
    random_start(index + 1);
    draw_scene(frame, index, seen_by_zoom, 10, 40);
    play(player, frame, index % 2 == 0 ? 0.04 : 0.03, 0.9, index % 3 == 0);
}

/* Whatever came before the frames that are remembered: the same bytes, with and without frames to
 * come. */
static void test_seek(void)
{
    Frame *linear = g_new0(Frame, 1), *sought = g_new0(Frame, 1);
    Player player = player_new(1, mleu_cpu_tier());
    const guint last = 100, aheads[] = {0, 5, MLEU_LOOKAHEAD_MAX};
    for (guint k = 0; k < G_N_ELEMENTS(aheads); k++) {
        const guint ahead = aheads[k];
        mleu_history_clear(player.history);
        for (guint f = 0; f <= last; f++)
            play_clip(&player, linear, f);
        g_assert_true(mleu_history_colours(player.history, ahead, 0.9, linear->out));
        const guint first[] = {last - ahead - MLEU_WARM_UP, last - MLEU_HISTORY, last - ahead - 10};
        for (guint i = 0; i < G_N_ELEMENTS(first); i++) {
            mleu_history_clear(player.history);
            for (guint f = first[i]; f <= last; f++)
                play_clip(&player, sought, f);
            g_assert_true(mleu_history_colours(player.history, ahead, 0.9, sought->out));
            /* Too few frames to warm up show that it matters. */
            g_assert_cmpint(memcmp(linear->out, sought->out, sizeof linear->out) == 0, ==, i < 2);
        }
    }
    player_free(&player);
    g_free(linear);
    g_free(sought);
}

/* The same bytes at any number of threads and on every tier. */
static void test_same_bytes(void)
{
    Frame *first = g_new0(Frame, 1), *other = g_new0(Frame, 1), *ahead = g_new0(Frame, 1);
    Player plain = player_new(1, MLEU_TIER_C);
    for (guint f = 0; f < 12; f++)
        play_clip(&plain, first, f);
    for (guint tier = 0; tier < MLEU_N_TIERS; tier++) {
        if (!mleu_cpu_has((MleuTier)tier))
            continue;
        for (guint threads = 1; threads <= 3; threads += 2) {
            Player player = player_new(threads, (MleuTier)tier);
            for (guint f = 0; f < 12; f++)
                play_clip(&player, other, f);
            g_assert_cmpmem(first->out, sizeof first->out, other->out, sizeof other->out);
            g_assert_true(mleu_history_colours(plain.history, 4, 0.9, ahead->out));
            g_assert_true(mleu_history_colours(player.history, 4, 0.9, other->out));
            g_assert_cmpmem(ahead->out, sizeof ahead->out, other->out, sizeof other->out);
            player_free(&player);
        }
    }
    player_free(&plain);
    g_free(first);
    g_free(other);
    g_free(ahead);
}

/* Colours carried along the motion without a prediction stay where they belong; where the motion
 * is lost, that is known. */
static void test_carry(void)
{
    Frame *frame = g_new0(Frame, 1);
    Player player = player_new(1, mleu_cpu_tier());
    draw_scene(frame, 0, seen_by_pan, 5, 0);
    play(&player, frame, 0.04, 0.3, TRUE);
    for (guint f = 1; f < 6; f++) {
        draw_scene(frame, f, seen_by_pan, 5, 0);
        mleu_motion_look(player.motion, frame->lightness);
        mleu_motion_find(player.motion, mleu_history_next_steps(player.history));
        /* The border that comes into view is less than a sixteenth at first. */
        if (f == 1)
            g_assert_true(mleu_history_reaches(player.history));
        play(&player, frame, 0.04, 0.3, FALSE);
        g_assert_cmpfloat(scene_error(frame, f, seen_by_pan), <, 8);
    }
    draw_disc(frame, 0, 5);
    mleu_motion_look(player.motion, frame->lightness);
    mleu_motion_find(player.motion, mleu_history_next_steps(player.history));
    g_assert_false(mleu_history_reaches(player.history));
    player_free(&player);
    g_free(frame);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/temporal/step-response", test_step_response);
    g_test_add_func("/temporal/no-smoothing", test_no_smoothing);
    g_test_add_func("/temporal/moving-camera", test_moving_camera);
    g_test_add_func("/temporal/motion", test_motion);
    g_test_add_func("/temporal/light", test_light);
    g_test_add_func("/temporal/lookahead", test_lookahead);
    g_test_add_func("/temporal/lookahead-step", test_lookahead_step);
    g_test_add_func("/temporal/between", test_between);
    g_test_add_func("/temporal/far-way", test_far_way);
    g_test_add_func("/temporal/disc", test_disc);
    g_test_add_func("/temporal/disc-to-come", test_disc_to_come);
    g_test_add_func("/temporal/seek", test_seek);
    g_test_add_func("/temporal/same-bytes", test_same_bytes);
    g_test_add_func("/temporal/carry", test_carry);
    return g_test_run();
}
