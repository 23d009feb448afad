/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gstmleusettings.h"

#include "gstmleumodels.h"

enum
{
  PROP_0,
  PROP_MODEL,
  PROP_STRENGTH,
  PROP_SATURATION,
  PROP_TEMPERATURE,
  PROP_SMOOTHING,
  PROP_SCENE_THRESHOLD,
  PROP_INFERENCE_INTERVAL,
  PROP_LOOKAHEAD,
  PROP_LATE_POLICY,
  PROP_RENDER_SIZE,
  PROP_N_THREADS,
  PROP_RECOLOR,
  PROP_TAME_REDS,
  PROP_TAME_BLUES,
  PROP_WARMTH,
  PROP_SPLIT,
  PROP_SPLIT_ORIENTATION,
};

#define DEFAULT_STRENGTH 1.0
#define DEFAULT_SATURATION 1.0
#define DEFAULT_TEMPERATURE 0.0
#define DEFAULT_SMOOTHING 0.5
#define DEFAULT_SCENE_THRESHOLD 0.5
#define DEFAULT_INFERENCE_INTERVAL 1
#define DEFAULT_LOOKAHEAD 0
#define DEFAULT_LATE_POLICY GST_MLEU_LATE_REUSE
#define DEFAULT_N_THREADS 0
#define DEFAULT_RECOLOR TRUE
#define DEFAULT_SPLIT_ORIENTATION MLEU_SPLIT_VERTICAL

#define GST_TYPE_MLEU_SPLIT_ORIENTATION (gst_mleu_split_orientation_get_type ())
static GType
gst_mleu_split_orientation_get_type (void)
{
  static gsize type;
  static const GEnumValue values[] = {
    {MLEU_SPLIT_VERTICAL, "Vertical border, grey at its left", "vertical"},
    {MLEU_SPLIT_HORIZONTAL, "Horizontal border, grey above it", "horizontal"},
    {0, NULL, NULL},
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type,
        g_enum_register_static ("GstMleuSplitOrientation", values));
  return type;
}

GType
gst_mleu_late_policy_get_type (void)
{
  static gsize type;
  static const GEnumValue values[] = {
    {GST_MLEU_LATE_REUSE, "Carry the colours of the frames before", "reuse"},
    {GST_MLEU_LATE_DROP, "Drop the frame", "drop"},
    {GST_MLEU_LATE_PROCESS, "Colour it like any other", "process"},
    {0, NULL, NULL},
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstMleuLatePolicy",
            values));
  return type;
}

/* To the nearest size that the networks take; 0, the model's own, only from 0. */
static guint
round_render_size (guint size)
{
  const guint step = MLEU_RENDER_SIZE_MIN;

  return size == 0 ? 0 : MAX ((size + step / 2) / step * step, step);
}

void
gst_mleu_settings_init (GstMleuSettings * settings)
{
  settings->model_name = g_strdup (GST_MLEU_DEFAULT_MODEL);
  settings->params.strength = DEFAULT_STRENGTH;
  settings->params.saturation = DEFAULT_SATURATION;
  settings->params.temperature = DEFAULT_TEMPERATURE;
  settings->params.smoothing = DEFAULT_SMOOTHING;
  settings->params.scene_threshold = DEFAULT_SCENE_THRESHOLD;
  settings->inference_interval = DEFAULT_INFERENCE_INTERVAL;
  settings->lookahead = DEFAULT_LOOKAHEAD;
  settings->late_policy = DEFAULT_LATE_POLICY;
  settings->n_threads = DEFAULT_N_THREADS;
  settings->recolor = DEFAULT_RECOLOR;
  settings->params.split_orientation = DEFAULT_SPLIT_ORIENTATION;
}

void
gst_mleu_settings_clear (GstMleuSettings * settings)
{
  g_clear_pointer (&settings->model_name, g_free);
}

/* FALSE where there is no such property. */
gboolean
gst_mleu_settings_set (GstMleuSettings * settings, guint id,
    const GValue * value)
{
  const gchar *name;

  switch (id) {
    case PROP_MODEL:
      name = g_value_get_string (value);
      g_free (settings->model_name);
      settings->model_name = g_strdup (name && name[0] != '\0' ?
          name : GST_MLEU_DEFAULT_MODEL);
      return TRUE;
    case PROP_STRENGTH:
      settings->params.strength = g_value_get_double (value);
      return TRUE;
    case PROP_SATURATION:
      settings->params.saturation = g_value_get_double (value);
      return TRUE;
    case PROP_TEMPERATURE:
      settings->params.temperature = g_value_get_double (value);
      return TRUE;
    case PROP_SMOOTHING:
      settings->params.smoothing = g_value_get_double (value);
      return TRUE;
    case PROP_SCENE_THRESHOLD:
      settings->params.scene_threshold = g_value_get_double (value);
      return TRUE;
    case PROP_INFERENCE_INTERVAL:
      settings->inference_interval = g_value_get_uint (value);
      return TRUE;
    case PROP_LOOKAHEAD:
      settings->lookahead = g_value_get_uint (value);
      return TRUE;
    case PROP_LATE_POLICY:
      settings->late_policy = (GstMleuLatePolicy) g_value_get_enum (value);
      return TRUE;
    case PROP_RENDER_SIZE:
      settings->render_size = round_render_size (g_value_get_uint (value));
      return TRUE;
    case PROP_N_THREADS:
      settings->n_threads = g_value_get_uint (value);
      return TRUE;
    case PROP_RECOLOR:
      settings->recolor = g_value_get_boolean (value);
      return TRUE;
    case PROP_TAME_REDS:
      settings->params.tame_reds = g_value_get_double (value);
      return TRUE;
    case PROP_TAME_BLUES:
      settings->params.tame_blues = g_value_get_double (value);
      return TRUE;
    case PROP_WARMTH:
      settings->params.warmth = g_value_get_double (value);
      return TRUE;
    case PROP_SPLIT:
      settings->params.split = g_value_get_double (value);
      return TRUE;
    case PROP_SPLIT_ORIENTATION:
      settings->params.split_orientation = (MleuSplit) g_value_get_enum (value);
      return TRUE;
    default:
      return FALSE;
  }
}

gboolean
gst_mleu_settings_get (const GstMleuSettings * settings, guint id,
    GValue * value)
{
  switch (id) {
    case PROP_MODEL:
      g_value_set_string (value, settings->model_name);
      return TRUE;
    case PROP_STRENGTH:
      g_value_set_double (value, settings->params.strength);
      return TRUE;
    case PROP_SATURATION:
      g_value_set_double (value, settings->params.saturation);
      return TRUE;
    case PROP_TEMPERATURE:
      g_value_set_double (value, settings->params.temperature);
      return TRUE;
    case PROP_SMOOTHING:
      g_value_set_double (value, settings->params.smoothing);
      return TRUE;
    case PROP_SCENE_THRESHOLD:
      g_value_set_double (value, settings->params.scene_threshold);
      return TRUE;
    case PROP_INFERENCE_INTERVAL:
      g_value_set_uint (value, settings->inference_interval);
      return TRUE;
    case PROP_LOOKAHEAD:
      g_value_set_uint (value, settings->lookahead);
      return TRUE;
    case PROP_LATE_POLICY:
      g_value_set_enum (value, settings->late_policy);
      return TRUE;
    case PROP_RENDER_SIZE:
      g_value_set_uint (value, settings->render_size);
      return TRUE;
    case PROP_N_THREADS:
      g_value_set_uint (value, settings->n_threads);
      return TRUE;
    case PROP_RECOLOR:
      g_value_set_boolean (value, settings->recolor);
      return TRUE;
    case PROP_TAME_REDS:
      g_value_set_double (value, settings->params.tame_reds);
      return TRUE;
    case PROP_TAME_BLUES:
      g_value_set_double (value, settings->params.tame_blues);
      return TRUE;
    case PROP_WARMTH:
      g_value_set_double (value, settings->params.warmth);
      return TRUE;
    case PROP_SPLIT:
      g_value_set_double (value, settings->params.split);
      return TRUE;
    case PROP_SPLIT_ORIENTATION:
      g_value_set_enum (value, settings->params.split_orientation);
      return TRUE;
    default:
      return FALSE;
  }
}

void
gst_mleu_settings_install (GObjectClass * object_class)
{
  const GParamFlags fixed = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
      GST_PARAM_MUTABLE_READY;
  const GParamFlags live = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
      GST_PARAM_MUTABLE_PLAYING | GST_PARAM_CONTROLLABLE;

  /**
   * GstMleuColorize:model:
   *
   * A path, or a name that is looked for in the working directory, in the
   * folders and files of `MLEU_MODEL_PATH`, in `$XDG_DATA_HOME/mleu/models` and
   * in the installation's `share/mleu/models`.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_MODEL,
      g_param_spec_string ("model", "Model",
          "The network: path of a .safetensors file, or a name to look for in "
          "$MLEU_MODEL_PATH, $XDG_DATA_HOME/mleu/models and the installation",
          GST_MLEU_DEFAULT_MODEL, fixed));

  /**
   * GstMleuColorize:strength:
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_STRENGTH,
      g_param_spec_double ("strength", "Strength",
          "How much of the colours is mixed into the grey picture: 0 leaves it "
          "grey, 1 colours it fully", 0.0, 1.0, DEFAULT_STRENGTH, live));

  /**
   * GstMleuColorize:saturation:
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_SATURATION,
      g_param_spec_double ("saturation", "Saturation",
          "Factor on the saturation that the model was tuned to: less than 1 "
          "is paler, more is stronger", 0.0, 4.0, DEFAULT_SATURATION, live));

  /**
   * GstMleuColorize:temperature:
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_TEMPERATURE,
      g_param_spec_double ("temperature", "Temperature",
          "How boldly the network chooses among possible colours: low (0.1) "
          "takes the likeliest, high (1 and more) blends them into safe, pale "
          "ones; 0 is the model's own value. Models that predict a single "
          "colour ignore it", 0.0, 5.0, DEFAULT_TEMPERATURE, live));

  /**
   * GstMleuColorize:smoothing:
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_SMOOTHING,
      g_param_spec_double ("smoothing", "Smoothing",
          "Time constant, in seconds, of the average of the colours over the "
          "frames of a scene, along the motion: 0 colours each frame for itself, "
          "1 is steadiest", 0.0, 1.0, DEFAULT_SMOOTHING, live));

  /**
   * GstMleuColorize:scene-threshold:
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_SCENE_THRESHOLD,
      g_param_spec_double ("scene-threshold", "Scene threshold",
          "How readily a cut is seen, after which colours start afresh: 0 sees "
          "none, 1 sees one wherever a picture differs much from the one before",
          0.0, 1.0, DEFAULT_SCENE_THRESHOLD, live));

  /**
   * GstMleuColorize:inference-interval:
   *
   * Frames are counted by their stream time and the frame rate of the caps, so
   * that the same frames are predicted wherever playing began. A part of a film
   * that is coloured on its own, with timestamps of its own, has to begin at a
   * multiple of the interval to be coloured like the whole. Without timestamps
   * or frame rate they are counted from where the history was forgotten last.
   *
   * With 0, in a live pipeline and where a sink plays by the clock, the network
   * runs as often as the machine has time for it: whenever what it took before
   * is made up for, in seven tenths of the frames' time. What that is differs
   * from run to run, and so do the bytes. Elsewhere 0 is 1.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_INFERENCE_INTERVAL,
      g_param_spec_uint ("inference-interval", "Inference interval",
          "The network runs for every n-th frame, for the first one of a scene "
          "and where the motion is lost; the colours of the others are carried "
          "along the motion. 0: as often as a live pipeline leaves time for",
          0, 32, DEFAULT_INFERENCE_INTERVAL, live));

  /**
   * GstMleuColorize:late-policy:
   *
   * Only where a sink plays by the clock, and says so with QoS events: a film
   * that is written to a file has no late frames. A frame that starts a scene,
   * or that the motion to is not known, is predicted even when it is late; the
   * frames after it make up for that.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_LATE_POLICY,
      g_param_spec_enum ("late-policy", "Late policy",
          "What becomes of frames that come too late to be shown in time: by "
          "default none is lost, the network is left out",
          GST_TYPE_MLEU_LATE_POLICY, DEFAULT_LATE_POLICY,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
          GST_PARAM_MUTABLE_PLAYING));
  gst_type_mark_as_plugin_api (GST_TYPE_MLEU_LATE_POLICY, 0);

  /**
   * GstMleuColorize:lookahead:
   *
   * The element then holds so many frames back, and reports them as latency at
   * the frame rate of the caps (25 a second where they name none).
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_LOOKAHEAD,
      g_param_spec_uint ("lookahead", "Look-ahead",
          "Frames to come that the average of the colours is taken over too: 0 "
          "is for live video; with more, a film's colours are steadier, and a "
          "memory of as many frames is needed", 0, MLEU_LOOKAHEAD_MAX,
          DEFAULT_LOOKAHEAD, fixed));

  /**
   * GstMleuColorize:render-size:
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_RENDER_SIZE,
      g_param_spec_uint ("render-size", "Render size",
          "Short side, in pixels, of the picture that the network looks at, "
          "rounded to a multiple of 32: larger finds colours for smaller "
          "things and takes more time, with the square of the size; 0 is the "
          "model's own. The output keeps the input's resolution", 0,
          MLEU_RENDER_SIZE_MAX, 0, fixed));

  /**
   * GstMleuColorize:n-threads:
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_N_THREADS,
      g_param_spec_uint ("n-threads", "Threads",
          "Threads that the network may use, 0 for one on each processor. The "
          "colours do not depend on it", 0, MLEU_THREADS_MAX,
          DEFAULT_N_THREADS, fixed));

  /**
   * GstMleuColorize:recolor:
   *
   * %FALSE is for films that are partly in colour. The output then has the
   * input's format, unless that is grey; put a `videoconvert` behind the
   * element where another one is needed.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_RECOLOR,
      g_param_spec_boolean ("recolor", "Recolor",
          "Whether frames that have colours of their own get new ones; false "
          "passes them on unchanged, and then input and output have the same "
          "format", DEFAULT_RECOLOR, fixed));

  /**
   * GstMleuColorize:tame-reds:
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_TAME_REDS,
      g_param_spec_double ("tame-reds", "Tame reds",
          "How much chroma reds and magentas lose, such as red patches on dark "
          "cloth; skin keeps nearly all of it", 0.0, 1.0, 0.0, live));

  /**
   * GstMleuColorize:tame-blues:
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_TAME_BLUES,
      g_param_spec_double ("tame-blues", "Tame blues",
          "How much chroma blues and violets lose, those of skies too", 0.0,
          1.0, 0.0, live));

  /**
   * GstMleuColorize:warmth:
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_WARMTH,
      g_param_spec_double ("warmth", "Warmth",
          "Moves all colours, greys too, towards yellow, or, below 0, towards "
          "blue", -1.0, 1.0, 0.0, live));

  /**
   * GstMleuColorize:split:
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_SPLIT,
      g_param_spec_double ("split", "Split",
          "Share of the picture that is left grey, to compare", 0.0, 1.0, 0.0,
          live));

  /**
   * GstMleuColorize:split-orientation:
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_SPLIT_ORIENTATION,
      g_param_spec_enum ("split-orientation", "Split orientation",
          "Where the grey part is", GST_TYPE_MLEU_SPLIT_ORIENTATION,
          DEFAULT_SPLIT_ORIENTATION, live));
}
