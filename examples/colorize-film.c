/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Colours a black-and-white film: everything but the pictures is carried over.
 * examples/colorize-film builds and runs this program. */
#include "film/messages.h"
#include "film/part.h"
#include "film/progress.h"

#include <glib-unix.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TICK_MS 200

/* timeout(1) signals a process twice, by itself and with its group. */
#define SAME_INTERRUPT (G_USEC_PER_SEC / 3)

/* Sound and pictures of a film need not end together. */
#define SHORT_BY GST_SECOND

/* What a shell reports of a program that Ctrl-C ended. */
#define STATUS_INTERRUPTED 130

typedef struct {
    FilmOptions *options;
    Film *film;
    FilmPart part;
    FilmProgress progress;
    GMainLoop *loop;
    char *missing;
    GstClockTime duration;
    gboolean interrupted;
    gint64 interrupted_at;
    gboolean failed;
} Run;

static void fail(Run *run, const char *text)
{
    if (!run->failed)
        film_progress_say(&run->progress, "colorize-film: %s", text);
    run->failed = TRUE;
    g_main_loop_quit(run->loop);
}

static void on_application(Run *run, GstMessage *message)
{
    const GstStructure *structure = gst_message_get_structure(message);
    const char *text = gst_structure_get_string(structure, "text");

    if (gst_structure_has_name(structure, "film-error"))
        fail(run, text);
    else if (gst_structure_has_name(structure, "film-warning"))
        film_progress_say(&run->progress, "colorize-film: warning: %s", text);
}

static gboolean on_message(GstBus *bus, GstMessage *message, gpointer data)
{
    Run *run = data;
    char *text;

    (void)bus;
    switch (GST_MESSAGE_TYPE(message)) {
    case GST_MESSAGE_EOS:
        g_main_loop_quit(run->loop);
        break;
    case GST_MESSAGE_APPLICATION:
        on_application(run, message);
        break;
    case GST_MESSAGE_ELEMENT:
        text = film_missing_decoder(run->film, message);
        if (text != NULL && run->missing == NULL)
            run->missing = text;
        else
            g_free(text);
        break;
    case GST_MESSAGE_ERROR:
        text = film_explain_error(run->film, message, run->missing);
        fail(run, text);
        g_free(text);
        break;
    default:
        break;
    }
    return G_SOURCE_CONTINUE;
}

static gboolean on_tick(gpointer data)
{
    Run *run = data;
    FilmVideo *video = &run->film->video;
    GstClockTime position, first;
    guint64 frames;

    film_relieve(run->film);
    g_mutex_lock(&video->lock);
    frames = video->coloured;
    position = video->position;
    first = video->first;
    g_mutex_unlock(&video->lock);
    if (frames > 0)
        film_progress_show(&run->progress, frames, position - MIN(first, position),
                           film_get_duration(run->film));
    return G_SOURCE_CONTINUE;
}

/* What is left of a film that did not end well: an unfinished Matroska file can be played, an MP4
 * cannot. */
static void leave_part(Run *run)
{
    if (!film_part_exists(&run->part))
        return;
    if (run->film->container->open_ended && run->film->video.written > 0)
        film_progress_say(&run->progress, "colorize-film: %s holds the film so far, unfinished",
                          run->options->part);
    else
        film_part_remove(&run->part);
}

static gboolean on_interrupt(gpointer data)
{
    Run *run = data;
    gint64 now = g_get_monotonic_time();

    if (!run->interrupted) {
        run->interrupted = TRUE;
        run->interrupted_at = now;
        film_progress_say(&run->progress,
                          "colorize-film: ending the film here; Ctrl-C again to leave at once");
        film_stop(run->film);
    } else if (now - run->interrupted_at > SAME_INTERRUPT) {
        leave_part(run);
        _exit(STATUS_INTERRUPTED);
    }
    return G_SOURCE_CONTINUE;
}

static void play(Run *run)
{
    GstBus *bus = gst_element_get_bus(run->film->pipeline);
    guint sources[] = {gst_bus_add_watch(bus, on_message, run),
                       g_timeout_add(TICK_MS, on_tick, run),
                       g_unix_signal_add(SIGINT, on_interrupt, run),
                       g_unix_signal_add(SIGTERM, on_interrupt, run)};

    film_progress_init(&run->progress);
    /* A failed change of state has its error on the bus. */
    gst_element_set_state(run->film->pipeline, GST_STATE_PLAYING);
    g_main_loop_run(run->loop);
    run->duration = film_get_duration(run->film);
    gst_element_set_state(run->film->pipeline, GST_STATE_NULL);
    for (guint i = 0; i < G_N_ELEMENTS(sources); i++)
        g_source_remove(sources[i]);
    gst_object_unref(bus);
}

/* A file that was cut off, or of which GStreamer does not read all: its container announces more.
 */
static void warn_if_short(Run *run)
{
    const FilmVideo *video = &run->film->video;
    GstClockTime end = video->timeline.end - MIN(video->first, video->timeline.end);

    if (GST_CLOCK_TIME_IS_VALID(run->duration) && end + SHORT_BY < run->duration)
        film_progress_say(
            &run->progress, "colorize-film: warning: the pictures of %s end after %.1f of %.1f s",
            run->options->in, (double)end / GST_SECOND, (double)run->duration / GST_SECOND);
}

static int finish(Run *run)
{
    const FilmVideo *video = &run->film->video;
    double seconds = film_progress_seconds(&run->progress);
    GError *error = NULL;

    if (!run->failed && video->written != video->decoded)
        fail(run, "frames were lost on the way; please report this film");
    if (!run->failed && video->written == 0 && !run->interrupted)
        fail(run, "no picture could be decoded");
    if (run->failed) {
        leave_part(run);
        return EXIT_FAILURE;
    }
    if (run->interrupted && video->written == 0) {
        film_part_remove(&run->part);
        return STATUS_INTERRUPTED;
    }
    if (run->interrupted && GST_CLOCK_TIME_IS_VALID(video->cut)) {
        film_progress_say(&run->progress,
                          "colorize-film: %s holds the first %" G_GUINT64_FORMAT " frames",
                          run->options->part, video->written);
        return STATUS_INTERRUPTED;
    }
    warn_if_short(run);
    if (!film_part_finish(&run->part, &error)) {
        fail(run, error->message);
        g_error_free(error);
        return EXIT_FAILURE;
    }
    film_progress_say(&run->progress, "%s: %" G_GUINT64_FORMAT " frames in %.1f s, %.1f fps",
                      run->options->out, video->written, seconds, (double)video->written / seconds);
    return EXIT_SUCCESS;
}

/* Begins the film, unless another program writes it. */
static int colorize(Run *run, GError **error)
{
    gboolean left;
    int status;

    if (!film_part_claim(&run->part, run->options, &left, error))
        return EXIT_FAILURE;
    if (left)
        fprintf(stderr,
                "colorize-film: %s is what an earlier run left unfinished; the film is begun "
                "anew\n",
                run->options->part);
    run->loop = g_main_loop_new(NULL, FALSE);
    play(run);
    status = finish(run);
    g_main_loop_unref(run->loop);
    film_part_release(&run->part);
    return status;
}

int main(int argc, char **argv)
{
    Run run = {0};
    GError *error = NULL;
    int status = EXIT_FAILURE;

    setlocale(LC_ALL, "");
    /* People call the script of this name, not the program behind it. */
    g_set_prgname("colorize-film");
    run.options = film_options_parse(&argc, &argv, &error);
    if (run.options != NULL) {
        gst_init(NULL, NULL);
        run.film = film_new(run.options, &error);
    }
    if (run.film != NULL) {
        status = colorize(&run, &error);
        film_free(run.film);
    }
    if (error != NULL) {
        fprintf(stderr, "colorize-film: %s\n", error->message);
        g_error_free(error);
    }
    g_clear_pointer(&run.options, film_options_free);
    g_free(run.missing);
    gst_deinit();
    return status;
}
