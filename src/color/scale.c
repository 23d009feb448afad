/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "color/scale.h"

#include <math.h>
#include <string.h>

#include "allocate.h"

/* Rows of the small picture that one task makes. */
#define ROWS 8

/* Entries of the table y -> L*, between which it is linear: error under 0.003 in L*. */
#define TABLE 4096

/* One direction of the resize: small sample i is the sum of count[i] samples from first[i] on, by
 * weight, of which each has @taps, the last ones 0. */
typedef struct {
    guint *first, *count;
    float *weight;
    guint taps;
} Filter;

struct _MleuScaler {
    MleuLuma luma;
    MleuPool *pool;
    guint width, height, content_width, content_height, left, top;
    Filter horizontal, vertical;
    float table[TABLE + 2];
    const MleuKernels *kernels;
    const guint8 **rows; /* for each worker: those of one small row */
    guint16 *samples;    /* for each worker: two rows */
    float *sums;         /* for each worker: one row, with what its last taps reach */
    gsize sums_each;
    const MleuFrame *frame;
    float *lightness;
};

/* An average over the area where samples shrink, linear interpolation between centres where they
 * grow. */
static gboolean filter_init(Filter *filter, guint in, guint out)
{
    const double scale = (double)in / out;
    const guint taps = scale > 1 ? (guint)ceil(scale) + 1 : 2;
    filter->taps = (taps + MLEU_FILTER_LANES - 1) / MLEU_FILTER_LANES * MLEU_FILTER_LANES;
    filter->first = mleu_try_new0(guint, out);
    filter->count = mleu_try_new0(guint, out);
    filter->weight = mleu_try_new0(float, (gsize)filter->taps *out);
    if (filter->first == NULL || filter->count == NULL || filter->weight == NULL)
        return FALSE;
    for (guint i = 0; i < out; i++) {
        const double begin = i * scale, end = (i + 1) * scale;
        float *weight = filter->weight + (gsize)i * filter->taps;
        if (scale > 1) {
            const guint first = (guint)begin, last = MIN((guint)ceil(end - 1e-9), in);
            filter->first[i] = first;
            filter->count[i] = last - first;
            for (guint k = first; k < last; k++)
                weight[k - first] = (float)((MIN(end, k + 1.0) - MAX(begin, (double)k)) / scale);
        } else {
            const double centre = CLAMP((begin + end) / 2 - 0.5, 0, in - 1.0);
            const guint first = MIN((guint)centre, in >= 2 ? in - 2 : 0);
            filter->first[i] = first;
            filter->count[i] = in >= 2 ? 2 : 1;
            weight[0] = in >= 2 ? (float)(1 - (centre - first)) : 1.0f;
            weight[1] = (float)(centre - first);
        }
    }
    return TRUE;
}

static void filter_clear(Filter *filter)
{
    g_free(filter->first);
    g_free(filter->count);
    g_free(filter->weight);
}

/* CIE 1976 L* of a grey with the sRGB code value y: film and video are taken as they would be
 * shown. */
static double lightness_of(double y)
{
    const double linear = y <= 0.04045 ? y / 12.92 : pow((y + 0.055) / 1.055, 2.4);
    const double f = linear > 216.0 / 24389 ? cbrt(linear) : (24389.0 / 27 * linear + 16) / 116;
    return 116 * f - 16;
}

MleuScaler *mleu_scaler_new(const MleuFormat *format, guint width, guint height,
                            guint content_width, guint content_height, MleuPool *pool)
{
    MleuScaler *scaler = mleu_try_new0(MleuScaler, 1);
    if (scaler == NULL)
        return NULL;
    mleu_luma_init(&scaler->luma, format);
    scaler->pool = pool;
    scaler->width = width;
    scaler->height = height;
    scaler->content_width = content_width;
    scaler->content_height = content_height;
    scaler->left = (width - content_width) / 2;
    scaler->top = (height - content_height) / 2;
    const gboolean has_filters = filter_init(&scaler->horizontal, format->width, content_width) &&
                                 filter_init(&scaler->vertical, format->height, content_height);
    for (guint i = 0; i < G_N_ELEMENTS(scaler->table); i++)
        scaler->table[i] = (float)lightness_of(MIN(i, TABLE) / (double)TABLE);
    const guint threads = mleu_pool_get_threads(pool);
    scaler->kernels = mleu_kernels_get(mleu_cpu_tier());
    scaler->rows = mleu_try_new0(const guint8 *, (gsize)threads * scaler->vertical.taps);
    scaler->samples = mleu_try_new0(guint16, (gsize)2 * threads * format->width);
    scaler->sums_each = (gsize)format->width + scaler->horizontal.taps;
    scaler->sums = mleu_try_new0(float, (gsize)threads * scaler->sums_each);
    if (!has_filters || scaler->rows == NULL || scaler->samples == NULL || scaler->sums == NULL)
        g_clear_pointer(&scaler, mleu_scaler_free);
    return scaler;
}

void mleu_scaler_free(MleuScaler *scaler)
{
    if (scaler == NULL)
        return;
    filter_clear(&scaler->horizontal);
    filter_clear(&scaler->vertical);
    g_free(scaler->rows);
    g_free(scaler->samples);
    g_free(scaler->sums);
    g_free(scaler);
}

/* The weighted sum of the rows that small row @y covers. */
static void sum_rows(const MleuScaler *scaler, guint y, float *sums)
{
    const guint width = scaler->luma.format.width, worker = mleu_pool_current_worker();
    const Filter *vertical = &scaler->vertical;
    const guint first = vertical->first[y], count = vertical->count[y];
    const float *weight = vertical->weight + (gsize)y * vertical->taps;
    const MleuPlane *plane = &scaler->frame->plane[0];
    if (scaler->luma.is_bytes && plane->step == 1) {
        const guint8 **rows = scaler->rows + (gsize)worker * vertical->taps;
        for (guint k = 0; k < count; k++)
            rows[k] = plane->data + (gssize)(first + k) * plane->stride;
        scaler->kernels->u8_blend(sums, width, rows, weight, count);
        return;
    }
    guint16 *row = scaler->samples + (gsize)2 * worker * width, *spare = row + width;
    memset(sums, 0, width * sizeof(float));
    for (guint k = 0; k < count; k++) {
        mleu_luma_row(&scaler->luma, scaler->frame, first + k, row, spare);
        for (guint x = 0; x < width; x++)
            sums[x] += weight[k] * row[x];
    }
}

static void scale_row(const MleuScaler *scaler, guint y, float *out)
{
    float *sums = scaler->sums + mleu_pool_current_worker() * scaler->sums_each;
    const MleuFilter filter = {scaler->horizontal.first, scaler->horizontal.weight,
                               scaler->horizontal.taps};
    const float black = scaler->luma.black, scale = scaler->luma.scale;
    sum_rows(scaler, y, sums);
    scaler->kernels->f32_filter(out, scaler->content_width, sums, &filter);
    for (guint x = 0; x < scaler->content_width; x++) {
        const float part = (out[x] - black) * scale;
        out[x] = (part < 0 ? 0 : part > 1 ? 1 : part) * TABLE;
    }
    scaler->kernels->f32_interpolate(out, out, scaler->content_width, scaler->table);
}

/* Index -left .. beyond count - 1, reflected into 0 .. count - 1 about the end samples, as often as
 * it takes. */
static guint reflect(gssize i, guint count)
{
    const gssize period = count > 1 ? 2 * ((gssize)count - 1) : 1;
    i %= period;
    if (i < 0)
        i += period;
    return (guint)(i < (gssize)count ? i : period - i);
}

static void scale_rows(gpointer data, guint index, guint count G_GNUC_UNUSED)
{
    const MleuScaler *scaler = data;
    const guint end = MIN((index + 1) * ROWS, scaler->content_height);
    for (guint y = index * ROWS; y < end; y++) {
        float *row = scaler->lightness + (gsize)(scaler->top + y) * scaler->width;
        scale_row(scaler, y, row + scaler->left);
        for (guint x = 0; x < scaler->left; x++)
            row[x] = row[scaler->left +
                         reflect((gssize)x - (gssize)scaler->left, scaler->content_width)];
        for (guint x = scaler->left + scaler->content_width; x < scaler->width; x++)
            row[x] = row[scaler->left +
                         reflect((gssize)x - (gssize)scaler->left, scaler->content_width)];
    }
}

void mleu_scaler_run(MleuScaler *scaler, const MleuFrame *frame, float *lightness)
{
    scaler->frame = frame;
    scaler->lightness = lightness;
    mleu_pool_run(scaler->pool, scale_rows, scaler, (scaler->content_height + ROWS - 1) / ROWS);
    for (guint y = 0; y < scaler->height; y++) {
        const gssize inside = (gssize)y - (gssize)scaler->top;
        if (inside >= 0 && inside < (gssize)scaler->content_height)
            continue;
        memcpy(lightness + (gsize)y * scaler->width,
               lightness +
                   (gsize)(scaler->top + reflect(inside, scaler->content_height)) * scaler->width,
               scaler->width * sizeof(float));
    }
}
