/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pipeline.h"

#include "chapters.h"

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
    GList *all =
        gst_element_factory_list_get_elements(GST_ELEMENT_FACTORY_TYPE_PARSER, GST_RANK_MARGINAL);
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

static GstPad *through(Film *film, GstPad *from, GstElement *element)
{
    GstPad *entry;

    gst_bin_add(GST_BIN(film->pipeline), element);
    entry = gst_element_get_static_pad(element, "sink");
    gst_pad_link(from, entry);
    gst_object_unref(entry);
    gst_element_sync_state_with_parent(element);
    return gst_element_get_static_pad(element, "src");
}

/* What stands between a track and the muxer, where it does not go in as it is: a parser for another
 * framing, a change of caps for text. */
static GstElement *make_adapter(Film *film, FilmKind kind, const GstCaps *caps)
{
    GstElement *adapter;

    if (!film_track_is_markup(caps))
        return find_parser(film, kind, caps);
    adapter = gst_element_factory_make("capssetter", NULL);
    if (adapter != NULL)
        gst_util_set_object_arg(G_OBJECT(adapter), "caps", "text/x-raw, format=(string)utf8");
    if (adapter != NULL)
        g_object_set(adapter, "join", FALSE, "replace", TRUE, NULL);
    return adapter;
}

static gboolean matroska_holds(FilmKind kind, const GstCaps *caps)
{
    GstElement *muxer = film_container_make_muxer(film_container_for(".mkv"));
    gboolean holds;

    if (muxer == NULL)
        return FALSE;
    gst_object_ref_sink(muxer);
    holds = film_track_is_markup(caps) || film_muxer_accepts(muxer, film_kind_template(kind), caps);
    gst_object_unref(muxer);
    return holds;
}

static void leave_out(Film *film, FilmKind kind, GstPad *pad, const GstCaps *caps)
{
    char *track = film_track_describe(kind, film->count[kind], pad, caps);
    char *text;

    if (kind == FILM_VIDEO)
        text = g_strdup_printf("%s is left out: one video is coloured, the first", track);
    else
        text = g_strdup_printf(
            "%s is left out: GStreamer cannot write it into %s%s", track, film->container->name,
            kind != FILM_OTHER && !film->container->open_ended && matroska_holds(kind, caps)
                ? "; a name that ends in .mkv keeps it"
                : "");
    film_post(GST_OBJECT(film->pipeline), FALSE, text);
    g_free(track);
}

static void add_video(Film *film, GstPad *pad)
{
    GstPad *exit = through_queue(film, pad);
    GstPad *entry = gst_element_get_static_pad(film->decoder, "sink");

    film->video.timeline.as_stamped = film->as_stamped;
    g_mutex_lock(&film->video.lock);
    film->video_pad = gst_object_ref(pad);
    g_mutex_unlock(&film->video.lock);
    if (exit == NULL || gst_pad_link(exit, entry) != GST_PAD_LINK_OK)
        film_post(GST_OBJECT(film->pipeline), TRUE,
                  g_strdup("the video cannot be linked to its decoder"));
    g_clear_pointer(&exit, gst_object_unref);
    gst_object_unref(entry);
}

/* Through the queue to a pad of the muxer. */
static gboolean carry(Film *film, FilmKind kind, GstPad *pad, const GstCaps *caps)
{
    gboolean fits = film_muxer_accepts(film->muxer, film_kind_template(kind), caps);
    GstElement *adapter = fits ? NULL : make_adapter(film, kind, caps);
    GstPad *queue_pad, *last, *muxer_pad;
    FilmTrack *track;
    gboolean linked;

    if (!fits && adapter == NULL)
        return FALSE;
    queue_pad = through_queue(film, pad);
    last = adapter ? through(film, queue_pad, adapter) : gst_object_ref(queue_pad);
    muxer_pad = gst_element_request_pad_simple(film->muxer, film_kind_template(kind));
    g_mutex_lock(&film->video.lock);
    track = film_track_new(kind, queue_pad, last, &film->video.lock, &film->video.cut);
    track->markup = film_track_is_markup(caps);
    track->timeline.as_stamped = film->as_stamped;
    g_ptr_array_add(film->tracks, track);
    g_mutex_unlock(&film->video.lock);
    linked = muxer_pad != NULL && gst_pad_link(last, muxer_pad) == GST_PAD_LINK_OK;
    /* A muxer waits forever for a pad that leads nowhere. */
    if (muxer_pad != NULL && !linked)
        gst_element_release_request_pad(film->muxer, muxer_pad);
    g_clear_pointer(&muxer_pad, gst_object_unref);
    gst_object_unref(last);
    gst_object_unref(queue_pad);
    return linked;
}

/* parsebin shows all tracks before the first of them has data. */
static GstPadProbeReturn on_first_data(GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
    Film *film = data;
    GstEvent *chapters = gst_pad_get_sticky_event(pad, GST_EVENT_TOC, 0);

    (void)info;
    if (film->count[FILM_VIDEO] == 0)
        film_post(GST_OBJECT(film->pipeline), TRUE,
                  g_strdup_printf("%s: no video track", film->options->in));
    if ((chapters != NULL || film->chapters != NULL) && pad == film->video_pad &&
        !film->container->keeps_chapters)
        film_post(GST_OBJECT(film->pipeline), FALSE,
                  g_strdup_printf("the chapters are left out: GStreamer cannot write them into %s; "
                                  "a name that ends in .mkv "
                                  "keeps them",
                                  film->container->name));
    if (chapters != NULL)
        gst_event_unref(chapters);
    return GST_PAD_PROBE_REMOVE;
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
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, on_first_data, film, NULL);
    if (kind == FILM_VIDEO && film->video_pad == NULL)
        add_video(film, pad);
    else if (kind == FILM_VIDEO || film_kind_template(kind) == NULL ||
             !carry(film, kind, pad, caps))
        leave_out(film, kind, pad, caps);
    gst_caps_unref(caps);
}

/* ssaparse and its like are taken for parsers, but throw the styles away. */
static gboolean on_parse_further(GstElement *parsebin, GstPad *pad, GstCaps *caps, Film *film)
{
    (void)parsebin;
    return film_kind(pad, caps) != FILM_SUBTITLE ||
           !film_muxer_accepts(film->muxer, film_kind_template(FILM_SUBTITLE), caps);
}

static void on_element(GstBin *parsebin, GstElement *element, Film *film)
{
    GstElementFactory *factory = gst_element_get_factory(element);

    (void)parsebin;
    if (factory != NULL && g_str_equal(GST_OBJECT_NAME(factory), "matroskademux"))
        film->as_stamped = TRUE;
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
                    "GStreamer's element %s is missing: install gstreamer1.0-plugins-good",
                    film->container->muxer);
        return FALSE;
    }
    gst_bin_add(bin, film->muxer);
    film->chapters = film_chapters_read(film->options->in);
    if (film->chapters != NULL && film->container->keeps_chapters)
        gst_toc_setter_set_toc(GST_TOC_SETTER(film->muxer), film->chapters);
    g_object_set(source, "location", film->options->in, NULL);
    g_object_set(sink, "location", film->options->part, NULL);
    g_object_set(film->queue, "max-size-buffers", 0, "max-size-time", G_GUINT64_CONSTANT(0),
                 "max-size-bytes", QUEUE_BYTES, NULL);
    g_signal_connect(parsebin, "element-added", G_CALLBACK(on_element), film);
    g_signal_connect(parsebin, "autoplug-continue", G_CALLBACK(on_parse_further), film);
    g_signal_connect(parsebin, "pad-added", G_CALLBACK(on_track), film);
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
    if (film->chapters != NULL)
        gst_toc_unref(film->chapters);
    g_free(film);
}

/* The demuxer may have no word for a subtitle track until the file's end: it is ended here. Its
 * thread may be waiting in the muxer until the video has ended, hence not in the thread of the
 * video, nor in the one of the program. */
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
