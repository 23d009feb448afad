/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Among GStreamer's own elements. */

#include "common.h"

static GstElement *
launch (const gchar * format, ...)
{
  GError *error = NULL;
  GstElement *pipeline;
  gchar *text;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  pipeline = gst_parse_launch (text, &error);
  g_assert_no_error (error);
  g_free (text);
  return pipeline;
}

/* Runs to the end; asserts that there is no error. */
static void
run (GstElement * pipeline)
{
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message;
  GError *error = NULL;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (bus, GST_CLOCK_TIME_NONE,
      GST_MESSAGE_ERROR | GST_MESSAGE_EOS);
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, &error, NULL);
  g_assert_no_error (error);
  gst_message_unref (message);
  gst_object_unref (bus);
}

static gboolean
have (const gchar * name)
{
  GstElementFactory *factory = gst_element_factory_find (name);

  if (!factory) {
    g_test_skip (name);
    return FALSE;
  }
  gst_object_unref (factory);
  return TRUE;
}

static void
on_handoff (GstElement * sink, GstBuffer * buffer, GstPad * pad,
    gpointer count)
{
  (void) sink;
  (void) buffer;
  (void) pad;
  g_atomic_int_inc ((gint *) count);
}

/* The format negotiated before an H.264 encoder. */
static void
test_encoder (void)
{
  static const gchar *const formats[][2] = {
    {"GRAY8", "I420"}, {"NV12", "NV12"}, {"GRAY16_LE", "I420_10LE"},
    {"RGBx", "I420"},
  };
  guint i;

  if (!have ("x264enc"))
    return;
  for (i = 0; i < G_N_ELEMENTS (formats); i++) {
    GstElement *pipeline = launch ("videotestsrc num-buffers=3 ! "
        "video/x-raw,format=%s,width=64,height=64 ! mleucolorize name=m "
        "model=%s render-size=32 ! x264enc ! fakesink", formats[i][0],
        test_model ());
    GstElement *element = gst_bin_get_by_name (GST_BIN (pipeline), "m");
    GstPad *pad = gst_element_get_static_pad (element, "src");
    GstCaps *caps;

    run (pipeline);
    caps = gst_pad_get_current_caps (pad);
    g_assert_cmpstr (gst_structure_get_string (gst_caps_get_structure (caps,
                0), "format"), ==, formats[i][1]);
    gst_caps_unref (caps);
    gst_element_set_state (pipeline, GST_STATE_NULL);
    gst_object_unref (pad);
    gst_object_unref (element);
    gst_object_unref (pipeline);
  }
}

/* A live source that is faster than the element: no frame is dropped by it. */
static void
test_late_frames (void)
{
  GstElement *pipeline = launch ("videotestsrc num-buffers=40 is-live=true ! "
      "video/x-raw,format=GRAY8,width=160,height=120,framerate=200/1 ! "
      "queue max-size-buffers=100 ! mleucolorize model=%s render-size=128 "
      "n-threads=1 ! fakesink name=s sync=true qos=true signal-handoffs=true",
      test_model ());
  GstElement *sink = gst_bin_get_by_name (GST_BIN (pipeline), "s");
  gint count = 0;

  g_signal_connect (sink, "handoff", G_CALLBACK (on_handoff), &count);
  run (pipeline);
  g_assert_cmpint (g_atomic_int_get (&count), ==, 40);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (sink);
  gst_object_unref (pipeline);
}

/* Seeks in a running pipeline, then the frames after the last one. */
static void
test_seeks (void)
{
  GstElement *pipeline = launch ("videotestsrc ! "
      "video/x-raw,format=I420,width=160,height=120,framerate=25/1 ! "
      "mleucolorize model=%s render-size=128 ! fakesink", test_model ());
  guint i;

  gst_element_set_state (pipeline, GST_STATE_PAUSED);
  g_assert_cmpint (gst_element_get_state (pipeline, NULL, NULL,
          GST_CLOCK_TIME_NONE), ==, GST_STATE_CHANGE_SUCCESS);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  for (i = 0; i < 20; i++)
    g_assert_true (gst_element_seek_simple (pipeline, GST_FORMAT_TIME,
            GST_SEEK_FLAG_FLUSH, (i * 7 % 20) * GST_SECOND));
  g_assert_true (gst_element_seek (pipeline, 1.0, GST_FORMAT_TIME,
          GST_SEEK_FLAG_FLUSH, GST_SEEK_TYPE_SET, 0, GST_SEEK_TYPE_SET,
          GST_SECOND));
  run (pipeline);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
}

/* Stopped in the middle, over and over. */
static void
test_restarts (void)
{
  GstElement *pipeline = launch ("videotestsrc ! "
      "video/x-raw,format=GRAY8,width=160,height=120,framerate=25/1 ! "
      "mleucolorize model=%s render-size=128 ! videoconvert ! "
      "video/x-raw,format=BGRx ! fakesink", test_model ());
  guint i;

  if (have ("videoconvert"))
    for (i = 0; i < 20; i++) {
      gst_element_set_state (pipeline, GST_STATE_PLAYING);
      if (i % 2)
        gst_element_get_state (pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
      gst_element_set_state (pipeline, GST_STATE_READY);
    }
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
}

/* Made, looked at and thrown away, as editors do: nothing is loaded. */
static void
test_constructor (void)
{
  guint i;

  for (i = 0; i < 100; i++) {
    GstElement *element = gst_element_factory_make ("mleucolorize", NULL);

    g_object_set (element, "model", "/nowhere", NULL);
    g_assert_cmpint (gst_element_set_state (element, GST_STATE_READY), ==,
        GST_STATE_CHANGE_SUCCESS);
    gst_element_set_state (element, GST_STATE_NULL);
    gst_object_unref (element);
  }
}

static void
test_klass (void)
{
  GstElementFactory *factory = gst_element_factory_find ("mleucolorize");

  g_assert_cmpstr (gst_element_factory_get_metadata (factory,
          GST_ELEMENT_METADATA_KLASS), ==, "Filter/Effect/Video");
  g_assert_cmpuint (gst_plugin_feature_get_rank (GST_PLUGIN_FEATURE (factory)),
      ==, GST_RANK_NONE);
  gst_object_unref (factory);
}

int
main (int argc, char **argv)
{
  static const gchar *const plugins[] =
      { "coreelements", "videotestsrc", "videoconvertscale", "x264", NULL };

  test_begin (&argc, &argv, plugins);
  g_test_add_func ("/pipeline/encoder", test_encoder);
  g_test_add_func ("/pipeline/late-frames", test_late_frames);
  g_test_add_func ("/pipeline/seeks", test_seeks);
  g_test_add_func ("/pipeline/restarts", test_restarts);
  g_test_add_func ("/pipeline/constructor", test_constructor);
  g_test_add_func ("/pipeline/klass", test_klass);
  return test_end (g_test_run ());
}
