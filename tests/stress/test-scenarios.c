/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What people do with a player, and worse: seeks, scrubbing, playing backwards,
 * pauses, in scenarios of one action a word. After each of them the pipeline
 * has to be where it was told to be, with the frame that belongs there, coloured
 * as if playing had begun with it. */

#include <stdlib.h>
#include <string.h>

#include "stress.h"

#define RATE 25
#define FRAME (GST_SECOND / RATE)
#define SECONDS 10
#define SIZE "width=96,height=64"

typedef struct
{
  GstElement *pipeline;
  GstBus *bus;
  guint32 random;
  guint n_seeks, n_frames;

  /* Of the sink's thread, under the lock. */
  GMutex lock;
  GstClockTime last;
  gdouble rate;
  gboolean is_wrong;
} Player;

/* Whether frame follows frame in the direction of playing, until a flush or
 * a start. */
static GstPadProbeReturn
on_sink (GstPad * pad, GstPadProbeInfo * probe, gpointer data)
{
  Player *player = data;

  (void) pad;
  g_mutex_lock (&player->lock);
  if (GST_PAD_PROBE_INFO_TYPE (probe) & GST_PAD_PROBE_TYPE_BUFFER) {
    GstClockTime pts = GST_BUFFER_PTS (GST_PAD_PROBE_INFO_BUFFER (probe));

    if (GST_CLOCK_TIME_IS_VALID (player->last) &&
        (player->rate > 0 ? pts <= player->last : pts >= player->last))
      player->is_wrong = TRUE;
    player->last = pts;
    player->n_frames++;
  } else {
    GstEvent *event = GST_PAD_PROBE_INFO_EVENT (probe);
    const GstSegment *segment;

    if (GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_STOP ||
        GST_EVENT_TYPE (event) == GST_EVENT_STREAM_START) {
      player->last = GST_CLOCK_TIME_NONE;
    } else if (GST_EVENT_TYPE (event) == GST_EVENT_SEGMENT) {
      gst_event_parse_segment (event, &segment);
      player->rate = segment->rate;
    }
  }
  g_mutex_unlock (&player->lock);
  return GST_PAD_PROBE_OK;
}

static void
player_open (Player * player, const gchar * properties)
{
  gchar *text = g_strdup_printf ("videotestsrc pattern=ball "
      "animation-mode=running-time ! video/x-raw,format=I420," SIZE
      ",framerate=%u/1 ! mleucolorize model=%s render-size=64 n-threads=1 %s ! "
      "fakesink name=sink sync=true", RATE, test_model (), properties);
  GstElement *sink;
  GstPad *pad;

  memset (player, 0, sizeof (*player));
  player->pipeline = gst_parse_launch (text, NULL);
  g_assert_nonnull (player->pipeline);
  player->bus = gst_element_get_bus (player->pipeline);
  player->last = GST_CLOCK_TIME_NONE;
  player->rate = 1;
  g_mutex_init (&player->lock);
  sink = gst_bin_get_by_name (GST_BIN (player->pipeline), "sink");
  pad = gst_element_get_static_pad (sink, "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER |
      GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM | GST_PAD_PROBE_TYPE_EVENT_FLUSH,
      on_sink, player, NULL);
  gst_object_unref (pad);
  gst_object_unref (sink);
  g_free (text);
}

static void
player_close (Player * player)
{
  gst_element_set_state (player->pipeline, GST_STATE_NULL);
  g_assert_false (player->is_wrong);
  gst_object_unref (player->bus);
  gst_object_unref (player->pipeline);
  g_mutex_clear (&player->lock);
}

static void
wait_for_state (Player * player)
{
  g_assert_cmpint (gst_element_get_state (player->pipeline, NULL, NULL,
          GST_CLOCK_TIME_NONE), ==, GST_STATE_CHANGE_SUCCESS);
}

static void
seek (Player * player, gdouble rate, GstClockTime time)
{
  gboolean forward = rate > 0;

  player->n_seeks++;
  g_assert_true (gst_element_seek (player->pipeline, rate, GST_FORMAT_TIME,
          GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE, GST_SEEK_TYPE_SET,
          forward ? time : 0, GST_SEEK_TYPE_SET,
          forward ? SECONDS * GST_SECOND : time));
}

static GstBuffer *
shown (Player * player)
{
  GstElement *sink = gst_bin_get_by_name (GST_BIN (player->pipeline), "sink");
  GstSample *sample;
  GstBuffer *buffer;

  g_object_get (sink, "last-sample", &sample, NULL);
  gst_object_unref (sink);
  g_assert_nonnull (sample);
  buffer = gst_buffer_ref (gst_sample_get_buffer (sample));
  gst_sample_unref (sample);
  return buffer;
}

/* The frame that is shown, paused: the one of @time, and none of the colours
 * before the seek in it: a second player that went there at once has the same
 * bytes. */
static void
assert_shows (Player * player, Player * other, GstClockTime time)
{
  GstBuffer *buffer, *wanted;

  wait_for_state (player);
  buffer = shown (player);
  g_assert_cmpuint (GST_BUFFER_PTS (buffer), ==, time);
  if (other) {
    gst_element_set_state (other->pipeline, GST_STATE_READY);
    gst_element_set_state (other->pipeline, GST_STATE_PAUSED);
    wait_for_state (other);
    seek (other, 1, time);
    wait_for_state (other);
    wanted = shown (other);
    g_assert_cmpuint (GST_BUFFER_PTS (wanted), ==, time);
    g_assert_true (test_is_equal (buffer, wanted));
    gst_buffer_unref (wanted);
    stress_assert_no_error (other->bus);
  }
  gst_buffer_unref (buffer);
}

static GstClockTime
somewhere (Player * player)
{
  return stress_random (&player->random, SECONDS * RATE) * FRAME;
}

/* One action. Returns: whether there is such a one. */
static gboolean
act (Player * player, Player * other, const gchar * verb, gdouble argument)
{
  GstElement *pipeline = player->pipeline;
  guint i;

  if (g_str_equal (verb, "play")) {
    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    wait_for_state (player);
  } else if (g_str_equal (verb, "pause")) {
    gst_element_set_state (pipeline, GST_STATE_PAUSED);
    wait_for_state (player);
  } else if (g_str_equal (verb, "stop")) {
    gst_element_set_state (pipeline, GST_STATE_READY);
  } else if (g_str_equal (verb, "wait")) {
    g_usleep ((gulong) (argument * 1000));
  } else if (g_str_equal (verb, "seek")) {
    seek (player, 1, (GstClockTime) (argument * RATE) * FRAME);
  } else if (g_str_equal (verb, "rate")) {
    seek (player, argument, argument > 0 ? GST_SECOND : 9 * GST_SECOND);
  } else if (g_str_equal (verb, "show")) {
    /* Paused: there and nowhere else. */
    GstClockTime time = (GstClockTime) (argument * RATE) * FRAME;

    seek (player, 1, time);
    assert_shows (player, other, time);
  } else if (g_str_equal (verb, "scrub")) {
    /* A slider that is drawn along, faster than frames come; then let go. */
    for (i = 0; i < (guint) argument; i++)
      seek (player, 1, (i * 7 % (SECONDS * RATE)) * FRAME);
    assert_shows (player, other, ((i - 1) * 7 % (SECONDS * RATE)) * FRAME);
  } else if (g_str_equal (verb, "step")) {
    for (i = 0; i < (guint) argument; i++) {
      gst_element_send_event (pipeline, gst_event_new_step (GST_FORMAT_BUFFERS,
              1, 1.0, TRUE, FALSE));
      wait_for_state (player);
    }
  } else if (g_str_equal (verb, "random")) {
    /* Anything, in any order, at once. */
    for (i = 0; i < (guint) argument; i++) {
      guint what = stress_random (&player->random, 8);

      if (what == 0)
        gst_element_set_state (pipeline, GST_STATE_PAUSED);
      else if (what == 1)
        gst_element_set_state (pipeline, GST_STATE_PLAYING);
      else if (what == 2)
        seek (player, -1 - stress_random (&player->random, 3),
            somewhere (player) + FRAME);
      else if (what == 3)
        g_usleep (stress_random (&player->random, 2000));
      else
        seek (player, what == 4 ? 2 : 1, somewhere (player));
    }
  } else {
    return FALSE;
  }
  stress_assert_no_error (player->bus);
  return TRUE;
}

/* "VERB[=NUMBER] ...". */
static void
play_scenario (const gchar * properties, const gchar * scenario)
{
  gchar **words = g_strsplit (scenario, " ", -1);
  Player player, other;
  guint i;

  player_open (&player, properties);
  player_open (&other, properties);
  for (i = 0; words[i]; i++) {
    gchar **parts = g_strsplit (words[i], "=", 2);

    g_assert_true (act (&player, &other, parts[0],
            parts[1] ? g_ascii_strtod (parts[1], NULL) : 0));
    g_strfreev (parts);
  }
  g_test_message ("%s: %u seeks, %u frames", scenario, player.n_seeks,
      player.n_frames);
  player_close (&player);
  player_close (&other);
  g_strfreev (words);
}

static const gchar *const scenarios[] = {
  "pause show=3 show=7.4 show=0 show=9.96",
  "play wait=100 pause show=2 play wait=50 seek=8 wait=50 pause show=1",
  "pause scrub=40 scrub=11 play wait=60 pause scrub=3",
  "play rate=-1 wait=150 rate=2 wait=100 rate=-4 wait=100 pause show=5",
  "pause play pause play pause play pause play pause show=4",
  "pause seek=1 step=10 show=6 step=3 play wait=50 stop pause show=6",
  "play stop play stop pause stop play seek=5 stop play wait=40 pause show=2",
};

static void
test_scenario (gconstpointer scenario)
{
  play_scenario ("", scenario);
  play_scenario ("lookahead=4 smoothing=1", scenario);
  play_scenario ("inference-interval=5", scenario);
}

/* Storms, without growth: in the end it still shows what it is told to. */
static void
test_storm (gconstpointer properties)
{
  const guint n = stress_count (5, 100);
  Player player, other;
  gsize before = 0;
  guint i;

  player_open (&player, properties);
  player_open (&other, properties);
  player.random = 11;
  act (&player, NULL, "play", 0);
  for (i = 0; i < n; i++) {
    act (&player, NULL, "random", 20);
    act (&player, NULL, "pause", 0);
    act (&player, &other, "show", (gdouble) (i % SECONDS));
    if (i == n / 10)
      before = stress_allocated ();
  }
  g_test_message ("%u seeks, %u frames", player.n_seeks, player.n_frames);
  stress_assert_no_growth (before, "storm");
  player_close (&player);
  player_close (&other);
  stress_assert_no_objects ();
}

int
main (int argc, char **argv)
{
  static const gchar *const plugins[] =
      { "coreelements", "videotestsrc", NULL };
  guint i;

  stress_begin (&argc, &argv, plugins);
  for (i = 0; i < G_N_ELEMENTS (scenarios); i++) {
    gchar *name = g_strdup_printf ("/stress/scenarios/%u", i + 1);

    g_test_add_data_func (name, scenarios[i], test_scenario);
    g_free (name);
  }
  g_test_add_data_func ("/stress/scenarios/storm", "", test_storm);
  g_test_add_data_func ("/stress/scenarios/storm-lookahead", "lookahead=8",
      test_storm);
  return stress_end (g_test_run ());
}
