/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/json.h"

#include <mleu/error.h>

#define DEPTH_MAX 16

/* The end of the string that starts behind the quote at @at; @length where it is not closed. */
static gsize string_end(const char *text, gsize length, gsize at)
{
    while (at < length && text[at] != '"')
        at += text[at] == '\\' ? 2 : 1;
    return MIN(at, length);
}

gboolean mleu_json_check(const char *text, gsize length, const char *what, GError **error)
{
    /* One set of names for each open object, NULL for an array. */
    GHashTable *names[DEPTH_MAX] = {NULL};
    gboolean is_object[DEPTH_MAX] = {FALSE};
    gsize depth = 0;
    gboolean expect_name = FALSE;
    gboolean good = TRUE;

    for (gsize at = 0; at < length && good; at++) {
        switch (text[at]) {
        case '{':
        case '[':
            if (depth == DEPTH_MAX) {
                g_set_error(error, MLEU_ERROR, MLEU_ERROR_FORMAT, "%s: JSON nested deeper than %d",
                            what, DEPTH_MAX);
                good = FALSE;
                break;
            }
            is_object[depth] = text[at] == '{';
            names[depth] = is_object[depth]
                               ? g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)
                               : NULL;
            expect_name = is_object[depth];
            depth++;
            break;
        case '}':
        case ']':
            if (depth > 0) {
                depth--;
                g_clear_pointer(&names[depth], g_hash_table_unref);
            }
            expect_name = FALSE;
            break;
        case ',':
            expect_name = depth > 0 && is_object[depth - 1];
            break;
        case '"': {
            const gsize end = string_end(text, length, at + 1);
            if (expect_name && depth > 0 && names[depth - 1] != NULL) {
                /* An escaped spelling of the same name would slip through: escapes are refused in
                 * names. */
                char *name = g_strndup(text + at + 1, end - at - 1);
                if (strchr(name, '\\') != NULL) {
                    g_set_error(error, MLEU_ERROR, MLEU_ERROR_FORMAT,
                                "%s: the name \"%s\" has an escape, which model files do not use",
                                what, name);
                    g_free(name);
                    good = FALSE;
                } else if (!g_hash_table_contains(names[depth - 1], name)) {
                    g_hash_table_add(names[depth - 1], name);
                } else {
                    g_set_error(error, MLEU_ERROR, MLEU_ERROR_FORMAT,
                                "%s: the name \"%s\" stands twice in one object", what, name);
                    g_free(name);
                    good = FALSE;
                }
                expect_name = FALSE;
            }
            at = end;
            break;
        }
        default:
            break;
        }
    }
    while (depth > 0)
        g_clear_pointer(&names[--depth], g_hash_table_unref);
    return good;
}

JsonNode *mleu_json_parse(const char *text, gsize length, const char *what, GError **error)
{
    if (!mleu_json_check(text, length, what, error))
        return NULL;

    JsonParser *parser = json_parser_new_immutable();
    GError *parse_error = NULL;
    JsonNode *root = NULL;
    if (length > G_MAXSSIZE ||
        !json_parser_load_from_data(parser, text, (gssize)length, &parse_error)) {
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_FORMAT, "%s: not valid JSON: %s", what,
                    parse_error != NULL ? parse_error->message : "too long");
    } else {
        root = json_parser_steal_root(parser);
        if (root == NULL || !JSON_NODE_HOLDS_OBJECT(root)) {
            g_set_error(error, MLEU_ERROR, MLEU_ERROR_FORMAT, "%s: not a JSON object", what);
            g_clear_pointer(&root, json_node_unref);
        }
    }
    g_clear_error(&parse_error);
    g_object_unref(parser);
    return root;
}

gboolean mleu_json_whole(JsonNode *node, guint64 max, guint64 *value)
{
    if (node == NULL || !JSON_NODE_HOLDS_VALUE(node) ||
        json_node_get_value_type(node) != G_TYPE_INT64)
        return FALSE;
    const gint64 number = json_node_get_int(node);
    if (number < 0 || (guint64)number > max)
        return FALSE;
    *value = (guint64)number;
    return TRUE;
}
