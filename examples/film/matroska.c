/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "matroska.h"

#include <string.h>

/* EBML: an element's identifier, the length of its data (the first byte's leading zeros say how
 * many bytes it takes), its data. Other elements know this one's place and size, so that the mended
 * one must be as long: what is left becomes a Void element, which readers skip. */
#define TAG_STRING_ID "\x44\x87"
#define ID_BYTES 2
#define VOID_ID 0xec
#define ONE_BYTE_MAX 126

/* matroskamux sends each element of the tags in a buffer of its own: its text; NULL: it is another
 * element, or its text is as it should be. */
static char *mended_text(const guint8 *data, gsize size)
{
    gsize length_bytes = 1, length;
    GValue value = G_VALUE_INIT;
    char *written, *text = NULL;

    if (size <= ID_BYTES + 1 || memcmp(data, TAG_STRING_ID, ID_BYTES) != 0)
        return NULL;
    length = data[ID_BYTES] & 0x7f;
    if ((data[ID_BYTES] & 0xc0) == 0x40) {
        length_bytes = 2;
        length = (gsize)(data[ID_BYTES] & 0x3f) << 8 | data[ID_BYTES + 1];
    }
    if (ID_BYTES + length_bytes + length != size || data[ID_BYTES + length_bytes] != '"')
        return NULL;
    written = g_strndup((const char *)data + ID_BYTES + length_bytes, length);
    g_value_init(&value, G_TYPE_STRING);
    if (gst_value_deserialize(&value, written))
        text = g_value_dup_string(&value);
    g_value_unset(&value);
    g_free(written);
    return text;
}

static guint8 *put_length(guint8 *at, gsize length)
{
    if (length > ONE_BYTE_MAX)
        *at++ = (guint8)(0x40 | length >> 8);
    *at++ = (guint8)(length > ONE_BYTE_MAX ? length & 0xff : 0x80 | length);
    return at;
}

static GstBuffer *mended_element(const char *text, gsize size)
{
    gsize length = strlen(text), rest;
    guint8 *data = g_malloc0(size), *at = data + ID_BYTES;

    memcpy(data, TAG_STRING_ID, ID_BYTES);
    at = put_length(at, length);
    memcpy(at, text, length);
    at += length;
    rest = size - (gsize)(at - data);
    *at++ = VOID_ID;
    put_length(at, rest - (rest - 2 > ONE_BYTE_MAX ? 3 : 2));
    return gst_buffer_new_wrapped(data, size);
}

static GstPadProbeReturn on_element(GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
    GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER(info);
    GstMapInfo map;
    char *text;

    (void)pad;
    (void)data;
    gst_buffer_map(buffer, &map, GST_MAP_READ);
    text = mended_text(map.data, map.size);
    gst_buffer_unmap(buffer, &map);
    if (text != NULL) {
        GstBuffer *mended = mended_element(text, gst_buffer_get_size(buffer));

        gst_buffer_copy_into(mended, buffer, GST_BUFFER_COPY_METADATA, 0, -1);
        gst_buffer_unref(buffer);
        info->data = mended;
        g_free(text);
    }
    return GST_PAD_PROBE_OK;
}

void film_matroska_mend(GstPad *pad)
{
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, on_element, NULL, NULL);
}
