/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "testmodel.h"

static char *folder;

static const char *const plugins[] = {
    "app",
    "audioconvert",
    "audioparsers",
    "audioresample",
    "audiotestsrc",
    "coreelements",
    "debug",
    "flac",
    "isomp4",
    "lame",
    "libav",
    "matroska",
    "playback",
    "typefindfunctions",
    "videoconvertscale",
    "videocrop",
    "videofilter",
    "videoparsersbad",
    "videotestsrc",
    "x264",
};

char *media_path(const char *name)
{
    return g_build_filename(folder, name, NULL);
}

static void link_plugin(const char *name)
{
    char *file = g_strconcat("libgst", name, ".so", NULL);
    char *target = g_build_filename(TEST_SYSTEM_PLUGINS, file, NULL);
    char *link = media_path(file);

    g_assert_no_errno(symlink(target, link));
    g_free(link);
    g_free(target);
    g_free(file);
}

void media_begin(int *argc, char ***argv, const char *const *more)
{
    GError *error = NULL;
    char *path;

    folder = g_dir_make_tmp("mleu-film-XXXXXX", &error);
    g_assert_no_error(error);
    for (guint i = 0; i < G_N_ELEMENTS(plugins); i++)
        link_plugin(plugins[i]);
    for (; more != NULL && *more != NULL; more++)
        link_plugin(*more);
    /* A registry of our own, made in this process: the scanner has no sanitizer's runtime to load
     * our plugin with. */
    g_setenv("GST_PLUGIN_SYSTEM_PATH_1_0", folder, TRUE);
    g_setenv("GST_PLUGIN_PATH_1_0", TEST_PLUGIN_FOLDER, TRUE);
    g_unsetenv("GST_PLUGIN_PATH");
    path = media_path("registry.bin");
    g_setenv("GST_REGISTRY", path, TRUE);
    g_free(path);
    g_setenv("GST_REGISTRY_FORK", "no", TRUE);
    path = media_path("small.safetensors");
    testmodel_write(path);
    g_free(path);
    g_test_init(argc, argv, NULL);
    gst_init(argc, argv);
}

int media_end(int result)
{
    GDir *files;
    const char *name;

    gst_deinit();
    files = g_dir_open(folder, 0, NULL);
    while ((name = g_dir_read_name(files))) {
        char *path = media_path(name);

        g_remove(path);
        g_free(path);
    }
    g_dir_close(files);
    g_rmdir(folder);
    g_clear_pointer(&folder, g_free);
    return result;
}

/* --- reading --- */

static void free_track(gpointer data)
{
    MediaTrack *track = data;

    g_free(track->kind);
    gst_clear_caps(&track->caps);
    g_free(track->language);
    g_free(track->title);
    g_array_unref(track->pts);
    g_array_unref(track->durations);
    g_ptr_array_unref(track->bytes);
    g_free(track);
}

static void read_event(Media *media, MediaTrack *track, GstEvent *event)
{
    if (GST_EVENT_TYPE(event) == GST_EVENT_CAPS) {
        GstCaps *caps;

        gst_event_parse_caps(event, &caps);
        gst_caps_replace(&track->caps, caps);
    } else if (GST_EVENT_TYPE(event) == GST_EVENT_TOC && media->toc == NULL) {
        gst_event_parse_toc(event, &media->toc, NULL);
    } else if (GST_EVENT_TYPE(event) == GST_EVENT_TAG) {
        GstTagList *tags;

        gst_event_parse_tag(event, &tags);
        if (gst_tag_list_get_scope(tags) == GST_TAG_SCOPE_GLOBAL) {
            gst_tag_list_insert(media->tags, tags, GST_TAG_MERGE_REPLACE);
        } else {
            char *text;

            if (gst_tag_list_get_string(tags, GST_TAG_LANGUAGE_CODE, &text)) {
                g_free(track->language);
                track->language = text;
            }
            if (gst_tag_list_get_string(tags, GST_TAG_TITLE, &text)) {
                g_free(track->title);
                track->title = text;
            }
        }
    }
}

typedef struct {
    Media *media;
    MediaTrack *track;
    gboolean as_stamped;
    GstSegment segment;
} Reader;

static GstPadProbeReturn on_data(GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
    Reader *reader = data;
    MediaTrack *track = reader->track;

    (void)pad;
    if (info->type & GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM) {
        if (GST_EVENT_TYPE(info->data) == GST_EVENT_SEGMENT)
            gst_event_copy_segment(info->data, &reader->segment);
        read_event(reader->media, track, info->data);
    } else {
        GstBuffer *buffer = info->data;
        GstClockTime time = GST_BUFFER_PTS(buffer);
        gpointer bytes;
        gsize size;

        /* MP4's edit lists; matroskademux's segments say nothing. */
        if (!reader->as_stamped &&
            gst_segment_to_stream_time_full(&reader->segment, GST_FORMAT_TIME, time, &time) < 0)
            time = 0;

        gst_buffer_extract_dup(buffer, 0, -1, &bytes, &size);
        g_ptr_array_add(track->bytes, g_bytes_new_take(bytes, size));
        g_array_append_val(track->pts, time);
        g_array_append_val(track->durations, GST_BUFFER_DURATION(buffer));
    }
    return GST_PAD_PROBE_OK;
}

static void on_pad(GstElement *demuxer, GstPad *pad, Media *media)
{
    GstElement *pipeline = GST_ELEMENT(gst_object_get_parent(GST_OBJECT(demuxer)));
    GstElement *queue = gst_element_factory_make("queue", NULL),
               *sink = gst_element_factory_make("fakesink", NULL);
    GstPad *entry = gst_element_get_static_pad(queue, "sink");
    MediaTrack *track = g_new0(MediaTrack, 1);
    Reader *reader = g_new0(Reader, 1);
    GstCaps *caps = gst_pad_get_current_caps(pad);

    track->kind = g_strdup(gst_structure_get_name(gst_caps_get_structure(caps, 0)));
    *strchr(track->kind, '/') = '\0';
    gst_caps_unref(caps);
    track->pts = g_array_new(FALSE, FALSE, sizeof(GstClockTime));
    track->durations = g_array_new(FALSE, FALSE, sizeof(GstClockTime));
    track->bytes = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    g_ptr_array_add(media->tracks, track);
    reader->media = media;
    reader->track = track;
    reader->as_stamped = g_str_has_prefix(GST_OBJECT_NAME(demuxer), "matroska");
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_data,
                      reader, g_free);
    g_object_set(queue, "max-size-buffers", 0, "max-size-bytes", 0, "max-size-time",
                 G_GUINT64_CONSTANT(0), NULL);
    g_object_set(sink, "async", FALSE, NULL);
    gst_bin_add_many(GST_BIN(pipeline), queue, sink, NULL);
    gst_element_link(queue, sink);
    gst_element_sync_state_with_parent(sink);
    gst_element_sync_state_with_parent(queue);
    g_assert_cmpint(gst_pad_link(pad, entry), ==, GST_PAD_LINK_OK);
    gst_object_unref(entry);
    gst_object_unref(pipeline);
}

static void run_to_end(GstElement *pipeline)
{
    GstBus *bus = gst_element_get_bus(pipeline);
    GstMessage *message;

    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    message =
        gst_bus_timed_pop_filtered(bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
        GError *error = NULL;
        char *debug = NULL;

        gst_message_parse_error(message, &error, &debug);
        g_error("%s: %s", error->message, debug);
    }
    gst_message_unref(message);
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(bus);
}

Media *media_read(const char *path)
{
    Media *media = g_new0(Media, 1);
    GstElement *pipeline = gst_pipeline_new(NULL),
               *source = gst_element_factory_make("filesrc", NULL);
    GstElement *demuxer = gst_element_factory_make(
        g_str_has_suffix(path, ".mkv") ? "matroskademux" : "qtdemux", NULL);

    media->tracks = g_ptr_array_new_with_free_func(free_track);
    media->tags = gst_tag_list_new_empty();
    g_object_set(source, "location", path, NULL);
    gst_bin_add_many(GST_BIN(pipeline), source, demuxer, NULL);
    gst_element_link(source, demuxer);
    g_signal_connect(demuxer, "pad-added", G_CALLBACK(on_pad), media);
    run_to_end(pipeline);
    gst_object_unref(pipeline);
    return media;
}

void media_free(Media *media)
{
    g_ptr_array_unref(media->tracks);
    if (media->toc != NULL)
        gst_toc_unref(media->toc);
    gst_tag_list_unref(media->tags);
    g_free(media);
}

const MediaTrack *media_track(const Media *media, const char *kind, guint index)
{
    for (guint i = 0; i < media->tracks->len; i++) {
        const MediaTrack *track = media->tracks->pdata[i];

        if (g_str_equal(track->kind, kind) && index-- == 0)
            return track;
    }
    return NULL;
}

guint media_decode(const char *path, MediaFrame frame, gpointer data)
{
    char *launch =
        g_strdup_printf("filesrc location=\"%s\" ! parsebin ! avdec_h264 ! videoconvert ! "
                        "video/x-raw,format=I420 ! appsink name=frames sync=false max-buffers=4",
                        path);
    GstElement *pipeline = gst_parse_launch(launch, NULL);
    GstElement *sink = gst_bin_get_by_name(GST_BIN(pipeline), "frames");
    GstSample *sample;
    guint count = 0;

    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    for (;;) {
        g_signal_emit_by_name(sink, "pull-sample", &sample);
        if (sample == NULL)
            break;
        frame(gst_sample_get_buffer(sample), gst_sample_get_caps(sample), count++, data);
        gst_sample_unref(sample);
    }
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(sink);
    gst_object_unref(pipeline);
    g_free(launch);
    return count;
}

/* --- running --- */

GSubprocess *media_start(const char *in, const char *out, GPtrArray *options)
{
    GPtrArray *arguments = g_ptr_array_new_with_free_func(g_free);
    GError *error = NULL;
    GSubprocess *process;

    g_ptr_array_add(arguments, g_strdup(TEST_PROGRAM));
    g_ptr_array_add(arguments, g_strdup("--render-size=32"));
    g_ptr_array_add(arguments, g_strdup("--threads=1"));
    g_ptr_array_add(arguments, g_strconcat("--model=", folder, "/small.safetensors", NULL));
    for (guint i = 0; options != NULL && i < options->len; i++)
        g_ptr_array_add(arguments, g_strdup(options->pdata[i]));
    if (in != NULL)
        g_ptr_array_add(arguments, g_strdup(in));
    if (out != NULL)
        g_ptr_array_add(arguments, g_strdup(out));
    g_ptr_array_add(arguments, NULL);
    process = g_subprocess_newv((const char *const *)arguments->pdata,
                                G_SUBPROCESS_FLAGS_STDERR_PIPE, &error);
    g_assert_no_error(error);
    g_ptr_array_unref(arguments);
    return process;
}

int media_wait(GSubprocess *process, char **messages)
{
    GError *error = NULL;
    char *text = NULL;
    int status;

    g_subprocess_communicate_utf8(process, NULL, NULL, NULL, &text, &error);
    g_assert_no_error(error);
    g_test_message("%s", text);
    g_assert_true(g_subprocess_get_if_exited(process));
    status = g_subprocess_get_exit_status(process);
    if (messages != NULL)
        *messages = g_steal_pointer(&text);
    g_free(text);
    g_object_unref(process);
    return status;
}

int media_colorize(char **messages, const char *in, const char *out, ...)
{
    GPtrArray *options = g_ptr_array_new();
    char *option;
    va_list args;
    int status;

    va_start(args, out);
    while ((option = va_arg(args, char *)) != NULL)
        g_ptr_array_add(options, option);
    va_end(args);
    status = media_wait(media_start(in, out, options), messages);
    g_ptr_array_unref(options);
    return status;
}

/* --- making --- */

static GstPadProbeReturn on_vary(GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
    guint *count = data;
    /* 25 frames a second with some late, and from the 20th on two seconds later: a pause longer
     * than a lookahead. */
    static const int late_ms[] = {0, 13, 1, 20, 0, 7, 33};
    guint n = (*count)++;

    (void)pad;
    info->data = gst_buffer_make_writable(info->data);
    GST_BUFFER_PTS(GST_BUFFER(info->data)) =
        (n * 40 + (guint)late_ms[n % G_N_ELEMENTS(late_ms)] + (n >= 20 ? 2000 : 0)) * GST_MSECOND;
    GST_BUFFER_DURATION(GST_BUFFER(info->data)) = GST_CLOCK_TIME_NONE;
    return GST_PAD_PROBE_OK;
}

static void push_text(GstElement *source, const char *text, GstClockTime start,
                      GstClockTime duration)
{
    GstBuffer *buffer = gst_buffer_new_wrapped(g_strdup(text), strlen(text));
    GstFlowReturn flow;

    GST_BUFFER_PTS(buffer) = start;
    GST_BUFFER_DURATION(buffer) = duration;
    g_signal_emit_by_name(source, "push-buffer", buffer, &flow);
    gst_buffer_unref(buffer);
}

static void add_text(GstElement *pipeline)
{
    GstElement *source = gst_bin_get_by_name(GST_BIN(pipeline), "text");
    GstFlowReturn flow;

    push_text(source, "Tom & \"Jerry\" > <all>", 200 * GST_MSECOND, 300 * GST_MSECOND);
    push_text(source, "Gr\303\274\303\237e\nzwei", 700 * GST_MSECOND, 250 * GST_MSECOND);
    push_text(source, "<i>now & then</i>", 1100 * GST_MSECOND, 100 * GST_MSECOND);
    push_text(source, "&amp; so on", 1300 * GST_MSECOND, 100 * GST_MSECOND);
    g_signal_emit_by_name(source, "end-of-stream", &flow);
    gst_object_unref(source);
}

static void add_chapters(GstElement *muxer)
{
    static const char *const titles[] = {"The beginning", "Th\303\251 end & more"};
    GstToc *toc = gst_toc_new(GST_TOC_SCOPE_GLOBAL);
    GstTocEntry *edition = gst_toc_entry_new(GST_TOC_ENTRY_TYPE_EDITION, "0");

    for (guint i = 0; i < G_N_ELEMENTS(titles); i++) {
        char *uid = g_strdup_printf("%u", i + 1);
        GstTocEntry *chapter = gst_toc_entry_new(GST_TOC_ENTRY_TYPE_CHAPTER, uid);

        gst_toc_entry_set_start_stop_times(chapter, i * GST_SECOND, (i + 1) * GST_SECOND);
        gst_toc_entry_set_tags(chapter, gst_tag_list_new(GST_TAG_TITLE, titles[i], NULL));
        gst_toc_entry_append_sub_entry(edition, chapter);
        g_free(uid);
    }
    gst_toc_append_entry(toc, edition);
    gst_toc_setter_set_toc(GST_TOC_SETTER(muxer), toc);
    gst_toc_unref(toc);
}

static void start_late(GstElement *muxer, GstClockTime start)
{
    for (GList *at = muxer->sinkpads; at != NULL; at = at->next) {
        GstPad *source = gst_pad_get_peer(at->data);

        gst_pad_set_offset(source, (gint64)start);
        gst_object_unref(source);
    }
}

char *media_make(const MediaRecipe *recipe)
{
    gboolean matroska = g_str_has_suffix(recipe->name, ".mkv");
    char *path = media_path(recipe->name);
    GString *launch = g_string_new(NULL);
    GstElement *pipeline, *muxer, *vary;
    GError *error = NULL;
    guint count = 0;

    g_string_printf(
        launch,
        "%s name=muxer ! filesink location=\"%s\" videotestsrc num-buffers=%u pattern=%s ! "
        "video/x-raw,format=I420,width=96,height=64,framerate=25/1,pixel-aspect-ratio=%s ! %s "
        "identity name=vary ! x264enc bframes=2 b-adapt=false key-int-max=10 "
        "speed-preset=ultrafast ! "
        "h264parse ! muxer. ",
        matroska ? "matroskamux" : "mp4mux", path, recipe->frames, recipe->pattern,
        recipe->aspect ? recipe->aspect : "1/1", recipe->filter ? recipe->filter : "");
    if (recipe->sounds > 0)
        g_string_append_printf(
            launch,
            "audiotestsrc num-buffers=100 samplesperbuffer=1152 ! audio/x-raw,rate=44100 ! %s ! "
            "taginject tags=\"language-code=de\" ! queue ! muxer. ",
            matroska ? "flacenc" : "lamemp3enc");
    if (recipe->sounds > 1)
        g_string_append(launch,
                        "audiotestsrc freq=880 num-buffers=100 samplesperbuffer=1024 ! "
                        "audio/x-raw,rate=44100 ! "
                        "audioconvert ! avenc_aac ! taginject "
                        "tags=\"language-code=fr,title=\\\"Second sound\\\"\" ! queue ! muxer. ");
    if (recipe->text)
        g_string_append(
            launch,
            "appsrc name=text format=time caps=\"text/x-raw,format=utf8\" ! "
            "taginject tags=\"language-code=en\" ! queue ! text/x-raw,format=utf8 ! muxer. ");
    pipeline = gst_parse_launch(launch->str, &error);
    g_assert_no_error(error);
    muxer = gst_bin_get_by_name(GST_BIN(pipeline), "muxer");
    vary = gst_bin_get_by_name(GST_BIN(pipeline), "vary");
    if (recipe->varying) {
        GstPad *pad = gst_element_get_static_pad(vary, "src");

        gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, on_vary, &count, NULL);
        gst_object_unref(pad);
    }
    if (recipe->text)
        add_text(pipeline);
    if (recipe->chapters)
        add_chapters(muxer);
    gst_tag_setter_add_tags(GST_TAG_SETTER(muxer), GST_TAG_MERGE_REPLACE, GST_TAG_TITLE,
                            "Caf\303\251 & Co", GST_TAG_ARTIST, "Someone", NULL);
    start_late(muxer, recipe->start);
    run_to_end(pipeline);
    gst_object_unref(vary);
    gst_object_unref(muxer);
    gst_object_unref(pipeline);
    g_string_free(launch, TRUE);
    return path;
}
