/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "video.h"

#include <gst/video/video.h>

/* Raw frames between two threads: enough for decoder, network and encoder to work at the same time.
 */
#define RAW_FRAMES 4

/* Frames to come that the colours are made from: 4 are nearly as good, 16 hardly better
 * (tests/quality/README.md). */
#define LOOKAHEAD 8

/* Frames from one key frame to the next at most: how far a player must decode to jump. */
#define KEY_FRAMES 120

GstElement *film_make(GstBin *bin, const char *factory, const char *package, GError **error)
{
    GstElement *element = gst_element_factory_make(factory, NULL);

    if (element == NULL)
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                    "GStreamer's element %s is missing: install %s", factory, package);
    else
        gst_bin_add(bin, element);
    return element;
}

void film_post(GstObject *source, gboolean fatal, char *text)
{
    gst_element_post_message(
        GST_ELEMENT(source),
        gst_message_new_application(source, gst_structure_new(fatal ? "film-error" : "film-warning",
                                                              "text", G_TYPE_STRING, text, NULL)));
    g_free(text);
}

/* H.264 with 4:2:0 has no odd sizes: the last column or row is left out. */
static void on_size(FilmVideo *video, const GstCaps *caps)
{
    GstVideoInfo info;

    if (!gst_video_info_from_caps(&info, caps))
        return;
    if (video->width != 0 && (video->width != info.width || video->height != info.height)) {
        film_post(GST_OBJECT(video->head), TRUE,
                  g_strdup_printf("the picture changes from %dx%d to %dx%d at %.3f s; such films "
                                  "must be cut there first",
                                  video->width, video->height, info.width, info.height,
                                  (double)video->timeline.end / GST_SECOND));
        return;
    }
    if (video->width == 0 && ((info.width | info.height) & 1))
        film_post(GST_OBJECT(video->head), FALSE,
                  g_strdup_printf("%dx%d: H.264 needs even sizes; the last %s left out", info.width,
                                  info.height,
                                  !(info.height & 1)  ? "column is"
                                  : !(info.width & 1) ? "row is"
                                                      : "column and row are"));
    g_object_set(video->crop, "right", info.width & 1, "bottom", info.height & 1, NULL);
    video->width = info.width;
    video->height = info.height;
    video->frame_duration = info.fps_n > 0
                                ? gst_util_uint64_scale_int(GST_SECOND, info.fps_d, info.fps_n)
                                : GST_CLOCK_TIME_NONE;
}

static gboolean note_decoded(FilmVideo *video, GstClockTime pts)
{
    gboolean stopping;

    g_mutex_lock(&video->lock);
    stopping = video->stopping;
    if (stopping) {
        if (!GST_CLOCK_TIME_IS_VALID(video->cut))
            video->cut = pts;
    } else {
        if (video->decoded++ == 0)
            video->first = pts;
    }
    g_mutex_unlock(&video->lock);
    return !stopping;
}

static GstPadProbeReturn on_decoded(GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
    FilmVideo *video = data;

    if (info->type & GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM) {
        GstEvent *event = film_timeline_event(&video->timeline, info->data);

        info->data = event;
        if (GST_EVENT_TYPE(event) == GST_EVENT_CAPS) {
            GstCaps *caps;

            gst_event_parse_caps(event, &caps);
            on_size(video, caps);
        }
        return GST_PAD_PROBE_OK;
    }
    GstBuffer *frame = film_timeline_buffer(&video->timeline, info->data, video->frame_duration);

    info->data = frame;
    if (note_decoded(video, GST_BUFFER_PTS(frame)))
        return GST_PAD_PROBE_OK;
    gst_buffer_unref(frame);
    info->data = NULL;
    gst_pad_send_event(pad, gst_event_new_eos());
    GST_PAD_PROBE_INFO_FLOW_RETURN(info) = GST_FLOW_EOS;
    return GST_PAD_PROBE_HANDLED;
}

static GstPadProbeReturn on_coloured(GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
    FilmVideo *video = data;

    (void)pad;
    g_mutex_lock(&video->lock);
    video->coloured++;
    video->position = GST_BUFFER_PTS(GST_PAD_PROBE_INFO_BUFFER(info));
    g_mutex_unlock(&video->lock);
    return GST_PAD_PROBE_OK;
}

static GstPadProbeReturn on_encoded(GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
    FilmVideo *video = data;

    (void)pad;
    if (info->type & GST_PAD_PROBE_TYPE_BUFFER) {
        g_mutex_lock(&video->lock);
        video->written++;
        g_mutex_unlock(&video->lock);
    } else if (GST_EVENT_TYPE(info->data) == GST_EVENT_CAPS) {
        GstCaps *caps;

        gst_event_parse_caps(info->data, &caps);
        film_container_set_frame_rate(video->muxer_pad, caps);
    }
    return GST_PAD_PROBE_OK;
}

static void watch(GstElement *element, const char *pad_name, GstPadProbeType type,
                  GstPadProbeCallback callback, FilmVideo *video)
{
    GstPad *pad = gst_element_get_static_pad(element, pad_name);

    gst_pad_add_probe(pad, type, callback, video, NULL);
    gst_object_unref(pad);
}

static gboolean set_up_colorizer(GstElement *colorizer, const FilmOptions *options, GError **error)
{
    g_object_set(colorizer, "lookahead", LOOKAHEAD, NULL);
    for (guint i = 0; i < options->settings->len; i++) {
        const FilmSetting *setting = options->settings->pdata[i];
        GValue value = G_VALUE_INIT;
        gboolean ok = film_setting_check(setting, G_OBJECT(colorizer), &value, error);

        if (ok)
            g_object_set_property(G_OBJECT(colorizer), setting->property, &value);
        if (G_IS_VALUE(&value))
            g_value_unset(&value);
        if (!ok)
            return FALSE;
    }
    g_object_set(colorizer, "recolor", options->recolour, NULL);
    return TRUE;
}

gboolean film_video_init(FilmVideo *video, GstBin *bin, const FilmOptions *options, GError **error)
{
    GstElement *flip, *convert, *format, *colorizer, *coloured;
    GstCaps *caps;

    g_mutex_init(&video->lock);
    film_timeline_init(&video->timeline, FALSE);
    video->cut = video->first = video->position = GST_CLOCK_TIME_NONE;
    if (!(video->head = film_make(bin, "queue", "libgstreamer1.0-0", error)) ||
        !(video->crop = film_make(bin, "videocrop", "gstreamer1.0-plugins-good", error)) ||
        !(flip = film_make(bin, "videoflip", "gstreamer1.0-plugins-good", error)) ||
        !(convert = film_make(bin, "videoconvert", "gstreamer1.0-plugins-base", error)) ||
        !(format = film_make(bin, "capsfilter", "libgstreamer1.0-0", error)) ||
        !(colorizer =
              film_make(bin, "mleucolorize",
                        "this project's plugin (examples/colorize-film builds it)", error)) ||
        !(coloured = film_make(bin, "queue", "libgstreamer1.0-0", error)) ||
        !(video->tail = film_make(bin, "x264enc", "gstreamer1.0-plugins-ugly", error)) ||
        !set_up_colorizer(colorizer, options, error))
        return FALSE;
    g_object_set(video->head, "max-size-buffers", RAW_FRAMES, "max-size-bytes", 0, "max-size-time",
                 G_GUINT64_CONSTANT(0), NULL);
    g_object_set(coloured, "max-size-buffers", RAW_FRAMES, "max-size-bytes", 0, "max-size-time",
                 G_GUINT64_CONSTANT(0), NULL);
    /* The picture is turned upright here: neither muxer of GStreamer 1.22 writes a rotation, and
     * the network knows the world from its feet. */
    gst_util_set_object_arg(G_OBJECT(flip), "video-direction", "auto");
    /* One format in and out of mleucolorize, so that it can pass coloured frames on unchanged. */
    caps = gst_caps_new_simple("video/x-raw", "format", G_TYPE_STRING, "I420", NULL);
    g_object_set(format, "caps", caps, NULL);
    gst_caps_unref(caps);
    /* No B-frames: every frame is written in the order in which it is seen, at its own time. With
     * them, a long pause between two frames would put a later frame farther ahead of an earlier one
     * than a Matroska cluster can say. */
    g_object_set(video->tail, "quantizer", options->quality, "bframes", 0, "key-int-max",
                 KEY_FRAMES, NULL);
    gst_util_set_object_arg(G_OBJECT(video->tail), "pass", "qual");
    gst_util_set_object_arg(G_OBJECT(video->tail), "speed-preset", "fast");

    watch(video->head, "sink", GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM,
          on_decoded, video);
    watch(colorizer, "src", GST_PAD_PROBE_TYPE_BUFFER, on_coloured, video);
    watch(video->tail, "src", GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM,
          on_encoded, video);
    if (gst_element_link_many(video->head, convert, format, video->crop, flip, colorizer, coloured,
                              video->tail, NULL))
        return TRUE;
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "the video's elements do not fit each other");
    return FALSE;
}

gboolean film_video_link(FilmVideo *video, GstElement *muxer)
{
    GstPad *source = gst_element_get_static_pad(video->tail, "src");
    gboolean linked;

    video->muxer_pad = gst_element_request_pad_simple(muxer, "video_%u");
    linked = video->muxer_pad != NULL && gst_pad_link(source, video->muxer_pad) == GST_PAD_LINK_OK;
    gst_object_unref(source);
    return linked;
}

void film_video_clear(FilmVideo *video)
{
    g_clear_pointer(&video->muxer_pad, gst_object_unref);
    g_mutex_clear(&video->lock);
}

void film_video_stop(FilmVideo *video)
{
    g_mutex_lock(&video->lock);
    video->stopping = TRUE;
    g_mutex_unlock(&video->lock);
}
