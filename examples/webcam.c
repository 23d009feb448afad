/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A camera in colour, in a window, with frames a second and latency written on it; a test picture
 * where there is no camera. Space compares with the grey picture, and q leaves, in the window and
 * in the terminal. webcam --help lists the options. */
#include <glib-unix.h>
#include <gst/gst.h>
#include <gst/video/navigation.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define TICK_MS 500

/* The first frame waits for memory to be allocated and weights to be packed: counting starts after
 * this. */
#define SETTLING GST_SECOND

/* As sinks with a window have it: a frame that comes later than this is not shown. */
#define MAX_LATENESS "5000000" /* ns */

typedef struct {
    char *device;
    gboolean test_picture;
    char *size;
    int width, height;
    int rate;
    char *properties;
    int seconds;
} Options;

typedef struct {
    guint64 taken;   /* from the camera */
    guint64 arrived; /* at the sink */
    guint64 late;    /* of these, too late to be shown in time */
    GstClockTime latency_sum;
    GstClockTime latency_worst;
} Figures;

typedef struct {
    Options options;
    GMainLoop *loop;
    GstElement *pipeline;
    GstElement *colorize;
    GstElement *words;
    gboolean failed;

    GMutex lock; /* over what follows */
    GstClockTime latency;
    Figures all;
    Figures since_tick;
    gint64 tick;
} Webcam;

/* --- measuring --- */

/* Now, and when the frame was taken. Returns: FALSE while the pipeline starts. */
static gboolean get_times(Webcam *webcam, GstPad *pad, GstBuffer *buffer, GstClockTime *now,
                          GstClockTime *taken)
{
    GstEvent *event = gst_pad_get_sticky_event(pad, GST_EVENT_SEGMENT, 0);
    GstClock *clock = gst_element_get_clock(webcam->pipeline);
    gboolean good = event != NULL && clock != NULL;

    if (good) {
        const GstSegment *segment;

        gst_event_parse_segment(event, &segment);
        *taken = gst_segment_to_running_time(segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer));
        *now = gst_clock_get_time(clock) - gst_element_get_base_time(webcam->pipeline);
        good = GST_CLOCK_TIME_IS_VALID(*taken) && *taken > SETTLING;
    }
    gst_clear_event(&event);
    gst_clear_object(&clock);
    return good;
}

static GstPadProbeReturn on_taken(GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
    Webcam *webcam = data;
    GstClockTime now, taken;

    if (get_times(webcam, pad, GST_PAD_PROBE_INFO_BUFFER(info), &now, &taken)) {
        g_mutex_lock(&webcam->lock);
        webcam->all.taken++;
        g_mutex_unlock(&webcam->lock);
    }
    return GST_PAD_PROBE_OK;
}

static void count(Figures *figures, GstClockTime age, GstClockTime latency)
{
    GstClockTime shown = MAX(age, latency); /* the sink waits for the pipeline's latency */

    figures->arrived++;
    figures->late += age > latency;
    figures->latency_sum += shown;
    figures->latency_worst = MAX(figures->latency_worst, shown);
}

static GstPadProbeReturn on_arrived(GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
    Webcam *webcam = data;
    GstClockTime now, taken;

    if (info->type & GST_PAD_PROBE_TYPE_EVENT_UPSTREAM) {
        GstEvent *event = GST_PAD_PROBE_INFO_EVENT(info);

        /* What the sink was told to wait for. */
        if (GST_EVENT_TYPE(event) == GST_EVENT_LATENCY) {
            g_mutex_lock(&webcam->lock);
            gst_event_parse_latency(event, &webcam->latency);
            g_mutex_unlock(&webcam->lock);
        }
    } else if (get_times(webcam, pad, GST_PAD_PROBE_INFO_BUFFER(info), &now, &taken)) {
        GstClockTime age = now - MIN(now, taken);

        g_mutex_lock(&webcam->lock);
        count(&webcam->all, age, webcam->latency);
        count(&webcam->since_tick, age, webcam->latency);
        g_mutex_unlock(&webcam->lock);
    }
    return GST_PAD_PROBE_OK;
}

static double mean_latency_ms(const Figures *figures)
{
    return (double)figures->latency_sum / (double)MAX(figures->arrived, 1) / GST_MSECOND;
}

static gboolean on_tick(gpointer data)
{
    Webcam *webcam = data;
    gint64 now = g_get_monotonic_time();
    Figures figures;
    double seconds;
    char *text;

    g_mutex_lock(&webcam->lock);
    figures = webcam->since_tick;
    memset(&webcam->since_tick, 0, sizeof webcam->since_tick);
    seconds = (double)(now - webcam->tick) / G_USEC_PER_SEC;
    webcam->tick = now;
    g_mutex_unlock(&webcam->lock);
    text = g_strdup_printf("%.1f fps  %.0f ms", (double)figures.arrived / seconds,
                           mean_latency_ms(&figures));
    g_object_set(webcam->words, "text", text, NULL);
    g_free(text);
    return G_SOURCE_CONTINUE;
}

static void print_figures(const Webcam *webcam)
{
    const Figures *figures = &webcam->all;

    printf("%" G_GUINT64_FORMAT " frames of %" G_GUINT64_FORMAT ", %" G_GUINT64_FORMAT
           " dropped, %" G_GUINT64_FORMAT " late; latency %.1f ms, %.1f ms at worst\n",
           figures->arrived, figures->taken, figures->taken - figures->arrived, figures->late,
           mean_latency_ms(figures), (double)figures->latency_worst / GST_MSECOND);
}

/* --- keys --- */

static void on_key(Webcam *webcam, const char *key)
{
    double split;

    if (g_str_equal(key, "space") || g_str_equal(key, " ")) {
        g_object_get(webcam->colorize, "split", &split, NULL);
        split = split > 0 ? 0 : 0.5;
        g_object_set(webcam->colorize, "split", split, NULL);
        fprintf(stderr, "webcam: %s\n", split > 0 ? "grey at the left" : "all in colour");
    } else if (g_str_equal(key, "q") || g_str_equal(key, "Escape")) {
        /* What is under way still arrives. */
        gst_element_send_event(webcam->pipeline, gst_event_new_eos());
    }
}

static gboolean on_terminal(gint fd, GIOCondition condition, gpointer data)
{
    char key[2] = "";

    (void)condition;
    if (read(fd, key, 1) != 1)
        return G_SOURCE_REMOVE;
    on_key(data, key);
    return G_SOURCE_CONTINUE;
}

/* Keys come one by one, and are not written on the screen. Returns: whether @before is to be put
 * back. */
static gboolean prepare_terminal(struct termios *before)
{
    struct termios raw;

    if (tcgetattr(STDIN_FILENO, before) != 0)
        return FALSE;
    raw = *before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    return tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

static gboolean on_end(gpointer data)
{
    on_key(data, "q");
    return G_SOURCE_CONTINUE;
}

/* --- the pipeline --- */

/* To be linked to what follows, floating; NULL with @error set. */
static GstElement *make_source(const Options *options, GError **error)
{
    GstElement *source = NULL;

    if (options->device != NULL) {
        source = gst_element_factory_make("v4l2src", NULL);
        if (source != NULL)
            g_object_set(source, "device", options->device, NULL);
        else
            g_set_error(error, GST_CORE_ERROR, GST_CORE_ERROR_MISSING_PLUGIN,
                        "no element v4l2src (gstreamer1.0-plugins-good)");
        return source;
    }
    if (!options->test_picture) {
        GstDeviceMonitor *monitor = gst_device_monitor_new();
        GList *devices;

        gst_device_monitor_add_filter(monitor, "Video/Source", NULL);
        devices = gst_device_monitor_get_devices(monitor);
        if (devices != NULL)
            source = gst_device_create_element(devices->data, NULL);
        g_list_free_full(devices, gst_object_unref);
        gst_object_unref(monitor);
    }
    if (source == NULL) {
        if (!options->test_picture)
            fprintf(stderr, "webcam: no camera; a test picture instead\n");
        source = gst_parse_bin_from_description(
            "videotestsrc is-live=true ! capsfilter caps=video/x-raw,format=I420", TRUE, error);
    }
    return source;
}

/* Cameras give large pictures at full rate in JPEG alone. */
static GstCaps *camera_caps(const Options *options)
{
    GstCaps *caps = gst_caps_from_string("video/x-raw; image/jpeg");

    gst_caps_set_simple(caps, "width", G_TYPE_INT, options->width, "height", G_TYPE_INT,
                        options->height, "framerate", GST_TYPE_FRACTION, options->rate, 1, NULL);
    return caps;
}

static void add_probe(Webcam *webcam, const char *name, const char *pad_name, GstPadProbeType type,
                      GstPadProbeCallback callback)
{
    GstElement *element = gst_bin_get_by_name(GST_BIN(webcam->pipeline), name);
    GstPad *pad = gst_element_get_static_pad(element, pad_name);

    gst_pad_add_probe(pad, type, callback, webcam, NULL);
    gst_object_unref(pad);
    gst_object_unref(element);
}

/* On a machine that is too slow for all of them, the newest frames are coloured: the queue drops
 * the older ones. */
static gboolean make_pipeline(Webcam *webcam, GError **error)
{
    const Options *options = &webcam->options;
    char *launch = g_strdup_printf(
        "capsfilter name=camera ! decodebin ! videoconvert ! video/x-raw,format=I420 ! "
        "queue max-size-buffers=2 leaky=downstream ! mleucolorize name=colorize %s ! "
        "queue max-size-buffers=2 ! textoverlay name=words valignment=top halignment=left "
        "font-desc=Sans,12 ! %s name=sink",
        options->properties,
        options->seconds > 0 ? "fakesink sync=true qos=true max-lateness=" MAX_LATENESS
                             : "videoconvert ! autovideosink");
    GstElement *source = make_source(options, error), *camera;
    GstCaps *caps = camera_caps(options);
    gboolean good = source != NULL;

    if (good) {
        webcam->pipeline = gst_parse_launch(launch, error);
        good = webcam->pipeline != NULL && (error == NULL || *error == NULL);
    }
    if (good) {
        camera = gst_bin_get_by_name(GST_BIN(webcam->pipeline), "camera");
        webcam->colorize = gst_bin_get_by_name(GST_BIN(webcam->pipeline), "colorize");
        webcam->words = gst_bin_get_by_name(GST_BIN(webcam->pipeline), "words");
        g_object_set(camera, "caps", caps, NULL);
        gst_bin_add(GST_BIN(webcam->pipeline), source);
        gst_element_link(source, camera);
        gst_object_unref(camera);
        add_probe(webcam, "camera", "src", GST_PAD_PROBE_TYPE_BUFFER, on_taken);
        add_probe(webcam, "sink", "sink",
                  GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_UPSTREAM, on_arrived);
    }
    if (!good)
        gst_clear_object(&source);
    gst_caps_unref(caps);
    g_free(launch);
    return good;
}

static void on_navigation(Webcam *webcam, GstMessage *message)
{
    GstEvent *event = NULL;
    const char *key;

    if (gst_navigation_message_get_type(message) == GST_NAVIGATION_MESSAGE_EVENT &&
        gst_navigation_message_parse_event(message, &event) &&
        gst_navigation_event_get_type(event) == GST_NAVIGATION_EVENT_KEY_PRESS &&
        gst_navigation_event_parse_key_event(event, &key))
        on_key(webcam, key);
    gst_clear_event(&event);
}

static gboolean on_message(GstBus *bus, GstMessage *message, gpointer data)
{
    Webcam *webcam = data;
    GError *error = NULL;
    char *debug = NULL;

    (void)bus;
    switch (GST_MESSAGE_TYPE(message)) {
    case GST_MESSAGE_ELEMENT:
        on_navigation(webcam, message);
        break;
    case GST_MESSAGE_LATENCY:
        gst_bin_recalculate_latency(GST_BIN(webcam->pipeline));
        break;
    case GST_MESSAGE_EOS:
        g_main_loop_quit(webcam->loop);
        break;
    case GST_MESSAGE_ERROR:
        gst_message_parse_error(message, &error, &debug);
        if (debug != NULL && strstr(debug, "not-negotiated") != NULL)
            fprintf(stderr,
                    "webcam: the camera has no %s at %d frames a second; try another --size\n",
                    webcam->options.size, webcam->options.rate);
        else
            fprintf(stderr, "webcam: %s\n", error->message);
        g_error_free(error);
        g_free(debug);
        webcam->failed = TRUE;
        g_main_loop_quit(webcam->loop);
        break;
    default:
        break;
    }
    return G_SOURCE_CONTINUE;
}

static void play(Webcam *webcam)
{
    GstBus *bus = gst_element_get_bus(webcam->pipeline);
    struct termios terminal;
    gboolean prepared = prepare_terminal(&terminal);

    gst_bus_add_watch(bus, on_message, webcam);
    g_timeout_add(TICK_MS, on_tick, webcam);
    g_unix_fd_add(STDIN_FILENO, G_IO_IN | G_IO_HUP, on_terminal, webcam);
    g_unix_signal_add(SIGINT, on_end, webcam);
    g_unix_signal_add(SIGTERM, on_end, webcam);
    if (webcam->options.seconds > 0)
        g_timeout_add_seconds((guint)webcam->options.seconds + SETTLING / GST_SECOND, on_end,
                              webcam);
    webcam->tick = g_get_monotonic_time();
    /* A failed change of state has its error on the bus. */
    gst_element_set_state(webcam->pipeline, GST_STATE_PLAYING);
    g_main_loop_run(webcam->loop);
    gst_element_set_state(webcam->pipeline, GST_STATE_NULL);
    if (prepared)
        tcsetattr(STDIN_FILENO, TCSANOW, &terminal);
    gst_bus_remove_watch(bus);
    gst_object_unref(bus);
}

static gboolean parse_options(Options *options, int *argc, char ***argv, GError **error)
{
    const GOptionEntry entries[] = {
        {"device", 0, 0, G_OPTION_ARG_FILENAME, &options->device,
         "The camera, such as /dev/video0; default: the first one that there is", "PATH"},
        {"test-picture", 0, 0, G_OPTION_ARG_NONE, &options->test_picture,
         "A test picture, even where there is a camera", NULL},
        {"size", 0, 0, G_OPTION_ARG_STRING, &options->size,
         "What is asked of the camera; default: 1280x720", "WxH"},
        {"rate", 0, 0, G_OPTION_ARG_INT, &options->rate, "Frames a second; default: 30", "N"},
        {"properties", 0, 0, G_OPTION_ARG_STRING, &options->properties,
         "Those of mleucolorize; default: \"render-size=128 inference-interval=2\"",
         "\"NAME=VALUE...\""},
        {"seconds", 0, 0, G_OPTION_ARG_INT, &options->seconds,
         "Measure for N seconds after the first one, without a window", "N"},
        {NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
    };
    GOptionContext *context = g_option_context_new("- a camera in colour");
    gboolean good;

    options->rate = 30;
    g_option_context_add_main_entries(context, entries, NULL);
    good = g_option_context_parse(context, argc, argv, error);
    g_option_context_free(context);
    if (good && options->size == NULL)
        options->size = g_strdup("1280x720");
    if (good && options->properties == NULL)
        options->properties = g_strdup("render-size=128 inference-interval=2");
    if (good && (sscanf(options->size, "%dx%d", &options->width, &options->height) != 2 ||
                 options->width < 1 || options->height < 1 || options->rate < 1)) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "--size takes width and height, such as 640x480; --rate a number from 1 on");
        good = FALSE;
    }
    return good;
}

static void clear_options(Options *options)
{
    g_free(options->properties);
    g_free(options->size);
    g_free(options->device);
}

int main(int argc, char **argv)
{
    Webcam webcam = {0};
    GError *error = NULL;

    if (!parse_options(&webcam.options, &argc, &argv, &error)) {
        fprintf(stderr, "webcam: %s\n", error->message);
        g_error_free(error);
        clear_options(&webcam.options);
        return 2;
    }
    gst_init(NULL, NULL);
    g_mutex_init(&webcam.lock);
    webcam.loop = g_main_loop_new(NULL, FALSE);
    if (make_pipeline(&webcam, &error)) {
        play(&webcam);
        if (!webcam.failed)
            print_figures(&webcam);
    } else {
        fprintf(stderr, "webcam: %s\n", error->message);
        g_error_free(error);
        webcam.failed = TRUE;
    }
    gst_clear_object(&webcam.words);
    gst_clear_object(&webcam.colorize);
    gst_clear_object(&webcam.pipeline);
    g_main_loop_unref(webcam.loop);
    g_mutex_clear(&webcam.lock);
    clear_options(&webcam.options);
    return webcam.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
