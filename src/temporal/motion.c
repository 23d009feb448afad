/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "temporal/motion.h"

#include <string.h>

#include "allocate.h"

#define BLOCK MLEU_SAD_BLOCK

/* Side of a pixel of the small picture, in which large motion is found. */
#define QUARTER 4
/* Farthest place that is tried there: a twentieth of a picture's width from one frame to the next.
 * Blocks pass theirs on, so that the search goes farther. */
#define COARSE_REACH 6
/* Steps of the diamond search. */
#define DIAMOND_STEPS 8

/* What a vector has to gain over zero and its neighbours' to be taken, in a picture without grain:
 * of the sum of absolute differences of a block. */
#define NEWNESS 24
#define PIXEL_PRICE 6

/* Mean absolute difference, in eighths of a code value, that is no occlusion in a picture without
 * grain, and how much more makes it one. */
#define SAME_EIGHTHS 12
#define OTHER_EIGHTHS 24

/* Of #MleuWalk's steps: the whole weight, the farthest distance. */
#define KEEP_WHOLE 255
#define FARTHEST 2047

/* Light is matched where its mean or its contrast differs by more: sixteenths of a code value. And
 * kept so where this share of the differences goes. */
#define LIGHT_CHANGE 6
#define MATCH_GAIN 8

/* Of contrast to contrast, in 256ths: beyond it, one of the two is black. */
#define LEAST_GAIN 64
#define MOST_GAIN 1024

/* Less than this of a pixel, in parts of one, is no motion but grain. */
#define STILL (MLEU_WALK_PARTS / 8)

typedef struct {
    gint16 x, y;
} Vector;

/* A plane of 8-bit L*. */
typedef struct {
    guint width, height;
    guint8 *before, *now;
    guint8 *matched;         /* the one before in the light of the new one */
    const guint8 *reference; /* of the two, what blocks are looked for in */
} Picture;

struct _MleuMotion {
    Picture full, quarter;
    guint grid_width, grid_height;
    guint columns, rows, coarse_columns, coarse_rows; /* blocks */
    Vector *blocks, *coarse, *coarse_matched;         /* in pixels of their picture */
    Vector *parts;                                    /* of the blocks, beyond whole pixels */
    guint *textures;    /* of the blocks: what a pixel's shift makes */
    Vector *cells;      /* of the grid, in parts of a cell */
    guint *differences; /* of the cells, of a window each */
    gboolean large_enough;
    /* Of the frame looked at: grain in eighths of a code value, and what a vector has to gain. */
    guint grain, newness;
    const MleuKernels *kernels;
};

static gboolean picture_init(Picture *picture, guint width, guint height)
{
    picture->width = width;
    picture->height = height;
    picture->before = mleu_try_new0(guint8, (gsize)width * height);
    picture->now = mleu_try_new0(guint8, (gsize)width * height);
    picture->matched = mleu_try_new0(guint8, (gsize)width * height);
    return picture->before != NULL && picture->now != NULL && picture->matched != NULL;
}

static void picture_clear(Picture *picture)
{
    g_free(picture->before);
    g_free(picture->now);
    g_free(picture->matched);
}

MleuMotion *mleu_motion_new(guint width, guint height, guint grid_width, guint grid_height,
                            const MleuKernels *kernels)
{
    MleuMotion *m = mleu_try_new0(MleuMotion, 1);
    if (m == NULL)
        return NULL;
    m->kernels = kernels;
    m->grid_width = grid_width;
    m->grid_height = grid_height;
    m->large_enough = MIN(width, height) >= QUARTER * BLOCK;
    gboolean good = picture_init(&m->full, width, height) &&
                    picture_init(&m->quarter, width / QUARTER, height / QUARTER);
    m->columns = (width + BLOCK - 1) / BLOCK;
    m->rows = (height + BLOCK - 1) / BLOCK;
    m->coarse_columns = (m->quarter.width + BLOCK - 1) / BLOCK;
    m->coarse_rows = (m->quarter.height + BLOCK - 1) / BLOCK;
    m->blocks = mleu_try_new0(Vector, (gsize)m->columns * m->rows);
    m->parts = mleu_try_new0(Vector, (gsize)m->columns * m->rows);
    m->textures = mleu_try_new0(guint, (gsize)m->columns * m->rows);
    m->coarse = mleu_try_new0(Vector, (gsize)m->coarse_columns * m->coarse_rows);
    m->coarse_matched = mleu_try_new0(Vector, (gsize)m->coarse_columns * m->coarse_rows);
    m->cells = mleu_try_new0(Vector, (gsize)grid_width * grid_height);
    m->differences = mleu_try_new0(guint, (gsize)grid_width * grid_height);
    good = good && m->blocks != NULL && m->parts != NULL && m->textures != NULL &&
           m->coarse != NULL && m->coarse_matched != NULL && m->cells != NULL &&
           m->differences != NULL;
    if (!good)
        g_clear_pointer(&m, mleu_motion_free);
    return m;
}

void mleu_motion_free(MleuMotion *m)
{
    if (m == NULL)
        return;
    picture_clear(&m->full);
    picture_clear(&m->quarter);
    g_free(m->blocks);
    g_free(m->parts);
    g_free(m->textures);
    g_free(m->coarse);
    g_free(m->coarse_matched);
    g_free(m->cells);
    g_free(m->differences);
    g_free(m);
}

void mleu_motion_look(MleuMotion *m, const float *lightness)
{
    const gsize width = m->full.width, count = width * m->full.height;
    guint8 *now = m->full.now;
    for (gsize i = 0; i < count; i++) {
        const float value = lightness[i] * 2.55f + 0.5f;
        now[i] = (guint8)(gint)CLAMP(value, 0.0f, 255.0f);
    }
    for (guint y = 0; y < m->quarter.height; y++) {
        for (guint x = 0; x < m->quarter.width; x++) {
            const guint8 *at = now + QUARTER * y * width + QUARTER * x;
            guint sum = QUARTER * QUARTER / 2;
            for (guint v = 0; v < QUARTER; v++) {
                for (guint u = 0; u < QUARTER; u++)
                    sum += at[v * width + u];
            }
            m->quarter.now[(gsize)y * m->quarter.width + x] = (guint8)(sum / (QUARTER * QUARTER));
        }
    }
}

static void exchange(MleuMotion *m)
{
    Picture *const both[] = {&m->full, &m->quarter};
    for (guint i = 0; i < G_N_ELEMENTS(both); i++) {
        guint8 *before = both[i]->before;
        both[i]->before = both[i]->now;
        both[i]->now = before;
    }
}

void mleu_motion_accept(MleuMotion *m)
{
    exchange(m);
}

/* What grain alone makes of the mean absolute difference of two frames, in eighths of a code value,
 * at most: from the differences of second differences, that edges and plains have few of (Immerkaer
 * 1996). For Gaussian noise of sigma, their mean is 4.8 sigma, that of the frames 1.13 sigma. */
static guint measure_grain(const Picture *p)
{
    guint64 sum = 0;
    for (guint y = 1; y + 1 < p->height; y += 2) {
        const guint8 *above = p->now + (gsize)(y - 1) * p->width, *row = above + p->width,
                     *below = row + p->width;
        guint of_row = 0;
        for (guint x = 1; x + 1 < p->width; x++) {
            const gint bend = above[x - 1] + above[x + 1] + below[x - 1] + below[x + 1] +
                              4 * row[x] - 2 * (above[x] + below[x] + row[x - 1] + row[x + 1]);
            of_row += (guint)ABS(bend);
        }
        sum += of_row;
    }
    return (guint)(2 * sum / ((guint64)(p->width - 2) * ((p->height - 1) / 2)));
}

/* The block at (x, y) against the one @v away in the frame before, which is kept inside. */
static guint compare(const MleuMotion *m, const Picture *p, guint x, guint y, Vector *v)
{
    const int u = CLAMP((int)x + v->x, 0, (int)(p->width - BLOCK));
    const int w = CLAMP((int)y + v->y, 0, (int)(p->height - BLOCK));
    v->x = (gint16)(u - (int)x);
    v->y = (gint16)(w - (int)y);
    return m->kernels->u8_sad(p->now + (gsize)y * p->width + x, p->width,
                              p->reference + (gsize)w * p->width + (gsize)u, p->width);
}

static guint block_start(guint index, guint side)
{
    return MIN(index * BLOCK, side - BLOCK);
}

/* Everything within reach, in the small picture. Nearer places win ties. The sum of what is left.
 */
static guint64 find_coarse(MleuMotion *m, const guint8 *reference, Vector *vectors)
{
    guint64 left = 0;
    m->quarter.reference = reference;
    for (guint j = 0; j < m->coarse_rows; j++) {
        for (guint i = 0; i < m->coarse_columns; i++) {
            const guint x = block_start(i, m->quarter.width), y = block_start(j, m->quarter.height);
            Vector best = {0, 0};
            guint least = compare(m, &m->quarter, x, y, &best);
            least = least > NEWNESS ? least - NEWNESS : 0;
            for (int dy = -COARSE_REACH; dy <= COARSE_REACH; dy++) {
                for (int dx = -COARSE_REACH; dx <= COARSE_REACH; dx++) {
                    Vector v = {(gint16)dx, (gint16)dy};
                    const guint cost = compare(m, &m->quarter, x, y, &v) +
                                       PIXEL_PRICE * (guint)(ABS(v.x) + ABS(v.y));
                    if (cost < least) {
                        least = cost;
                        best = v;
                    }
                }
            }
            vectors[j * m->coarse_columns + i] = best;
            left += least;
        }
    }
    return left;
}

/* Sixteenths of a code value: mean, and mean distance from it. */
typedef struct {
    gint mean, contrast;
} Light;

static Light measure_light(const guint8 *values, guint count)
{
    guint64 sum = 0, distances = 0;
    for (guint i = 0; i < count; i++)
        sum += values[i];
    const gint mean = (gint)(16 * sum / count);
    for (guint i = 0; i < count; i++)
        distances += (guint)ABS(16 * values[i] - mean);
    return (Light){mean, (gint)(distances / count)};
}

/* What brings light from @before to @now. */
static void make_table(guint8 *table, Light before, Light now)
{
    const gint gain = CLAMP(256 * now.contrast / MAX(before.contrast, 1), LEAST_GAIN, MOST_GAIN);
    for (gint i = 0; i < 256; i++)
        table[i] = (guint8)CLAMP((now.mean + (16 * i - before.mean) * gain / 256 + 8) / 16, 0, 255);
}

static void match(Picture *p, const guint8 *table)
{
    const gsize count = (gsize)p->width * p->height;
    for (gsize i = 0; i < count; i++)
        p->matched[i] = table[p->before[i]];
}

/* Light of what the blocks were found in, before it is matched: what came into view and what went
 * out of it is left out. */
static Light measure_found(MleuMotion *m, const Vector *vectors)
{
    Picture *p = &m->quarter;
    for (guint j = 0; j < m->coarse_rows; j++) {
        for (guint i = 0; i < m->coarse_columns; i++) {
            const guint x = block_start(i, p->width), y = block_start(j, p->height);
            const Vector v = vectors[j * m->coarse_columns + i];
            for (guint row = 0; row < BLOCK; row++)
                memcpy(p->matched + (gsize)(y + row) * p->width + x,
                       p->before + (gsize)((gint)(y + row) + v.y) * p->width + (gint)x + v.x,
                       BLOCK);
        }
    }
    return measure_light(p->matched, p->width * p->height);
}

/* In a fade, in a flash, in an old film whose light flickers, the frame before is taken in the
 * light of the new one, if that is more like it then: something large that comes into view changes
 * mean and contrast as well. */
static void choose_reference(MleuMotion *m)
{
    const guint count = m->quarter.width * m->quarter.height;
    const Light before = measure_light(m->quarter.before, count),
                now = measure_light(m->quarter.now, count);
    const guint64 left = find_coarse(m, m->quarter.before, m->coarse);
    m->full.reference = m->full.before;
    if (ABS(now.mean - before.mean) <= LIGHT_CHANGE &&
        ABS(now.contrast - before.contrast) <= LIGHT_CHANGE)
        return;
    guint8 table[256];
    make_table(table, before, now);
    match(&m->quarter, table);
    const guint64 left_matched = find_coarse(m, m->quarter.matched, m->coarse_matched);
    if (left_matched + left / MATCH_GAIN >= left)
        return;
    Vector *coarse = m->coarse;
    m->coarse = m->coarse_matched;
    m->coarse_matched = coarse;
    make_table(table, measure_found(m, m->coarse), now);
    match(&m->full, table);
    m->full.reference = m->full.matched;
}

static gint16 median(gint16 a, gint16 b, gint16 c)
{
    return MAX(MIN(a, b), MIN(MAX(a, b), c));
}

/* Where the parabola through three differences has its minimum, in parts of a pixel from the middle
 * one, -half .. half. Flat ones, of plain areas, give little. */
static gint16 minimum_between(guint left, guint middle, guint right, guint newness)
{
    const gint bend = (gint)left + (gint)right - 2 * (gint)middle + (gint)newness;
    const gint part = ((gint)left - (gint)right) * (MLEU_WALK_PARTS / 2) / MAX(bend, 1);
    return ABS(part) < STILL ? 0 : (gint16)CLAMP(part, -MLEU_WALK_PARTS / 2, MLEU_WALK_PARTS / 2);
}

/* Sum of the absolute differences of a block to itself one pixel further on, along both sides. */
static guint measure_texture(const MleuMotion *m, guint x, guint y)
{
    const Picture *p = &m->full;
    const guint8 *at = p->now + (gsize)y * p->width + x;
    const guint8 *beside = x > 0 ? at - 1 : at + 1, *above = y > 0 ? at - p->width : at + p->width;
    return m->kernels->u8_sad(at, p->width, beside, p->width) +
           m->kernels->u8_sad(at, p->width, above, p->width);
}

static void find_block(MleuMotion *m, guint i, guint j)
{
    static const Vector around[] = {{-1, 0}, {1, 0}, {0, -1}, {0, 1}};
    const Picture *p = &m->full;
    const guint x = block_start(i, p->width), y = block_start(j, p->height);
    Vector *here = &m->blocks[j * m->columns + i];
    const Vector left = i > 0 ? here[-1] : (Vector){0, 0};
    const Vector above = j > 0 ? *(here - m->columns) : left;
    const Vector beyond = j > 0 && i + 1 < m->columns ? *(here - m->columns + 1) : above;
    const Vector coarse = m->coarse[MIN(j / QUARTER, m->coarse_rows - 1) * m->coarse_columns +
                                    MIN(i / QUARTER, m->coarse_columns - 1)];
    const Vector known = {median(left.x, above.x, beyond.x), median(left.y, above.y, beyond.y)};
    const Vector candidates[] = {
        known, {0, 0}, left,
        above, beyond, {(gint16)(coarse.x * QUARTER), (gint16)(coarse.y * QUARTER)}};

    Vector best = candidates[0];
    guint least = compare(m, p, x, y, &best);
    for (guint k = 1; k < G_N_ELEMENTS(candidates); k++) {
        Vector v = candidates[k];
        if (v.x == best.x && v.y == best.y)
            continue;
        const guint cost = compare(m, p, x, y, &v) + (k == 5 ? m->newness : 0);
        if (cost < least) {
            least = cost;
            best = v;
        }
    }
    guint at[4];
    for (guint step = 0; step < DIAMOND_STEPS; step++) {
        Vector next = best;
        guint gain = least > m->newness ? least - m->newness : 0;
        for (guint k = 0; k < G_N_ELEMENTS(around); k++) {
            Vector v = {(gint16)(best.x + around[k].x), (gint16)(best.y + around[k].y)};
            at[k] = compare(m, p, x, y, &v);
            if (at[k] < gain) {
                gain = at[k];
                next = v;
            }
        }
        if (next.x == best.x && next.y == best.y)
            break;
        best = next;
        least = gain;
    }
    *here = best;
    m->textures[j * m->columns + i] = measure_texture(m, x, y);
    /* What is the same to the bit has not moved by a part. */
    m->parts[j * m->columns + i] = least == 0
                                       ? (Vector){0, 0}
                                       : (Vector){minimum_between(at[0], least, at[1], m->newness),
                                                  minimum_between(at[2], least, at[3], m->newness)};
}

/* Smallest difference below which lie half of all cells': grain is everywhere, what was uncovered
 * is not. */
static guint middle_difference(const MleuMotion *m)
{
    guint histogram[256] = {0};
    const guint cells = m->grid_width * m->grid_height;
    for (guint i = 0; i < cells; i++)
        histogram[MIN(m->differences[i] / BLOCK, 255)]++;
    guint index = 0;
    for (guint sum = histogram[0]; sum * 2 < cells; sum += histogram[index])
        index++;
    return index;
}

/* The vector of the blocks at and around a cell that its window agrees with best. */
static void find_cell(MleuMotion *m, guint i, guint j, Vector *step)
{
    const Picture *p = &m->full;
    const guint cell_x = p->width / m->grid_width, cell_y = p->height / m->grid_height;
    const guint middle_x = i * cell_x + cell_x / 2, middle_y = j * cell_y + cell_y / 2;
    const guint x = MIN(MAX(middle_x, BLOCK / 2) - BLOCK / 2, p->width - BLOCK),
                y = MIN(MAX(middle_y, BLOCK / 2) - BLOCK / 2, p->height - BLOCK);
    const guint column = MIN(middle_x / BLOCK, m->columns - 1),
                row = MIN(middle_y / BLOCK, m->rows - 1);
    static const gint8 around[][2] = {{0, 0}, {-1, 0}, {1, 0}, {0, -1}, {0, 1}};
    Vector best = {0, 0};
    Vector part = {0, 0};
    guint least = G_MAXUINT;
    for (guint k = 0; k < G_N_ELEMENTS(around); k++) {
        const guint c = (guint)CLAMP((int)column + around[k][0], 0, (int)m->columns - 1),
                    r = (guint)CLAMP((int)row + around[k][1], 0, (int)m->rows - 1);
        const gsize block = (gsize)r * m->columns + c;
        Vector v = m->blocks[block];
        if (k > 0 && v.x == best.x && v.y == best.y)
            continue;
        const guint cost = compare(m, p, x, y, &v);
        if (k == 0 || cost + m->newness < least) {
            least = cost;
            best = v;
            part = m->parts[block];
        }
    }
    m->differences[(gsize)j * m->grid_width + i] = least;
    const int way_x = (best.x * MLEU_WALK_PARTS + part.x) / (int)cell_x,
              way_y = (best.y * MLEU_WALK_PARTS + part.y) / (int)cell_y;
    step->x = (gint16)CLAMP(way_x, -FARTHEST, FARTHEST);
    step->y = (gint16)CLAMP(way_y, -FARTHEST, FARTHEST);
}

static guint32 pack_step(Vector way, guint keep)
{
    return ((guint)way.x & 0xfff) | ((guint)way.y & 0xfff) << 12 | keep << 24;
}

/* How many cells are lost. All differences are in eighths of a code value, as a window has 64
 * pixels. */
static guint set_steps(const MleuMotion *m, guint32 *steps)
{
    const guint cell_x = m->full.width / m->grid_width, cell_y = m->full.height / m->grid_height;
    const gint grain = (gint)MIN(middle_difference(m), m->grain);
    const gint same = SAME_EIGHTHS + grain * 9 / 8, other = OTHER_EIGHTHS + grain / 8;
    guint lost = 0;
    for (guint j = 0; j < m->grid_height; j++) {
        const guint row = MIN((j * cell_y + cell_y / 2) / BLOCK, m->rows - 1);
        for (guint i = 0; i < m->grid_width; i++) {
            const guint column = MIN((i * cell_x + cell_x / 2) / BLOCK, m->columns - 1);
            const gsize here = (gsize)j * m->grid_width + i;
            /* Of the two sides together: grain makes twice its own. Whole pixels are a quarter of
             * one away from the truth, in the mean. */
            const gint texture = (gint)(m->textures[row * m->columns + column] / BLOCK) - 2 * grain;
            const gint excess = (gint)(m->differences[here] / BLOCK) - same - MAX(texture, 0) / 5;
            const gint keep = KEEP_WHOLE - excess * KEEP_WHOLE / other;
            lost += keep < KEEP_WHOLE / 4 ? 1 : 0;
            steps[here] = pack_step(m->cells[here], (guint)CLAMP(keep, 0, KEEP_WHOLE));
        }
    }
    return lost;
}

float mleu_motion_find(MleuMotion *m, guint32 *steps)
{
    const gsize cells = (gsize)m->grid_width * m->grid_height;
    if (!m->large_enough) {
        memset(steps, 0, cells * sizeof *steps);
        return 1;
    }
    m->grain = measure_grain(&m->full);
    /* The sum over a block of grain's differences varies by a tenth of itself. */
    m->newness = NEWNESS + m->grain * BLOCK / 5;
    choose_reference(m);
    for (guint j = 0; j < m->rows; j++) {
        for (guint i = 0; i < m->columns; i++)
            find_block(m, i, j);
    }
    for (guint j = 0; j < m->grid_height; j++) {
        for (guint i = 0; i < m->grid_width; i++)
            find_cell(m, i, j, &m->cells[(gsize)j * m->grid_width + i]);
    }

    return (float)set_steps(m, steps) / (float)cells;
}

void mleu_motion_find_onward(MleuMotion *m, guint32 *steps)
{
    exchange(m);
    mleu_motion_find(m, steps);
    exchange(m);
}
