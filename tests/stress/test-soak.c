/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A live pipeline that is left running: no frame is lost, memory is flat. */

#include "stress.h"

#define RATE 30

typedef struct
{
  gint n_taken, n_shown;
} Soak;

static GstPadProbeReturn
on_buffer (GstPad * pad, GstPadProbeInfo * info, gpointer count)
{
  (void) pad;
  (void) info;
  g_atomic_int_inc ((gint *) count);
  return GST_PAD_PROBE_OK;
}

static void
count_at (GstElement * pipeline, const gchar * name, const gchar * pad_name,
    gint * count)
{
  GstElement *element = gst_bin_get_by_name (GST_BIN (pipeline), name);
  GstPad *pad = gst_element_get_static_pad (element, pad_name);

  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, on_buffer, count, NULL);
  gst_object_unref (pad);
  gst_object_unref (element);
}

/* Plays @seconds of the camera, and gives back what the stream held. */
static void
play (GstElement * pipeline, Soak * soak, guint seconds)
{
  GstElement *camera = gst_bin_get_by_name (GST_BIN (pipeline), "source");
  GstElement *element = gst_bin_get_by_name (GST_BIN (pipeline), "m");
  GstBus *bus = gst_element_get_bus (pipeline);
  gsize resident = 0, most = 0;
  GstStructure *stats;
  gchar *said;
  gboolean is_over = FALSE;
  gint64 begin;

  soak->n_taken = soak->n_shown = 0;
  g_object_set (camera, "num-buffers", (gint) seconds * RATE, NULL);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  begin = g_get_monotonic_time ();
  while (!is_over) {
    GstMessage *message = gst_bus_timed_pop (bus, GST_SECOND / 4);

    if (message && GST_MESSAGE_TYPE (message) == GST_MESSAGE_LATENCY)
      gst_bin_recalculate_latency (GST_BIN (pipeline));
    is_over = message && (GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS ||
        GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR);
    if (message)
      g_assert_cmpint (GST_MESSAGE_TYPE (message), !=, GST_MESSAGE_ERROR);
    gst_clear_message (&message);
    if (resident == 0
        && (g_get_monotonic_time () - begin) / 1e6 > seconds / 10.)
      resident = stress_resident ();
    most = MAX (most, stress_resident ());
  }
  g_object_get (element, "stats", &stats, NULL);
  said = gst_structure_to_string (stats);
  g_test_message ("%d frames taken, %d shown; resident after a tenth %.1f MiB, "
      "at the most %.1f MiB, at the end %.1f MiB; %s",
      g_atomic_int_get (&soak->n_taken), g_atomic_int_get (&soak->n_shown),
      resident / 1048576.0, most / 1048576.0, stress_resident () / 1048576.0,
      said);
  g_free (said);
  gst_structure_free (stats);
  g_assert_cmpint (soak->n_taken, ==, seconds * RATE);
  g_assert_cmpint (soak->n_shown, ==, soak->n_taken);
  gst_element_set_state (pipeline, GST_STATE_READY);
  gst_object_unref (bus);
  gst_object_unref (element);
  gst_object_unref (camera);
}

/* 720p, as a camera gives it, with the sink on the clock. How many frames are on their way changes
 * while it plays, so memory is compared when all have been given back. */
static void
test_live (void)
{
  gchar *text = g_strdup_printf ("videotestsrc name=source is-live=true "
      "pattern=ball ! video/x-raw,format=I420,width=1280,height=720,"
      "framerate=%u/1 ! queue name=camera ! mleucolorize name=m model=%s "
      "inference-interval=0 ! fakesink name=sink sync=true qos=true",
      RATE, TEST_MODEL);
  GstElement *pipeline = gst_parse_launch (text, NULL);
  Soak soak = { 0, 0 };
  gsize allocated;

  count_at (pipeline, "camera", "src", &soak.n_taken);
  count_at (pipeline, "sink", "sink", &soak.n_shown);
  play (pipeline, &soak, 2);
  allocated = stress_allocated ();
  play (pipeline, &soak, stress_count (2, 600));
  stress_assert_no_growth (allocated, "live");
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  g_free (text);
  stress_assert_no_objects ();
}

int
main (int argc, char **argv)
{
  static const gchar *const plugins[] =
      { "coreelements", "videotestsrc", NULL };

  stress_begin (&argc, &argv, plugins);
  g_test_add_func ("/stress/soak/live", test_live);
  return stress_end (g_test_run ());
}
