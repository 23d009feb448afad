/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The public calls, with a small network: sizes, time, threads, cancelling, wrong arguments. */
#include <math.h>
#include <string.h>

#include <glib/gstdio.h>

#include <mleu/mleu.h>

#include "testmodel.h"

#define W 70
#define H 52

static MleuModel *model;

static MleuFormat grey_format(guint width, guint height)
{
    return (MleuFormat){.layout = MLEU_LAYOUT_GRAY,
                        .width = width,
                        .height = height,
                        .matrix = MLEU_MATRIX_BT601,
                        .range = MLEU_RANGE_LIMITED,
                        .depth = 8};
}

static MleuConfig make_config(guint width, guint height)
{
    MleuConfig config;
    mleu_config_init(&config);
    config.input = grey_format(width, height);
    config.output = config.input;
    config.output.layout = MLEU_LAYOUT_YUV;
    config.output.chroma_shift_x = config.output.chroma_shift_y = 1;
    config.render_size = 64;
    config.n_threads = 2;
    return config;
}

static MleuColorizer *make_colorizer(guint width, guint height, guint threads)
{
    GError *error = NULL;
    MleuConfig config = make_config(width, height);
    config.n_threads = threads;
    MleuColorizer *colorizer = mleu_colorizer_new(model, &config, &error);
    g_assert_no_error(error);
    return colorizer;
}

/* Luma of @scene; scenes have different structure. */
static void draw(guint8 *luma, guint width, guint height, guint scene)
{
    for (guint y = 0; y < height; y++) {
        for (guint x = 0; x < width; x++) {
            const gboolean on =
                scene % 2 == 0 ? (x * 8 / width + y * 8 / height) % 2 == 0 : x * 5 / width % 2 == 0;
            luma[y * width + x] = (guint8)((on ? 180 : 60) + (x * 40 + y * 20 * scene) / width);
        }
    }
}

static MleuFrame grey_frame(guint8 *luma, guint width)
{
    return (MleuFrame){.plane = {{luma, width, 1}}};
}

static void predict(MleuColorizer *colorizer, guint scene)
{
    GError *error = NULL;
    guint8 luma[W * H];
    MleuParams params;
    mleu_params_init(&params);
    draw(luma, W, H, scene);
    const MleuFrame frame = grey_frame(luma, W);
    g_assert_true(mleu_colorizer_predict(colorizer, &frame, &params, &error));
    g_assert_no_error(error);
}

/* Cb and Cr of a frame of even grey rendered with the present colours. */
static void render_with(MleuColorizer *colorizer, guint8 *chroma, const MleuParams *params)
{
    guint8 luma[W * H], out[W * H];
    const guint width = W / 2, height = H / 2;
    memset(luma, 120, sizeof luma);
    const MleuFrame input = grey_frame(luma, W);
    const MleuFrame output = {
        .plane = {{out, W, 1}, {chroma, width, 1}, {chroma + width * height, width, 1}}};
    mleu_colorizer_render(colorizer, &input, &output, params);
    g_assert_cmpmem(luma, sizeof luma, out, sizeof out);
}

static void render(MleuColorizer *colorizer, guint8 *chroma, double strength)
{
    MleuParams params;
    mleu_params_init(&params);
    params.strength = strength;
    render_with(colorizer, chroma, &params);
}

#define CHROMA (W / 2 * (H / 2) * 2)

static void test_sizes(void)
{
    const guint sizes[][4] = {
        /* frame, network */
        {640, 480, 96, 64}, {480, 640, 64, 96},    {64, 64, 64, 64},
        {1, 1, 64, 64},     {16384, 64, 8192, 32}, {3, 2, 96, 64},
    };
    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        MleuColorizer *colorizer = make_colorizer(sizes[i][0], sizes[i][1], 1);
        guint width, height;
        mleu_colorizer_get_input_size(colorizer, &width, &height);
        g_assert_cmpuint(width, ==, sizes[i][2]);
        g_assert_cmpuint(height, ==, sizes[i][3]);
        mleu_colorizer_free(colorizer);
    }
}

static void test_small_frames(void)
{
    const guint sizes[][2] = {{1, 1}, {1, 9}, {9, 1}, {2, 3}};
    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        const guint width = sizes[i][0], height = sizes[i][1];
        MleuColorizer *colorizer = make_colorizer(width, height, 1);
        guint8 luma[9] = {90, 100, 110, 120, 130, 140, 150, 160, 170}, out[9] = {0}, cb[9] = {0},
               cr[9] = {0};
        MleuParams params;
        mleu_params_init(&params);
        const MleuFrame input = grey_frame(luma, width);
        const MleuFrame output = {
            .plane = {{out, width, 1}, {cb, (width + 1) / 2, 1}, {cr, (width + 1) / 2, 1}}};
        g_assert_true(mleu_colorizer_predict(colorizer, &input, &params, NULL));
        g_assert_true(mleu_colorizer_smooth(colorizer, 0, &params));
        mleu_colorizer_render(colorizer, &input, &output, &params);
        g_assert_cmpmem(luma, width * height, out, width * height);
        g_assert_cmpuint(cb[0], !=, 0);
        mleu_colorizer_free(colorizer);
    }
}

static void test_neutral(void)
{
    guint8 chroma[CHROMA];
    MleuColorizer *colorizer = make_colorizer(W, H, 2);
    render(colorizer, chroma, 1);
    for (guint i = 0; i < CHROMA; i++)
        g_assert_cmpuint(chroma[i], ==, 128);

    MleuParams params;
    mleu_params_init(&params);
    predict(colorizer, 0);
    mleu_colorizer_smooth(colorizer, 0, &params);
    render(colorizer, chroma, 1);
    guint coloured = 0;
    for (guint i = 0; i < CHROMA; i++)
        coloured += chroma[i] != 128 ? 1 : 0;
    g_assert_cmpuint(coloured, >, CHROMA / 2);
    render(colorizer, chroma, 0);
    for (guint i = 0; i < CHROMA; i++)
        g_assert_cmpuint(chroma[i], ==, 128);
    mleu_colorizer_free(colorizer);
}

/* Parameters that are no number, or far out of range: the least or the most of each. */
static void test_wild_parameters(void)
{
    const double wild[] = {NAN, -INFINITY, INFINITY, -1e300, 1e300};
    MleuColorizer *colorizer = make_colorizer(W, H, 1);
    guint8 luma[W * H], chroma[CHROMA];
    draw(luma, W, H, 0);
    const MleuFrame frame = grey_frame(luma, W);
    for (guint i = 0; i < G_N_ELEMENTS(wild); i++) {
        const MleuParams params = {.strength = wild[i],
                                   .saturation = wild[i],
                                   .temperature = wild[i],
                                   .smoothing = wild[i],
                                   .scene_threshold = wild[i],
                                   .tame_reds = wild[i] > 0 ? 0 : wild[i],
                                   .tame_blues = wild[i] > 0 ? 0 : wild[i],
                                   .warmth = wild[i],
                                   .split = wild[i] > 0 ? 0 : wild[i]};
        guint8 out[W * H];
        const guint width = W / 2, height = H / 2;
        const MleuFrame output = {
            .plane = {{out, W, 1}, {chroma, width, 1}, {chroma + width * height, width, 1}}};
        g_assert_true(mleu_colorizer_predict(colorizer, &frame, &params, NULL));
        mleu_colorizer_smooth(colorizer, wild[i], &params);
        mleu_colorizer_render(colorizer, &frame, &output, &params);
        g_assert_cmpmem(luma, sizeof luma, out, sizeof out);
        guint coloured = 0;
        for (guint k = 0; k < CHROMA; k++)
            coloured += chroma[k] != 128 ? 1 : 0;
        if (wild[i] > 0)
            g_assert_cmpuint(coloured, >, 0);
        else
            g_assert_cmpuint(coloured, ==, 0);
    }
    mleu_colorizer_free(colorizer);
}

/* One side is grey, and the other as without the split. */
static void test_split(void)
{
    enum { COLUMNS = W / 2, ROWS = H / 2 };
    MleuColorizer *colorizer = make_colorizer(W, H, 2);
    MleuParams params;
    guint8 whole[CHROMA], half[CHROMA];
    mleu_params_init(&params);
    predict(colorizer, 0);
    mleu_colorizer_smooth(colorizer, 0.04, &params);
    render_with(colorizer, whole, &params);
    for (guint across = 0; across < 2; across++) {
        params.split_orientation = across ? MLEU_SPLIT_HORIZONTAL : MLEU_SPLIT_VERTICAL;
        for (guint part = 0; part <= 4; part++) {
            params.split = part / 4.0;
            const guint side = across ? ROWS : COLUMNS, border = (guint)lrint(params.split * side);
            render_with(colorizer, half, &params);
            guint coloured = 0;
            for (guint i = 0; i < CHROMA; i++) {
                const guint at = across ? i / COLUMNS % ROWS : i % COLUMNS;
                g_assert_cmpuint(half[i], ==, at < border ? 128 : whole[i]);
                coloured += half[i] != 128 ? 1 : 0;
            }
            g_assert_true((coloured > 0) == (part < 4));
        }
    }
    mleu_colorizer_free(colorizer);
}

/* The same bytes whatever the number of threads. */
static void test_threads(void)
{
    guint8 first[CHROMA];
    const guint threads[] = {1, 2, 3, 7};
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++) {
        guint8 chroma[CHROMA];
        MleuColorizer *colorizer = make_colorizer(W, H, threads[i]);
        MleuParams params;
        mleu_params_init(&params);
        for (guint f = 0; f < 4; f++) {
            predict(colorizer, f % 2);
            mleu_colorizer_smooth(colorizer, 0.04, &params);
        }
        render(colorizer, i == 0 ? first : chroma, 1);
        if (i > 0)
            g_assert_cmpmem(first, CHROMA, chroma, CHROMA);
        mleu_colorizer_free(colorizer);
    }
}

/* A cut and a reset forget; a long gap and a step back in time too; a short step does not. */
static void test_history(void)
{
    guint8 fresh[CHROMA], chroma[CHROMA];
    MleuParams params;
    mleu_params_init(&params);
    params.smoothing = 1;
    MleuColorizer *colorizer = make_colorizer(W, H, 2);
    predict(colorizer, 1);
    g_assert_true(mleu_colorizer_smooth(colorizer, 0, &params));
    render(colorizer, fresh, 1);
    mleu_colorizer_reset(colorizer);

    predict(colorizer, 0);
    g_assert_true(mleu_colorizer_smooth(colorizer, 0.04, &params));
    g_assert_true(mleu_colorizer_predict(
        colorizer, &(MleuFrame){.plane = {{(guint8[W * H]){0}, W, 1}}}, &params, NULL));
    g_assert_false(mleu_colorizer_smooth(colorizer, 0.04, &params));
    render(colorizer, chroma, 1);
    g_assert_cmpint(memcmp(chroma, fresh, CHROMA), !=, 0);

    const double jumps[] = {-1, 2};
    for (guint i = 0; i < G_N_ELEMENTS(jumps); i++) {
        predict(colorizer, 1);
        mleu_colorizer_smooth(colorizer, jumps[i], &params);
        render(colorizer, chroma, 1);
        g_assert_cmpmem(chroma, CHROMA, fresh, CHROMA);
    }
    predict(colorizer, 0);
    g_assert_true(mleu_colorizer_smooth(colorizer, 0.04, &params));
    predict(colorizer, 1);
    g_assert_true(mleu_colorizer_smooth(colorizer, 0.04, &params));
    render(colorizer, chroma, 1);
    g_assert_cmpmem(chroma, CHROMA, fresh, CHROMA);

    MleuStats stats;
    mleu_colorizer_get_stats(colorizer, &stats);
    g_assert_cmpuint(stats.frames, ==, 7);
    g_assert_cmpuint(stats.scene_cuts, >=, 4);
    mleu_colorizer_free(colorizer);
}

/* With the threshold at 0 there is one scene. */
static void test_scene_threshold(void)
{
    const double thresholds[] = {0, 0.5, 1};
    const guint cuts[] = {1, 4, 4};
    MleuColorizer *colorizer = make_colorizer(W, H, 1);
    for (guint i = 0; i < G_N_ELEMENTS(thresholds); i++) {
        guint found = 0;
        guint8 luma[W * H];
        MleuParams params;
        mleu_params_init(&params);
        params.scene_threshold = thresholds[i];
        for (guint f = 0; f < 12; f++) {
            draw(luma, W, H, f / 3);
            const MleuFrame frame = grey_frame(luma, W);
            g_assert_true(mleu_colorizer_predict(colorizer, &frame, &params, NULL));
            found += mleu_colorizer_smooth(colorizer, 0.04, &params) ? 1 : 0;
        }
        g_assert_cmpuint(found, ==, cuts[i]);
        mleu_colorizer_reset(colorizer);
    }
    mleu_colorizer_free(colorizer);
}

/* With a look-ahead, frames are recalled one by one, the last ones too; a new scene has no say in
 * the one before. */
static void test_recall(void)
{
    GError *error = NULL;
    guint8 fresh[2][CHROMA], chroma[CHROMA];
    MleuParams params;
    mleu_params_init(&params);
    params.smoothing = 1;
    MleuConfig config = make_config(W, H);
    config.lookahead = 3;
    MleuColorizer *colorizer = mleu_colorizer_new(model, &config, &error);
    g_assert_no_error(error);
    g_assert_false(mleu_colorizer_recall(colorizer, 0, &params));
    for (guint scene = 0; scene < 2; scene++) {
        predict(colorizer, scene);
        g_assert_true(mleu_colorizer_smooth(colorizer, 0, &params));
        g_assert_true(mleu_colorizer_recall(colorizer, 0, &params));
        g_assert_false(mleu_colorizer_recall(colorizer, 1, &params));
        render(colorizer, fresh[scene], 1);
        mleu_colorizer_reset(colorizer);
    }
    const guint scenes[] = {0, 0, 0, 1, 1, 1, 1, 0};
    const guint frames = G_N_ELEMENTS(scenes);
    for (guint f = 0; f < frames + config.lookahead; f++) {
        if (f < frames) {
            predict(colorizer, scenes[f]);
            mleu_colorizer_smooth(colorizer, 0.04, &params);
        }
        const guint behind = f < frames ? config.lookahead : frames + config.lookahead - 1 - f;
        g_assert_true(mleu_colorizer_recall(colorizer, behind, &params) == (f >= behind));
        if (f < config.lookahead)
            continue;
        render(colorizer, chroma, 1);
        /* A mean of equal values is rounded. */
        for (guint i = 0; i < CHROMA; i++)
            g_assert_cmpint(ABS(chroma[i] - fresh[scenes[f - config.lookahead]][i]), <=, 1);
    }
    g_assert_cmpint(memcmp(fresh[0], fresh[1], CHROMA), !=, 0);
    g_assert_false(mleu_colorizer_recall(colorizer, config.lookahead + 1, &params));

    /* A second frame of the scene does have a say. */
    mleu_colorizer_reset(colorizer);
    predict(colorizer, 0);
    mleu_colorizer_smooth(colorizer, 0.04, &params);
    guint8 luma[W * H];
    draw(luma, W, H, 0);
    for (guint i = 0; i < W * H; i++)
        luma[i] = (guint8)(luma[i] + 12);
    const MleuFrame lighter = grey_frame(luma, W);
    g_assert_true(mleu_colorizer_predict(colorizer, &lighter, &params, &error));
    g_assert_false(mleu_colorizer_smooth(colorizer, 0.04, &params));
    g_assert_true(mleu_colorizer_recall(colorizer, 1, &params));
    render(colorizer, chroma, 1);
    g_assert_cmpint(memcmp(chroma, fresh[0], CHROMA), !=, 0);
    mleu_colorizer_free(colorizer);
}

static gpointer cancel_soon(gpointer data)
{
    g_usleep(2000);
    mleu_colorizer_cancel(data, TRUE);
    return NULL;
}

static void test_cancel(void)
{
    GError *error = NULL;
    guint8 luma[W * H];
    MleuParams params;
    MleuColorizer *colorizer = make_colorizer(W, H, 2);
    mleu_params_init(&params);
    draw(luma, W, H, 0);
    const MleuFrame frame = grey_frame(luma, W);

    mleu_colorizer_cancel(colorizer, TRUE);
    g_assert_false(mleu_colorizer_predict(colorizer, &frame, &params, &error));
    g_assert_error(error, MLEU_ERROR, MLEU_ERROR_CANCELLED);
    g_clear_error(&error);
    mleu_colorizer_cancel(colorizer, FALSE);

    GThread *thread = g_thread_new("cancel", cancel_soon, colorizer);
    while (mleu_colorizer_predict(colorizer, &frame, &params, &error))
        continue;
    g_assert_error(error, MLEU_ERROR, MLEU_ERROR_CANCELLED);
    g_clear_error(&error);
    g_thread_join(thread);
    mleu_colorizer_cancel(colorizer, FALSE);
    g_assert_true(mleu_colorizer_predict(colorizer, &frame, &params, &error));
    mleu_colorizer_free(colorizer);
}

static void test_wrong_arguments(void)
{
    for (guint i = 0; i < 13; i++) {
        GError *error = NULL;
        MleuConfig config = make_config(W, H);
        switch (i) {
        case 0:
            config.render_size = 31;
            break;
        case 1:
            config.render_size = 65;
            break;
        case 2:
            config.render_size = 4096;
            break;
        case 3:
            config.n_threads = 65;
            break;
        case 4:
            config.input.width = 0;
            break;
        case 5:
            config.input.height = 16385;
            break;
        case 6:
            config.output.width++;
            break;
        case 7:
            config.input.depth = 7;
            break;
        case 8:
            config.output.depth = 17;
            break;
        case 9:
            config.output.chroma_shift_x = 2;
            break;
        case 10:
            config.output.matrix = (MleuMatrix)9;
            break;
        case 11:
            config.lookahead = MLEU_LOOKAHEAD_MAX + 1;
            break;
        default:
            config.output = config.input;
            break;
        }
        g_assert_null(mleu_colorizer_new(model, &config, &error));
        const gint code = i == 12 ? (gint)MLEU_ERROR_UNSUPPORTED : (gint)MLEU_ERROR_INVALID;
        g_assert_error(error, MLEU_ERROR, code);
        g_test_message("%s", error->message);
        g_error_free(error);
    }
    mleu_colorizer_free(NULL);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    GError *error = NULL;
    char *folder = g_dir_make_tmp("mleu-colorizer-XXXXXX", NULL);
    char *path = g_build_filename(folder, "model.safetensors", NULL);
    testmodel_write(path);
    model = mleu_model_load(path, &error);
    g_assert_no_error(error);
    g_unlink(path);
    g_rmdir(folder);
    g_free(path);
    g_free(folder);

    g_test_add_func("/colorizer/sizes", test_sizes);
    g_test_add_func("/colorizer/small-frames", test_small_frames);
    g_test_add_func("/colorizer/neutral", test_neutral);
    g_test_add_func("/colorizer/wild-parameters", test_wild_parameters);
    g_test_add_func("/colorizer/split", test_split);
    g_test_add_func("/colorizer/threads", test_threads);
    g_test_add_func("/colorizer/history", test_history);
    g_test_add_func("/colorizer/scene-threshold", test_scene_threshold);
    g_test_add_func("/colorizer/recall", test_recall);
    g_test_add_func("/colorizer/cancel", test_cancel);
    g_test_add_func("/colorizer/wrong-arguments", test_wrong_arguments);
    const int result = g_test_run();
    mleu_model_unref(model);
    return result;
}
