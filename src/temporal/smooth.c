/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "temporal/smooth.h"

#include <math.h>

/* One more than is remembered: the next frame's motion is written while all others stay. */
#define SLOTS (MLEU_HISTORY + 1)

/* Parts of a unit of a*, b*; values are held within -UNITS_MOST .. UNITS_MOST. */
#define UNITS 128
#define UNITS_MOST (128 * UNITS - 1)

/* Rows of cells that one task does. */
#define ROWS 8

/* Of a frame without a prediction, cells whose way to the last one is lost: a sixteenth of them is
 * a person's face. */
#define LOST_SHARE 16

typedef struct {
    guint32 *steps; /* to the frame before */
    guint32 *colours;
    gboolean is_predicted;
    double seconds; /* since the frame before */
} Slot;

struct _MleuHistory {
    guint width, height;
    const MleuKernels *kernels;
    MleuPool *pool;
    Slot slots[SLOTS];
    guint newest, length;
    gint32 *sums; /* of a row, for each worker */
    /* Of one call, the newest first. */
    const guint32 *steps[SLOTS], *colours[SLOTS];
    gint32 ages[SLOTS];
    MleuWalk job;
    float *out;
};

MleuHistory *mleu_history_new(guint width, guint height, const MleuKernels *kernels, MleuPool *pool)
{
    MleuHistory *h = g_new0(MleuHistory, 1);
    h->width = width;
    h->height = height;
    h->kernels = kernels;
    h->pool = pool;
    h->sums = g_new0(gint32, (gsize)3 * width * mleu_pool_get_threads(pool));
    for (guint i = 0; i < SLOTS; i++) {
        h->slots[i].steps = g_new0(guint32, (gsize)width * height);
        h->slots[i].colours = g_new0(guint32, (gsize)width * height);
    }
    return h;
}

void mleu_history_free(MleuHistory *h)
{
    if (h == NULL)
        return;
    for (guint i = 0; i < SLOTS; i++) {
        g_free(h->slots[i].steps);
        g_free(h->slots[i].colours);
    }
    g_free(h->sums);
    g_free(h);
}

void mleu_history_clear(MleuHistory *h)
{
    h->length = 0;
}

gboolean mleu_history_is_empty(const MleuHistory *h)
{
    return h->length == 0;
}

/* The slot of @age frames before the newest one. */
static const Slot *slot_of(const MleuHistory *h, guint age)
{
    return &h->slots[(h->newest + SLOTS - age) % SLOTS];
}

guint32 *mleu_history_next_steps(MleuHistory *h)
{
    return h->slots[(h->newest + 1) % SLOTS].steps;
}

/* Frame @index of the job. */
static void set_frame(MleuHistory *h, guint index, const Slot *slot, gint32 age)
{
    h->steps[index] = slot->steps;
    h->colours[index] = slot->is_predicted ? slot->colours : NULL;
    h->ages[index] = age;
}

static void set_job(MleuHistory *h, guint length)
{
    h->job = (MleuWalk){h->width, h->height, length, h->steps, h->colours, h->ages};
}

gboolean mleu_history_reaches(MleuHistory *h)
{
    Slot *next = &h->slots[(h->newest + 1) % SLOTS];
    guint length = 1, lost = 0;
    next->is_predicted = FALSE;
    set_frame(h, 0, next, MLEU_WALK_AGE);
    for (guint age = 0; age < h->length; age++) {
        set_frame(h, length++, slot_of(h, age), MLEU_WALK_AGE);
        if (slot_of(h, age)->is_predicted)
            break;
    }
    set_job(h, length);
    if (h->colours[length - 1] == NULL)
        return FALSE;
    gint32 *a = h->sums, *b = a + h->width, *weight = b + h->width;
    for (guint y = 0; y < h->height; y++) {
        h->kernels->s16_walk(a, b, weight, 0, y, h->width, &h->job);
        for (guint x = 0; x < h->width; x++)
            lost += weight[x] < MLEU_WALK_WHOLE / 4 ? 1 : 0;
    }
    return lost * LOST_SHARE <= h->width * h->height;
}

static guint32 to_units(float value)
{
    const float units = value * UNITS;
    return (guint16)lrintf(CLAMP(units, -(float)UNITS_MOST, (float)UNITS_MOST));
}

void mleu_history_add(MleuHistory *h, const float *ab, double seconds)
{
    const gsize cells = (gsize)h->width * h->height;
    h->newest = (h->newest + 1) % SLOTS;
    h->length = MIN(h->length + 1, MLEU_HISTORY);
    Slot *slot = &h->slots[h->newest];
    slot->seconds = seconds;
    slot->is_predicted = ab != NULL;
    for (gsize i = 0; i < cells && ab != NULL; i++)
        slot->colours[i] = to_units(ab[i]) | to_units(ab[cells + i]) << 16;
}

static void colour_rows(gpointer data, guint index, guint count G_GNUC_UNUSED)
{
    const MleuHistory *h = data;
    const gsize width = h->width, cells = width * h->height;
    const guint end = MIN((index + 1) * ROWS, h->height);
    gint32 *a = h->sums + 3 * width * mleu_pool_current_worker(), *b = a + width,
           *total = b + width;
    for (guint y = index * ROWS; y < end; y++) {
        h->kernels->s16_walk(a, b, total, 0, y, h->width, &h->job);
        float *out = h->out + y * width;
        for (guint x = 0; x < h->width; x++) {
            const float share = 1.0f / (float)(MAX(total[x], 1) * UNITS);
            out[x] = (float)a[x] * share;
            out[cells + x] = (float)b[x] * share;
        }
    }
}

void mleu_history_colours(MleuHistory *h, double tau, float *colours)
{
    double age = 0;
    for (guint i = 0; i < h->length; i++) {
        const double weight = tau > 0 ? exp(-age / tau) : i == 0 ? 1 : 0;
        set_frame(h, i, slot_of(h, i), (gint32)lrint(MLEU_WALK_AGE * weight));
        age += slot_of(h, i)->seconds;
    }
    set_job(h, h->length);
    h->out = colours;
    mleu_pool_run(h->pool, colour_rows, h, (h->height + ROWS - 1) / ROWS);
}
