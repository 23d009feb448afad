/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "stress.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What GLib and GStreamer keep by and by, whatever the count. */
#define SLACK (16 << 10)

void
stress_begin (int *argc, char ***argv, const gchar * const *plugins)
{
  GPtrArray *all = g_ptr_array_new ();

  for (; *plugins; plugins++)
    g_ptr_array_add (all, (gchar *) * plugins);
  g_ptr_array_add (all, (gchar *) "coretracers");
  g_ptr_array_add (all, NULL);
  g_setenv ("GST_TRACERS", "leaks", TRUE);
  test_begin (argc, argv, (const gchar * const *) all->pdata);
  g_ptr_array_unref (all);
}

int
stress_end (int result)
{
  return test_end (result);
}

gboolean
stress_is_full (void)
{
  return g_strcmp0 (g_getenv ("MLEU_STRESS"), "full") == 0;
}

guint
stress_count (guint few, guint full)
{
  return stress_is_full ()? full : few;
}

gsize
stress_allocated (void)
{
  struct mallinfo2 info = mallinfo2 ();

  return info.uordblks + info.hblkhd;
}

gsize
stress_resident (void)
{
  gchar *text;
  gsize pages = 0;

  g_assert_true (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
  g_assert_cmpint (sscanf (text, "%*u %zu", &pages), ==, 1);
  g_free (text);
  return pages * (gsize) sysconf (_SC_PAGESIZE);
}

guint
stress_threads (void)
{
  GDir *tasks = g_dir_open ("/proc/self/task", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (tasks))
    n++;
  g_dir_close (tasks);
  return n;
}

void
stress_assert_no_growth (gsize before, const gchar * what)
{
  gsize now = stress_allocated ();

  g_test_message ("%s: %" G_GSIZE_FORMAT " bytes allocated before, %"
      G_GSIZE_FORMAT " after; %.1f MiB resident", what, before, now,
      stress_resident () / 1048576.0);
  g_assert_cmpuint (now, <=, before + SLACK);
}

/* What @tracer knows to be alive; says what. */
static guint
count_alive (GstTracer * tracer)
{
  GstStructure *info = NULL;
  const GValue *list;
  guint i, n;

  g_signal_emit_by_name (tracer, "get-live-objects", &info);
  list = gst_structure_get_value (info, "live-objects-list");
  n = gst_value_list_get_size (list);
  for (i = 0; i < n; i++) {
    gchar *text = gst_structure_to_string (gst_value_get_structure
        (gst_value_list_get_value (list, i)));

    g_test_message ("alive: %s", text);
    g_free (text);
  }
  gst_structure_free (info);
  return n;
}

void
stress_assert_no_objects (void)
{
  GList *tracers = gst_tracing_get_active_tracers ();

  g_assert_cmpuint (g_list_length (tracers), ==, 1);
  /* A task gives up its own last reference when its thread comes to it, and the
   * tracer's list must not meet it before: it takes that reference away. */
  gst_task_cleanup_all ();
  g_assert_cmpuint (count_alive (tracers->data), ==, 0);
  g_list_free_full (tracers, gst_object_unref);
}

void
stress_assert_no_error (GstBus * bus)
{
  GstMessage *message;

  while ((message = gst_bus_pop (bus))) {
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
      GError *error = NULL;

      gst_message_parse_error (message, &error, NULL);
      g_assert_no_error (error);
    }
    gst_message_unref (message);
  }
}

guint
stress_random (guint32 * state, guint end)
{
  *state = *state * 1664525u + 1013904223u;
  return (guint) (((guint64) * state * end) >> 32);
}

void
stress_time (GArray * times, gint64 begin)
{
  gdouble ms = (gdouble) (g_get_monotonic_time () - begin) * 1e-3;

  g_array_append_val (times, ms);
}

static gint
by_size (gconstpointer a, gconstpointer b)
{
  gdouble x = *(const gdouble *) a, y = *(const gdouble *) b;

  return x < y ? -1 : x > y;
}

/* Returns: the median. */
gdouble
stress_say_times (GArray * times, const gchar * what)
{
  gdouble median;

  g_array_sort (times, by_size);
  median = g_array_index (times, gdouble, times->len / 2);
  g_test_message ("%s: %u times; median %.1f ms, 99 of 100 within %.1f ms, "
      "worst %.1f ms", what, times->len, median,
      g_array_index (times, gdouble, times->len * 99 / 100),
      g_array_index (times, gdouble, times->len - 1));
  return median;
}
