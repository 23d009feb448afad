/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/**
 * mleu_json_check:
 *
 * Refuses what json-glib would take in silence or die of: nesting deeper than 16, which its
 * recursive parser and destructor pay with stack, and member names that repeat within one object,
 * of which it keeps the last.
 *
 * Returns: %FALSE with @error (%MLEU_ERROR_FORMAT) set.
 */
gboolean mleu_json_check(const char *text, gsize length, const char *what, GError **error);

/**
 * mleu_json_parse: checks and parses; the root must be an object.
 *
 * Returns: (transfer full): the root node, or %NULL with @error (%MLEU_ERROR_FORMAT) set, @what at
 * its front.
 */
JsonNode *mleu_json_parse(const char *text, gsize length, const char *what, GError **error);

/** A whole number 0..@max as an integer member or array element. Returns: %FALSE where @node is no
 * such thing. */
gboolean mleu_json_whole(JsonNode *node, guint64 max, guint64 *value);

G_END_DECLS
