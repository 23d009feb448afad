/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/**
 * mleu_try_new0: zeroed memory for @count of @type, of one at least, so that %NULL always means
 * that there is none; freed by g_free().
 *
 * Everything whose size follows from a file, a frame or a setting is allocated by this, and a
 * failure ends as %MLEU_ERROR_NO_MEMORY. GLib's strings and containers, and the JSON of a header
 * of at most a megabyte, end the process where there is no memory, as in every program of GLib's.
 */
#define mleu_try_new0(type, count) \
    ((type *)g_try_malloc0_n(MAX((gsize)(count), 1), sizeof(type)))
