/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Many elements in one process: one copy of the weights, threads in bounds, and
 * to each its share of the machine. */

#include <glib/gstdio.h>
#include <string.h>

#include "stress.h"

#define MANY 16

typedef struct
{
  GstElement *pipeline;
  gint n_frames;
} Stream;

static void
on_handoff (GstElement * sink, GstBuffer * buffer, GstPad * pad, gpointer data)
{
  Stream *stream = data;

  (void) sink;
  (void) buffer;
  (void) pad;
  g_atomic_int_inc (&stream->n_frames);
}

/* As fast as it can, as long as it is let. */
static void
stream_start (Stream * stream, const gchar * model, const gchar * size)
{
  gchar *text = g_strdup_printf ("videotestsrc pattern=ball ! "
      "video/x-raw,format=I420,%s,framerate=25/1 ! "
      "mleucolorize model=%s ! fakesink name=sink signal-handoffs=true", size,
      model);
  GstElement *sink;

  stream->pipeline = gst_parse_launch (text, NULL);
  stream->n_frames = 0;
  sink = gst_bin_get_by_name (GST_BIN (stream->pipeline), "sink");
  g_signal_connect (sink, "handoff", G_CALLBACK (on_handoff), stream);
  gst_object_unref (sink);
  gst_element_set_state (stream->pipeline, GST_STATE_PLAYING);
  g_free (text);
}

static void
stream_wait_for_frame (Stream * stream)
{
  while (g_atomic_int_get (&stream->n_frames) == 0)
    g_usleep (1000);
}

static void
stream_stop (Stream * stream)
{
  GstBus *bus = gst_element_get_bus (stream->pipeline);

  gst_element_set_state (stream->pipeline, GST_STATE_NULL);
  stress_assert_no_error (bus);
  gst_object_unref (bus);
  gst_object_unref (stream->pipeline);
}

/* A frame through each of @n elements; what all of them hold then. */
static gsize
hold (guint n, gboolean own_models)
{
  Stream streams[MANY];
  gchar *paths[MANY], *data;
  gsize size, before = stress_allocated (), after;
  GError *error = NULL;
  guint i;

  g_assert_true (g_file_get_contents (TEST_MODEL, &data, &size, &error));
  for (i = 0; i < n; i++) {
    gchar *name = g_strdup_printf ("copy-%u.safetensors", i);

    paths[i] = test_path (name);
    if (own_models)
      g_assert_true (g_file_set_contents (paths[i], data, size, &error));
    g_free (name);
  }
  g_free (data);
  before = stress_allocated ();
  for (i = 0; i < n; i++) {
    stream_start (&streams[i], own_models ? paths[i] : TEST_MODEL,
        "width=96,height=64");
    stream_wait_for_frame (&streams[i]);
  }
  after = stress_allocated ();
  g_test_message ("%u elements, %s: %.1f MiB allocated, %u threads", n,
      own_models ? "a model each" : "one model", (after - before) / 1048576.0,
      stress_threads ());
  /* GStreamer's own, one for each source, ours for the other processors, and
   * the program's. */
  g_assert_cmpuint (stress_threads (), <=, n * g_get_num_processors () + 8);
  for (i = 0; i < n; i++) {
    stream_stop (&streams[i]);
    g_remove (paths[i]);
    g_free (paths[i]);
  }
  return after - before;
}

/* What a second element adds is far less than the weights: those are what one
 * with a model of its own adds more. */
static void
test_one_copy (void)
{
  const guint n = stress_count (4, MANY);
  gsize one, shared, own;

  hold (1, FALSE);
  one = hold (1, FALSE);
  if (one == 0) {
    g_test_skip ("a sanitizer's malloc() does not say what is allocated");
    return;
  }
  shared = hold (n, FALSE);
  own = hold (n, TRUE);
  g_test_message ("the weights: %.1f MiB",
      (own - shared) / 1048576.0 / (n - 1));
  g_assert_cmpuint (own, >, shared);
  /* n elements with the weights once, and with a copy each. */
  g_assert_cmpuint (shared + (n - 1) * 2, <, own);
  g_assert_cmpuint (own - shared, >, (n - 1) * ((gsize) 1 << 20));
  stress_assert_no_objects ();
}

/* All of them at once. */
static void
test_shares (void)
{
  const guint n = stress_count (4, MANY), seconds = stress_count (1, 60);
  Stream streams[MANY];
  gint first[MANY];
  guint i, total = 0, least = G_MAXUINT, most = 0;

  for (i = 0; i < n; i++)
    stream_start (&streams[i], TEST_MODEL, "width=320,height=240");
  for (i = 0; i < n; i++)
    stream_wait_for_frame (&streams[i]);
  for (i = 0; i < n; i++)
    first[i] = g_atomic_int_get (&streams[i].n_frames);
  g_usleep (seconds * G_USEC_PER_SEC);
  for (i = 0; i < n; i++) {
    guint frames = g_atomic_int_get (&streams[i].n_frames) - first[i];

    total += frames;
    least = MIN (least, frames);
    most = MAX (most, frames);
  }
  g_test_message ("%u elements, %u s: %u frames in all, %u to %u each; the "
      "least has %.0f %% of an equal share", n, seconds, total, least, most,
      total > 0 ? 100.0 * least * n / total : 0);
  for (i = 0; i < n; i++)
    stream_stop (&streams[i]);
  /* In a second, and on a machine that does other things, chance decides. */
  if (stress_is_full ())
    g_assert_cmpfloat (1.0 * least * n, >=, 0.7 * total);
  stress_assert_no_objects ();
}

int
main (int argc, char **argv)
{
  static const gchar *const plugins[] =
      { "coreelements", "videotestsrc", NULL };

  stress_begin (&argc, &argv, plugins);
  g_test_add_func ("/stress/many/one-copy", test_one_copy);
  g_test_add_func ("/stress/many/shares", test_shares);
  return stress_end (g_test_run ());
}
