/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "temporal/smooth.h"

#include <math.h>

#include "allocate.h"

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

/* What the network says of a thing depends on where in the picture it sees it and how large: what
 * it said elsewhere is staler than by its age, however well the way is known. A way as long as this
 * share of the grid's short side takes of the weight what the time constant takes; on small grids,
 * one of so many cells. */
#define FAR_SHARE 24
#define FAR_CELLS 2

/* The length of the farthest step, and none: both distances are of 12 bits, signed. */
#define LENGTHS 2898

typedef struct {
    guint32 *steps;  /* to the frame before, as the motion was found */
    guint32 *faded;  /* the same, what is kept of the weight lowered by their length */
    guint32 *onward; /* to the frame after, faded when that is there; NULL without a look-ahead */
    guint32 *colours;
    gboolean is_predicted, starts_scene;
    double seconds; /* since the frame before */
} Slot;

/* Through the frames before, or after, one frame: that one first. */
typedef struct {
    const guint32 *steps[SLOTS], *colours[SLOTS];
    gint32 ages[SLOTS];
    guint length;
    MleuWalk job;
} Way;

struct _MleuHistory {
    guint width, height;
    const MleuKernels *kernels;
    MleuPool *pool;
    guint8 fading[LENGTHS]; /* what a step of that length keeps of the weight, in 255ths */
    Slot slots[SLOTS];
    guint newest, length;
    gint32 *sums; /* of a row, back and on, for each worker */
    Way back, on; /* of one call */
    float *out;
};

MleuHistory *mleu_history_new(guint width, guint height, gboolean looks_ahead,
                              const MleuKernels *kernels, MleuPool *pool)
{
    MleuHistory *h = mleu_try_new0(MleuHistory, 1);
    if (h == NULL)
        return NULL;
    h->width = width;
    h->height = height;
    h->kernels = kernels;
    h->pool = pool;
    const double far = MLEU_WALK_PARTS * MAX(MIN(width, height) / (double)FAR_SHARE, FAR_CELLS);
    for (guint i = 0; i < LENGTHS; i++)
        h->fading[i] = (guint8)lrint(255 * exp(-(double)i / far));
    h->sums = mleu_try_new0(gint32, (gsize)6 * width * mleu_pool_get_threads(pool));
    gboolean good = h->sums != NULL;
    for (guint i = 0; i < SLOTS && good; i++) {
        h->slots[i].steps = mleu_try_new0(guint32, (gsize)width * height);
        h->slots[i].faded = mleu_try_new0(guint32, (gsize)width * height);
        if (looks_ahead)
            h->slots[i].onward = mleu_try_new0(guint32, (gsize)width * height);
        /* The kernel reads one more. */
        h->slots[i].colours = mleu_try_new0(guint32, (gsize)width * height + 1);
        good = h->slots[i].steps != NULL && h->slots[i].faded != NULL &&
               h->slots[i].colours != NULL && (!looks_ahead || h->slots[i].onward != NULL);
    }
    if (!good)
        g_clear_pointer(&h, mleu_history_free);
    return h;
}

void mleu_history_free(MleuHistory *h)
{
    if (h == NULL)
        return;
    for (guint i = 0; i < SLOTS; i++) {
        g_free(h->slots[i].steps);
        g_free(h->slots[i].faded);
        g_free(h->slots[i].onward);
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

guint32 *mleu_history_onward_steps(MleuHistory *h)
{
    return h->slots[h->newest].onward;
}

/* @weight: of the frame, 0..1. */
static void add_to_way(Way *way, const Slot *slot, const guint32 *steps, double weight)
{
    way->steps[way->length] = steps;
    way->colours[way->length] = slot->is_predicted ? slot->colours : NULL;
    way->ages[way->length] = (gint32)lrint(MLEU_WALK_AGE * weight);
    way->length++;
}

static void set_job(const MleuHistory *h, Way *way)
{
    way->job = (MleuWalk){h->width, h->height, way->length, way->steps, way->colours, way->ages};
}

gboolean mleu_history_reaches(MleuHistory *h)
{
    Slot *next = &h->slots[(h->newest + 1) % SLOTS];
    Way *way = &h->back;
    guint lost = 0;
    next->is_predicted = FALSE;
    way->length = 0;
    add_to_way(way, next, next->steps, 1);
    for (guint age = 0; age < h->length && way->colours[way->length - 1] == NULL; age++)
        add_to_way(way, slot_of(h, age), slot_of(h, age)->steps, 1);
    if (way->colours[way->length - 1] == NULL)
        return FALSE;
    set_job(h, way);
    gint32 *a = h->sums, *b = a + h->width, *weight = b + h->width;
    for (guint y = 0; y < h->height; y++) {
        h->kernels->s16_walk(a, b, weight, 0, y, h->width, &way->job);
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

/* Where each step leads to, and what it keeps of the weight when its length is counted. */
static void fade(const MleuHistory *h, guint32 *faded, const guint32 *steps)
{
    for (gsize i = 0; i < (gsize)h->width * h->height; i++) {
        const gint32 x = mleu_walk_x(steps[i]), y = mleu_walk_y(steps[i]);
        const guint32 keep = (steps[i] >> 24) * h->fading[lrint(sqrt(x * x + y * y))] / 255;
        faded[i] = (steps[i] & 0xffffff) | keep << 24;
    }
}

void mleu_history_add(MleuHistory *h, const float *ab, double seconds, gboolean starts_scene)
{
    const gsize cells = (gsize)h->width * h->height;
    guint32 *onward = h->slots[h->newest].onward;
    if (onward != NULL)
        fade(h, onward, onward);
    h->newest = (h->newest + 1) % SLOTS;
    h->length = MIN(h->length + 1, MLEU_HISTORY);
    Slot *slot = &h->slots[h->newest];
    slot->seconds = seconds;
    slot->is_predicted = ab != NULL;
    slot->starts_scene = starts_scene;
    fade(h, slot->faded, slot->steps);
    for (gsize i = 0; i < cells && ab != NULL; i++)
        slot->colours[i] = to_units(ab[i]) | to_units(ab[cells + i]) << 16;
}

/* Adds what the way on gave to what the way back gave, of a row whose own colours are @own. */
static void add_onward(gint32 *back, const gint32 *on, gsize width, const guint32 *own)
{
    gint32 *a = back, *b = a + width, *total = b + width;
    for (gsize x = 0; x < width; x++) {
        gint32 on_a = on[x], on_b = on[width + x], on_total = on[2 * width + x];
        if (own != NULL) {
            /* Both ways begin with it. */
            on_a -= MLEU_WALK_WHOLE * (gint16)(own[x] & 0xffff);
            on_b -= MLEU_WALK_WHOLE * (gint16)(own[x] >> 16);
            on_total -= MLEU_WALK_WHOLE;
        } else if (total[x] < MLEU_WALK_LEAST && on_total >= MLEU_WALK_LEAST) {
            a[x] = b[x] = total[x] = 0;
        } else if (total[x] >= MLEU_WALK_LEAST && on_total < MLEU_WALK_LEAST) {
            continue;
        }
        a[x] += on_a;
        b[x] += on_b;
        total[x] += on_total;
    }
}

static void colour_rows(gpointer data, guint index, guint count G_GNUC_UNUSED)
{
    const MleuHistory *h = data;
    const gsize width = h->width, cells = width * h->height;
    const guint end = MIN((index + 1) * ROWS, h->height);
    gint32 *a = h->sums + 6 * width * mleu_pool_current_worker(), *b = a + width,
           *total = b + width, *on = total + width;
    for (guint y = index * ROWS; y < end; y++) {
        h->kernels->s16_walk(a, b, total, 0, y, h->width, &h->back.job);
        if (h->on.length > 1) {
            const guint32 *own = h->on.colours[0];
            h->kernels->s16_walk(on, on + width, on + 2 * width, 0, y, h->width, &h->on.job);
            add_onward(a, on, width, own != NULL ? own + y * width : NULL);
        }
        float *out = h->out + y * width;
        for (guint x = 0; x < h->width; x++) {
            const float share = 1.0f / (float)(MAX(total[x], 1) * UNITS);
            out[x] = (float)a[x] * share;
            out[cells + x] = (float)b[x] * share;
        }
    }
}

/* Of the next frame on the way, @seconds away. */
static double next_weight(const Way *way, double seconds, double tau)
{
    return tau > 0 ? exp(-seconds / tau) : way->length == 0 ? 1 : 0;
}

gboolean mleu_history_colours(MleuHistory *h, guint ahead, double tau, float *colours)
{
    if (ahead >= h->length)
        return FALSE;
    double seconds = 0;
    h->back.length = h->on.length = 0;
    for (guint age = ahead; age < h->length; age++) {
        const Slot *slot = slot_of(h, age);
        add_to_way(&h->back, slot, slot->faded, next_weight(&h->back, seconds, tau));
        if (slot->starts_scene)
            break;
        seconds += slot->seconds;
    }
    seconds = 0;
    for (guint age = ahead;; age--) {
        const Slot *slot = slot_of(h, age);
        add_to_way(&h->on, slot, slot->onward, next_weight(&h->on, seconds, tau));
        if (age == 0 || slot_of(h, age - 1)->starts_scene)
            break;
        seconds += slot_of(h, age - 1)->seconds;
    }
    set_job(h, &h->back);
    set_job(h, &h->on);
    h->out = colours;
    mleu_pool_run(h->pool, colour_rows, h, (h->height + ROWS - 1) / ROWS);
    return TRUE;
}
