/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Nobody waits for the network: flushes, seeks and changes of state give up the
 * prediction that runs. How long they take is said; what is asserted does not
 * depend on the machine's speed: the frame that was given up never comes. */

#include "stress.h"

#define FRAME (40 * GST_MSECOND)

/* The shipped network on a picture of its largest size takes seconds: whoever
 * waited for it would be seen. */
#define SLOW "render-size=1024 n-threads=0"

/* With MLEU_STRESS=full, in milliseconds. */
#define PROMPT 50

static GstElement *
open_player (const gchar * more)
{
  gchar *text = g_strdup_printf ("videotestsrc ! video/x-raw,format=I420,"
      "width=320,height=240,framerate=25/1 ! mleucolorize name=m model=%s "
      SLOW " ! fakesink name=sink %s", TEST_MODEL, more);
  GstElement *pipeline = gst_parse_launch (text, NULL);

  g_assert_nonnull (pipeline);
  g_free (text);
  return pipeline;
}

static GstPadProbeReturn
on_frame (GstPad * pad, GstPadProbeInfo * info, gpointer count)
{
  (void) pad;
  (void) info;
  g_atomic_int_inc ((gint *) count);
  return GST_PAD_PROBE_OK;
}

static void
count_at (GstElement * pipeline, const gchar * pad_name, gint * count)
{
  GstElement *element = gst_bin_get_by_name (GST_BIN (pipeline), "m");
  GstPad *pad = gst_element_get_static_pad (element, pad_name);

  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, on_frame, count, NULL);
  gst_object_unref (pad);
  gst_object_unref (element);
}

/* Until the network runs: a frame has gone in and is not out. */
static void
wait_until_busy (gint * in, gint * out)
{
  while (g_atomic_int_get (in) <= g_atomic_int_get (out))
    g_usleep (500);
  /* Somewhere in it. */
  g_usleep (20000);
}

/* No frame was coloured to its end. */
static void
assert_given_up (GstElement * element)
{
  GstStructure *stats;
  guint64 frames;

  g_object_get (element, "stats", &stats, NULL);
  g_assert_true (gst_structure_get_uint64 (stats, "frames", &frames));
  g_assert_cmpuint (frames, ==, 0);
  gst_structure_free (stats);
}

static void
end (GArray * times, const gchar * what)
{
  gdouble median = stress_say_times (times, what);

  if (stress_is_full ())
    g_assert_cmpfloat (median, <, PROMPT);
  g_array_unref (times);
  stress_assert_no_objects ();
}

static GArray *
new_times (void)
{
  return g_array_new (FALSE, FALSE, sizeof (gdouble));
}

static void
test_states (void)
{
  const guint n = stress_count (3, 100);
  GArray *times = new_times ();
  GstElement *pipeline = open_player (""), *element;
  gint in = 0, out = 0;
  guint i;

  element = gst_bin_get_by_name (GST_BIN (pipeline), "m");
  count_at (pipeline, "sink", &in);
  count_at (pipeline, "src", &out);
  for (i = 0; i < n; i++) {
    gint64 begin;

    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    wait_until_busy (&in, &out);
    begin = g_get_monotonic_time ();
    gst_element_set_state (pipeline, GST_STATE_READY);
    stress_time (times, begin);
    assert_given_up (element);
    in = out = 0;
  }
  gst_object_unref (element);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  end (times, "PLAYING to READY");
}

static void
test_pauses (void)
{
  const guint n = stress_count (3, 100);
  GArray *times = new_times ();
  GstElement *pipeline = open_player ("sync=false async=false");
  gint in = 0, out = 0;
  guint i;

  count_at (pipeline, "sink", &in);
  count_at (pipeline, "src", &out);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  wait_until_busy (&in, &out);
  for (i = 0; i < n; i++) {
    gint64 begin = g_get_monotonic_time ();

    gst_element_set_state (pipeline, i % 2 ? GST_STATE_PLAYING :
        GST_STATE_PAUSED);
    stress_time (times, begin);
    g_usleep (5000);
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  end (times, "PLAYING to PAUSED and back");
}

static void
test_seeks (void)
{
  const guint n = stress_count (3, 100);
  GArray *times = new_times ();
  GstElement *pipeline = open_player ("");
  gint in = 0, out = 0;
  guint i;

  count_at (pipeline, "sink", &in);
  count_at (pipeline, "src", &out);
  gst_element_set_state (pipeline, GST_STATE_PAUSED);
  wait_until_busy (&in, &out);
  for (i = 0; i < n; i++) {
    gint64 begin = g_get_monotonic_time ();

    g_assert_true (gst_element_seek_simple (pipeline, GST_FORMAT_TIME,
            GST_SEEK_FLAG_FLUSH, i % 10 * GST_SECOND));
    stress_time (times, begin);
    g_usleep (stress_is_full ()? 50000 : 10000);
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
  /* Each seek came upon the frame of the one before it. */
  g_test_message ("%d frames went in, %d came out", in, out);
  gst_object_unref (pipeline);
  end (times, "flushing seek");
}

typedef struct
{
  GstHarness *h;
  GstFlowReturn flow;
} Push;

static gpointer
push_one (gpointer data)
{
  Push *push = data;
  GstCaps *caps = gst_pad_get_current_caps (push->h->srcpad);
  GstVideoInfo info;

  g_assert_true (gst_video_info_from_caps (&info, caps));
  gst_caps_unref (caps);
  push->flow = gst_harness_push (push->h, test_frame (&info, 1, FRAME));
  return NULL;
}

/* From FLUSH_START until the thread that waits for the frame has it back, with
 * a word that it is flushed. */
static void
test_flushes (void)
{
  const guint n = stress_count (3, 100);
  GArray *times = new_times ();
  GstElement *element = gst_element_factory_make ("mleucolorize", NULL);
  gint in = 0;
  GstHarness *h;
  guint i;

  g_object_set (element, "model", TEST_MODEL, "render-size", 1024, NULL);
  h = gst_harness_new_with_element (element, "sink", "src");
  gst_object_unref (element);
  gst_harness_set_src_caps_str (h, "video/x-raw,format=I420,width=320,"
      "height=240,framerate=25/1");
  gst_pad_add_probe (GST_PAD_PEER (h->srcpad), GST_PAD_PROBE_TYPE_BUFFER,
      on_frame, &in, NULL);
  for (i = 0; i < n; i++) {
    Push push = { h, GST_FLOW_OK };
    GThread *thread = g_thread_new ("frame", push_one, &push);
    gint none = (gint) i;
    GstSegment segment;
    gint64 begin;

    wait_until_busy (&in, &none);
    begin = g_get_monotonic_time ();
    gst_harness_push_event (h, gst_event_new_flush_start ());
    g_thread_join (thread);
    stress_time (times, begin);
    g_assert_cmpint (push.flow, ==, GST_FLOW_FLUSHING);
    gst_harness_push_event (h, gst_event_new_flush_stop (TRUE));
    gst_segment_init (&segment, GST_FORMAT_TIME);
    gst_harness_push_event (h, gst_event_new_segment (&segment));
  }
  g_assert_null (gst_harness_try_pull (h));
  assert_given_up (h->element);
  gst_harness_teardown (h);
  end (times, "flush");
}

int
main (int argc, char **argv)
{
  static const gchar *const plugins[] =
      { "coreelements", "videotestsrc", NULL };

  stress_begin (&argc, &argv, plugins);
  g_test_add_func ("/stress/prompt/flushes", test_flushes);
  g_test_add_func ("/stress/prompt/seeks", test_seeks);
  g_test_add_func ("/stress/prompt/states", test_states);
  g_test_add_func ("/stress/prompt/pauses", test_pauses);
  return stress_end (g_test_run ());
}
