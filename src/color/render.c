/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One pass over the frame: each task takes some rows of the chroma grid, copies or converts the
 * luma that they serve, and goes through them by tiles, in which it takes the luma of each sample,
 * enlarges a*, b* along its edges and lets the kernel f32_chroma find Cb, Cr. The enlargement is
 * linear, along x for the two rows of the grid around, along y then.
 */
#include "color/render.h"

#include <math.h>
#include <string.h>

#include "allocate.h"

/* Chroma rows that one task makes, an even number for pairs of interlaced ones, and the samples of
 * each that it makes before it goes on to the next row: these, and what they read of the enlarged
 * grid, stay in the first-level cache. */
#define ROWS 16
#define COLUMNS MLEU_WIDE

/* A row of a tile. */
typedef struct {
    guint row, x, n;
    const float *y;
    float luma[COLUMNS], cb[COLUMNS], cr[COLUMNS];
    guint16 codes[COLUMNS];
} Tile;

/* Where samples lie among the cells along one direction: see MleuWiden. */
typedef struct {
    guint *cell, *next;
    float *share;
} Taps;

struct _MleuRenderer {
    MleuFormat input, output;
    MleuLuma luma;
    MleuChromaMatrix matrix;
    MleuStoreRow store;
    MleuLoadRow load_alpha;
    const MleuKernels *kernels;
    MleuPool *pool;
    MleuGrid grid;
    guint chroma_width, chroma_height;
    gboolean same_luma;  /* luma samples are copied as they are */
    guint16 *luma_table; /* otherwise: code value in -> out */
    float centre, span;  /* of chroma code values */
    guint maximum;       /* largest code value */
    gboolean is_bytes;   /* luma of the input, luma and chroma of the output, 2 x 2 to a sample */
    Taps columns, rows;

    gsize floats_each, samples_each; /* scratch for each worker */
    float *floats;
    guint16 *samples;
    guint tiles;
    MleuWide *wide; /* for each tile two rows of the grid, an even and an odd one */
    guint *held;    /* which these are, in this frame */

    const float *planes[MLEU_WIDE_PLANES]; /* of the grid, as in MleuWide; NULL without a guide */
    float factor;
    guint grey_columns, grey_rows; /* chroma samples that stay grey */
    const MleuFrame *in, *out;
};

/* The places of the chroma samples along one direction. */
static gboolean taps_init(Taps *taps, guint count, guint shift, MleuSiting siting, guint luma_size,
                          double scale, double offset, guint cells)
{
    taps->cell = mleu_try_new0(guint, count);
    taps->next = mleu_try_new0(guint, count);
    taps->share = mleu_try_new0(float, count);
    if (taps->cell == NULL || taps->next == NULL || taps->share == NULL)
        return FALSE;
    for (guint i = 0; i < count; i++) {
        /* Centre of the sample in luma pixels, pixel k covering k .. k + 1. At an odd border the
         * last sample has only one luma pixel to serve. */
        double centre = i + 0.5;
        if (shift == 1)
            centre =
                siting == MLEU_SITING_COSITED ? 2.0 * i + 0.5 : MIN(2.0 * i + 1, luma_size - 0.5);
        const double position = CLAMP(centre * scale + offset - 0.5, 0, cells - 1.0);
        taps->cell[i] = (guint)position;
        taps->next[i] = MIN(taps->cell[i] + 1, cells - 1);
        taps->share[i] = (float)(position - taps->cell[i]);
    }
    return TRUE;
}

static void taps_clear(Taps *taps)
{
    g_free(taps->cell);
    g_free(taps->next);
    g_free(taps->share);
}

/* Y' of one format -> Y' of another, rounded to the nearest code value. Two-byte samples may hold
 * more than their depth allows, in a broken stream: the table has an entry for all of them. */
static guint16 *make_luma_table(const MleuLuma *luma, const MleuFormat *output)
{
    const guint count = luma->depth == 8 ? 256 : 65536, most = (1u << output->depth) - 1;
    guint16 *table = mleu_try_new0(guint16, count);
    double black, white;
    mleu_format_luma_range(output, &black, &white);
    double in_black, in_white;
    MleuFormat input = luma->format;
    input.depth = luma->depth;
    if (input.layout == MLEU_LAYOUT_RGB)
        input.range = MLEU_RANGE_FULL;
    mleu_format_luma_range(&input, &in_black, &in_white);
    for (guint i = 0; i < count && table != NULL; i++) {
        const double value = black + (i - in_black) / (in_white - in_black) * (white - black);
        table[i] = (guint16)CLAMP(floor(value + 0.5), 0, most);
    }
    return table;
}

MleuRenderer *mleu_renderer_new(const MleuFormat *input, const MleuFormat *output,
                                const MleuGrid *grid, MleuPool *pool)
{
    MleuRenderer *r = mleu_try_new0(MleuRenderer, 1);
    double centre, span;
    if (r == NULL)
        return NULL;
    r->input = *input;
    r->output = *output;
    r->grid = *grid;
    r->pool = pool;
    r->kernels = mleu_kernels_get(mleu_cpu_tier());
    mleu_luma_init(&r->luma, input);
    mleu_matrix_coefficients(output->layout == MLEU_LAYOUT_RGB ? input->matrix : output->matrix,
                             &r->matrix);
    r->store = mleu_format_storer(output);
    r->load_alpha = mleu_format_loader(input);
    r->chroma_width = mleu_format_chroma_width(output);
    r->chroma_height = mleu_format_chroma_height(output);
    r->same_luma = input->layout != MLEU_LAYOUT_RGB && output->layout == MLEU_LAYOUT_YUV &&
                   input->depth == output->depth && input->range == output->range;
    const gboolean converts = !r->same_luma && output->layout == MLEU_LAYOUT_YUV;
    if (converts)
        r->luma_table = make_luma_table(&r->luma, output);
    mleu_format_chroma_range(output, &centre, &span);
    r->centre = (float)centre;
    r->span = (float)span;
    r->maximum = (1u << output->depth) - 1;
    r->is_bytes = r->luma.is_bytes && r->same_luma && output->chroma_shift_x == 1 &&
                  output->chroma_shift_y == 1;
    const gboolean has_taps =
        taps_init(&r->columns, r->chroma_width, output->chroma_shift_x, output->siting_x,
                  output->width, grid->scale_x, grid->offset_x, grid->width) &&
        taps_init(&r->rows, r->chroma_height, output->chroma_shift_y, output->siting_y,
                  output->height, grid->scale_y, grid->offset_y, grid->height);

    const guint threads = mleu_pool_get_threads(pool);
    /* Luma of a task's chroma samples. */
    r->floats_each = (gsize)ROWS * r->chroma_width;
    /* Two rows of luma, one spare, one of output. */
    r->samples_each = (gsize)4 * input->width;
    r->floats = mleu_try_new0(float, r->floats_each *threads);
    r->samples = mleu_try_new0(guint16, r->samples_each * threads);
    /* One more where the grey part of a split picture ends. */
    r->tiles = (r->chroma_width + COLUMNS - 1) / COLUMNS + 1;
    r->wide = mleu_try_new0(MleuWide, (gsize)2 * r->tiles * threads);
    r->held = mleu_try_new0(guint, (gsize)2 * r->tiles * threads);
    if ((converts && r->luma_table == NULL) || !has_taps || r->floats == NULL ||
        r->samples == NULL || r->wide == NULL || r->held == NULL)
        g_clear_pointer(&r, mleu_renderer_free);
    return r;
}

void mleu_renderer_free(MleuRenderer *r)
{
    if (r == NULL)
        return;
    g_free(r->luma_table);
    taps_clear(&r->columns);
    taps_clear(&r->rows);
    g_free(r->floats);
    g_free(r->samples);
    g_free(r->wide);
    g_free(r->held);
    g_free(r);
}

static guint8 *row_of(const MleuPlane *plane, guint y)
{
    return plane->data + (gssize)y * plane->stride;
}

/* Writes luma row @y of a YUV output; @codes are the input's. */
static void write_luma(const MleuRenderer *r, guint y, const guint16 *codes, guint16 *converted)
{
    const MleuPlane *plane = &r->out->plane[0];
    if (r->same_luma) {
        const MleuPlane *source = &r->in->plane[0];
        if (plane->data == source->data)
            return;
        r->store(row_of(plane, y), plane->step, codes, r->output.width, r->output.shift);
        return;
    }
    for (guint x = 0; x < r->output.width; x++)
        converted[x] = r->luma_table[codes[x]];
    r->store(row_of(plane, y), plane->step, converted, r->output.width, r->output.shift);
}

/* Mean luma, 0..1, of the pixels that each chroma sample serves. */
static void mean_luma(const MleuRenderer *r, const guint16 *upper, const guint16 *lower, float *y)
{
    const float black = r->luma.black, scale = r->luma.scale;
    const guint width = r->input.width;
    if (r->output.chroma_shift_x == 0) {
        for (guint x = 0; x < r->chroma_width; x++)
            y[x] = (0.5f * (float)(upper[x] + lower[x]) - black) * scale;
    } else {
        const guint whole = width / 2;
        for (guint x = 0; x < whole; x++)
            y[x] = (0.25f *
                        (float)(upper[2 * x] + upper[2 * x + 1] + lower[2 * x] + lower[2 * x + 1]) -
                    black) *
                   scale;
        if (whole < r->chroma_width)
            y[whole] = (0.5f * (float)(upper[width - 1] + lower[width - 1]) - black) * scale;
    }
    for (guint x = 0; x < r->chroma_width; x++)
        y[x] = CLAMP(y[x], 0.0f, 1.0f);
}

/* Enlarges row @y of the grid along x, for @n samples from column @x on. */
static void widen(const MleuRenderer *r, guint y, guint x, guint n, MleuWide *wide)
{
    const float *rows[MLEU_WIDE_PLANES];
    const guint count = r->planes[MLEU_WIDE_VALUES] != NULL ? MLEU_WIDE_PLANES : MLEU_WIDE_VALUES;
    for (guint k = 0; k < count; k++)
        rows[k] = r->planes[k] + (gsize)y * r->grid.width;
    const MleuWiden job = {
        r->columns.cell + x, r->columns.next + x, r->columns.share + x, r->grid.width, rows, count};
    r->kernels->f32_widen((float *)wide, n, &job);
}

static guint8 *place_of(const MleuPlane *plane, const Tile *tile)
{
    return row_of(plane, tile->row) + (gssize)tile->x * plane->step;
}

static void write_chroma(const MleuRenderer *r, const MleuPlane *plane, Tile *tile,
                         const float *values)
{
    const float most = (float)r->maximum;
    if (r->output.depth == 8 && plane->step == 1) {
        r->kernels->u8_chroma(place_of(plane, tile), tile->n, values, r->centre + 0.5f, r->span);
        return;
    }
    for (guint x = 0; x < tile->n; x++) {
        const float value = r->centre + 0.5f + r->span * values[x];
        tile->codes[x] = (guint16)(value < most ? value : most);
    }
    r->store(place_of(plane, tile), plane->step, tile->codes, tile->n, r->output.shift);
}

static void write_rgb(const MleuRenderer *r, Tile *tile)
{
    const MleuChromaMatrix *m = &r->matrix;
    const float most = (float)r->maximum;
    guint16 *codes = tile->codes;
    for (guint c = 0; c < 3; c++) {
        /* R' = Y' + 2 (1 - Kr) Cr, B' likewise, and G' from Y' = Kr R' + Kg G' + Kb B'. */
        const float from_cb = c == 0   ? 0
                              : c == 2 ? 2 * (1 - m->kb)
                                       : -2 * (1 - m->kb) * m->kb / m->kg;
        const float from_cr = c == 2   ? 0
                              : c == 0 ? 2 * (1 - m->kr)
                                       : -2 * (1 - m->kr) * m->kr / m->kg;
        for (guint x = 0; x < tile->n; x++) {
            const float value =
                (tile->y[x] + from_cb * tile->cb[x] + from_cr * tile->cr[x]) * most + 0.5f;
            codes[x] = (guint16)CLAMP(value, 0.0f, most);
        }
        r->store(place_of(&r->out->plane[c], tile), r->out->plane[c].step, codes, tile->n,
                 r->output.shift);
    }
    const MleuPlane *alpha = &r->out->plane[3];
    if (alpha->data == NULL)
        return;
    const MleuPlane *source = &r->in->plane[3];
    if (r->input.layout == MLEU_LAYOUT_RGB && source->data != NULL) {
        const guint in_most = (1u << r->input.depth) - 1;
        r->load_alpha(codes, place_of(source, tile), source->step, tile->n, r->input.shift);
        for (guint x = 0; in_most != r->maximum && x < tile->n; x++)
            codes[x] = (guint16)(((guint64)codes[x] * r->maximum + in_most / 2) / in_most);
    } else {
        for (guint x = 0; x < tile->n; x++)
            codes[x] = (guint16)r->maximum;
    }
    r->store(place_of(alpha, tile), alpha->step, codes, tile->n, r->output.shift);
}

/* The luma rows that chroma row @row serves; @second is @first where it is one. Of a field, its
 * rows two apart: MPEG-2 sites the field's chroma a quarter of the way from the one to the other in
 * the upper field, three quarters in the lower one (ISO/IEC 13818-2, figure 6-5), so that in the
 * frame each row of chroma lies where that of a progressive one does, and only what it serves
 * differs. Rows at the bottom that do not make two pairs are paired as in a progressive frame. */
static void served_rows(const MleuRenderer *r, guint row, guint *first, guint *second)
{
    const guint shift = r->output.chroma_shift_y;
    if (shift == 1 && r->in->interlaced && (row | 1) * 2 + 1 < r->input.height) {
        *first = (row & ~1u) * 2 + (row & 1);
        *second = *first + 2;
    } else {
        *first = row << shift;
        *second = MIN(*first + shift, r->input.height - 1);
    }
}

/* Whether the luma of a row of chroma samples is copied as bytes, and averaged by tiles. */
static gboolean is_direct(const MleuRenderer *r, guint first, guint second)
{
    return r->is_bytes && r->in->plane[0].step == 1 && r->out->plane[0].step == 1 &&
           second != first && r->input.width % 2 == 0;
}

/* Writes the luma of one row of chroma samples to a YUV output, and gives its mean by sample where
 * tiles do not take it. */
static void pass_luma(const MleuRenderer *r, guint row, float *y)
{
    guint first, second;
    served_rows(r, row, &first, &second);
    if (is_direct(r, first, second)) {
        const MleuPlane *in = &r->in->plane[0], *out = &r->out->plane[0];
        if (in->data != out->data) {
            memcpy(row_of(out, first), row_of(in, first), r->input.width);
            memcpy(row_of(out, second), row_of(in, second), r->input.width);
        }
        return;
    }
    guint16 *upper = r->samples + mleu_pool_current_worker() * r->samples_each;
    guint16 *lower = upper + r->input.width, *spare = lower + r->input.width;
    guint16 *codes = spare + r->input.width;
    mleu_luma_row(&r->luma, r->in, first, upper, spare);
    if (second != first)
        mleu_luma_row(&r->luma, r->in, second, lower, spare);
    if (r->output.layout == MLEU_LAYOUT_YUV) {
        write_luma(r, first, upper, codes);
        if (second != first)
            write_luma(r, second, lower, codes);
    }
    mean_luma(r, upper, second != first ? lower : upper, y);
}

/* Points @tile to its luma; @y: of its row, where pass_luma() gave it. */
static void take_luma(const MleuRenderer *r, Tile *tile, const float *y)
{
    guint first, second;
    served_rows(r, tile->row, &first, &second);
    tile->y = y + tile->x;
    if (!is_direct(r, first, second))
        return;
    const MleuPlane *in = &r->in->plane[0];
    r->kernels->u8_luma(tile->luma, tile->n, row_of(in, first) + 2 * tile->x,
                        row_of(in, second) + 2 * tile->x, r->luma.black, r->luma.scale);
    tile->y = tile->luma;
}

/* Cb, Cr of a row of a tile, whose rows of the grid are @wide: @held. */
static void find_chroma(const MleuRenderer *r, Tile *tile, MleuWide *wide, guint *held)
{
    const guint cells[2] = {r->rows.cell[tile->row], r->rows.next[tile->row]};
    for (guint k = 0; k < 2; k++) {
        if (held[cells[k] % 2] != cells[k])
            widen(r, cells[k], tile->x, tile->n, &wide[cells[k] % 2]);
        held[cells[k] % 2] = cells[k];
    }
    const MleuEnlarge job = {&wide[cells[0] % 2], &wide[cells[1] % 2], r->rows.share[tile->row],
                             r->factor, r->planes[MLEU_WIDE_VALUES] != NULL};
    r->kernels->f32_enlarge(tile->cb, tile->cr, tile->y, tile->n, &job);
    r->kernels->f32_chroma(tile->cb, tile->cr, tile->y, tile->cb, tile->cr, tile->n, &r->matrix);
}

/* Columns @x .. @x + @n - 1, which are tile @index, of rows @begin .. @end - 1, whose luma is @y.
 */
static void render_tile(const MleuRenderer *r, guint begin, guint end, guint index, guint x,
                        guint n, const float *y)
{
    const gsize at = (gsize)2 * (r->tiles * mleu_pool_current_worker() + index);
    Tile tile = {.x = x, .n = n};
    for (guint row = begin; row < end; row++, y += r->chroma_width) {
        tile.row = row;
        take_luma(r, &tile, y);
        if (r->factor > 0 && x >= r->grey_columns && row >= r->grey_rows) {
            find_chroma(r, &tile, r->wide + at, r->held + at);
        } else {
            memset(tile.cb, 0, sizeof tile.cb);
            memset(tile.cr, 0, sizeof tile.cr);
        }
        if (r->output.layout == MLEU_LAYOUT_YUV) {
            write_chroma(r, &r->out->plane[1], &tile, tile.cb);
            write_chroma(r, &r->out->plane[2], &tile, tile.cr);
        } else {
            write_rgb(r, &tile);
        }
    }
}

static void render_rows(gpointer data, guint index, guint count G_GNUC_UNUSED)
{
    const MleuRenderer *r = data;
    const guint width = r->chroma_width, grey = MIN(r->grey_columns, width);
    const guint begin = index * ROWS, end = MIN(begin + ROWS, r->chroma_height);
    float *y = r->floats + mleu_pool_current_worker() * r->floats_each;
    for (guint row = begin; row < end; row++)
        pass_luma(r, row, y + (gsize)(row - begin) * width);
    /* No tile is both grey and coloured. */
    for (guint x = 0, n, tile = 0; x < width; x += n, tile++) {
        n = MIN(COLUMNS, (x < grey ? grey : width) - x);
        render_tile(r, begin, end, tile, x, n, y);
    }
}

void mleu_renderer_set_split(MleuRenderer *renderer, double share, MleuSplit orientation)
{
    const gboolean is_vertical = orientation == MLEU_SPLIT_VERTICAL;
    renderer->grey_columns = is_vertical ? (guint)lrint(share * renderer->chroma_width) : 0;
    renderer->grey_rows = is_vertical ? 0 : (guint)lrint(share * renderer->chroma_height);
}

void mleu_renderer_run(MleuRenderer *renderer, const float *ab, const MleuGuide *guide,
                       float factor, const MleuFrame *input, const MleuFrame *output)
{
    const gsize cells = (gsize)renderer->grid.width * renderer->grid.height;
    const float *const planes[MLEU_WIDE_PLANES] = {
        ab,
        ab + cells,
        guide != NULL ? guide->luma : NULL,
        guide != NULL ? guide->slope[0] : NULL,
        guide != NULL ? guide->slope[1] : NULL,
        guide != NULL ? guide->low[0] : NULL,
        guide != NULL ? guide->low[1] : NULL,
        guide != NULL ? guide->high[0] : NULL,
        guide != NULL ? guide->high[1] : NULL,
    };
    memcpy(renderer->planes, planes, sizeof planes);
    memset(renderer->held, 0xff,
           2 * renderer->tiles * mleu_pool_get_threads(renderer->pool) * sizeof *renderer->held);
    renderer->factor = factor;
    renderer->in = input;
    renderer->out = output;
    mleu_pool_run(renderer->pool, render_rows, renderer,
                  (renderer->chroma_height + ROWS - 1) / ROWS);
}
