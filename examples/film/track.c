/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "track.h"

#include <gst/pbutils/pbutils.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    const char *template_name;
} kinds[] = {
    [FILM_VIDEO] = {"video", "video_%u"},
    [FILM_AUDIO] = {"audio", "audio_%u"},
    [FILM_SUBTITLE] = {"subtitle", "subtitle_%u"},
    [FILM_OTHER] = {"data", NULL},
};

const char *film_kind_template(FilmKind kind)
{
    return kinds[kind].template_name;
}

FilmKind film_kind(GstPad *pad, const GstCaps *caps)
{
    const char *name = gst_structure_get_name(gst_caps_get_structure(caps, 0));
    GstStream *stream = gst_pad_get_stream(pad);
    GstStreamType type = stream ? gst_stream_get_stream_type(stream) : GST_STREAM_TYPE_UNKNOWN;

    g_clear_pointer(&stream, gst_object_unref);
    if (type & GST_STREAM_TYPE_VIDEO || g_str_has_prefix(name, "video/") ||
        g_str_has_prefix(name, "image/"))
        return FILM_VIDEO;
    if (type & GST_STREAM_TYPE_AUDIO || g_str_has_prefix(name, "audio/"))
        return FILM_AUDIO;
    if (type & GST_STREAM_TYPE_TEXT || g_str_has_prefix(name, "text/") ||
        g_str_has_prefix(name, "subpicture/") || g_str_has_prefix(name, "subtitle/") ||
        g_str_has_prefix(name, "application/x-subtitle") ||
        g_str_equal(name, "application/x-ssa") || g_str_equal(name, "application/x-ass"))
        return FILM_SUBTITLE;
    return FILM_OTHER;
}

static char *language_of(GstPad *pad)
{
    GstStream *stream = gst_pad_get_stream(pad);
    GstTagList *tags = stream ? gst_stream_get_tags(stream) : NULL;
    char *language = NULL;

    if (tags != NULL) {
        gst_tag_list_get_string(tags, GST_TAG_LANGUAGE_CODE, &language);
        gst_tag_list_unref(tags);
    }
    g_clear_pointer(&stream, gst_object_unref);
    return language;
}

char *film_track_describe(FilmKind kind, guint number, GstPad *pad, const GstCaps *caps)
{
    char *codec = gst_pb_utils_get_codec_description(caps);
    char *language = language_of(pad);
    char *text =
        g_strdup_printf("%s track %u (%s%s%s)", kinds[kind].name, number,
                        codec ? codec : gst_structure_get_name(gst_caps_get_structure(caps, 0)),
                        language ? ", " : "", language ? language : "");

    g_free(codec);
    g_free(language);
    return text;
}

gboolean film_track_is_markup(const GstCaps *caps)
{
    const GstStructure *structure = gst_caps_get_structure(caps, 0);

    return gst_structure_has_name(structure, "text/x-raw") &&
           g_strcmp0(gst_structure_get_string(structure, "format"), "pango-markup") == 0;
}

/* What g_markup_escape_text() makes of one character, back to that character; NULL: @text does not
 * begin with any. */
static const char *unescape(const char *text, gunichar *character)
{
    static const struct {
        const char *entity;
        char character;
    } entities[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}};
    char *end;

    for (guint i = 0; i < G_N_ELEMENTS(entities); i++) {
        if (g_str_has_prefix(text, entities[i].entity)) {
            *character = (gunichar)entities[i].character;
            return text + strlen(entities[i].entity);
        }
    }
    if (!g_str_has_prefix(text, "&#"))
        return NULL;
    *character =
        (gunichar)(text[2] == 'x' ? strtoul(text + 3, &end, 16) : strtoul(text + 2, &end, 10));
    return *end == ';' && g_unichar_validate(*character) ? end + 1 : NULL;
}

/* matroskademux escapes text until the first tag of markup in the track, and nothing from there on.
 * What is in the file is thus the text unescaped, unless it has a '<' of its own: that would have
 * been escaped. */
static GstBuffer *as_in_the_file(FilmTrack *track, GstBuffer *buffer)
{
    GstMapInfo map;
    GString *plain;
    char *text;
    gsize length;

    gst_buffer_map(buffer, &map, GST_MAP_READ);
    track->markup_seen = track->markup_seen || memchr(map.data, '<', map.size) != NULL;
    text = g_strndup((const char *)map.data, map.size);
    gst_buffer_unmap(buffer, &map);
    if (track->markup_seen) {
        g_free(text);
        return buffer;
    }
    plain = g_string_new(NULL);
    for (const char *at = text; *at != '\0';) {
        gunichar character;
        const char *next = *at == '&' ? unescape(at, &character) : NULL;

        if (next != NULL) {
            g_string_append_unichar(plain, character);
            at = next;
        } else {
            g_string_append_c(plain, *at++);
        }
    }
    g_free(text);
    length = plain->len;
    GstBuffer *replacement = gst_buffer_new_wrapped(g_string_free(plain, FALSE), length);

    gst_buffer_copy_into(replacement, buffer, GST_BUFFER_COPY_METADATA, 0, -1);
    gst_buffer_unref(buffer);
    return replacement;
}

static gboolean is_cut(const FilmTrack *track, GstClockTime time)
{
    gboolean cut;

    g_mutex_lock(track->lock);
    cut = GST_CLOCK_TIME_IS_VALID(*track->cut) && time >= *track->cut;
    g_mutex_unlock(track->lock);
    return cut;
}

/* Headers that the caps have too. flacparse does not flag all of its own, and matroskamux writes
 * those it does not know among the frames. */
static gboolean is_header(FilmTrack *track, GstBuffer *buffer)
{
    GstCaps *caps;
    gboolean header;

    if (track->timed || GST_BUFFER_PTS_IS_VALID(buffer) || GST_BUFFER_DTS_IS_VALID(buffer)) {
        track->timed = TRUE;
        return FALSE;
    }
    caps = gst_pad_get_current_caps(track->pad);
    header =
        caps != NULL && gst_structure_has_field(gst_caps_get_structure(caps, 0), "streamheader");
    gst_clear_caps(&caps);
    return header;
}

static GstPadProbeReturn on_data(GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
    FilmTrack *track = data;
    GstBuffer *buffer;

    if (info->type & GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM) {
        track->ended = track->ended || GST_EVENT_TYPE(info->data) == GST_EVENT_EOS;
        info->data = film_timeline_event(&track->timeline, info->data);
        return GST_PAD_PROBE_OK;
    }
    if (is_header(track, info->data))
        return GST_PAD_PROBE_DROP;
    buffer = film_timeline_buffer(&track->timeline, info->data, GST_CLOCK_TIME_NONE);
    if (track->markup)
        buffer = as_in_the_file(track, buffer);
    info->data = buffer;
    if (!is_cut(track, GST_BUFFER_PTS(buffer)))
        return GST_PAD_PROBE_OK;
    gst_buffer_unref(buffer);
    info->data = NULL;
    if (!track->ended)
        gst_pad_push_event(pad, gst_event_new_eos());
    GST_PAD_PROBE_INFO_FLOW_RETURN(info) = GST_FLOW_EOS;
    return GST_PAD_PROBE_HANDLED;
}

FilmTrack *film_track_new(FilmKind kind, GstPad *queue_pad, GstPad *pad, GMutex *lock,
                          const GstClockTime *cut)
{
    FilmTrack *track = g_new0(FilmTrack, 1);

    track->kind = kind;
    track->queue_pad = gst_object_ref(queue_pad);
    track->pad = gst_object_ref(pad);
    track->lock = lock;
    track->cut = cut;
    film_timeline_init(&track->timeline, FALSE);
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_data,
                      track, NULL);
    return track;
}

void film_track_free(FilmTrack *track)
{
    gst_object_unref(track->queue_pad);
    gst_object_unref(track->pad);
    g_free(track);
}
