/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A film in an editor's project, by GStreamer Editing Services: on a timeline, with mleucolorize as
 * the clip's effect, whose strength goes from grey to full colour by keyframes. The project is
 * saved, loaded from its file as an editor would, and that is rendered.
 *
 *   editor FILM OUT.mkv PROJECT.xges ["mleucolorize PROPERTY=VALUE..."]
 */
#include <ges/ges.h>
#include <gst/controller/gstinterpolationcontrolsource.h>
#include <gst/pbutils/pbutils.h>
#include <stdio.h>
#include <stdlib.h>

/* From the start of the film to its first frame in full colour. */
#define FADE (2 * GST_SECOND)

/* --- the timeline --- */

/* The size, shape and rate of what is rendered: the film's own. GES would take 1280x720 at 30
 * frames a second. */
static GstCaps *picture_caps(GstDiscovererVideoInfo *video)
{
    GstCaps *caps = gst_caps_new_simple(
        "video/x-raw", "width", G_TYPE_INT, (int)gst_discoverer_video_info_get_width(video),
        "height", G_TYPE_INT, (int)gst_discoverer_video_info_get_height(video),
        "pixel-aspect-ratio", GST_TYPE_FRACTION, (int)gst_discoverer_video_info_get_par_num(video),
        (int)gst_discoverer_video_info_get_par_denom(video), NULL);

    /* 0: frames at uneven distances. */
    if (gst_discoverer_video_info_get_framerate_num(video) > 0)
        gst_caps_set_simple(caps, "framerate", GST_TYPE_FRACTION,
                            (int)gst_discoverer_video_info_get_framerate_num(video),
                            (int)gst_discoverer_video_info_get_framerate_denom(video), NULL);
    return caps;
}

/* A track for pictures, and one for sound where the film has some. */
static gboolean add_tracks(GESTimeline *timeline, GESUriClipAsset *film, GError **error)
{
    GstDiscovererInfo *info = ges_uri_clip_asset_get_info(film);
    GList *video = gst_discoverer_info_get_video_streams(info),
          *audio = gst_discoverer_info_get_audio_streams(info);

    if (video != NULL) {
        GESTrack *track = GES_TRACK(ges_video_track_new());
        GstCaps *caps = picture_caps(video->data);

        ges_track_set_restriction_caps(track, caps);
        gst_caps_unref(caps);
        ges_timeline_add_track(timeline, track);
    } else {
        g_set_error(error, GES_ERROR, GES_ERROR_ASSET_LOADING, "%s: no video in it",
                    ges_asset_get_id(GES_ASSET(film)));
    }
    if (audio != NULL)
        ges_timeline_add_track(timeline, GES_TRACK(ges_audio_track_new()));
    gst_discoverer_stream_info_list_free(audio);
    gst_discoverer_stream_info_list_free(video);
    return video != NULL;
}

/* Times are those of the clip; 0..1 is the range of the property. GES moves the last keyframe of a
 * clip to its end: there is one there. */
static gboolean add_keyframes(GESTrackElement *effect, const char *property)
{
    GstControlSource *source = gst_interpolation_control_source_new();
    GstTimedValueControlSource *keyframes = GST_TIMED_VALUE_CONTROL_SOURCE(source);
    GstClockTime end = GES_TIMELINE_ELEMENT_DURATION(effect);
    gboolean good;

    g_object_set(source, "mode", GST_INTERPOLATION_MODE_LINEAR, NULL);
    gst_timed_value_control_source_set(keyframes, 0, 0.0);
    gst_timed_value_control_source_set(keyframes, MIN(FADE, end), 1.0);
    gst_timed_value_control_source_set(keyframes, end, 1.0);
    good = ges_track_element_set_control_source(effect, source, property, "direct");
    gst_object_unref(source);
    return good;
}

static gboolean add_effect(GESClip *clip, const char *description, GError **error)
{
    GESAsset *asset = ges_asset_request(GES_TYPE_EFFECT, description, error);
    GESBaseEffect *effect = asset != NULL ? GES_BASE_EFFECT(ges_asset_extract(asset, error)) : NULL;

    g_clear_object(&asset);
    if (effect == NULL || !ges_clip_add_top_effect(clip, effect, 0, error))
        return FALSE;
    if (!add_keyframes(GES_TRACK_ELEMENT(effect), "strength")) {
        g_set_error(error, GES_ERROR, GES_ERROR_INVALID_EFFECT_BIN_DESCRIPTION,
                    "\"%s\" has no strength to keyframe", description);
        return FALSE;
    }
    return TRUE;
}

static gboolean save_project(const char *film, const char *effect, const char *project,
                             GError **error)
{
    GESUriClipAsset *asset = ges_uri_clip_asset_request_sync(film, error);
    GESTimeline *timeline;
    gboolean good;

    if (asset == NULL) {
        g_prefix_error(error, "%s: ", film);
        return FALSE;
    }
    timeline = gst_object_ref_sink(ges_timeline_new());
    good = add_tracks(timeline, asset, error);
    if (good) {
        GESClip *clip = ges_layer_add_asset(ges_timeline_append_layer(timeline), GES_ASSET(asset),
                                            0, 0, GST_CLOCK_TIME_NONE, GES_TRACK_TYPE_UNKNOWN);

        good = add_effect(clip, effect, error) &&
               ges_timeline_save_to_uri(timeline, project, NULL, TRUE, error);
    }
    gst_object_unref(timeline);
    gst_object_unref(asset);
    return good;
}

/* --- the project --- */

typedef struct {
    GMainLoop *loop;
    GError *error;
} Run;

static void fail(Run *run, const GError *error)
{
    if (run->error == NULL)
        run->error = g_error_copy(error);
    g_main_loop_quit(run->loop);
}

static void on_asset_error(GESProject *project, GError *error, const char *id, GType type, Run *run)
{
    (void)project;
    (void)id;
    (void)type;
    fail(run, error);
}

static void on_loaded(GESProject *project, GESTimeline *timeline, Run *run)
{
    (void)project;
    (void)timeline;
    g_main_loop_quit(run->loop);
}

/* Assets are looked at on the way: loading takes a main loop. */
static GESTimeline *load_project(Run *run, const char *uri)
{
    GESProject *project = ges_project_new(uri);
    GESTimeline *timeline;

    g_signal_connect(project, "loaded", G_CALLBACK(on_loaded), run);
    g_signal_connect(project, "error-loading-asset", G_CALLBACK(on_asset_error), run);
    timeline = GES_TIMELINE(ges_asset_extract(GES_ASSET(project), &run->error));
    if (timeline != NULL) {
        gst_object_ref_sink(timeline);
        g_main_loop_run(run->loop);
    }
    g_signal_handlers_disconnect_by_data(project, run);
    gst_object_unref(project);
    return timeline;
}

/* --- rendering --- */

/* H.264 with a preset of x264enc's, and FLAC, in Matroska. */
static GstEncodingProfile *make_profile(GESTimeline *timeline)
{
    GstCaps *caps = gst_caps_from_string("video/x-matroska");
    GstEncodingContainerProfile *profile =
        gst_encoding_container_profile_new(NULL, NULL, caps, NULL);

    gst_caps_unref(caps);
    for (GList *at = timeline->tracks; at != NULL; at = at->next) {
        GESTrack *track = at->data;
        gboolean is_video = track->type == GES_TRACK_TYPE_VIDEO;
        GstEncodingProfile *stream;

        caps = gst_caps_from_string(is_video ? "video/x-h264" : "audio/x-flac");
        if (is_video)
            stream =
                GST_ENCODING_PROFILE(gst_encoding_video_profile_new(caps, "Quality High", NULL, 0));
        else
            stream = GST_ENCODING_PROFILE(gst_encoding_audio_profile_new(caps, NULL, NULL, 0));
        gst_caps_unref(caps);
        gst_encoding_container_profile_add_profile(profile, stream);
    }
    return GST_ENCODING_PROFILE(profile);
}

static gboolean on_message(GstBus *bus, GstMessage *message, gpointer data)
{
    Run *run = data;
    GError *error;

    (void)bus;
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS) {
        g_main_loop_quit(run->loop);
    } else if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
        gst_message_parse_error(message, &error, NULL);
        fail(run, error);
        g_error_free(error);
    }
    return G_SOURCE_CONTINUE;
}

static void render(Run *run, GESTimeline *timeline, const char *uri)
{
    GESPipeline *pipeline = gst_object_ref_sink(ges_pipeline_new());
    GstEncodingProfile *profile = make_profile(timeline);
    GstBus *bus = gst_element_get_bus(GST_ELEMENT(pipeline));
    guint watch = gst_bus_add_watch(bus, on_message, run);

    ges_pipeline_set_timeline(pipeline, timeline);
    if (ges_pipeline_set_render_settings(pipeline, uri, profile) &&
        ges_pipeline_set_mode(pipeline, GES_PIPELINE_MODE_RENDER)) {
        /* A failed change of state has its error on the bus. */
        gst_element_set_state(GST_ELEMENT(pipeline), GST_STATE_PLAYING);
        g_main_loop_run(run->loop);
        gst_element_set_state(GST_ELEMENT(pipeline), GST_STATE_NULL);
    } else {
        g_set_error(&run->error, GES_ERROR, GES_ERROR_FORMATTER_MALFORMED_INPUT_FILE,
                    "%s: GStreamer cannot write H.264 into Matroska here", uri);
    }
    g_source_remove(watch);
    gst_object_unref(bus);
    gst_encoding_profile_unref(profile);
    gst_object_unref(pipeline);
}

int main(int argc, char **argv)
{
    const char *effect = argc == 5 ? argv[4] : "mleucolorize";
    Run run = {0};
    char *film, *out, *project;

    if (argc != 4 && argc != 5) {
        fprintf(stderr,
                "Usage: %s FILM OUT.mkv PROJECT.xges [\"mleucolorize PROPERTY=VALUE...\"]\n",
                argv[0]);
        return 2;
    }
    gst_init(NULL, NULL);
    ges_init();
    run.loop = g_main_loop_new(NULL, FALSE);
    film = gst_filename_to_uri(argv[1], NULL);
    out = gst_filename_to_uri(argv[2], NULL);
    project = gst_filename_to_uri(argv[3], NULL);
    if (save_project(film, effect, project, &run.error)) {
        GESTimeline *timeline = load_project(&run, project);

        if (run.error == NULL)
            render(&run, timeline, out);
        gst_clear_object(&timeline);
    }
    g_free(project);
    g_free(out);
    g_free(film);
    g_main_loop_unref(run.loop);
    ges_deinit();
    if (run.error == NULL)
        return EXIT_SUCCESS;
    fprintf(stderr, "editor: %s\n", run.error->message);
    g_error_free(run.error);
    return EXIT_FAILURE;
}
