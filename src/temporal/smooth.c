/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "temporal/smooth.h"

#include <math.h>

/* One more than is remembered: the next frame's motion is written while all others stay. */
#define SLOTS (MLEU_HISTORY + 1)

/* Parts of a unit of a*, b*; values are held within -UNITS_MOST .. UNITS_MOST. */
#define UNITS 128
#define UNITS_MOST (128 * UNITS - 1)

/* A weight of 1 on the way, of an age, and the least that a way is followed for. With these, sums
 * over the history stay within 32 bits: 1024 x 2^14 x 48 < 2^30. */
#define WEIGHT_WHOLE 1024
#define AGE_WHOLE 256
#define WEIGHT_LEAST (WEIGHT_WHOLE / 64)

/* Rows of cells that one task does. */
#define ROWS 8

/* Of a frame without a prediction, cells whose way to the last one is lost: a sixteenth of them is
 * a person's face. */
#define LOST_SHARE 16

typedef struct {
    gint16 a, b;
} Colour;

typedef struct {
    MleuStep *steps; /* to the frame before */
    Colour *colours;
    gboolean is_predicted;
    double seconds; /* since the frame before */
} Slot;

struct _MleuHistory {
    guint width, height;
    MleuPool *pool;
    Slot slots[SLOTS];
    guint newest, length;
    /* Of one call. */
    gint32 ages[MLEU_HISTORY];
    float *out;
};

MleuHistory *mleu_history_new(guint width, guint height, MleuPool *pool)
{
    MleuHistory *h = g_new0(MleuHistory, 1);
    h->width = width;
    h->height = height;
    h->pool = pool;
    for (guint i = 0; i < SLOTS; i++) {
        h->slots[i].steps = g_new0(MleuStep, (gsize)width * height);
        h->slots[i].colours = g_new0(Colour, (gsize)width * height);
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

MleuStep *mleu_history_next_steps(MleuHistory *h)
{
    return h->slots[(h->newest + 1) % SLOTS].steps;
}

/* A cell's way back through the frames. */
typedef struct {
    gint32 x, y; /* in cells / MLEU_STEP_PARTS */
    guint32 weight;
} Way;

/* One frame back, by the steps of the frame it is in. The picture's border holds it. */
static inline void walk(const MleuHistory *h, Way *way, const MleuStep *steps)
{
    const guint x = (guint)(way->x + MLEU_STEP_PARTS / 2) / MLEU_STEP_PARTS,
                y = (guint)(way->y + MLEU_STEP_PARTS / 2) / MLEU_STEP_PARTS;
    const MleuStep *step = &steps[(gsize)y * h->width + x];
    way->x = CLAMP(way->x + step->x, 0, (gint32)(h->width - 1) * MLEU_STEP_PARTS);
    way->y = CLAMP(way->y + step->y, 0, (gint32)(h->height - 1) * MLEU_STEP_PARTS);
    way->weight = way->weight * step->keep / MLEU_KEEP_WHOLE;
}

/* Adds the colour at the way's place, between four cells, to @a, @b. */
static inline void sample(const MleuHistory *h, const Colour *colours, const Way *way,
                          gint32 weight, gint32 *a, gint32 *b)
{
    const gint32 parts = MLEU_STEP_PARTS, fx = way->x % parts, fy = way->y % parts;
    const Colour *at = colours + (gsize)(way->y / parts) * h->width + (gsize)(way->x / parts);
    if ((fx | fy) == 0) {
        *a += weight * at->a;
        *b += weight * at->b;
        return;
    }
    /* Where a fraction is 0 there may be no cell beyond. */
    const gsize right = fx > 0 ? 1 : 0, down = fy > 0 ? h->width : 0;
    const Colour *below = at + down;
    const gint32 p = (parts - fx) * (parts - fy), q = fx * (parts - fy), r = (parts - fx) * fy,
                 s = fx * fy;
    *a += weight *
          ((p * at[0].a + q * at[right].a + r * below[0].a + s * below[right].a) / (parts * parts));
    *b += weight *
          ((p * at[0].b + q * at[right].b + r * below[0].b + s * below[right].b) / (parts * parts));
}

gboolean mleu_history_reaches(const MleuHistory *h)
{
    const MleuStep *next = h->slots[(h->newest + 1) % SLOTS].steps;
    guint lost = 0;
    for (guint y = 0; y < h->height; y++) {
        for (guint x = 0; x < h->width; x++) {
            Way way = {(gint32)x * MLEU_STEP_PARTS, (gint32)y * MLEU_STEP_PARTS, WEIGHT_WHOLE};
            walk(h, &way, next);
            guint age = 0;
            for (; age < h->length && !slot_of(h, age)->is_predicted; age++)
                walk(h, &way, slot_of(h, age)->steps);
            lost += age == h->length || way.weight < WEIGHT_WHOLE / 4 ? 1 : 0;
        }
    }
    return lost * LOST_SHARE <= h->width * h->height;
}

static gint16 to_units(float value)
{
    const float units = value * UNITS;
    return (gint16)lrintf(CLAMP(units, -(float)UNITS_MOST, (float)UNITS_MOST));
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
        slot->colours[i] = (Colour){to_units(ab[i]), to_units(ab[cells + i])};
}

static void colour_rows(gpointer data, guint index, guint count G_GNUC_UNUSED)
{
    const MleuHistory *h = data;
    const gsize cells = (gsize)h->width * h->height;
    const guint end = MIN((index + 1) * ROWS, h->height);
    for (guint y = index * ROWS; y < end; y++) {
        for (guint x = 0; x < h->width; x++) {
            Way way = {(gint32)x * MLEU_STEP_PARTS, (gint32)y * MLEU_STEP_PARTS, WEIGHT_WHOLE};
            gint32 a = 0, b = 0, total = 0;
            for (guint age = 0; age < h->length; age++) {
                const Slot *slot = slot_of(h, age);
                gint32 weight = (gint32)way.weight * h->ages[age] / AGE_WHOLE;
                if (total > 0 && weight < WEIGHT_LEAST)
                    break;
                if (slot->is_predicted) {
                    /* The first prediction on the way counts, however it was come by. */
                    weight = MAX(weight, 1);
                    sample(h, slot->colours, &way, weight, &a, &b);
                    total += weight;
                }
                walk(h, &way, slot->steps);
            }
            const gsize here = (gsize)y * h->width + x;
            const float share = 1.0f / (float)(MAX(total, 1) * UNITS);
            h->out[here] = (float)a * share;
            h->out[cells + here] = (float)b * share;
        }
    }
}

void mleu_history_colours(MleuHistory *h, double tau, float *colours)
{
    double age = 0;
    for (guint i = 0; i < h->length; i++) {
        h->ages[i] = tau > 0 ? (gint32)lrint(AGE_WHOLE * exp(-age / tau)) : i == 0 ? AGE_WHOLE : 0;
        age += slot_of(h, i)->seconds;
    }
    h->out = colours;
    mleu_pool_run(h->pool, colour_rows, h, (h->height + ROWS - 1) / ROWS);
}
