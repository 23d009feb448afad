/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Started and stopped, given other caps and other settings, over and over:
 * nothing crashes, is left behind or grows, and every frame is right. */

#include <string.h>

#include "stress.h"

#define FRAME (40 * GST_MSECOND)

/* Part of a count after which what is kept for ever has been allocated. */
#define WARM_UP(n) (MAX ((n) / 10, 1))

static void
test_starts (void)
{
  const guint n = stress_count (60, 10000);
  gsize before = 0;
  guint i;

  for (i = 0; i < n; i++) {
    gchar *text = g_strdup_printf ("videotestsrc ! video/x-raw,format=%s,"
        "width=96,height=64,framerate=25/1 ! mleucolorize model=%s "
        "render-size=32 n-threads=2 lookahead=%u ! fakesink",
        i % 2 ? "I420" : "GRAY8", test_model (), i % 3 ? 0 : 4);
    GstElement *pipeline = gst_parse_launch (text, NULL);
    GstBus *bus = gst_element_get_bus (pipeline);

    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    /* Stopped at once, in the middle, and after a first frame. */
    if (i % 3 == 1)
      g_usleep (i % 7 * 100);
    else if (i % 3 == 2)
      gst_element_get_state (pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
    /* And started again as it is. What a source says of being stopped while it
     * negotiates is GStreamer 1.22's own: with videobalance it happens too. */
    if (i % 5 == 0) {
      stress_assert_no_error (bus);
      gst_element_set_state (pipeline, GST_STATE_READY);
      gst_bus_set_flushing (bus, TRUE);
      gst_bus_set_flushing (bus, FALSE);
      gst_element_set_state (pipeline, GST_STATE_PLAYING);
    }
    stress_assert_no_error (bus);
    gst_element_set_state (pipeline, GST_STATE_NULL);
    gst_object_unref (bus);
    gst_object_unref (pipeline);
    g_free (text);
    if (i == WARM_UP (n))
      before = stress_allocated ();
  }
  stress_assert_no_growth (before, "starts and stops");
  stress_assert_no_objects ();
}

/* A model that is loaded and given up each time: the one that is shipped. */
static void
test_models (void)
{
  const guint n = stress_count (3, 200);
  gsize before = 0;
  guint i;

  for (i = 0; i < n; i++) {
    GstElement *element = gst_element_factory_make ("mleucolorize", NULL);

    g_object_set (element, "model", TEST_MODEL, NULL);
    g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), !=,
        GST_STATE_CHANGE_FAILURE);
    gst_element_set_state (element, GST_STATE_NULL);
    gst_object_unref (element);
    if (i == WARM_UP (n))
      before = stress_allocated ();
  }
  stress_assert_no_growth (before, "models loaded");
  stress_assert_no_objects ();
}

static const gchar *const formats[] = {
  "GRAY8", "I420", "NV12", "YUY2", "P010_10LE", "GRAY16_BE", "RGB", "BGRA",
  "Y444", "Y42B",
};

/* In mid-stream, at any frame: other formats, sizes, rates, with a look-ahead
 * and without. None is lost, each has the size that was negotiated for it. */
static void
test_caps (void)
{
  const guint n = stress_count (50, 500);
  guint32 state = 7;
  gsize before = 0;
  guint k, i, j;

  for (k = 0; k < 2; k++) {
    GstHarness *h = test_harness (NULL, NULL);
    guint in = 0, out = 0;

    gst_element_set_state (h->element, GST_STATE_READY);
    g_object_set (h->element, "lookahead", k * 3, NULL);
    gst_element_set_state (h->element, GST_STATE_PLAYING);
    for (i = 0; i < n; i++) {
      gchar *text = g_strdup_printf ("video/x-raw,format=%s,width=%u,height=%u,"
          "framerate=%u/1,interlace-mode=%s",
          formats[stress_random (&state, G_N_ELEMENTS (formats))],
          1 + stress_random (&state, 150), 1 + stress_random (&state, 150),
          stress_random (&state, 31),
          stress_random (&state, 2) ? "progressive" : "interleaved");
      GstCaps *caps = gst_caps_from_string (text);
      guint frames = stress_random (&state, 5);
      GstVideoInfo info;

      g_assert_true (gst_video_info_from_caps (&info, caps));
      gst_harness_set_src_caps (h, caps);
      for (j = 0; j < frames; j++, in++)
        g_assert_cmpint (gst_harness_push (h, test_frame (&info, in,
                    in * FRAME)), ==, GST_FLOW_OK);
      if (i == n - 1)
        gst_harness_push_event (h, gst_event_new_eos ());
      for (; gst_harness_buffers_in_queue (h) > 0; out++) {
        GstBuffer *buffer = gst_harness_pull (h);

        g_assert_cmpuint (GST_BUFFER_PTS (buffer), ==, out * FRAME);
        /* Those that waited came out before the new caps. */
        if (k == 0) {
          GstVideoInfo out_info;

          test_pad_info (&out_info, h->sinkpad);
          g_assert_cmpint (out_info.width, ==, info.width);
          g_assert_cmpint (out_info.height, ==, info.height);
          g_assert_cmpuint (gst_buffer_get_size (buffer), ==, out_info.size);
        }
        gst_buffer_unref (buffer);
      }
      g_free (text);
      if (k == 0 && i == WARM_UP (n))
        before = stress_allocated ();
    }
    g_assert_cmpuint (in, ==, out);
    g_test_message ("%u caps, %u frames", n, in);
    gst_harness_teardown (h);
  }
  stress_assert_no_growth (before, "caps changes");
  stress_assert_no_objects ();
}

#define STORM_CAPS "video/x-raw,format=I420,width=96,height=64,framerate=25/1"

typedef struct
{
  GstElement *element;
  gint quit;
  guint64 changes;
} Storm;

/* As fast as it can: grey or coloured, and everything else from end to end and
 * back. */
static gpointer
change_strength (gpointer data)
{
  Storm *storm = data;

  for (; !g_atomic_int_get (&storm->quit); storm->changes++)
    g_object_set (storm->element, "strength", (gdouble) (storm->changes & 1),
        NULL);
  return NULL;
}

static gpointer
change_everything (gpointer data)
{
  Storm *storm = data;
  guint32 state = 3;

  for (; !g_atomic_int_get (&storm->quit); storm->changes++) {
    GstStructure *stats;

    g_object_set (storm->element, "strength", stress_random (&state, 11) / 10.,
        "saturation", stress_random (&state, 5) * 1.0,
        "temperature", stress_random (&state, 6) * 1.0,
        "smoothing", stress_random (&state, 11) / 10.,
        "scene-threshold", stress_random (&state, 11) / 10.,
        "tame-reds", stress_random (&state, 11) / 10.,
        "tame-blues", stress_random (&state, 11) / 10.,
        "warmth", stress_random (&state, 21) / 10. - 1,
        "split", stress_random (&state, 11) / 10.,
        "split-orientation", stress_random (&state, 2),
        "inference-interval", stress_random (&state, 33),
        "late-policy", stress_random (&state, 3),
        "lookahead", stress_random (&state, 17),
        "render-size", stress_random (&state, 2049),
        "n-threads", stress_random (&state, 65), NULL);
    g_object_get (storm->element, "stats", &stats, NULL);
    gst_structure_free (stats);
  }
  return NULL;
}

/* A still picture, whose luma is not neutral chroma's value. */
static GstBuffer *
picture (const GstVideoInfo * info, GstClockTime pts)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, info->size, NULL);
  guint i;

  gst_buffer_memset (buffer, 0, 128, info->size);
  for (i = 0; i < 96 * 64; i++)
    gst_buffer_memset (buffer, i, 40 + i % 96 + i / 192, 1);
  GST_BUFFER_PTS (buffer) = pts;
  return buffer;
}

static gboolean
is_equal (GstBuffer * buffer, const GstMapInfo * wanted)
{
  GstMapInfo map;
  gboolean equal;

  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
  equal = map.size == wanted->size &&
      memcmp (map.data, wanted->data, map.size) == 0;
  gst_buffer_unmap (buffer, &map);
  return equal;
}

/* While a thread flips strength, each frame is wholly grey or wholly coloured:
 * none is torn. */
static void
test_not_torn (void)
{
  const guint n = stress_count (300, 30000);
  GstHarness *h = test_harness (STORM_CAPS, NULL);
  GstBuffer *grey, *coloured;
  Storm storm = { h->element, 0, 0 };
  GstMapInfo grey_map, coloured_map;
  GstVideoInfo info;
  GThread *thread;
  guint i, n_grey = 0;

  test_pad_info (&info, h->sinkpad);
  g_object_set (h->element, "smoothing", 0.0, NULL);
  coloured = gst_harness_push_and_pull (h, picture (&info, 0));
  g_object_set (h->element, "strength", 0.0, NULL);
  grey = gst_harness_push_and_pull (h, picture (&info, FRAME));
  g_assert_true (gst_buffer_map (grey, &grey_map, GST_MAP_READ));
  g_assert_true (gst_buffer_map (coloured, &coloured_map, GST_MAP_READ));
  g_assert_false (is_equal (coloured, &grey_map));

  thread = g_thread_new ("storm", change_strength, &storm);
  for (i = 0; i < n; i++) {
    GstBuffer *out = gst_harness_push_and_pull (h, picture (&info,
            (i + 2) * FRAME));

    if (is_equal (out, &grey_map))
      n_grey++;
    else
      g_assert_true (is_equal (out, &coloured_map));
    gst_buffer_unref (out);
  }
  g_atomic_int_set (&storm.quit, 1);
  g_thread_join (thread);
  g_test_message ("%u frames, %u of them grey, none torn; %" G_GUINT64_FORMAT
      " changes", n, n_grey, storm.changes);
  gst_buffer_unmap (grey, &grey_map);
  gst_buffer_unmap (coloured, &coloured_map);
  gst_buffer_unref (grey);
  gst_buffer_unref (coloured);
  gst_harness_teardown (h);
  stress_assert_no_objects ();
}

/* All properties, from two threads; luma is right all the time. */
static void
test_properties (void)
{
  const guint n = stress_count (300, 30000);
  GstHarness *h = test_harness (STORM_CAPS, NULL);
  Storm storm[2] = { {h->element, 0, 0}, {h->element, 0, 0} };
  GThread *threads[2];
  GstVideoInfo info;
  gsize before = 0;
  guint i, k;

  test_pad_info (&info, h->sinkpad);
  for (k = 0; k < 2; k++)
    threads[k] = g_thread_new ("storm", change_everything, &storm[k]);
  for (i = 0; i < n; i++) {
    GstBuffer *in = picture (&info, i * FRAME), *out;
    GstBuffer *copy = gst_buffer_copy_deep (in);
    GstMapInfo a, b;

    out = gst_harness_push_and_pull (h, in);
    g_assert_true (gst_buffer_map (copy, &a, GST_MAP_READ));
    g_assert_true (gst_buffer_map (out, &b, GST_MAP_READ));
    g_assert_cmpmem (a.data, 96 * 64, b.data, 96 * 64);
    gst_buffer_unmap (copy, &a);
    gst_buffer_unmap (out, &b);
    gst_buffer_unref (copy);
    gst_buffer_unref (out);
    if (i == WARM_UP (n))
      before = stress_allocated ();
  }
  for (k = 0; k < 2; k++) {
    g_atomic_int_set (&storm[k].quit, 1);
    g_thread_join (threads[k]);
  }
  g_test_message ("%u frames, %" G_GUINT64_FORMAT " changes", n,
      storm[0].changes + storm[1].changes);
  stress_assert_no_growth (before, "properties");
  gst_harness_teardown (h);
  stress_assert_no_objects ();
}

int
main (int argc, char **argv)
{
  static const gchar *const plugins[] =
      { "coreelements", "videotestsrc", NULL };

  stress_begin (&argc, &argv, plugins);
  g_test_add_func ("/stress/life/starts", test_starts);
  g_test_add_func ("/stress/life/models", test_models);
  g_test_add_func ("/stress/life/caps", test_caps);
  g_test_add_func ("/stress/life/not-torn", test_not_torn);
  g_test_add_func ("/stress/life/properties", test_properties);
  return stress_end (g_test_run ());
}
