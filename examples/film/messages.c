/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "messages.h"

#include <gst/pbutils/pbutils.h>
#include <string.h>

char *film_missing_decoder(const Film *film, GstMessage *message)
{
    char *description, *text;

    /* Sound and subtitles need no decoder; only what the video's decodebin misses matters. */
    if (!gst_is_missing_plugin_message(message) ||
        !gst_object_has_as_ancestor(GST_MESSAGE_SRC(message), GST_OBJECT(film->decoder)))
        return NULL;
    description = gst_missing_plugin_message_get_description(message);
    text = g_strdup_printf(
        "%s: GStreamer has no %s here; the Debian packages gstreamer1.0-libav, "
        "gstreamer1.0-plugins-bad and gstreamer1.0-plugins-ugly have the usual ones",
        film->options->in, description);
    g_free(description);
    return text;
}

static gboolean comes_from(const Film *film, GstMessage *message, const char *factory_name)
{
    GstObject *source = GST_MESSAGE_SRC(message);
    GstElementFactory *factory =
        GST_IS_ELEMENT(source) ? gst_element_get_factory(GST_ELEMENT(source)) : NULL;

    (void)film;
    return factory != NULL && g_str_equal(GST_OBJECT_NAME(factory), factory_name);
}

char *film_explain_error(const Film *film, GstMessage *message, const char *missing)
{
    const char *in = film->options->in;
    GError *error = NULL;
    char *debug = NULL, *text;

    gst_message_parse_error(message, &error, &debug);
    GST_INFO("%s: %s", error->message, debug ? debug : "");
    if (missing != NULL)
        text = g_strdup(missing);
    else if (g_error_matches(error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT))
        text = g_strdup_printf("%s: no space left on the disk; make room there, or "
                               "write OUT to another one, and begin anew",
                               film->options->part);
    else if (comes_from(film, message, "filesink"))
        text = g_strdup_printf("%s: cannot be written: %s", film->options->part, error->message);
    else if (comes_from(film, message, "mleucolorize") || comes_from(film, message, "x264enc"))
        text = g_strdup(error->message);
    else if (g_error_matches(error, GST_STREAM_ERROR, GST_STREAM_ERROR_TYPE_NOT_FOUND) ||
             g_error_matches(error, GST_STREAM_ERROR, GST_STREAM_ERROR_WRONG_TYPE))
        text = g_strdup_printf("%s: not a film in any format that GStreamer knows", in);
    else if (g_error_matches(error, GST_STREAM_ERROR, GST_STREAM_ERROR_DECRYPT) ||
             g_error_matches(error, GST_STREAM_ERROR, GST_STREAM_ERROR_DECRYPT_NOKEY))
        text = g_strdup_printf("%s: encrypted (DRM); it can be played by its own player alone", in);
    else if (debug != NULL && strstr(debug, "not-negotiated") != NULL)
        text = g_strdup_printf("%s: %s cannot handle this kind of video or sound", in,
                               GST_OBJECT_NAME(GST_MESSAGE_SRC(message)));
    else
        text = g_strdup_printf("%s: %s", in, error->message);
    g_error_free(error);
    g_free(debug);
    return text;
}
