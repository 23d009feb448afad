/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <mleu/colorizer.h>

#include <math.h>
#include <string.h>

#include "allocate.h"
#include "color/correct.h"
#include "color/guide.h"
#include "color/render.h"
#include "color/scale.h"
#include "nn/plan.h"
#include "temporal/motion.h"
#include "temporal/scenecut.h"
#include "temporal/smooth.h"

/* A strip of film is scaled so that its long side is this at most, whatever its short side becomes:
 * bounded memory. */
#define LONG_SIDE_MAX 8192

/* Of a frame whose time is not known. */
#define UNKNOWN_SECONDS (1.0 / 25)

struct _MleuColorizer {
    MleuModel *model;
    MleuPool *pool;
    MleuPlan *plan;
    MleuScaler *scaler;
    MleuRenderer *renderer;
    guint input_width, input_height, grid_width, grid_height;
    float *predicted; /* a*, b*, on the grid */
    float *colours;   /* the same, smoothed */
    float *corrected; /* the same, as the parameters want them */
    gsize values;     /* of each of the two */
    MleuGuide guide;
    /* The guide's luma of the last frames, in turn, where there is a look-ahead. */
    float *lumas;
    guint lookahead, newest;
    MleuMotion *motion;
    MleuHistory *history;
    MleuSceneCut cut;
    /* Of the frame given to predict(), until smooth() takes it into the history. */
    MleuSceneCut next_cut;
    gboolean starts_scene, is_predicted;
    gint cancel;
    MleuStats stats;
};

void mleu_config_init(MleuConfig *config)
{
    memset(config, 0, sizeof *config);
}

void mleu_params_init(MleuParams *params)
{
    *params = (MleuParams){
        .strength = 1, .saturation = 1, .temperature = 0, .smoothing = 0.5, .scene_threshold = 0.5};
}

/* Into @low .. @high; NaN is @low. */
static double within(double value, double low, double high)
{
    return value > low ? MIN(value, high) : low;
}

static gboolean check_config(const MleuConfig *config, GError **error)
{
    if (!mleu_format_check(&config->input, "input", error) ||
        !mleu_format_check(&config->output, "output", error))
        return FALSE;
    if (config->output.layout == MLEU_LAYOUT_GRAY)
        g_set_error_literal(error, MLEU_ERROR, MLEU_ERROR_UNSUPPORTED,
                            "a grey output has no room for colours");
    else if (config->input.width != config->output.width ||
             config->input.height != config->output.height)
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_INVALID,
                    "input of %u x %u and output of %u x %u must be of one size",
                    config->input.width, config->input.height, config->output.width,
                    config->output.height);
    else if (config->render_size > MLEU_RENDER_SIZE_MAX ||
             config->render_size % MLEU_RENDER_SIZE_MIN != 0)
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_INVALID,
                    "render size %u: must be a multiple of %d up to %d, or 0", config->render_size,
                    MLEU_RENDER_SIZE_MIN, MLEU_RENDER_SIZE_MAX);
    else if (config->n_threads > MLEU_THREADS_MAX)
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_INVALID, "%u threads: must be at most %d",
                    config->n_threads, MLEU_THREADS_MAX);
    else if (config->lookahead > MLEU_LOOKAHEAD_MAX)
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_INVALID,
                    "a look-ahead of %u frames: must be at most %d", config->lookahead,
                    MLEU_LOOKAHEAD_MAX);
    else
        return TRUE;
    return FALSE;
}

static guint round_up(guint value, guint multiple)
{
    return (value + multiple - 1) / multiple * multiple;
}

static void no_memory(const MleuConfig *config, GError **error)
{
    g_set_error(error, MLEU_ERROR, MLEU_ERROR_NO_MEMORY,
                "no memory to colour frames of %u x %u; choose a smaller render size",
                config->input.width, config->input.height);
}

/* Everything but the pool and the plan, which are there. */
static gboolean allocate(MleuColorizer *c, const MleuConfig *config, guint content_width,
                         guint content_height)
{
    const guint width = config->input.width, height = config->input.height;
    const MleuKernels *kernels = mleu_kernels_get(mleu_cpu_tier());
    const double cell_x = (double)c->input_width / c->grid_width,
                 cell_y = (double)c->input_height / c->grid_height;
    const MleuGrid grid = {
        .width = c->grid_width,
        .height = c->grid_height,
        .scale_x = (double)content_width / width / cell_x,
        .scale_y = (double)content_height / height / cell_y,
        .offset_x = (c->input_width - content_width) / 2 / cell_x,
        .offset_y = (c->input_height - content_height) / 2 / cell_y,
    };
    c->predicted = mleu_try_new0(float, c->values);
    c->colours = mleu_try_new0(float, c->values);
    c->corrected = mleu_try_new0(float, c->values);
    c->lumas = mleu_try_new0(float, (c->lookahead > 0 ? c->lookahead + 1 : 0) * (c->values / 2));
    c->scaler = mleu_scaler_new(&config->input, c->input_width, c->input_height, content_width,
                                content_height, c->pool);
    c->motion =
        mleu_motion_new(c->input_width, c->input_height, c->grid_width, c->grid_height, kernels);
    c->history =
        mleu_history_new(c->grid_width, c->grid_height, c->lookahead > 0, kernels, c->pool);
    c->renderer = mleu_renderer_new(&config->input, &config->output, &grid, c->pool);
    return mleu_guide_init(&c->guide, c->grid_width, c->grid_height, kernels) &&
           c->predicted != NULL && c->colours != NULL && c->corrected != NULL && c->lumas != NULL &&
           c->scaler != NULL && c->motion != NULL && c->history != NULL && c->renderer != NULL;
}

MleuColorizer *mleu_colorizer_new(MleuModel *model, const MleuConfig *config, GError **error)
{
    g_return_val_if_fail(model != NULL && config != NULL, NULL);
    if (!check_config(config, error))
        return NULL;

    const guint width = config->input.width, height = config->input.height;
    const guint render_size =
        config->render_size != 0 ? config->render_size : mleu_model_get_render_size(model);
    const double scale =
        MIN((double)render_size / MIN(width, height), (double)LONG_SIDE_MAX / MAX(width, height));
    const guint content_width = (guint)MAX(lround(width * scale), 1),
                content_height = (guint)MAX(lround(height * scale), 1);
    const guint stride = mleu_model_get_stride(model);

    MleuColorizer *c = mleu_try_new0(MleuColorizer, 1);
    if (c == NULL) {
        no_memory(config, error);
        return NULL;
    }
    c->model = mleu_model_ref(model);
    c->input_width = round_up(content_width, stride);
    c->input_height = round_up(content_height, stride);
    c->pool = mleu_pool_new(config->n_threads, error);
    if (c->pool != NULL)
        c->plan = mleu_plan_new(model, c->input_width, c->input_height, config->precision, c->pool,
                                error);
    if (c->plan == NULL) {
        mleu_colorizer_free(c);
        return NULL;
    }
    c->lookahead = config->lookahead;
    mleu_plan_get_grid(c->plan, &c->grid_width, &c->grid_height);
    c->values = (gsize)2 * c->grid_width * c->grid_height;
    if (!allocate(c, config, content_width, content_height)) {
        no_memory(config, error);
        g_clear_pointer(&c, mleu_colorizer_free);
    }
    return c;
}

void mleu_colorizer_free(MleuColorizer *c)
{
    if (c == NULL)
        return;
    mleu_renderer_free(c->renderer);
    mleu_scaler_free(c->scaler);
    mleu_history_free(c->history);
    mleu_motion_free(c->motion);
    mleu_plan_free(c->plan);
    mleu_pool_free(c->pool);
    mleu_guide_clear(&c->guide);
    g_free(c->predicted);
    g_free(c->colours);
    g_free(c->corrected);
    g_free(c->lumas);
    mleu_model_unref(c->model);
    g_free(c);
}

static double seconds_since(gint64 begin)
{
    return (double)(g_get_monotonic_time() - begin) * 1e-6;
}

/* Looks for a new scene, then for the motion since the frame before. Gives up, FALSE, where it is
 * cancelled: on the largest inputs this takes tens of milliseconds. */
static gboolean follow(MleuColorizer *c, float sensitivity, GError **error)
{
    const float *lightness = mleu_plan_get_input(c->plan);
    c->next_cut = c->cut;
    c->starts_scene = mleu_scene_cut_next(&c->next_cut, lightness, c->input_width, c->input_height,
                                          sensitivity) ||
                      mleu_history_is_empty(c->history);
    mleu_motion_look(c->motion, lightness);
    if (!mleu_plan_check_cancel(&c->cancel, error))
        return FALSE;
    if (!c->starts_scene)
        c->starts_scene = mleu_scene_cut_decide(
            &c->next_cut, mleu_motion_find(c->motion, mleu_history_next_steps(c->history)));
    if (!mleu_plan_check_cancel(&c->cancel, error))
        return FALSE;
    if (!c->starts_scene && c->lookahead > 0)
        mleu_motion_find_onward(c->motion, mleu_history_onward_steps(c->history));
    return TRUE;
}

gboolean mleu_colorizer_predict(MleuColorizer *c, const MleuFrame *frame, const MleuParams *params,
                                GError **error)
{
    const gint64 begin = g_get_monotonic_time();
    const double temperature = params->temperature > 0 ? within(params->temperature, 0.05, 5)
                                                       : mleu_model_get_temperature(c->model);
    if (!mleu_plan_check_cancel(&c->cancel, error))
        return FALSE;
    mleu_scaler_run(c->scaler, frame, mleu_plan_get_input(c->plan));
    const gint64 scaled = g_get_monotonic_time();
    if (!follow(c, (float)within(params->scene_threshold, 0, 1), error))
        return FALSE;
    const double followed = seconds_since(scaled);
    c->is_predicted = !params->carry || c->starts_scene || !mleu_history_reaches(c->history);
    const gboolean good =
        !c->is_predicted || mleu_plan_run(c->plan, temperature, &c->cancel, c->predicted, error);
    c->stats.frames += good ? 1 : 0;
    c->stats.predictions += good && c->is_predicted ? 1 : 0;
    c->stats.smooth_seconds += followed;
    c->stats.predict_seconds += seconds_since(begin) - followed;
    return good;
}

/* Luma of the frame @age frames before the newest one, with a look-ahead. */
static float *luma_of(const MleuColorizer *c, guint age)
{
    const guint count = c->lookahead + 1;
    return c->lumas + (gsize)((c->newest + count - age) % count) * c->grid_width * c->grid_height;
}

gboolean mleu_colorizer_smooth(MleuColorizer *c, double seconds, const MleuParams *params)
{
    const gint64 begin = g_get_monotonic_time();
    if (isnan(seconds))
        seconds = UNKNOWN_SECONDS;
    /* A frame without a prediction of its own has no other colours than those before the gap. */
    const gboolean is_gap = seconds < 0 || seconds > MLEU_SMOOTH_GAP;
    mleu_history_add(c->history, c->is_predicted ? c->predicted : NULL,
                     within(seconds, 0, MLEU_SMOOTH_GAP),
                     c->starts_scene || (is_gap && c->is_predicted));
    mleu_guide_set_luma(&c->guide, mleu_plan_get_input(c->plan), c->input_width, c->input_height);
    if (c->lookahead > 0) {
        c->newest = (c->newest + 1) % (c->lookahead + 1);
        memcpy(luma_of(c, 0), c->guide.luma, c->values / 2 * sizeof(float));
    } else {
        mleu_history_colours(c->history, 0, within(params->smoothing, 0, 1), c->colours);
    }
    mleu_motion_accept(c->motion);
    c->cut = c->next_cut;
    c->stats.scene_cuts += c->starts_scene ? 1 : 0;
    c->stats.smooth_seconds += seconds_since(begin);
    return c->starts_scene;
}

gboolean mleu_colorizer_recall(MleuColorizer *c, guint frames, const MleuParams *params)
{
    const gint64 begin = g_get_monotonic_time();
    if (frames > c->lookahead ||
        !mleu_history_colours(c->history, frames, within(params->smoothing, 0, 1), c->colours))
        return FALSE;
    if (c->lookahead > 0)
        memcpy(c->guide.luma, luma_of(c, frames), c->values / 2 * sizeof(float));
    c->stats.smooth_seconds += seconds_since(begin);
    return TRUE;
}

void mleu_colorizer_render(MleuColorizer *c, const MleuFrame *input, const MleuFrame *output,
                           const MleuParams *params)
{
    const gint64 begin = g_get_monotonic_time();
    const double factor = within(params->strength, 0, 1) * within(params->saturation, 0, 4) *
                          mleu_model_get_saturation(c->model);
    if (factor > 0) {
        const MleuParams held = {.tame_reds = within(params->tame_reds, 0, 1),
                                 .tame_blues = within(params->tame_blues, 0, 1),
                                 .warmth = within(params->warmth, -1, 1)};
        mleu_guide_settle(&c->guide, c->corrected, c->colours);
        mleu_correct(c->corrected, c->corrected, c->guide.luma, c->values / 2, &held);
        mleu_guide_fit(&c->guide, c->corrected);
    }
    mleu_renderer_set_split(c->renderer, within(params->split, 0, 1), params->split_orientation);
    mleu_renderer_run(c->renderer, c->corrected, &c->guide, (float)factor, input, output);
    c->stats.render_seconds += seconds_since(begin);
}

void mleu_colorizer_reset(MleuColorizer *c)
{
    mleu_scene_cut_reset(&c->cut);
    mleu_history_clear(c->history);
    memset(c->colours, 0, c->values * sizeof(float));
}

void mleu_colorizer_cancel(MleuColorizer *c, gboolean cancel)
{
    g_atomic_int_set(&c->cancel, cancel ? 1 : 0);
}

void mleu_colorizer_get_stats(const MleuColorizer *c, MleuStats *stats)
{
    *stats = c->stats;
}

void mleu_colorizer_get_input_size(const MleuColorizer *c, guint *width, guint *height)
{
    *width = c->input_width;
    *height = c->input_height;
}

const float *mleu_colorizer_get_prediction(const MleuColorizer *c, guint *width, guint *height)
{
    *width = c->grid_width;
    *height = c->grid_height;
    return c->predicted;
}

const float *mleu_colorizer_get_lightness(const MleuColorizer *c, guint *width, guint *height)
{
    *width = c->input_width;
    *height = c->input_height;
    return mleu_plan_get_input(c->plan);
}
