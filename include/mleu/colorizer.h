/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <mleu/frame.h>
#include <mleu/model.h>

G_BEGIN_DECLS

/**
 * MleuColorizer:
 *
 * Colours the frames of one stream: the network's working memory, its threads, and the colours of
 * the frames before.
 *
 * Thread-safety: one thread at a time, but for mleu_colorizer_cancel(), which any thread may call
 * at any time. Different colorizers, on the same model too, are independent.
 */
typedef struct _MleuColorizer MleuColorizer;

/** Largest #MleuConfig.n_threads. */
#define MLEU_THREADS_MAX 64

/** Largest #MleuConfig.lookahead. */
#define MLEU_LOOKAHEAD_MAX 16

/**
 * MleuPrecision: what the network computes in.
 * @MLEU_PRECISION_AUTO: 8-bit integers where the model is quantised; else bfloat16 where the
 * processor multiplies it (the tier "amx" of mleu/cpu.h), else float32.
 * @MLEU_PRECISION_FLOAT32: 32-bit floating point; results differ in the last digits between tiers
 * of kernels.
 * @MLEU_PRECISION_INT8: 8-bit integers: every machine predicts the same a*, b* from the same L*.
 * Only for models that mleu_model_is_quantized().
 * @MLEU_PRECISION_BF16: float32 values and sums, but products of numbers rounded to bfloat16 (eight
 * bits of precision) in convolutions from and to 16 channels or more. On every processor, but
 * slower than float32 where it is not the automatic choice.
 */
typedef enum {
    MLEU_PRECISION_AUTO,
    MLEU_PRECISION_FLOAT32,
    MLEU_PRECISION_INT8,
    MLEU_PRECISION_BF16,
} MleuPrecision;

/**
 * MleuConfig:
 * @input: format of the frames to colour.
 * @output: format of the coloured frames, YUV or RGB, of the same width and height.
 * @render_size: the frame is scaled so that its short side is this many pixels, its aspect ratio
 * kept, then both sides are reflected at the border up to the next multiple of the model's stride.
 * A multiple of %MLEU_RENDER_SIZE_MIN up to %MLEU_RENDER_SIZE_MAX; 0: mleu_model_get_render_size().
 * @n_threads: threads that the network may use, this one included; 0: one for each processor.
 * Results do not depend on it.
 * @precision: what the network computes in.
 * @lookahead: frames after a frame that its colours may be made from too, 0 ..
 * %MLEU_LOOKAHEAD_MAX; see mleu_colorizer_recall().
 *
 * What a colorizer is made for. Initialise with mleu_config_init().
 */
typedef struct {
    MleuFormat input;
    MleuFormat output;
    guint render_size;
    guint n_threads;
    MleuPrecision precision;
    guint lookahead;
} MleuConfig;

/** mleu_config_init: the defaults, with both formats zeroed. */
MLEU_API void mleu_config_init(MleuConfig *config);

/** MleuSplit: the border between the grey and the coloured part of a frame. */
typedef enum {
    MLEU_SPLIT_VERTICAL,   /* a vertical line: grey at its left */
    MLEU_SPLIT_HORIZONTAL, /* a horizontal line: grey above it */
} MleuSplit;

/**
 * MleuParams:
 * @strength: 0 (grey) .. 1 (full): factor on a*, b*, a mix between the grey and the coloured
 * picture.
 * @saturation: factor on a*, b* on top of the model's own, 0 .. 4, default 1.
 * @temperature: of the annealed mean, 0.05 .. 5: low gives bold colours, high gives safe ones. 0:
 * the model's own. A regression head ignores it.
 * @smoothing: 0 (each frame for itself) .. 1 (slowest): the colours are a mean over the frames of
 * the scene, weighted by exp(-age / @smoothing), in seconds.
 * @scene_threshold: how readily a cut to another scene is seen: 0 (never) .. 1 (wherever a picture
 * differs much from the one before), default 0.5.
 * @carry: the colours may be carried along the motion from the frames before instead of predicted.
 * The network runs all the same where a scene starts or the motion is not clear.
 * @tame_reds: 0 .. 1: how much chroma reds and magentas lose: all of it at hue 15 degrees with 1,
 * less beside that, nothing 50 degrees away; skin keeps nearly all. src/color/correct.h has the
 * formula.
 * @tame_blues: likewise blues and violets, around 280 degrees and up to 60 away.
 * @warmth: -1 (cooler) .. 1 (warmer): moves all colours, greys too, along the way from blue to
 * yellow: 10 units of b* at the ends, times strength and saturation.
 * @split: 0 .. 1: share of the frame that is left grey, to compare; the luma is that of the rest.
 * @split_orientation: where that part lies.
 *
 * What may change from frame to frame. Initialise with mleu_params_init(). Values out of range are
 * clamped.
 */
typedef struct {
    double strength;
    double saturation;
    double temperature;
    double smoothing;
    double scene_threshold;
    gboolean carry;
    double tame_reds;
    double tame_blues;
    double warmth;
    double split;
    MleuSplit split_orientation;
} MleuParams;

/** mleu_params_init: the defaults: strength 1, saturation 1, temperature 0 (the model's own),
 * smoothing 0.5, scene_threshold 0.5, carry %FALSE, the others
 * 0. */
MLEU_API void mleu_params_init(MleuParams *params);

/**
 * MleuStats: counters since mleu_colorizer_new().
 * @frames: frames that mleu_colorizer_predict() took.
 * @predictions: those of them that the network ran for.
 * @scene_cuts: scenes that started, the first one and those after a reset included.
 * @predict_seconds: time spent in mleu_colorizer_predict(), in all, but for the motion.
 * @smooth_seconds: time spent on scene cuts, motion and in mleu_colorizer_smooth().
 * @render_seconds: time spent in mleu_colorizer_render().
 */
typedef struct {
    guint64 frames;
    guint64 predictions;
    guint64 scene_cuts;
    double predict_seconds;
    double smooth_seconds;
    double render_seconds;
} MleuStats;

/**
 * mleu_colorizer_new:
 * @model: the network; the colorizer takes its own reference.
 * @config: copied.
 * @error: return location.
 *
 * Allocates everything that frames of this size need; no later call allocates.
 *
 * Errors: %MLEU_ERROR_INVALID, %MLEU_ERROR_UNSUPPORTED, %MLEU_ERROR_NO_MEMORY.
 *
 * Returns: (transfer full): to be freed with mleu_colorizer_free(), or %NULL with @error set.
 */
MLEU_API MleuColorizer *mleu_colorizer_new(MleuModel *model, const MleuConfig *config,
                                           GError **error);

/** mleu_colorizer_free: joins its threads and frees it; %NULL is allowed. */
MLEU_API void mleu_colorizer_free(MleuColorizer *colorizer);

/**
 * mleu_colorizer_predict:
 * @frame: in the configuration's input format; only luma (for RGB input: R', G' and B') is read.
 * @params: only the temperature, the scene threshold and @carry are used.
 * @error: return location.
 *
 * Scales luma to the network's size, converts it to L*, looks for a scene cut and for the motion
 * since the frame that mleu_colorizer_smooth() took last, and runs the network. The result is a*
 * and b* on the small grid.
 *
 * Errors: %MLEU_ERROR_CANCELLED; %MLEU_ERROR_INFERENCE where the network gave values that are not
 * finite. On an error the colours of the frame before stay as they were.
 *
 * Returns: %TRUE on success.
 */
MLEU_API gboolean mleu_colorizer_predict(MleuColorizer *colorizer, const MleuFrame *frame,
                                         const MleuParams *params, GError **error);

/** Frames after which a colorizer that was reset gives the bytes of one that was not. */
#define MLEU_WARM_UP 64

/**
 * mleu_colorizer_smooth:
 * @seconds: time since the frame before, from the timestamps; negative or more than 1: the history
 * is forgotten, unless this frame's colours were carried from there. NaN: unknown, taken as 1/25.
 * @params: only the smoothing is used.
 *
 * Averages the predicted a*, b* with those of the frames before, along the motion: every place with
 * what was to be seen there before, wherever in the frame that was. What was not to be seen before,
 * and the first frame of a scene, is taken as predicted. Call it once after each
 * mleu_colorizer_predict() that succeeded.
 *
 * The colours depend on no more than the %MLEU_WARM_UP frames before: to the byte, on one tier of
 * kernels, with the same @seconds, parameters and #MleuParams.carry of each of these frames.
 *
 * With a #MleuConfig.lookahead the frame is only taken into the history; mleu_colorizer_recall()
 * then gives the colours.
 *
 * Returns: %TRUE where this frame starts a new scene; always for the first one, and the first after
 * mleu_colorizer_reset().
 */
MLEU_API gboolean mleu_colorizer_smooth(MleuColorizer *colorizer, double seconds,
                                        const MleuParams *params);

/**
 * mleu_colorizer_recall:
 * @frames: how many frames before the one that mleu_colorizer_smooth() took last, 0 ..
 * #MleuConfig.lookahead.
 * @params: only the smoothing is used.
 *
 * The colours that mleu_colorizer_render() is to give to that earlier frame become the present
 * ones: averaged like those of mleu_colorizer_smooth(), with the frames of its scene that came
 * after it as well. The caller keeps the frames themselves: with a look-ahead of k, each frame is
 * predicted and smoothed, and the one k before it recalled and rendered; at the end of the stream,
 * the k last ones are recalled with @frames from k - 1 down to 0.
 *
 * The colours depend on the @frames after and on no more than the %MLEU_WARM_UP before, as those of
 * mleu_colorizer_smooth() do.
 *
 * Returns: %FALSE where there is no such frame since the colorizer was made or reset, or @frames is
 * more than the look-ahead; the colours stay as they are.
 */
MLEU_API gboolean mleu_colorizer_recall(MleuColorizer *colorizer, guint frames,
                                        const MleuParams *params);

/**
 * mleu_colorizer_render:
 * @input: the frame to colour, in the configuration's input format.
 * @output: written whole, in the configuration's output format. May be the same memory as @input
 * where both formats are YUV and equal; then only chroma is written.
 * @params: strength and saturation are used.
 *
 * Averages the smoothed a*, b* over cells that lie together and look the same, enlarges them to the
 * output's chroma grid along the edges of the luma (of #MleuFrame.interlaced frames, each row by
 * that of its own field), and writes the coloured frame. Where output is YUV and its range and
 * depth are the input's, its luma samples are copies of the input's. Colours outside the RGB gamut
 * are brought in by lowering chroma, never by touching luma. May be called again with another
 * frame, or with other parameters, without a new prediction: a late frame takes the colours of the
 * one before.
 *
 * Before the first prediction the colours are neutral. With a strength or saturation of 0 the frame
 * comes out grey, and nothing need be predicted for it.
 */
MLEU_API void mleu_colorizer_render(MleuColorizer *colorizer, const MleuFrame *input,
                                    const MleuFrame *output, const MleuParams *params);

/** mleu_colorizer_reset: forgets the colours and the luma of the frames before: after a seek, for
 * instance. */
MLEU_API void mleu_colorizer_reset(MleuColorizer *colorizer);

/**
 * mleu_colorizer_cancel:
 * @cancel: %TRUE: a running or later mleu_colorizer_predict() returns %MLEU_ERROR_CANCELLED soon
 * (within a part of one layer); %FALSE: predictions run again.
 */
MLEU_API void mleu_colorizer_cancel(MleuColorizer *colorizer, gboolean cancel);

/** mleu_colorizer_get_stats: @stats is filled with the counters. */
MLEU_API void mleu_colorizer_get_stats(const MleuColorizer *colorizer, MleuStats *stats);

/**
 * mleu_colorizer_get_input_size: the network's input, in pixels, the reflected border included.
 */
MLEU_API void mleu_colorizer_get_input_size(const MleuColorizer *colorizer, guint *width,
                                            guint *height);

/**
 * mleu_colorizer_get_prediction:
 * @width: (out): grid width.
 * @height: (out): grid height.
 *
 * Returns: (transfer none): the last prediction before smoothing, height x width a* and then as
 * many b*, in CIE Lab units without the model's saturation factor, rows from the top; valid until
 * the next call on @colorizer. The grid covers the input with its reflected border.
 */
MLEU_API const float *mleu_colorizer_get_prediction(const MleuColorizer *colorizer, guint *width,
                                                    guint *height);

/**
 * mleu_colorizer_get_lightness: as mleu_colorizer_get_prediction(), for the network's input: height
 * x width L*, 0..100.
 */
MLEU_API const float *mleu_colorizer_get_lightness(const MleuColorizer *colorizer, guint *width,
                                                   guint *height);

G_END_DECLS
