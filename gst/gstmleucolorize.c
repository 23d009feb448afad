/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-mleucolorize
 * @title: mleucolorize
 * @short_description: gives black-and-white video its colours
 *
 * Colours video with a neural network that has seen many colour photographs.
 * The network reads luma alone: grey video is coloured, and the colours of
 * video that has some are replaced, unless #mleucolorize:recolor is %FALSE.
 *
 * The luma of the picture is kept. Where input and output are YUV or grey of
 * equal range and depth, every luma sample leaves as it came; elsewhere it is
 * rescaled and rounded. A grey input that names no colorimetry is full range by
 * GStreamer's default, and leaves in the limited range that encoders and
 * players expect of YUV. For untouched luma samples, ask for full range
 * downstream: `video/x-raw, colorimetry=1:4:0:0`.
 *
 * The element chooses an output format near the input's: its own chroma
 * sampling where that is possible, then 4:2:0, 4:2:2, 4:4:4, RGB; and 8 bits
 * for a deeper input only where downstream takes nothing else.
 *
 * Colours are predicted for every frame on a small picture (see
 * #mleucolorize:render-size), averaged over time along the motion (see
 * #mleucolorize:smoothing; a new scene starts afresh), and enlarged to the size of the frame.
 *
 * The element drops no frame by default. Where a sink plays by the clock and
 * says that frames come too late, the network is left out for some of them, and
 * the colours of the frames before are carried along the motion (see
 * #mleucolorize:late-policy); with #mleucolorize:inference-interval=0 the
 * element does so before any frame is late. In a live pipeline it reports the
 * time that a frame takes as latency: what it measured, with head-room. What is
 * written to a file without a clock does not depend on the speed of the machine.
 *
 * For films, #mleucolorize:lookahead takes frames to come into the average. The
 * frames that are held back for it come out before anything that ends what they
 * belong to: the end of the stream, a new segment, other caps, a discontinuity.
 *
 * The colours of a frame depend on the 64 frames before it (and on those of the
 * look-ahead), and no more: after a
 * seek, and in a part of a film that is coloured on its own, the 65th frame is
 * that of the whole film, to the byte (where #mleucolorize:smoothing and the
 * other properties are, and on the same kind of processor).
 *
 * Where a scene is cut, the element posts an element message with a structure
 * named `mleu-scene-cut`, with the fields `timestamp`, `stream-time` and
 * `running-time` of the first frame of the new scene, each a #guint64 in
 * nanoseconds. There is none for the first frame of a stream, or after a seek.
 * With a look-ahead the message comes that many frames before the frame does.
 *
 * At the end of the stream it posts one named `mleu-stats`: the structure of
 * #mleucolorize:stats.
 *
 * Without #mleucolorize:model, the model "mleu-film" is looked for in
 * the folders (or files) of the environment variable `MLEU_MODEL_PATH`, in
 * `$XDG_DATA_HOME/mleu/models`, and in the installation's `share/mleu/models`.
 * Elements of one process that use the same file share one copy of it.
 *
 * Presets come with it, for gst_preset_load_preset() and applications that list
 * them: "Film", "Film, subtle", "Webcam", "Strong colours".
 *
 * ## Example launch lines
 * |[
 * gst-launch-1.0 filesrc location=film.mp4 ! decodebin ! mleucolorize ! videoconvert ! autovideosink
 * ]| Shows a film in colour.
 * |[
 * gst-launch-1.0 filesrc location=film.mp4 ! decodebin ! mleucolorize ! x264enc pass=qual quantizer=17 ! matroskamux ! filesink location=colour.mkv
 * ]| Writes the picture of a film in colour. 4:2:0 is negotiated by itself.
 * |[
 * gst-launch-1.0 videotestsrc num-buffers=50 ! video/x-raw,format=GRAY8,width=640,height=360 ! mleucolorize strength=0.8 smoothing=0.5 ! videoconvert ! autovideosink
 * ]| Colours a test picture, somewhat paler and steadier than by default.
 *
 * Since: 0.1
 */

#include "gstmleucolorizeprivate.h"

#include <math.h>

#include "gstmleucaps.h"
#include "gstmleuerror.h"
#include "gstmleuframes.h"
#include "gstmleulate.h"
#include "gstmleulookahead.h"
#include "gstmleumessages.h"
#include "gstmleumodels.h"

GST_DEBUG_CATEGORY (gst_mleu_colorize_debug);
#define GST_CAT_DEFAULT gst_mleu_colorize_debug

/* The settings' ids are small. */
enum
{
  PROP_STATS = 0x100,
};

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE ("sink",
    GST_PAD_SINK, GST_PAD_ALWAYS,
    GST_STATIC_CAPS (GST_MLEU_CAPS (GST_MLEU_GRAY_FORMATS ", "
            GST_MLEU_COLOR_FORMATS)));

static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE ("src",
    GST_PAD_SRC, GST_PAD_ALWAYS,
    GST_STATIC_CAPS (GST_MLEU_CAPS (GST_MLEU_COLOR_FORMATS)));

#define gst_mleu_colorize_parent_class parent_class
G_DEFINE_TYPE_WITH_CODE (GstMleuColorize, gst_mleu_colorize,
    GST_TYPE_VIDEO_FILTER, G_IMPLEMENT_INTERFACE (GST_TYPE_PRESET, NULL));
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE (mleucolorize, "mleucolorize",
    GST_RANK_NONE, GST_TYPE_MLEU_COLORIZE,
    GST_DEBUG_CATEGORY_INIT (gst_mleu_colorize_debug, "mleucolorize", 0,
        "colours for black-and-white video"));

/* Cancelling */

/* Stops a running prediction while the element flushes or goes to READY, so
 * that neither a seek nor an application waits for the network. With object
 * lock. */
static void
update_cancel (GstMleuColorize * self)
{
  if (self->colorizer)
    mleu_colorizer_cancel (self->colorizer, self->flushing || self->stopping);
}

static void
set_flushing (GstMleuColorize * self, gboolean flushing)
{
  GST_OBJECT_LOCK (self);
  self->flushing = flushing;
  update_cancel (self);
  GST_OBJECT_UNLOCK (self);
}

static void
set_stopping (GstMleuColorize * self, gboolean stopping)
{
  GST_OBJECT_LOCK (self);
  self->stopping = stopping;
  update_cancel (self);
  GST_OBJECT_UNLOCK (self);
}

/* Takes @colorizer; frees the one before. */
static void
replace_colorizer (GstMleuColorize * self, MleuColorizer * colorizer)
{
  MleuColorizer *before;

  GST_OBJECT_LOCK (self);
  before = self->colorizer;
  self->colorizer = colorizer;
  update_cancel (self);
  GST_OBJECT_UNLOCK (self);
  mleu_colorizer_free (before);
}

/* State */

static gboolean
gst_mleu_colorize_start (GstBaseTransform * trans)
{
  GstMleuColorize *self = GST_MLEU_COLORIZE (trans);
  gchar *name, *path, *searched;
  GError *error = NULL;

  GST_OBJECT_LOCK (self);
  name = g_strdup (self->settings.model_name);
  self->keep_color = !self->settings.recolor;
  gst_mleu_qos_reset (&self->qos);
  gst_mleu_latency_reset (&self->latency);
  gst_mleu_tally_reset (&self->tally);
  self->is_live = FALSE;
  self->pipeline_latency = 0;
  self->flushing = FALSE;
  self->stopping = FALSE;
  GST_OBJECT_UNLOCK (self);

  gst_mleu_colorize_forget (self);
  self->warned_hdr = FALSE;

  path = gst_mleu_models_find (name, &searched);
  if (!path)
    goto not_found;
  self->model = gst_mleu_models_acquire (path, &error);
  if (!self->model)
    goto not_loaded;

  GST_INFO_OBJECT (self, "model %s from %s",
      mleu_model_get_name (self->model), path);
  g_free (path);
  g_free (name);
  return TRUE;

  /* ERRORS */
not_found:
  {
    GST_ELEMENT_ERROR (self, RESOURCE, NOT_FOUND,
        ("There is no model \"%s\" (a file %s.safetensors) in any of: %s. "
            "Set the property \"model\" to a model file, or the environment "
            "variable MLEU_MODEL_PATH to the folder that it is in.",
            name, name, searched), (NULL));
    g_free (searched);
    g_free (name);
    return FALSE;
  }
not_loaded:
  {
    gst_mleu_post_error (GST_ELEMENT (self), error);
    g_free (path);
    g_free (name);
    return FALSE;
  }
}

static gboolean
gst_mleu_colorize_stop (GstBaseTransform * trans)
{
  GstMleuColorize *self = GST_MLEU_COLORIZE (trans);

  if (self->colorizer) {
    MleuStats stats;

    mleu_colorizer_get_stats (self->colorizer, &stats);
    GST_INFO_OBJECT (self, "%" G_GUINT64_FORMAT " frames, %" G_GUINT64_FORMAT
        " predicted, %" G_GUINT64_FORMAT
        " scene cuts; seconds: predict %.3f, smooth %.3f, render %.3f",
        stats.frames, stats.predictions, stats.scene_cuts,
        stats.predict_seconds, stats.smooth_seconds, stats.render_seconds);
  }
  gst_mleu_colorize_drop_pending (self);
  replace_colorizer (self, NULL);
  g_clear_pointer (&self->model, gst_mleu_models_release);
  return TRUE;
}

static GstStateChangeReturn
gst_mleu_colorize_change_state (GstElement * element, GstStateChange transition)
{
  /* Before the pads are deactivated, which waits for the running frame. */
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
    set_stopping (GST_MLEU_COLORIZE (element), TRUE);

  return GST_ELEMENT_CLASS (parent_class)->change_state (element, transition);
}

/* Whether timestamps on both sides of the change belong to one timeline. */
static gboolean
is_jump (const GstSegment * before, const GstSegment * after)
{
  return before->format != after->format || before->rate != after->rate ||
      before->base != after->base || before->offset != after->offset ||
      before->start != after->start || before->time != after->time;
}

static gboolean
gst_mleu_colorize_sink_event (GstBaseTransform * trans, GstEvent * event)
{
  GstMleuColorize *self = GST_MLEU_COLORIZE (trans);
  const GstSegment *segment;

  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_FLUSH_START:
      set_flushing (self, TRUE);
      break;
    case GST_EVENT_FLUSH_STOP:
      set_flushing (self, FALSE);
      gst_mleu_colorize_drop_pending (self);
      GST_OBJECT_LOCK (self);
      gst_mleu_qos_reset (&self->qos);
      GST_OBJECT_UNLOCK (self);
      gst_mleu_colorize_forget (self);
      break;
    case GST_EVENT_STREAM_START:
      gst_mleu_colorize_drain (self);
      gst_mleu_colorize_forget (self);
      break;
    case GST_EVENT_SEGMENT:
      gst_event_parse_segment (event, &segment);
      if (is_jump (&trans->segment, segment)) {
        gst_mleu_colorize_drain (self);
        gst_mleu_colorize_forget (self);
      }
      break;
    case GST_EVENT_EOS:
      gst_mleu_colorize_drain (self);
      gst_mleu_colorize_post_stats (self);
      break;
    default:
      /* A gap, a wish for a key frame: what has its place between two frames.
       * Other caps see set_info(). */
      if (GST_EVENT_IS_SERIALIZED (event) && !GST_EVENT_IS_STICKY (event))
        gst_mleu_colorize_drain (self);
      break;
  }

  return GST_BASE_TRANSFORM_CLASS (parent_class)->sink_event (trans, event);
}

static gboolean
gst_mleu_colorize_src_event (GstBaseTransform * trans, GstEvent * event)
{
  gst_mleu_colorize_hear (GST_MLEU_COLORIZE (trans), event);
  return GST_BASE_TRANSFORM_CLASS (parent_class)->src_event (trans, event);
}

static gboolean
gst_mleu_colorize_query (GstBaseTransform * trans, GstPadDirection direction,
    GstQuery * query)
{
  if (!GST_BASE_TRANSFORM_CLASS (parent_class)->query (trans, direction, query))
    return FALSE;
  if (direction == GST_PAD_SRC && GST_QUERY_TYPE (query) == GST_QUERY_LATENCY)
    gst_mleu_colorize_add_latency (GST_MLEU_COLORIZE (trans), query);
  return TRUE;
}

static gboolean
gst_mleu_colorize_propose_allocation (GstBaseTransform * trans,
    GstQuery * decided, GstQuery * query)
{
  if (!GST_BASE_TRANSFORM_CLASS (parent_class)->propose_allocation (trans,
          decided, query))
    return FALSE;
  gst_mleu_colorize_widen_pools (GST_MLEU_COLORIZE (trans), query);
  return TRUE;
}

/* Caps */

static GstCaps *
gst_mleu_colorize_transform_caps (GstBaseTransform * trans,
    GstPadDirection direction, GstCaps * caps, GstCaps * filter)
{
  GstMleuColorize *self = GST_MLEU_COLORIZE (trans);
  GstCaps *result, *filtered;
  gboolean keep_color;

  GST_OBJECT_LOCK (self);
  keep_color = !self->settings.recolor;
  GST_OBJECT_UNLOCK (self);

  result = gst_mleu_caps_transform (direction, caps, keep_color);
  if (filter) {
    filtered = gst_caps_intersect_full (filter, result,
        GST_CAPS_INTERSECT_FIRST);
    gst_caps_unref (result);
    result = filtered;
  }
  return result;
}

static GstCaps *
gst_mleu_colorize_fixate_caps (GstBaseTransform * trans,
    GstPadDirection direction, GstCaps * caps, GstCaps * othercaps)
{
  if (direction == GST_PAD_SINK)
    othercaps = gst_mleu_caps_fixate_output (caps, othercaps);
  else
    othercaps = gst_caps_fixate (othercaps);
  GST_DEBUG_OBJECT (trans, "fixated to %" GST_PTR_FORMAT, othercaps);
  return othercaps;
}

static gboolean
gst_mleu_colorize_set_info (GstVideoFilter * filter, GstCaps * incaps,
    GstVideoInfo * in_info, GstCaps * outcaps, GstVideoInfo * out_info)
{
  GstMleuColorize *self = GST_MLEU_COLORIZE (filter);
  GstVideoTransferFunction transfer = in_info->colorimetry.transfer;
  MleuColorizer *colorizer;
  MleuConfig config;
  GError *error = NULL;

  /* In the format that they were negotiated in, which is still the filter's. */
  gst_mleu_colorize_drain (self);

  gst_mleu_caps_read_chroma_site (incaps, in_info);
  gst_mleu_caps_read_chroma_site (outcaps, out_info);
  mleu_config_init (&config);
  gst_mleu_caps_to_formats (in_info, out_info, &config.input, &config.output);
  GST_OBJECT_LOCK (self);
  config.render_size = self->settings.render_size;
  config.n_threads = self->settings.n_threads;
  config.lookahead = self->settings.lookahead;
  GST_OBJECT_UNLOCK (self);

  colorizer = mleu_colorizer_new (self->model, &config, &error);
  if (!colorizer) {
    gst_mleu_post_error (GST_ELEMENT (self), error);
    return FALSE;
  }
  replace_colorizer (self, colorizer);
  gst_mleu_colorize_forget (self);
  GST_OBJECT_LOCK (self);
  self->latency.n_frames = 0;
  GST_OBJECT_UNLOCK (self);

  self->input = config.input;
  self->output = config.output;
  GST_OBJECT_LOCK (self);
  self->frame_seconds = in_info->fps_n > 0 ?
      (gdouble) in_info->fps_d / in_info->fps_n : NAN;
  GST_OBJECT_UNLOCK (self);
  self->lookahead = config.lookahead;
  gst_mleu_colorize_update_lookahead_latency (self);
  gst_base_transform_set_in_place (GST_BASE_TRANSFORM (filter),
      self->lookahead == 0 && gst_mleu_caps_same_samples (in_info, out_info));

  if (!self->warned_hdr && (transfer == GST_VIDEO_TRANSFER_SMPTE2084 ||
          transfer == GST_VIDEO_TRANSFER_ARIB_STD_B67)) {
    self->warned_hdr = TRUE;
    GST_ELEMENT_WARNING (self, STREAM, NOT_IMPLEMENTED,
        ("The video is HDR (PQ or HLG). It is coloured as if its signal were "
            "that of standard video; colours may be off."), (NULL));
  }
  return TRUE;
}

/* The metas of the input describe the coloured picture as well, but for those
 * about its colours, and a crop that is done. */
static gboolean
gst_mleu_colorize_transform_meta (GstBaseTransform * trans, GstBuffer * outbuf,
    GstMeta * meta, GstBuffer * inbuf)
{
  if (meta->info->api == GST_VIDEO_CROP_META_API_TYPE &&
      gst_mleu_frame_is_window (inbuf, &GST_VIDEO_FILTER (trans)->in_info))
    return FALSE;
  return !gst_meta_api_type_has_tag (meta->info->api,
      g_quark_from_static_string (GST_META_TAG_VIDEO_COLORSPACE_STR));
}

static GstFlowReturn
gst_mleu_colorize_submit_input_buffer (GstBaseTransform * trans,
    gboolean is_discont, GstBuffer * input)
{
  GstMleuColorize *self = GST_MLEU_COLORIZE (trans);

  if (!gst_mleu_colorize_is_to_drop (self))
    return GST_BASE_TRANSFORM_CLASS (parent_class)->submit_input_buffer (trans,
        is_discont, input);
  gst_mleu_colorize_post_qos (self, input);
  gst_buffer_unref (input);
  return GST_BASE_TRANSFORM_FLOW_DROPPED;
}

static GstFlowReturn
gst_mleu_colorize_generate_output (GstBaseTransform * trans, GstBuffer ** out)
{
  GstMleuColorize *self = GST_MLEU_COLORIZE (trans);

  if (self->lookahead > 0)
    return gst_mleu_colorize_take_and_give (self, out);
  return GST_BASE_TRANSFORM_CLASS (parent_class)->generate_output (trans, out);
}

/* Object */

static void
gst_mleu_colorize_set_property (GObject * object, guint id,
    const GValue * value, GParamSpec * pspec)
{
  GstMleuColorize *self = GST_MLEU_COLORIZE (object);
  gboolean known;

  GST_OBJECT_LOCK (self);
  known = gst_mleu_settings_set (&self->settings, id, value);
  GST_OBJECT_UNLOCK (self);
  if (!known)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
gst_mleu_colorize_get_property (GObject * object, guint id, GValue * value,
    GParamSpec * pspec)
{
  GstMleuColorize *self = GST_MLEU_COLORIZE (object);
  gboolean known = TRUE;

  GST_OBJECT_LOCK (self);
  if (id == PROP_STATS)
    g_value_take_boxed (value, gst_mleu_tally_to_structure (&self->tally));
  else
    known = gst_mleu_settings_get (&self->settings, id, value);
  GST_OBJECT_UNLOCK (self);
  if (!known)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
gst_mleu_colorize_finalize (GObject * object)
{
  gst_mleu_colorize_drop_pending (GST_MLEU_COLORIZE (object));
  gst_mleu_settings_clear (&GST_MLEU_COLORIZE (object)->settings);
  G_OBJECT_CLASS (parent_class)->finalize (object);
}

static void
gst_mleu_colorize_class_init (GstMleuColorizeClass * klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstBaseTransformClass *trans_class = GST_BASE_TRANSFORM_CLASS (klass);
  GstVideoFilterClass *filter_class = GST_VIDEO_FILTER_CLASS (klass);

  object_class->set_property = gst_mleu_colorize_set_property;
  object_class->get_property = gst_mleu_colorize_get_property;
  object_class->finalize = gst_mleu_colorize_finalize;
  gst_mleu_settings_install (object_class);

  /**
   * GstMleuColorize:stats:
   *
   * What was done since the element started, in a structure `mleu-stats`:
   *
   * - `frames` (#guint64): frames that were coloured;
   * - `inferred` (#guint64): those of them that the network ran for;
   * - `reused` (#guint64): those that colours were carried to;
   * - `dropped` (#guint64): late frames that #mleucolorize:late-policy dropped;
   * - `cuts` (#guint64): scene cuts;
   * - `average-ms`, `worst-ms` (#gdouble): time that a coloured frame took, in
   *   milliseconds;
   * - `tier` (string): kernels in use, see `MLEU_CPU`.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_STATS,
      g_param_spec_boxed ("stats", "Statistics",
          "Numbers of frames, and the time they took, since the element started",
          GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));

  element_class->change_state =
      GST_DEBUG_FUNCPTR (gst_mleu_colorize_change_state);
  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);
  gst_element_class_set_static_metadata (element_class,
      "Colorize black-and-white video", "Filter/Effect/Video",
      "Gives black-and-white video its colours with a neural network, "
      "keeping its luma", "mleucolorize");

  trans_class->start = GST_DEBUG_FUNCPTR (gst_mleu_colorize_start);
  trans_class->stop = GST_DEBUG_FUNCPTR (gst_mleu_colorize_stop);
  trans_class->sink_event = GST_DEBUG_FUNCPTR (gst_mleu_colorize_sink_event);
  trans_class->src_event = GST_DEBUG_FUNCPTR (gst_mleu_colorize_src_event);
  trans_class->query = GST_DEBUG_FUNCPTR (gst_mleu_colorize_query);
  trans_class->submit_input_buffer =
      GST_DEBUG_FUNCPTR (gst_mleu_colorize_submit_input_buffer);
  trans_class->transform_caps =
      GST_DEBUG_FUNCPTR (gst_mleu_colorize_transform_caps);
  trans_class->fixate_caps = GST_DEBUG_FUNCPTR (gst_mleu_colorize_fixate_caps);
  trans_class->transform_meta =
      GST_DEBUG_FUNCPTR (gst_mleu_colorize_transform_meta);
  trans_class->before_transform =
      GST_DEBUG_FUNCPTR (gst_mleu_colorize_before_transform);
  trans_class->propose_allocation =
      GST_DEBUG_FUNCPTR (gst_mleu_colorize_propose_allocation);
  trans_class->generate_output =
      GST_DEBUG_FUNCPTR (gst_mleu_colorize_generate_output);

  filter_class->set_info = GST_DEBUG_FUNCPTR (gst_mleu_colorize_set_info);
  filter_class->transform_frame =
      GST_DEBUG_FUNCPTR (gst_mleu_colorize_transform_frame);
  filter_class->transform_frame_ip =
      GST_DEBUG_FUNCPTR (gst_mleu_colorize_transform_frame_ip);
}

/* Cheap: editors make an element only to look at it. The model waits for
 * start(). */
static void
gst_mleu_colorize_init (GstMleuColorize * self)
{
  GstBaseTransform *trans = GST_BASE_TRANSFORM (self);

  gst_mleu_settings_init (&self->settings);
  g_queue_init (&self->pending);
  gst_mleu_qos_reset (&self->qos);
  gst_mleu_tally_reset (&self->tally);
  self->frame_seconds = NAN;
  self->last_pts = GST_CLOCK_TIME_NONE;

  /* GstBaseTransform would drop late frames before they are coloured: of a
   * live source on a slow machine, nearly all. See late-policy. */
  gst_base_transform_set_qos_enabled (trans, FALSE);
  /* A gap's frame is coloured like any other and stays marked as one. */
  gst_base_transform_set_gap_aware (trans, TRUE);
}
