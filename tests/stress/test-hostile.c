/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Frames as nobody sends them, and models that would eat the machine: right
 * output or one clear error, in bounded memory. tests/unit/test-model.c has the
 * models that are wrong in themselves. */

#include <string.h>

#include "stress.h"
#include "testmodel.h"

#define FRAME (40 * GST_MSECOND)

static guint
luma_at (guint x, guint y)
{
  return (100 + x / 3 + y) % 251;
}

/* A frame of that size, whose luma comes out as it went in, coloured. */
static void
push_one (guint width, guint height, const gchar * format)
{
  gchar *caps = g_strdup_printf ("video/x-raw,format=%s,width=%u,height=%u,"
      "framerate=0/1", format, width, height);
  GstHarness *h = test_harness (caps, "video/x-raw,format=I420,"
      "colorimetry=1:4:0:0");
  gsize before = stress_resident ();
  GstVideoInfo in_info, out_info;
  GstVideoFrame frame;
  GstMapInfo map;
  GstBuffer *in, *out;
  guint x, y;

  test_pad_info (&in_info, h->srcpad);
  in = gst_buffer_new_allocate (NULL, in_info.size, NULL);
  g_assert_true (gst_buffer_map (in, &map, GST_MAP_WRITE));
  for (y = 0; y < height; y++)
    for (x = 0; x < width; x++)
      map.data[(gsize) y * GST_VIDEO_INFO_PLANE_STRIDE (&in_info, 0) + x] =
          luma_at (x, y);
  gst_buffer_unmap (in, &map);
  out = gst_harness_push_and_pull (h, in);
  g_assert_nonnull (out);
  test_pad_info (&out_info, h->sinkpad);
  g_assert_true (gst_video_frame_map (&frame, &out_info, out, GST_MAP_READ));
  for (y = 0; y < height; y += MAX (height / 97, 1))
    for (x = 0; x < width; x++)
      g_assert_cmpuint (test_sample (&frame, 0, x, y), ==, luma_at (x, y));
  gst_video_frame_unmap (&frame);
  g_assert_cmpuint (test_chroma (&out_info, out), >, 0);
  g_test_message ("%u x %u: %.0f MiB in, %.0f MiB out, %.0f MiB resident",
      width, height, in_info.size / 1048576.0, out_info.size / 1048576.0,
      ((gdouble) stress_resident () - before) / 1048576.0);
  gst_buffer_unref (out);
  gst_harness_teardown (h);
  g_free (caps);
}

static void
test_sizes (void)
{
  push_one (1, 1, "GRAY8");
  push_one (1, 16384, "GRAY8");
  push_one (16384, 1, "GRAY8");
  push_one (16384, 2, "GRAY8");
  push_one (3, 4097, "GRAY8");
  if (stress_is_full ())
    push_one (16384, 16384, "GRAY8");
  stress_assert_no_objects ();
}

/* No times at all, times that stand still, that go back, that leap to the end of
 * time; frames that last no time or for ever. */
static void
test_times (void)
{
  static const GstClockTime times[] = {
    0, FRAME, FRAME, FRAME / 2, 0, GST_CLOCK_TIME_NONE, GST_CLOCK_TIME_NONE,
    GST_CLOCK_TIME_NONE - 1, 5, G_MAXINT64, G_MAXINT64 + (GstClockTime) 1, 1,
    GST_CLOCK_TIME_NONE, 365 * 100 * 24 * (3600 * GST_SECOND), 7,
  };
  static const gchar *const rates[] = { "0/1", "25/1", "2147483647/1",
    "1/2147483647"
  };
  guint i, k, lookahead;

  for (k = 0; k < G_N_ELEMENTS (rates); k++)
    for (lookahead = 0; lookahead < 4; lookahead += 3) {
      gchar *caps = g_strdup_printf ("video/x-raw,format=I420,width=32,"
          "height=32,framerate=%s", rates[k]);
      GstHarness *h = test_harness (NULL, NULL);
      GstVideoInfo info;

      gst_element_set_state (h->element, GST_STATE_READY);
      g_object_set (h->element, "lookahead", lookahead, "inference-interval",
          3, NULL);
      gst_element_set_state (h->element, GST_STATE_PLAYING);
      gst_harness_set_src_caps_str (h, caps);
      test_pad_info (&info, h->srcpad);
      for (i = 0; i < G_N_ELEMENTS (times); i++) {
        GstBuffer *in = test_frame (&info, 1, times[i]);

        GST_BUFFER_DURATION (in) = i % 3 == 0 ? 0 : i % 3 == 1 ?
            GST_CLOCK_TIME_NONE : G_MAXINT64;
        g_assert_cmpint (gst_harness_push (h, in), ==, GST_FLOW_OK);
      }
      gst_harness_push_event (h, gst_event_new_eos ());
      for (i = 0; i < G_N_ELEMENTS (times); i++) {
        GstBuffer *out = gst_harness_try_pull (h);

        g_assert_nonnull (out);
        g_assert_cmpuint (GST_BUFFER_PTS (out), ==, times[i]);
        g_assert_cmpuint (test_chroma (&info, out), >, 0);
        gst_buffer_unref (out);
      }
      g_assert_null (gst_harness_try_pull (h));
      gst_harness_teardown (h);
      g_free (caps);
    }
  stress_assert_no_objects ();
}

/* A buffer that is smaller than its caps say. Without look-ahead it is
 * GstVideoFilter's to warn of, and the next frame is coloured; with it, an error. */
static void
test_short_buffer (gconstpointer data)
{
  const guint lookahead = GPOINTER_TO_UINT (data);
  GstHarness *h = test_harness (NULL, NULL);
  GstBus *bus = gst_bus_new ();
  GstVideoInfo info;
  GstFlowReturn flow;
  GstMessage *message;
  GstBuffer *out;

  gst_element_set_state (h->element, GST_STATE_READY);
  g_object_set (h->element, "lookahead", lookahead, NULL);
  gst_element_set_bus (h->element, bus);
  gst_element_set_state (h->element, GST_STATE_PLAYING);
  gst_harness_set_src_caps_str (h, "video/x-raw,format=I420,width=64,"
      "height=64,framerate=25/1");
  test_pad_info (&info, h->srcpad);
  flow = gst_harness_push (h, gst_buffer_new_allocate (NULL, 100, NULL));
  message = gst_bus_pop_filtered (bus,
      lookahead > 0 ? GST_MESSAGE_ERROR : GST_MESSAGE_WARNING);
  g_assert_nonnull (message);
  gst_message_unref (message);
  if (lookahead > 0) {
    g_assert_cmpint (flow, ==, GST_FLOW_ERROR);
    g_assert_null (gst_harness_try_pull (h));
  } else {
    g_assert_cmpint (flow, ==, GST_FLOW_OK);
    out = gst_harness_pull (h);
    gst_buffer_unref (out);
    flow = gst_harness_push (h, test_frame (&info, 1, 0));
    g_assert_cmpint (flow, ==, GST_FLOW_OK);
    out = gst_harness_pull (h);
    g_assert_cmpuint (test_chroma (&info, out), >, 0);
    gst_buffer_unref (out);
  }
  gst_element_set_bus (h->element, NULL);
  gst_object_unref (bus);
  gst_harness_teardown (h);
  stress_assert_no_objects ();
}

/* A right file whose network asks for more memory than any should have: an
 * error when it is to run. */
static void
test_greedy_model (void)
{
  GstElement *element = gst_element_factory_make ("mleucolorize", NULL);
  GstBus *bus = gst_bus_new ();
  gsize before = stress_allocated ();
  TestFile *file = testfile_new ();
  GByteArray *bytes;
  gchar *path = test_path ("greedy.safetensors");
  gfloat weights[4096], last[2 * 4096];
  GstMessage *message;
  GError *error = NULL;
  GstHarness *h;

  memset (weights, 0, sizeof (weights));
  memset (last, 0, sizeof (last));
  testfile_add (file, "w", "F32", "[4096,1,1,1]", weights, sizeof (weights));
  testfile_add (file, "v", "F32", "[2,4096,1,1]", last, sizeof (last));
  testfile_metadata (file, "mleu.graph", "{\"stride\":32,\"nodes\":["
      "{\"name\":\"L\",\"op\":\"input\"},"
      "{\"name\":\"a\",\"op\":\"conv2d\",\"input\":[\"L\"],\"weight\":\"w\"},"
      "{\"name\":\"b\",\"op\":\"conv2d\",\"input\":[\"a\"],\"weight\":\"v\"}],"
      "\"head\":{\"type\":\"regression\",\"input\":\"b\",\"scale\":1}}");
  bytes = testfile_bytes (file);
  g_assert_true (g_file_set_contents (path, (const gchar *) bytes->data,
          bytes->len, &error));
  g_byte_array_unref (bytes);
  testfile_free (file);

  g_object_set (element, "model", path, "render-size", 2048, NULL);
  gst_element_set_bus (element, bus);
  h = gst_harness_new_with_element (element, "sink", "src");
  gst_harness_set_src_caps_str (h, "video/x-raw,format=I420,width=640,"
      "height=480,framerate=25/1");
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  gst_message_parse_error (message, &error, NULL);
  g_test_message ("%s", error->message);
  g_assert_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT);
  g_assert_cmpuint (stress_allocated (), <, before + ((gsize) 64 << 20));
  g_clear_error (&error);
  gst_message_unref (message);
  gst_element_set_bus (element, NULL);
  gst_harness_teardown (h);
  gst_object_unref (element);
  gst_object_unref (bus);
  g_free (path);
}

int
main (int argc, char **argv)
{
  static const gchar *const plugins[] = { NULL };

  stress_begin (&argc, &argv, plugins);
  g_test_add_func ("/stress/hostile/sizes", test_sizes);
  g_test_add_func ("/stress/hostile/times", test_times);
  g_test_add_data_func ("/stress/hostile/short-buffer", GUINT_TO_POINTER (0),
      test_short_buffer);
  g_test_add_data_func ("/stress/hostile/short-buffer/lookahead",
      GUINT_TO_POINTER (3), test_short_buffer);
  g_test_add_func ("/stress/hostile/greedy-model", test_greedy_model);
  return stress_end (g_test_run ());
}
