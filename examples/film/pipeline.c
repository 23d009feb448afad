/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pipeline.h"

/* What a track may have waiting, compressed, before the others must catch up. */
#define QUEUE_BYTES (16u << 20)

/* Leads @from through the multiqueue; returns the pad where it comes out. */
static GstPad *through_queue(Film *film, GstPad *from)
{
    GstPad *entry = gst_element_request_pad_simple(film->queue, "sink_%u");
    GstIterator *links = gst_pad_iterate_internal_links(entry);
    GValue item = G_VALUE_INIT;
    GstPad *exit = NULL;

    if (gst_iterator_next(links, &item) == GST_ITERATOR_OK) {
        exit = g_value_dup_object(&item);
        g_value_unset(&item);
    }
    gst_iterator_free(links);
    if (gst_pad_link(from, entry) != GST_PAD_LINK_OK)
        g_clear_pointer(&exit, gst_object_unref);
    gst_object_unref(entry);
    return exit;
}

/* The parser that makes of @caps what the muxer takes, such as ADTS into raw AAC; NULL: none. */
static GstElement *find_parser(Film *film, FilmKind kind, const GstCaps *caps)
{
    GList *all = gst_element_factory_list_get_elements(GST_ELEMENT_FACTORY_TYPE_PARSER, GST_RANK_MARGINAL);
    GList *fitting = gst_element_factory_list_filter(all, caps, GST_PAD_SINK, FALSE);
    GstPadTemplate *template = gst_element_get_pad_template(film->muxer, film_kind_template(kind));
    GstElement *parser = NULL;

    if (template != NULL) {
        GstCaps *accepted = gst_pad_template_get_caps(template);

        for (GList *at = fitting; at != NULL && parser == NULL; at = at->next)
            if (gst_element_factory_can_src_any_caps(at->data, accepted))
                parser = gst_element_factory_create(at->data, NULL);
        gst_caps_unref(accepted);
    }
    gst_plugin_feature_list_free(fitting);
    gst_plugin_feature_list_free(all);
    return parser;
}

static GstPad *through_parser(Film *film, GstPad *from, GstElement *parser)
{
    GstPad *entry;

    gst_bin_add(GST_BIN(film->pipeline), parser);
    entry = gst_element_get_static_pad(parser, "sink");
    gst_pad_link(from, entry);
    gst_object_unref(entry);
    gst_element_sync_state_with_parent(parser);
    return gst_element_get_static_pad(parser, "src");
}

static void leave_out(Film *film, FilmKind kind, GstPad *pad, const GstCaps *caps)
{
    char *track = film_track_describe(kind, film->count[kind], pad, caps);
    GstElement *matroska = film->container->keeps_chapters ? NULL : film_container_make_muxer(film_container_for(".mkv"));
    gboolean way_out = FALSE;

    if (matroska != NULL) {
        GstCaps *plain = film_track_plain_text_caps(caps);

        gst_object_ref_sink(matroska);
        way_out = kind != FILM_VIDEO && film_kind_template(kind) != NULL &&
                  film_muxer_accepts(matroska, film_kind_template(kind), plain);
        gst_caps_unref(plain);
        gst_object_unref(matroska);
    }
    film_post(GST_OBJECT(film->pipeline), FALSE,
              kind == FILM_VIDEO
                  ? g_strdup_printf("%s is left out: one video is coloured, the first", track)
                  : g_strdup_printf("%s is left out: GStreamer cannot write it into %s%s", track, film->container->name,
                                    way_out ? "; a name that ends in .mkv keeps it" : ""));
    g_free(track);
}

static void add_video(Film *film, GstPad *pad)
{
    GstPad *exit = through_queue(film, pad);
    GstPad *entry = gst_element_get_static_pad(film->decoder, "sink");

    g_mutex_lock(&film->video.lock);
    film->video_pad = gst_object_ref(pad);
    g_mutex_unlock(&film->video.lock);
    if (exit == NULL || gst_pad_link(exit, entry) != GST_PAD_LINK_OK)
        film_post(GST_OBJECT(film->pipeline), TRUE, g_strdup("the video cannot be linked to its decoder"));
    g_clear_pointer(&exit, gst_object_unref);
    gst_object_unref(entry);
}

/* Through the queue, and through a parser where the muxer wants another framing, to a pad of the muxer. */
static gboolean carry(Film *film, FilmKind kind, GstPad *pad, const GstCaps *caps)
{
    GstCaps *plain = film_track_plain_text_caps(caps);
    gboolean fits = film_muxer_accepts(film->muxer, film_kind_template(kind), plain);
    GstElement *parser = fits ? NULL : find_parser(film, kind, plain);
    GstPad *queue_pad, *last, *muxer_pad;
    gboolean linked;

    gst_caps_unref(plain);
    if (!fits && parser == NULL)
        return FALSE;
    queue_pad = through_queue(film, pad);
    last = parser ? through_parser(film, queue_pad, parser) : gst_object_ref(queue_pad);
    muxer_pad = gst_element_request_pad_simple(film->muxer, film_kind_template(kind));
    g_mutex_lock(&film->video.lock);
    g_ptr_array_add(film->tracks, film_track_new(kind, queue_pad, last, &film->video.lock, &film->video.cut));
    g_mutex_unlock(&film->video.lock);
    linked = muxer_pad != NULL && gst_pad_link(last, muxer_pad) == GST_PAD_LINK_OK;
    g_clear_pointer(&muxer_pad, gst_object_unref);
    gst_object_unref(last);
    gst_object_unref(queue_pad);
    return linked;
}

static void on_track(GstElement *parsebin, GstPad *pad, Film *film)
{
    GstCaps *caps = gst_pad_get_current_caps(pad);
    FilmKind kind;

    (void)parsebin;
    if (caps == NULL)
        caps = gst_pad_query_caps(pad, NULL);
    kind = gst_caps_is_empty(caps) || gst_caps_is_any(caps) ? FILM_OTHER : film_kind(pad, caps);
    film->count[kind]++;
    if (kind == FILM_VIDEO && film->video_pad == NULL)
        add_video(film, pad);
    else if (kind == FILM_VIDEO || film_kind_template(kind) == NULL || !carry(film, kind, pad, caps))
        leave_out(film, kind, pad, caps);
    gst_caps_unref(caps);
}

static void on_all_tracks(GstElement *parsebin, Film *film)
{
    (void)parsebin;
    if (film->video_pad == NULL)
        film_post(GST_OBJECT(film->pipeline), TRUE, g_strdup_printf("%s: no video track", film->options->in));
}

static void on_decoded_pad(GstElement *decoder, GstPad *pad, Film *film)
{
    GstPad *entry = gst_element_get_static_pad(film->video.head, "sink");

    (void)decoder;
    if (!gst_pad_is_linked(entry) && gst_pad_link(pad, entry) != GST_PAD_LINK_OK)
        film_post(GST_OBJECT(film->pipeline), TRUE, g_strdup("the decoder does not give pictures"));
    gst_object_unref(entry);
}

static gboolean build(Film *film, GError **error)
{
    GstBin *bin = GST_BIN(film->pipeline);
    GstElement *source, *parsebin, *sink;

    if (!(source = film_make(bin, "filesrc", "libgstreamer1.0-0", error)) ||
        !(parsebin = film_make(bin, "parsebin", "gstreamer1.0-plugins-base", error)) ||
        !(film->queue = film_make(bin, "multiqueue", "libgstreamer1.0-0", error)) ||
        !(film->decoder = film_make(bin, "decodebin", "gstreamer1.0-plugins-base", error)) ||
        !film_video_init(&film->video, bin, film->options, error) ||
        !(sink = film_make(bin, "filesink", "libgstreamer1.0-0", error)))
        return FALSE;
    film->muxer = film_container_make_muxer(film->container);
    if (film->muxer == NULL) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                    "GStreamer's element %s is missing: install gstreamer1.0-plugins-good", film->container->muxer);
        return FALSE;
    }
    gst_bin_add(bin, film->muxer);
    g_object_set(source, "location", film->options->in, NULL);
    g_object_set(sink, "location", film->options->part, NULL);
    g_object_set(film->queue, "max-size-buffers", 0, "max-size-time", G_GUINT64_CONSTANT(0), "max-size-bytes",
                 QUEUE_BYTES, NULL);
    g_signal_connect(parsebin, "pad-added", G_CALLBACK(on_track), film);
    g_signal_connect(parsebin, "no-more-pads", G_CALLBACK(on_all_tracks), film);
    g_signal_connect(film->decoder, "pad-added", G_CALLBACK(on_decoded_pad), film);
    if (gst_element_link(source, parsebin) && gst_element_link(film->muxer, sink) &&
        film_video_link(&film->video, film->muxer))
        return TRUE;
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "the film's elements do not fit each other");
    return FALSE;
}

Film *film_new(const FilmOptions *options, GError **error)
{
    Film *film = g_new0(Film, 1);

    film->options = options;
    film->container = film_container_for(strrchr(options->out, '.'));
    film->pipeline = gst_pipeline_new("film");
    film->tracks = g_ptr_array_new_with_free_func((GDestroyNotify)film_track_free);
    if (build(film, error))
        return film;
    film_free(film);
    return NULL;
}

void film_free(Film *film)
{
    gst_element_set_state(film->pipeline, GST_STATE_NULL);
    gst_object_unref(film->pipeline);
    film_video_clear(&film->video);
    g_clear_pointer(&film->video_pad, gst_object_unref);
    g_ptr_array_unref(film->tracks);
    g_free(film);
}

/* The demuxer may have no word for a subtitle track until the file's end: it is ended here. Its thread may be waiting in
 * the muxer until the video has ended, hence not in the thread of the video, nor in the one of the program. */
static void end_subtitles(GstElement *pipeline, gpointer data)
{
    Film *film = data;
    GPtrArray *pads = g_ptr_array_new_with_free_func(gst_object_unref);

    (void)pipeline;
    g_mutex_lock(&film->video.lock);
    for (guint i = 0; i < film->tracks->len; i++) {
        const FilmTrack *track = film->tracks->pdata[i];

        if (track->kind == FILM_SUBTITLE)
            g_ptr_array_add(pads, gst_object_ref(track->pad));
    }
    g_mutex_unlock(&film->video.lock);
    for (guint i = 0; i < pads->len; i++)
        gst_pad_push_event(pads->pdata[i], gst_event_new_eos());
    g_ptr_array_unref(pads);
}

void film_stop(Film *film)
{
    film_video_stop(&film->video);
    gst_element_call_async(film->pipeline, end_subtitles, film, NULL);
}

GstClockTime film_get_duration(Film *film)
{
    gint64 duration = -1;
    GstPad *pad;

    g_mutex_lock(&film->video.lock);
    pad = film->video_pad ? gst_object_ref(film->video_pad) : NULL;
    g_mutex_unlock(&film->video.lock);
    if (pad == NULL)
        return GST_CLOCK_TIME_NONE;
    gst_pad_query_duration(pad, GST_FORMAT_TIME, &duration);
    gst_object_unref(pad);
    return duration > 0 ? (GstClockTime)duration : GST_CLOCK_TIME_NONE;
}

/* Whether the muxer waits for what comes out of @pad, and nothing is there. */
static gboolean muxer_starves(const Film *film, GstPad *pad)
{
    guint level = 0;

    g_object_get(pad, "current-level-buffers", &level, NULL);
    if (level > 0 || GST_PAD_IS_EOS(pad))
        return FALSE;
    for (guint i = 0; i < film->tracks->len; i++) {
        const FilmTrack *track = film->tracks->pdata[i];

        if (track->queue_pad == pad && track->kind == FILM_SUBTITLE)
            return film->container->waits_for_text;
    }
    return TRUE;
}

void film_relieve(Film *film)
{
    gboolean starves = FALSE, full = FALSE;
    guint limit, level;
    GList *pads;

    GST_OBJECT_LOCK(film->queue);
    pads = g_list_copy(film->queue->srcpads);
    for (GList *at = pads; at != NULL; at = at->next)
        gst_object_ref(at->data);
    GST_OBJECT_UNLOCK(film->queue);
    g_object_get(film->queue, "max-size-bytes", &limit, NULL);
    g_mutex_lock(&film->video.lock);
    for (GList *at = pads; at != NULL; at = at->next) {
        g_object_get(at->data, "current-level-bytes", &level, NULL);
        full = full || level >= limit;
        starves = starves || muxer_starves(film, at->data);
    }
    g_mutex_unlock(&film->video.lock);
    g_list_free_full(pads, gst_object_unref);
    if (full && starves && limit <= G_MAXUINT / 2)
        g_object_set(film->queue, "max-size-bytes", limit * 2, NULL);
}
