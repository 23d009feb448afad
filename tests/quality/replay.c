/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Smooths stored predictions over time and settles them in space, as the library does between the
 * network and the enlargement; --smoothing 0: in space alone.
 *
 *   replay --fps F [--smoothing S] [--interval N] [--lookahead N] LIGHTNESS AB OUT
 *
 * LIGHTNESS and AB are what `predict --lightness --ab` wrote of a clip's frames; OUT is like AB. A
 * line for each frame that starts a scene, "cut N"; then the CPU time of a frame in milliseconds,
 * and how many of the predictions were used.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "color/guide.h"
#include "temporal/motion.h"
#include "temporal/scenecut.h"
#include "temporal/smooth.h"

static double fps = 25, smoothing = 0.3;
static gint interval = 1, lookahead;
static char **files;

static const GOptionEntry entries[] = {
    {"fps", 0, 0, G_OPTION_ARG_DOUBLE, &fps, "Frames a second", "F"},
    {"smoothing", 0, 0, G_OPTION_ARG_DOUBLE, &smoothing, "Time constant in seconds", "S"},
    {"interval", 0, 0, G_OPTION_ARG_INT, &interval, "Use the prediction of every N-th frame", "N"},
    {"lookahead", 0, 0, G_OPTION_ARG_INT, &lookahead, "Frames to come that are looked at", "N"},
    {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &files, NULL, "LIGHTNESS AB OUT"},
    G_OPTION_ENTRY_NULL,
};

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* The next picture; NULL at the end. */
static float *read_planes(FILE *file, guint planes, guint32 size[2])
{
    if (fread(size, 4, 2, file) != 2)
        return NULL;
    const gsize count = (gsize)planes * size[0] * size[1];
    float *values = g_new(float, count);
    if (fread(values, 4, count, file) != count)
        g_clear_pointer(&values, g_free);
    return values;
}

/* What the colours settle on: the luma of the last frames, in turn. */
static MleuGuide guides[MLEU_HISTORY];

/* Settles and writes the colours of a frame. */
static void write_planes(FILE *file, float *ab, const guint32 grid[2], guint frame)
{
    mleu_guide_settle(&guides[frame % MLEU_HISTORY], ab, ab);
    fwrite(grid, 4, 2, file);
    fwrite(ab, 4, (gsize)2 * grid[0] * grid[1], file);
}

int main(int argc, char **argv)
{
    GError *error = NULL;
    GOptionContext *context = g_option_context_new(NULL);
    g_option_context_add_main_entries(context, entries, NULL);
    const gboolean parsed = g_option_context_parse(context, &argc, &argv, &error);
    g_option_context_free(context);
    if (!parsed || files == NULL || g_strv_length(files) != 3 || fps <= 0 || interval < 1 ||
        lookahead < 0 || lookahead >= MLEU_HISTORY) {
        fprintf(stderr, "%s; see --help\n", error != NULL ? error->message : "three files needed");
        g_clear_error(&error);
        return 2;
    }
    FILE *lightness_file = fopen(files[0], "rb"), *ab_file = fopen(files[1], "rb"),
         *out_file = fopen(files[2], "wb");
    MleuPool *pool = mleu_pool_new(1, NULL);
    if (lightness_file == NULL || ab_file == NULL || out_file == NULL || pool == NULL) {
        fprintf(stderr, "the files cannot be opened\n");
        return 1;
    }
    MleuMotion *motion = NULL;
    MleuHistory *history = NULL;
    MleuSceneCut cut;
    mleu_scene_cut_reset(&cut);
    double seconds = 0;
    guint frame = 0, used = 0;
    guint32 size[2], grid[2] = {0};
    float *lightness, *ab;
    for (; (lightness = read_planes(lightness_file, 1, size)) != NULL &&
           (ab = read_planes(ab_file, 2, grid)) != NULL;
         frame++) {
        if (motion == NULL) {
            motion = mleu_motion_new(size[0], size[1], grid[0], grid[1],
                                     mleu_kernels_get(mleu_cpu_tier()));
            history = mleu_history_new(grid[0], grid[1], lookahead > 0,
                                       mleu_kernels_get(mleu_cpu_tier()), pool);
            for (guint i = 0; i < MLEU_HISTORY; i++)
                mleu_guide_init(&guides[i], grid[0], grid[1], mleu_kernels_get(mleu_cpu_tier()));
        }
        mleu_guide_set_luma(&guides[frame % MLEU_HISTORY], lightness, size[0], size[1]);
        const double begin = cpu_seconds();
        gboolean is_new = mleu_scene_cut_next(&cut, lightness, size[0], size[1], 0.5f) ||
                          mleu_history_is_empty(history);
        mleu_motion_look(motion, lightness);
        if (!is_new)
            is_new = mleu_scene_cut_decide(
                &cut, mleu_motion_find(motion, mleu_history_next_steps(history)));
        if (!is_new && lookahead > 0)
            mleu_motion_find_onward(motion, mleu_history_onward_steps(history));
        const gboolean is_used =
            is_new || frame % (guint)interval == 0 || !mleu_history_reaches(history);
        mleu_history_add(history, is_used ? ab : NULL, 1 / fps, is_new);
        const gboolean is_ready = mleu_history_colours(history, (guint)lookahead, smoothing, ab);
        mleu_motion_accept(motion);
        seconds += cpu_seconds() - begin;
        used += is_used ? 1 : 0;
        if (is_new)
            printf("cut %u\n", frame);
        if (is_ready)
            write_planes(out_file, ab, grid, frame - (guint)lookahead);
        g_free(lightness);
        g_free(ab);
    }
    for (guint left = MIN((guint)lookahead, frame); left > 0; left--) {
        float *last = g_new(float, (gsize)2 * grid[0] * grid[1]);
        mleu_history_colours(history, left - 1, smoothing, last);
        write_planes(out_file, last, grid, frame - left);
        g_free(last);
    }
    printf("ms %.3f\nused %u of %u\n", 1e3 * seconds / MAX(frame, 1), used, frame);
    fclose(lightness_file);
    fclose(ab_file);
    const gboolean good = fclose(out_file) == 0 && frame > 0;
    mleu_motion_free(motion);
    mleu_history_free(history);
    for (guint i = 0; i < MLEU_HISTORY; i++)
        mleu_guide_clear(&guides[i]);
    mleu_pool_free(pool);
    g_strfreev(files);
    return good ? 0 : 1;
}
