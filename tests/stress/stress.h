/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "common.h"

/* What the stress tests share: how often, and what must not grow. */

/* test_begin() and test_end(), with GStreamer's leaks tracer. */
void            stress_begin                    (int *argc, char ***argv,
                                                 const gchar * const *plugins);

int             stress_end                      (int result);

/* Whether MLEU_STRESS=full is set. */
gboolean        stress_is_full                  (void);

/* @few, or @full where MLEU_STRESS=full is set. */
guint           stress_count                    (guint few, guint full);

/* Bytes that malloc() has given and not got back, in the environment that
 * meson.build sets; 0 under a sanitizer, whose malloc() does not say. */
gsize           stress_allocated                (void);

/* Bytes of physical memory. */
gsize           stress_resident                 (void);

guint           stress_threads                  (void);

/* Asserts that what is allocated is no more than @before, but for what GLib
 * and GStreamer keep by and by. */
void            stress_assert_no_growth         (gsize before,
                                                 const gchar * what);

/* Asserts that no element, pad, buffer or the like is alive. */
void            stress_assert_no_objects        (void);

/* Asserts that @bus has no error; throws other messages away. */
void            stress_assert_no_error          (GstBus * bus);

/* 0 .. @end - 1, the same on every machine. */
guint           stress_random                   (guint32 * state, guint end);

/* Times in milliseconds: adds one, and says median, 99th per cent and worst. */
void            stress_time                     (GArray * times, gint64 begin);

gdouble         stress_say_times                (GArray * times,
                                                 const gchar * what);
