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

#include "gstmleucolorize.h"

#include <math.h>
#include <mleu/mleu.h>

#include "gstmleucaps.h"
#include "gstmleuerror.h"
#include "gstmleugate.h"
#include "gstmleulive.h"
#include "gstmleumodels.h"
#include "gstmleusettings.h"

GST_DEBUG_CATEGORY_STATIC (gst_mleu_colorize_debug);
#define GST_CAT_DEFAULT gst_mleu_colorize_debug

struct _GstMleuColorize
{
  GstVideoFilter parent;

  /* Under the object lock. */
  GstMleuSettings settings;
  GstClockTime held_back;
  GstMleuQos qos;
  GstMleuLatency latency;
  GstMleuTally tally;
  gboolean is_live;
  GstClockTime pipeline_latency;
  gboolean flushing;
  gboolean stopping;
  /* Replaced by the streaming thread, which reads it without the lock. */
  MleuColorizer *colorizer;

  /* From start() to stop(). */
  MleuModel *model;

  /* The streaming thread's. */
  MleuFormat input;
  MleuFormat output;
  gboolean keep_color;
  GstMleuGate gate;
  gdouble frame_seconds;
  GstClockTime last_pts;
  gdouble elapsed;
  /* Since the history was forgotten; of the frame, for inference-interval. */
  guint64 n_frames;
  guint64 frame_number;
  gboolean warned_hdr;
  /* Frames that wait for those after them, the oldest first. */
  GQueue pending;
  guint lookahead;
  GstMleuBudget budget;
  /* Of the frame at hand: 0 in time, and what becomes of it where it is not. */
  GstClockTimeDiff lateness;
  GstMleuLatePolicy late_policy;
};

/* The settings' ids are small. */
enum
{
  PROP_STATS = 0x100,
};

/* A frame that is predicted and not yet rendered, and what was set for it. */
typedef struct
{
  GstBuffer *buffer;
  MleuParams params;
} GstMleuPending;

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

/* The frames before are no guide to the next one. */
static void
forget (GstMleuColorize * self)
{
  self->last_pts = GST_CLOCK_TIME_NONE;
  self->n_frames = 0;
  self->gate = GST_MLEU_GATE_UNDECIDED;
  gst_mleu_budget_reset (&self->budget);
  if (self->colorizer)
    mleu_colorizer_reset (self->colorizer);
}

/* Look-ahead */

static void
pending_free (gpointer data)
{
  GstMleuPending *frame = data;

  gst_buffer_unref (frame->buffer);
  g_free (frame);
}

static void
drop_pending (GstMleuColorize * self)
{
  g_queue_clear_full (&self->pending, pending_free);
}

static void
add_pending (GstMleuColorize * self, GstBuffer * buffer,
    const MleuParams * params)
{
  GstMleuPending *frame = g_new (GstMleuPending, 1);

  frame->buffer = gst_buffer_ref (buffer);
  frame->params = *params;
  g_queue_push_tail (&self->pending, frame);
}

/* A buffer for the output of @in, both mapped. */
static GstFlowReturn
map_output (GstMleuColorize * self, GstBuffer * in, GstVideoFrame * in_frame,
    GstBuffer ** out, GstVideoFrame * out_frame)
{
  GstVideoFilter *filter = GST_VIDEO_FILTER (self);
  GstFlowReturn ret;

  ret = GST_BASE_TRANSFORM_GET_CLASS (self)->prepare_output_buffer
      (GST_BASE_TRANSFORM (self), in, out);
  if (ret != GST_FLOW_OK)
    return ret;
  if (!gst_video_frame_map (in_frame, &filter->in_info, in, GST_MAP_READ))
    goto not_mapped;
  if (!gst_video_frame_map (out_frame, &filter->out_info, *out,
          GST_MAP_WRITE)) {
    gst_video_frame_unmap (in_frame);
    goto not_mapped;
  }
  return GST_FLOW_OK;

  /* ERRORS */
not_mapped:
  {
    gst_clear_buffer (out);
    GST_ELEMENT_ERROR (self, RESOURCE, FAILED,
        ("A video frame's memory cannot be read or written."), (NULL));
    return GST_FLOW_ERROR;
  }
}

/* Renders the oldest of the pending frames. */
static GstFlowReturn
give_oldest (GstMleuColorize * self, GstBuffer ** out)
{
  GstMleuPending *frame = g_queue_pop_head (&self->pending);
  GstVideoFrame in_frame, out_frame;
  GstFlowReturn ret;
  MleuFrame in_view, out_view;

  ret = map_output (self, frame->buffer, &in_frame, out, &out_frame);
  if (ret == GST_FLOW_OK) {
    gst_mleu_frame_view (&in_frame, &in_view);
    gst_mleu_frame_view (&out_frame, &out_view);
    mleu_colorizer_recall (self->colorizer, self->pending.length,
        &frame->params);
    mleu_colorizer_render (self->colorizer, &in_view, &out_view,
        &frame->params);
    gst_video_frame_unmap (&out_frame);
    gst_video_frame_unmap (&in_frame);
  }
  pending_free (frame);
  return ret;
}

/* A frame that is not coloured. */
static GstFlowReturn
pass_on (GstMleuColorize * self, GstBuffer * in, GstBuffer ** out)
{
  GstVideoFrame in_frame, out_frame;
  GstFlowReturn ret;

  ret = map_output (self, in, &in_frame, out, &out_frame);
  if (ret == GST_FLOW_OK) {
    gst_video_frame_copy (&out_frame, &in_frame);
    gst_video_frame_unmap (&out_frame);
    gst_video_frame_unmap (&in_frame);
  }
  return ret;
}

/* Sends all pending frames on, before something that they are not to see. */
static GstFlowReturn
drain (GstMleuColorize * self)
{
  GstFlowReturn ret = GST_FLOW_OK;
  GstBuffer *out;

  while (ret == GST_FLOW_OK && !g_queue_is_empty (&self->pending)) {
    ret = give_oldest (self, &out);
    if (ret == GST_FLOW_OK)
      ret = gst_pad_push (GST_BASE_TRANSFORM_SRC_PAD (self), out);
  }
  drop_pending (self);
  return ret;
}

/* What is held back counts as latency. */
static void
update_latency (GstMleuColorize * self)
{
  /* The library's for a time that is not known. */
  gdouble seconds = isnan (self->frame_seconds) ? 1.0 / 25 :
      self->frame_seconds;
  GstClockTime latency = (GstClockTime) (self->lookahead * seconds *
      GST_SECOND + 0.5);
  gboolean changed;

  GST_OBJECT_LOCK (self);
  changed = self->held_back != latency;
  self->held_back = latency;
  GST_OBJECT_UNLOCK (self);
  if (changed)
    gst_element_post_message (GST_ELEMENT (self),
        gst_message_new_latency (GST_OBJECT (self)));
}

/* Upstream's pool must not run dry while frames wait here. */
static gboolean
gst_mleu_colorize_propose_allocation (GstBaseTransform * trans,
    GstQuery * decided, GstQuery * query)
{
  GstMleuColorize *self = GST_MLEU_COLORIZE (trans);
  GstBufferPool *pool;
  guint i, size, least, most;

  if (!GST_BASE_TRANSFORM_CLASS (parent_class)->propose_allocation (trans,
          decided, query))
    return FALSE;
  for (i = 0; i < gst_query_get_n_allocation_pools (query); i++) {
    gst_query_parse_nth_allocation_pool (query, i, &pool, &size, &least, &most);
    if (most > 0)
      most += self->lookahead;
    gst_query_set_nth_allocation_pool (query, i, pool, size,
        least + self->lookahead, most);
    gst_clear_object (&pool);
  }
  return TRUE;
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

  forget (self);
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
        stats.frames, stats.predictions, stats.scene_cuts, stats.predict_seconds,
        stats.smooth_seconds, stats.render_seconds);
  }
  drop_pending (self);
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

static void
post_stats (GstMleuColorize * self)
{
  GstStructure *stats;

  GST_OBJECT_LOCK (self);
  stats = gst_mleu_tally_to_structure (&self->tally);
  GST_OBJECT_UNLOCK (self);
  gst_element_post_message (GST_ELEMENT (self),
      gst_message_new_element (GST_OBJECT (self), stats));
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
      drop_pending (self);
      GST_OBJECT_LOCK (self);
      gst_mleu_qos_reset (&self->qos);
      GST_OBJECT_UNLOCK (self);
      forget (self);
      break;
    case GST_EVENT_STREAM_START:
      drain (self);
      forget (self);
      break;
    case GST_EVENT_SEGMENT:
      gst_event_parse_segment (event, &segment);
      if (is_jump (&trans->segment, segment)) {
        drain (self);
        forget (self);
      }
      break;
    case GST_EVENT_EOS:
      drain (self);
      post_stats (self);
      break;
    default:
      /* A gap, a wish for a key frame: what has its place between two frames.
       * Other caps see set_info(). */
      if (GST_EVENT_IS_SERIALIZED (event) && !GST_EVENT_IS_STICKY (event))
        drain (self);
      break;
  }

  return GST_BASE_TRANSFORM_CLASS (parent_class)->sink_event (trans, event);
}

static GstClockTime
to_clock_time (gdouble seconds)
{
  return seconds > 0 ? (GstClockTime) (seconds * GST_SECOND) : 0;
}

/* What sinks say: how late frames are, and the latency they allow for. */
static gboolean
gst_mleu_colorize_src_event (GstBaseTransform * trans, GstEvent * event)
{
  GstMleuColorize *self = GST_MLEU_COLORIZE (trans);
  GstClockTimeDiff diff;
  GstClockTime time;
  GstQOSType type;
  gdouble proportion;

  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_QOS:
      gst_event_parse_qos (event, &type, &proportion, &diff, &time);
      GST_OBJECT_LOCK (self);
      /* Throttling is a wish for fewer frames, none of them late. */
      if (type != GST_QOS_TYPE_THROTTLE)
        gst_mleu_qos_update (&self->qos, proportion, diff, time,
            to_clock_time (self->frame_seconds));
      GST_OBJECT_UNLOCK (self);
      break;
    case GST_EVENT_LATENCY:
      gst_event_parse_latency (event, &time);
      GST_OBJECT_LOCK (self);
      self->pipeline_latency = time;
      GST_OBJECT_UNLOCK (self);
      break;
    default:
      break;
  }

  return GST_BASE_TRANSFORM_CLASS (parent_class)->src_event (trans, event);
}

/* In a live pipeline, what a frame takes here counts as latency. */
static gboolean
gst_mleu_colorize_query (GstBaseTransform * trans, GstPadDirection direction,
    GstQuery * query)
{
  GstMleuColorize *self = GST_MLEU_COLORIZE (trans);
  GstClockTime least, most, own;
  gboolean is_live;

  if (!GST_BASE_TRANSFORM_CLASS (parent_class)->query (trans, direction, query))
    return FALSE;
  if (direction != GST_PAD_SRC || GST_QUERY_TYPE (query) != GST_QUERY_LATENCY)
    return TRUE;

  gst_query_parse_latency (query, &is_live, &least, &most);
  GST_OBJECT_LOCK (self);
  self->is_live = is_live;
  own = self->held_back + (is_live ? self->latency.reported : 0);
  GST_OBJECT_UNLOCK (self);
  if (GST_CLOCK_TIME_IS_VALID (most))
    most += own;
  gst_query_set_latency (query, is_live, least + own, most);
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
  drain (self);

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
  forget (self);
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
  update_latency (self);
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
 * about its colours. */
static gboolean
gst_mleu_colorize_transform_meta (GstBaseTransform * trans, GstBuffer * outbuf,
    GstMeta * meta, GstBuffer * inbuf)
{
  return !gst_meta_api_type_has_tag (meta->info->api,
      g_quark_from_static_string (GST_META_TAG_VIDEO_COLORSPACE_STR));
}

/* Frames */

static gdouble
time_since_last (GstMleuColorize * self, GstBuffer * buffer)
{
  GstClockTime last = self->last_pts, pts = GST_BUFFER_PTS (buffer);

  self->last_pts = pts;
  /* Backwards in time: each frame for itself. */
  if (GST_BASE_TRANSFORM (self)->segment.rate < 0)
    return -1;
  if (!GST_CLOCK_TIME_IS_VALID (last) || !GST_CLOCK_TIME_IS_VALID (pts))
    return self->frame_seconds;
  return (gdouble) GST_CLOCK_DIFF (last, pts) / GST_SECOND;
}

/* The same for a frame wherever playing began, where time tells. */
static guint64
number_frame (GstMleuColorize * self, GstClockTime stream_time)
{
  if (GST_CLOCK_TIME_IS_VALID (stream_time) && self->frame_seconds > 0)
    return (guint64) ((gdouble) stream_time / GST_SECOND / self->frame_seconds +
        0.5);
  return self->n_frames;
}

/* Running time that a sink shows at present, or NONE where no clock runs. */
static GstClockTime
time_shown (GstMleuColorize * self)
{
  GstClockTime now, begin;
  GstClock *clock;

  if (GST_STATE (self) != GST_STATE_PLAYING)
    return GST_CLOCK_TIME_NONE;
  clock = gst_element_get_clock (GST_ELEMENT (self));
  if (!clock)
    return GST_CLOCK_TIME_NONE;
  now = gst_clock_get_time (clock);
  gst_object_unref (clock);
  begin = gst_element_get_base_time (GST_ELEMENT (self));
  GST_OBJECT_LOCK (self);
  begin += self->pipeline_latency;
  GST_OBJECT_UNLOCK (self);
  return now > begin ? now - begin : 0;
}

static void
judge_lateness (GstMleuColorize * self, GstBuffer * buffer)
{
  const GstSegment *segment = &GST_BASE_TRANSFORM (self)->segment;
  GstClockTime now = time_shown (self), running_time = GST_CLOCK_TIME_NONE;

  if (segment->format == GST_FORMAT_TIME)
    running_time = gst_segment_to_running_time (segment, GST_FORMAT_TIME,
        GST_BUFFER_PTS (buffer));
  GST_OBJECT_LOCK (self);
  self->late_policy = self->settings.late_policy;
  self->lateness = gst_mleu_qos_lateness (&self->qos, running_time, now);
  GST_OBJECT_UNLOCK (self);
}

static gboolean
is_to_drop (const GstMleuColorize * self)
{
  return self->lateness > 0 && self->late_policy == GST_MLEU_LATE_DROP;
}

static void
gst_mleu_colorize_before_transform (GstBaseTransform * trans,
    GstBuffer * buffer)
{
  GstMleuColorize *self = GST_MLEU_COLORIZE (trans);
  GstClockTime stream_time = GST_CLOCK_TIME_NONE;

  if (trans->segment.format == GST_FORMAT_TIME)
    stream_time = gst_segment_to_stream_time (&trans->segment,
        GST_FORMAT_TIME, GST_BUFFER_PTS (buffer));
  if (GST_CLOCK_TIME_IS_VALID (stream_time))
    gst_object_sync_values (GST_OBJECT (self), stream_time);

  if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT)) {
    drain (self);
    forget (self);
  }
  judge_lateness (self, buffer);
  /* To the next frame, one that is dropped was never there. */
  if (is_to_drop (self))
    return;
  self->elapsed = time_since_last (self, buffer);
  self->frame_number = number_frame (self, stream_time);
}

static void
post_qos (GstMleuColorize * self, GstBuffer * dropped)
{
  const GstSegment *segment = &GST_BASE_TRANSFORM (self)->segment;
  GstClockTime pts = GST_BUFFER_PTS (dropped);
  guint64 n_processed, n_dropped;
  GstMessage *message;
  gdouble proportion;
  gboolean is_live;

  GST_OBJECT_LOCK (self);
  n_dropped = ++self->tally.dropped;
  n_processed = self->tally.inferred + self->tally.reused;
  proportion = self->qos.proportion;
  is_live = self->is_live;
  GST_OBJECT_UNLOCK (self);

  message = gst_message_new_qos (GST_OBJECT (self), is_live,
      gst_segment_to_running_time (segment, GST_FORMAT_TIME, pts),
      gst_segment_to_stream_time (segment, GST_FORMAT_TIME, pts), pts,
      GST_BUFFER_DURATION (dropped));
  gst_message_set_qos_values (message, self->lateness, proportion, 1000000);
  gst_message_set_qos_stats (message, GST_FORMAT_BUFFERS, n_processed,
      n_dropped);
  gst_element_post_message (GST_ELEMENT (self), message);
}

static GstFlowReturn
gst_mleu_colorize_submit_input_buffer (GstBaseTransform * trans,
    gboolean is_discont, GstBuffer * input)
{
  GstMleuColorize *self = GST_MLEU_COLORIZE (trans);

  if (!is_to_drop (self))
    return GST_BASE_TRANSFORM_CLASS (parent_class)->submit_input_buffer (trans,
        is_discont, input);
  post_qos (self, input);
  gst_buffer_unref (input);
  return GST_BASE_TRANSFORM_FLOW_DROPPED;
}

/* Whether the frame is one of those that recolor=false leaves alone. */
static gboolean
has_own_colors (GstMleuColorize * self, const MleuFrame * in)
{
  if (!self->keep_color || self->input.layout == MLEU_LAYOUT_GRAY)
    return FALSE;

  self->gate = gst_mleu_gate_next (self->gate,
      mleu_frame_measure_color (&self->input, in),
      gst_mleu_gate_brightness (&self->input, in));
  if (self->gate != GST_MLEU_GATE_COLOR)
    return FALSE;
  /* The coloured shot will separate the grey ones before and after it. */
  drain (self);
  mleu_colorizer_reset (self->colorizer);
  self->n_frames = 0;
  return TRUE;
}

static void
post_scene_cut (GstMleuColorize * self, GstClockTime pts)
{
  const GstSegment *segment = &GST_BASE_TRANSFORM (self)->segment;
  GstStructure *cut;

  GST_OBJECT_LOCK (self);
  self->tally.cuts++;
  GST_OBJECT_UNLOCK (self);
  if (segment->format != GST_FORMAT_TIME)
    return;
  cut = gst_structure_new ("mleu-scene-cut",
      "timestamp", G_TYPE_UINT64, pts,
      "stream-time", G_TYPE_UINT64,
      gst_segment_to_stream_time (segment, GST_FORMAT_TIME, pts),
      "running-time", G_TYPE_UINT64,
      gst_segment_to_running_time (segment, GST_FORMAT_TIME, pts), NULL);
  gst_element_post_message (GST_ELEMENT (self),
      gst_message_new_element (GST_OBJECT (self), cut));
}

/* Whether the network is to run for the frame; @is_timed: somebody waits for
 * frames by the clock. */
static gboolean
is_due (const GstMleuColorize * self, guint interval, gboolean is_timed)
{
  if (self->lateness > 0 && self->late_policy == GST_MLEU_LATE_REUSE)
    return FALSE;
  if (interval == 0)
    return !is_timed || gst_mleu_budget_allows (&self->budget);
  return self->frame_number % interval == 0;
}

/* In real time, by frame: of the last two that came, or as the caps have it. */
static gdouble
frame_period (const GstMleuColorize * self)
{
  gdouble seconds = self->elapsed > 0 ? self->elapsed : self->frame_seconds;

  /* The library's for a time that is not known. */
  if (!(seconds > 0))
    seconds = 1.0 / 25;
  return seconds / ABS (GST_BASE_TRANSFORM (self)->segment.rate);
}

static guint64
n_predictions (const GstMleuColorize * self)
{
  MleuStats stats;

  mleu_colorizer_get_stats (self->colorizer, &stats);
  return stats.predictions;
}

/* What was done for a frame since @begin, a monotonic time, when the network
 * had run @predictions times. */
static void
account (GstMleuColorize * self, gint64 begin, guint64 predictions)
{
  const gdouble seconds = (gdouble) (g_get_monotonic_time () - begin) * 1e-6;
  const gboolean is_inferred = n_predictions (self) != predictions;
  gboolean is_moved = FALSE;

  gst_mleu_budget_spend (&self->budget, seconds, frame_period (self),
      is_inferred);
  GST_OBJECT_LOCK (self);
  gst_mleu_tally_count (&self->tally, seconds, is_inferred);
  if (is_inferred)
    is_moved = gst_mleu_latency_measure (&self->latency, seconds) &&
        self->is_live;
  GST_OBJECT_UNLOCK (self);
  if (is_moved)
    gst_element_post_message (GST_ELEMENT (self),
        gst_message_new_latency (GST_OBJECT (self)));
}

/* What is set for the frame that comes now. */
static void
get_params (GstMleuColorize * self, MleuParams * params)
{
  gboolean is_timed;
  guint interval;

  GST_OBJECT_LOCK (self);
  *params = self->settings.params;
  interval = self->settings.inference_interval;
  is_timed = self->is_live || self->qos.is_heard;
  GST_OBJECT_UNLOCK (self);
  /* Colours are not carried over a gap, nor backwards. */
  params->carry = !is_due (self, interval, is_timed) && self->elapsed >= 0 &&
      self->elapsed <= 1;
}

/* Everything but the rendering. */
static GstFlowReturn
predict_frame (GstMleuColorize * self, const MleuFrame * in,
    const MleuParams * params)
{
  GError *error = NULL;

  if (!mleu_colorizer_predict (self->colorizer, in, params, &error))
    goto not_predicted;
  if (mleu_colorizer_smooth (self->colorizer, self->elapsed, params) &&
      self->n_frames > 0)
    post_scene_cut (self, self->last_pts);
  self->n_frames++;
  return GST_FLOW_OK;

  /* ERRORS */
not_predicted:
  {
    if (g_error_matches (error, MLEU_ERROR, MLEU_ERROR_CANCELLED)) {
      GST_DEBUG_OBJECT (self, "flushing: a frame was given up");
      g_error_free (error);
      return GST_FLOW_FLUSHING;
    }
    GST_ELEMENT_ERROR (self, LIBRARY, FAILED, ("%s", error->message), (NULL));
    g_error_free (error);
    return GST_FLOW_ERROR;
  }
}

/* @in and @out may be the same. */
static GstFlowReturn
color_frame (GstMleuColorize * self, const MleuFrame * in,
    const MleuFrame * out)
{
  const gint64 begin = g_get_monotonic_time ();
  const guint64 predictions = n_predictions (self);
  GstFlowReturn ret = GST_FLOW_OK;
  MleuParams params;

  get_params (self, &params);
  if (params.strength > 0 && params.saturation > 0) {
    ret = predict_frame (self, in, &params);
  } else if (self->n_frames > 0) {
    /* No colour would be seen of this frame. Those to come start afresh: what
     * moves meanwhile is not followed. */
    mleu_colorizer_reset (self->colorizer);
    self->n_frames = 0;
  }
  if (ret == GST_FLOW_OK) {
    mleu_colorizer_render (self->colorizer, in, out, &params);
    account (self, begin, predictions);
  }
  return ret;
}

static GstFlowReturn
gst_mleu_colorize_transform_frame (GstVideoFilter * filter,
    GstVideoFrame * in_frame, GstVideoFrame * out_frame)
{
  GstMleuColorize *self = GST_MLEU_COLORIZE (filter);
  MleuFrame in, out;

  gst_mleu_frame_view (in_frame, &in);
  gst_mleu_frame_view (out_frame, &out);
  if (has_own_colors (self, &in)) {
    gst_video_frame_copy (out_frame, in_frame);
    return GST_FLOW_OK;
  }
  return color_frame (self, &in, &out);
}

static GstFlowReturn
gst_mleu_colorize_transform_frame_ip (GstVideoFilter * filter,
    GstVideoFrame * frame)
{
  GstMleuColorize *self = GST_MLEU_COLORIZE (filter);
  MleuFrame view;

  gst_mleu_frame_view (frame, &view);
  if (has_own_colors (self, &view))
    return GST_FLOW_OK;
  return color_frame (self, &view, &view);
}

/* Takes a frame whose turn comes later. */
static GstFlowReturn
take_frame (GstMleuColorize * self, GstBuffer * buffer, gboolean * own_colors)
{
  GstVideoFilter *filter = GST_VIDEO_FILTER (self);
  GstFlowReturn ret = GST_FLOW_OK;
  GstVideoFrame frame;
  MleuParams params;
  MleuFrame view;

  if (!gst_video_frame_map (&frame, &filter->in_info, buffer, GST_MAP_READ))
    goto not_mapped;
  gst_mleu_frame_view (&frame, &view);
  *own_colors = has_own_colors (self, &view);
  if (!*own_colors) {
    get_params (self, &params);
    ret = predict_frame (self, &view, &params);
  }
  gst_video_frame_unmap (&frame);
  if (!*own_colors && ret == GST_FLOW_OK)
    add_pending (self, buffer, &params);
  return ret;

  /* ERRORS */
not_mapped:
  {
    GST_ELEMENT_ERROR (self, RESOURCE, FAILED,
        ("A video frame's memory cannot be read."), (NULL));
    return GST_FLOW_ERROR;
  }
}

static GstFlowReturn
gst_mleu_colorize_generate_output (GstBaseTransform * trans, GstBuffer ** out)
{
  GstMleuColorize *self = GST_MLEU_COLORIZE (trans);
  GstBuffer *buffer = trans->queued_buf;
  const gint64 begin = g_get_monotonic_time ();
  gboolean own_colors;
  guint64 predictions;
  GstFlowReturn ret;

  if (self->lookahead == 0)
    return GST_BASE_TRANSFORM_CLASS (parent_class)->generate_output (trans,
        out);

  *out = NULL;
  if (!buffer)
    return GST_FLOW_OK;
  trans->queued_buf = NULL;
  predictions = n_predictions (self);
  ret = take_frame (self, buffer, &own_colors);
  if (ret == GST_FLOW_OK && own_colors)
    ret = pass_on (self, buffer, out);
  gst_buffer_unref (buffer);
  if (ret == GST_FLOW_OK && self->pending.length > self->lookahead)
    ret = give_oldest (self, out);
  if (ret == GST_FLOW_OK && !own_colors)
    account (self, begin, predictions);
  return ret;
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
  drop_pending (GST_MLEU_COLORIZE (object));
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
