/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs a quantised graph in 8-bit integers. A value is h x w pixels whose channels lie side by
 * side; what a concatenation reads lies in its pixels, so that a value has a distance between
 * pixels of its own. From the input's L* to the a*, b* of the small grid every tier of kernels,
 * every number of threads and every machine gives the same bytes: sums are whole numbers, float32
 * is used one rounded operation at a time, and the softmax is a table of whole numbers.
 */
#include "nn/executor.h"

#include <math.h>
#include <string.h>

#include "allocate.h"
#include "nn/arena.h"
#include "nn/q8/layers.h"

/* Pixels of one task where there are many and where there are few, so that several threads have
 * work at the coarsest level too; of convolutions rounded up to what their kernel takes. */
#define BLOCK_MANY 96
#define BLOCK_FEW 24
#define FEW_PIXELS 1024

/* Likewise tiles of Winograd's method, which have twelve pixels. */
#define BLOCK_TILES 12

/* Tasks that are wanted at least: where pixels or tiles make fewer blocks, tasks share a dense
 * convolution's outputs too, and with them the weights, which are more than a cache holds there.
 * The least outputs of one. */
#define FEW_TASKS 12
#define FEW_OUTPUTS 64

/* Tiles from which on Winograd's method pays: its weights are seven times as large, and with fewer
 * most of the time goes into reading them. */
#define LEAST_TILES 12

/* The softmax's table: exp(-d / (MLEU_Q8_LOGIT T)) in units of 2^-16, up to T = 5; beyond it is
 * less than half a unit. */
#define SOFTMAX_UNIT 65536
#define SOFTMAX_TABLE (5 * 12 * MLEU_Q8_LOGIT)

/* Class colours are whole numbers of 1 / BIN_UNIT. */
#define BIN_UNIT 64

typedef struct {
    guint channels, h, w;
    gsize pixel; /* bytes between pixels */
    guint8 *data;
} Value;

/* What each pixel of a convolution's output sees, or each tile by Winograd's method. */
typedef struct {
    guint kernel_h, kernel_w, stride_y, stride_x, dilation, pad_top, pad_left;
    guint columns; /* in an output row */
} Window;

typedef struct _State State;

typedef struct {
    const State *state;
    const MleuNode *node;
    const MleuQ8Layer *layer;
    Value in[MLEU_INPUTS_MAX];
    Value out;
    gboolean copy[MLEU_INPUTS_MAX]; /* of a concatenation: written elsewhere */
    gboolean pointwise;             /* a convolution: reads its output's pixels and no others */
    gboolean by_winograd;           /* a convolution: its tasks are of tiles */
    Window window;                  /* of a convolution */
    guint count, parts, block;      /* pixels or tiles, tasks, and the pixels or tiles of one */
    guint outputs;                  /* channels of one task */
} Step;

struct _State {
    MleuModel *model;
    const MleuGraph *graph;
    const MleuKernels *kernels;
    MleuPool *pool;
    const float *input;
    Value *values;
    Step *steps;
    guint8 *memory;
    const guint8 **pointers; /* of worker w: from w x pointers_size */
    gsize pointers_size;
    gint16 *logits; /* of worker w: from w x logits_size; a row for each pixel of a block */
    gsize logits_size;
    guint8 *scratch; /* of worker w: from w x scratch_size */
    gsize scratch_size;
    guint8 *unfolded; /* of worker w: from w x unfolded_size; every other byte stays 0 */
    gsize unfolded_size;
    gint32 *bins;
    MleuQ8Softmax softmax;
    float table_temperature;
    guint32 table[SOFTMAX_TABLE + 1];
    const gint *cancel;
    float *result;
};

static void state_free(gpointer data)
{
    State *state = data;
    mleu_arena_free(state->memory);
    g_free(state->values);
    g_free(state->steps);
    g_free(state->pointers);
    mleu_arena_free(state->scratch);
    g_free(state->unfolded);
    g_free(state->logits);
    g_free(state->bins);
    g_free(state);
}

static gboolean is_cancelled(const State *state)
{
    return state->cancel != NULL && g_atomic_int_get(state->cancel);
}

static guint pixels_of(const Value *value)
{
    return value->h * value->w;
}

static guint8 *pixel_at(const Value *value, guint index)
{
    return value->data + index * value->pixel;
}

/* Pointers to what each tap sees of `n` pixels or tiles of output row `oy`, from `ox` on; those of
 * a tap are `apart` from those of the one before. */
static void gather_row(const Step *step, guint oy, guint ox, guint n, const guint8 **pointers,
                       guint apart)
{
    const Window *window = &step->window;
    const Value *in = &step->in[0];
    const gint stride = (gint)window->stride_x;
    for (guint ky = 0; ky < window->kernel_h; ky++) {
        const gint y =
            (gint)(oy * window->stride_y + ky * window->dilation) - (gint)window->pad_top;
        const gboolean inside = y >= 0 && y < (gint)in->h;
        for (guint kx = 0; kx < window->kernel_w; kx++, pointers += apart) {
            /* Of the first pixel; of pixels begin .. end - 1 it is inside. */
            const gint x =
                (gint)(ox * window->stride_x + kx * window->dilation) - (gint)window->pad_left;
            const gint after = inside ? ((gint)in->w - x + stride - 1) / stride : 0;
            const guint end = (guint)CLAMP(after, 0, (gint)n);
            const guint begin = MIN(x < 0 ? (guint)(-x + stride - 1) / window->stride_x : 0, end);
            for (guint p = 0; p < begin; p++)
                pointers[p] = step->layer->padding;
            if (begin < end) {
                const guint8 *from =
                    pixel_at(in, (guint)y * in->w + (guint)(x + (gint)begin * stride));
                for (guint p = begin; p < end; p++, from += window->stride_x * in->pixel)
                    pointers[p] = from;
            }
            for (guint p = end; p < n; p++)
                pointers[p] = step->layer->padding;
        }
    }
}

/* Likewise of `count` pixels or tiles from `first` on, of one row or several: taps x count, in the
 * memory of this worker. */
static const guint8 **gather(const Step *step, guint first, guint count)
{
    const guint columns = step->window.columns;
    const guint8 **pointers =
        step->state->pointers + mleu_pool_current_worker() * step->state->pointers_size;
    if (step->pointwise) {
        const guint8 *from = pixel_at(&step->in[0], first);
        for (guint p = 0; p < count; p++, from += step->in[0].pixel)
            pointers[p] = from;
        return pointers;
    }
    for (guint done = 0, n; done < count; done += n) {
        const guint oy = (first + done) / columns, ox = (first + done) % columns;
        n = MIN(count - done, columns - ox);
        gather_row(step, oy, ox, n, pointers + done, count);
    }
    return pointers;
}

static gpointer scratch_of(const State *state)
{
    return state->scratch + mleu_pool_current_worker() * state->scratch_size;
}

/* Bytes of a worker for the rows of @pixels, of which kernels read a little more. */
static gsize unfolded_size(const MleuQ8Layer *layer, guint pixels)
{
    const gsize bytes = (gsize)pixels * layer->channels + 4 * (gsize)mleu_q8_depth(layer->channels);
    return (bytes + 63) / 64 * 64;
}

/* The bytes that @count pixels of an unfolded convolution see, every other byte of a row for each,
 * whose others are zeros: the pointers to them become those to the rows. */
static void unfold(const Step *step, guint count, const guint8 **pointers, guint8 *row)
{
    const guint taps = step->layer->channels / 2;
    for (guint p = 0; p < count; p++, row += step->layer->channels) {
        for (guint t = 0; t < taps; t++)
            row[2 * t] = *pointers[t * count + p];
    }
    for (guint p = 0; p < count; p++)
        pointers[p] = row + ((gssize)p - (gssize)count) * (gssize)step->layer->channels;
}

/* What a step's convolution sees of pixels [first, last). */
static MleuQ8Tile look(const Step *step, guint first, guint last)
{
    const MleuQ8Layer *layer = step->layer;
    const guint8 **pointers = gather(step, first, last - first);
    if (layer->unfolded)
        unfold(step, last - first, pointers,
               step->state->unfolded + mleu_pool_current_worker() * step->state->unfolded_size);
    return (MleuQ8Tile){.in = pointers,
                        .pixels = last - first,
                        .taps = layer->taps,
                        .channels = layer->channels,
                        .weight = layer->weight,
                        .to = layer->to,
                        .scratch = scratch_of(step->state)};
}

/* Tiles [first, last) of a convolution, and its outputs from `output` on. */
static void winograd(const Step *step, guint first, guint last, guint output)
{
    const MleuQ8Layer *layer = step->layer;
    MleuQ8Winograd job = {.in = gather(step, first, last - first),
                          .out = step->out.data + output,
                          .step = step->out.pixel,
                          .tiles = last - first,
                          .channels = layer->channels,
                          .first = first,
                          .columns = step->window.columns,
                          .height = step->out.h,
                          .width = step->out.w,
                          .weight = layer->winograd + output / MLEU_Q8_OUTPUTS *
                                                          mleu_q8_winograd_block(layer->channels),
                          .to = layer->to,
                          .scratch = scratch_of(step->state)};
    job.to.bias += output;
    job.to.scale += output;
    step->state->kernels->q8_winograd(MIN(step->outputs, step->out.channels - output), &job);
}

/* Pixels [first, last) of a convolution, and its outputs from `output` on. */
static void conv(const Step *step, guint first, guint last, guint output)
{
    const MleuKernels *kernels = step->state->kernels;
    MleuQ8Tile tile = look(step, first, last);
    guint8 *out = pixel_at(&step->out, first) + output;
    if (step->layer->depthwise) {
        kernels->q8_dwconv(out, step->out.pixel, &tile);
        return;
    }
    mleu_q8_skip_blocks(&tile, output / MLEU_Q8_OUTPUTS);
    kernels->q8_conv(out, step->out.pixel, MIN(step->outputs, step->out.channels - output), &tile);
}

/* The graph's input, L*, to 8 bits. */
static void affine(const Step *step, guint first, guint last)
{
    const MleuNode *node = step->node;
    const MleuQ8Affine job = {node->scale[0], node->offset[0], node->out_scale, node->out_zero};
    step->state->kernels->q8_affine(pixel_at(&step->out, first), step->out.pixel,
                                    step->state->input + first, last - first, &job);
}

static void add(const Step *step, guint first, guint last)
{
    for (guint p = first; p < last; p++)
        step->state->kernels->q8_add(pixel_at(&step->out, p), pixel_at(&step->in[0], p),
                                     pixel_at(&step->in[1], p), step->out.channels,
                                     &step->layer->add);
}

static void concat(const Step *step, guint first, guint last)
{
    gsize channel = 0;
    for (guint i = 0; i < step->node->n_inputs; i++) {
        for (guint p = first; p < last && step->copy[i]; p++)
            memcpy(pixel_at(&step->out, p) + channel, pixel_at(&step->in[i], p),
                   step->in[i].channels);
        channel += step->in[i].channels;
    }
}

static void upsample(const Step *step, guint first, guint last)
{
    const guint factor = step->node->factor;
    for (guint p = first; p < last; p++) {
        const guint y = p / step->out.w / factor, x = p % step->out.w / factor;
        memcpy(pixel_at(&step->out, p), pixel_at(&step->in[0], y * step->in[0].w + x),
               step->out.channels);
    }
}

static void maxpool(const Step *step, guint first, guint last)
{
    const Value *in = &step->in[0];
    for (guint p = first; p < last; p++) {
        const guint8 *upper = pixel_at(in, 2 * (p / step->out.w) * in->w + 2 * (p % step->out.w));
        const guint8 *lower = upper + in->w * in->pixel;
        guint8 *out = pixel_at(&step->out, p);
        for (guint c = 0; c < in->channels; c++) {
            const guint8 left = MAX(upper[c], lower[c]);
            const guint8 right = MAX(upper[in->pixel + c], lower[in->pixel + c]);
            out[c] = MAX(left, right);
        }
    }
}

/* a*, b* of one pixel from its logits: whole numbers up to the division, which is done in double
 * precision, the sums being below 2^53. */
static void decode(const State *state, const gint16 *logits, float *a, float *b)
{
    const MleuGraph *graph = state->graph;
    const MleuQ8Mean mean = state->kernels->q8_mean(logits, &state->softmax);
    *a = (float)((double)mean.a / (double)(mean.weight * BIN_UNIT));
    *b = (float)((double)mean.b / (double)(mean.weight * BIN_UNIT));
    if (graph->head != MLEU_HEAD_COMBINED)
        return;
    const float share = (float)graph->blend;
    const float unit = (float)(graph->head_scale / MLEU_Q8_LOGIT);
    const gint16 *regressed = logits + graph->classes;
    const float other_a = (float)regressed[0] * unit, other_b = (float)regressed[1] * unit;
    const float move_a = share * (other_a - *a), move_b = share * (other_b - *b);
    *a += move_a;
    *b += move_b;
}

/* The last convolution and the head, of pixels [first, last): the logits of the picture are never
 * all there. */
static void head(const Step *step, guint first, guint last)
{
    const State *state = step->state;
    const MleuQ8Tile tile = look(step, first, last);
    const gsize row = (gsize)step->layer->blocks * MLEU_Q8_OUTPUTS, plane = pixels_of(&step->out);
    gint16 *logits = state->logits + mleu_pool_current_worker() * state->logits_size;

    state->kernels->q8_logits(logits, row, step->out.channels, &tile);
    for (guint i = 0; i < tile.pixels; i++, logits += row)
        decode(state, logits, state->result + first + i, state->result + plane + first + i);
}

static void run_step(gpointer data, guint index, guint count G_GNUC_UNUSED)
{
    const Step *step = data;
    const guint blocks = mleu_blocks_along(step->count, step->block);
    const guint first = index % blocks * step->block, last = MIN(first + step->block, step->count);
    const guint output = index / blocks * step->outputs;
    if (is_cancelled(step->state))
        return;
    switch (step->node->op) {
    case MLEU_OP_AFFINE:
        affine(step, first, last);
        break;
    case MLEU_OP_CONV2D:
        if (step->out.data == NULL)
            head(step, first, last);
        else if (step->by_winograd)
            winograd(step, first, last, output);
        else
            conv(step, first, last, output);
        break;
    case MLEU_OP_ADD:
        add(step, first, last);
        break;
    case MLEU_OP_CONCAT:
        concat(step, first, last);
        break;
    case MLEU_OP_UPSAMPLE:
        upsample(step, first, last);
        break;
    case MLEU_OP_MAXPOOL:
        maxpool(step, first, last);
        break;
    case MLEU_OP_INPUT:
    case MLEU_OP_CONV_TRANSPOSE2D:
        break;
    }
}

/* Whether the kernels, the convolution and the picture are such that Winograd's method pays.
 * Without memory for its weights it is done directly, which gives the same bytes. */
static gboolean goes_by_winograd(const State *state, guint index, const Step *step)
{
    return state->kernels->q8_by_winograd && step->out.data != NULL &&
           mleu_blocks_along(step->out.h, MLEU_Q8_TILE_H) *
                   mleu_blocks_along(step->out.w, MLEU_Q8_TILE_W) >=
               LEAST_TILES &&
           mleu_model_make_winograd(state->model, index);
}

/* The step's window and block, and memory of the workers for one. */
static void prepare_winograd(State *state, Step *step)
{
    const MleuNode *node = step->node;
    step->by_winograd = TRUE;
    step->window = (Window){.kernel_h = MLEU_Q8_WINDOW_H,
                            .kernel_w = MLEU_Q8_WINDOW_W,
                            .stride_y = MLEU_Q8_TILE_H,
                            .stride_x = MLEU_Q8_TILE_W,
                            .dilation = 1,
                            .pad_top = node->pad_top,
                            .pad_left = node->pad_left,
                            .columns = mleu_blocks_along(step->out.w, MLEU_Q8_TILE_W)};
    step->count = mleu_blocks_along(step->out.h, MLEU_Q8_TILE_H) * step->window.columns;
    step->block = BLOCK_TILES;
    state->scratch_size =
        MAX(state->scratch_size, mleu_q8_winograd_scratch(step->block, step->layer->channels));
    state->pointers_size = MAX(state->pointers_size, (gsize)MLEU_Q8_POINTS * step->block);
}

static void prepare_conv(State *state, Step *step)
{
    const MleuQ8Layer *layer = step->layer;
    const MleuNode *node = step->node;
    const gsize taps = (gsize)node->kernel_h * node->kernel_w;
    step->window = (Window){.kernel_h = node->kernel_h,
                            .kernel_w = node->kernel_w,
                            .stride_y = node->stride,
                            .stride_x = node->stride,
                            .dilation = node->dilation,
                            .pad_top = node->pad_top,
                            .pad_left = node->pad_left,
                            .columns = step->out.w};
    step->pointwise = taps == 1 && node->stride == 1 && node->pad_top == 0 && node->pad_left == 0 &&
                      step->count == pixels_of(&step->in[0]);
    if (!layer->depthwise) {
        const guint multiple = state->kernels->q8_pixels;
        step->block = (step->block + multiple - 1) / multiple * multiple;
        state->scratch_size =
            MAX(state->scratch_size, mleu_q8_scratch(step->block, layer->taps, layer->channels));
    }
    state->pointers_size = MAX(state->pointers_size, taps * step->block);
    if (layer->unfolded)
        state->unfolded_size = MAX(state->unfolded_size, unfolded_size(layer, step->block));
}

/* Of a dense convolution whose pixels make so many blocks: whole pairs of blocks of outputs, which
 * kernels like. */
static guint outputs_of_task(guint channels, guint blocks)
{
    enum { PAIR = 2 * MLEU_Q8_OUTPUTS };
    const guint shares = mleu_blocks_along(FEW_TASKS, blocks);
    const guint outputs = MAX(mleu_blocks_along(channels, shares), FEW_OUTPUTS);
    return mleu_blocks_along(outputs, PAIR) * PAIR;
}

static void make_step(State *state, guint index, const MleuQ8Layer *layers,
                      const MleuPlacement *places)
{
    const MleuGraph *graph = state->graph;
    Step *step = &state->steps[index - 1];
    step->state = state;
    step->node = &graph->nodes[index];
    step->layer = &layers[index];
    step->out = state->values[index];
    gsize offset = places[index].offset;
    gboolean any = step->node->op != MLEU_OP_CONCAT;
    for (guint j = 0; j < step->node->n_inputs; j++) {
        const guint input = step->node->inputs[j];
        step->in[j] = state->values[input];
        step->copy[j] =
            step->node->op == MLEU_OP_CONCAT &&
            (places[input].owner != places[index].owner || places[input].offset != offset);
        any = any || step->copy[j];
        offset += state->values[input].channels;
    }
    step->count = pixels_of(&step->out);
    step->block = step->count < FEW_PIXELS ? BLOCK_FEW : BLOCK_MANY;
    if (goes_by_winograd(state, index, step))
        prepare_winograd(state, step);
    else if (step->node->op == MLEU_OP_CONV2D)
        prepare_conv(state, step);
    const guint blocks = mleu_blocks_along(step->count, step->block);
    step->outputs = step->out.channels;
    if (step->node->op == MLEU_OP_CONV2D && !step->layer->depthwise && step->out.data != NULL)
        step->outputs = outputs_of_task(step->out.channels, blocks);
    step->parts = any ? blocks * mleu_blocks_along(step->out.channels, step->outputs) : 0;
}

/* Every value's place, and the steps between; @sizes, @slices and @places: by node. The last node
 * has no place, since its head reads it tile by tile. */
static gboolean place_values(State *state, const MleuShape *shapes, const MleuQ8Layer *layers,
                             gsize *sizes, gsize *slices, MleuPlacement *places)
{
    const MleuGraph *graph = state->graph;
    for (guint i = 1; i + 1 < graph->n_nodes; i++) {
        sizes[i] = (gsize)shapes[i].h * shapes[i].w * shapes[i].channels;
        slices[i] = shapes[i].channels;
    }
    const gsize bytes = mleu_arena_place(graph, sizes, slices, places);
    /* Kernels read a little beyond the last pixel. */
    guint beyond = 0;
    for (guint i = 0; i < graph->n_nodes; i++)
        beyond = MAX(beyond, 4 * mleu_q8_depth(shapes[i].channels));
    if (bytes <= MLEU_ARENA_MAX)
        state->memory = mleu_arena_allocate(bytes + beyond, 1);
    if (state->memory == NULL)
        return FALSE;
    for (guint i = 0; i < graph->n_nodes; i++) {
        Value *value = &state->values[i];
        *value = (Value){.channels = shapes[i].channels, .h = shapes[i].h, .w = shapes[i].w};
        value->pixel = shapes[places[i].owner].channels;
        if (i > 0 && i + 1 < graph->n_nodes)
            value->data = state->memory + places[i].offset;
    }
    for (guint i = 1; i < graph->n_nodes; i++)
        make_step(state, i, layers, places);
    return TRUE;
}

static gboolean place(State *state, const MleuShape *shapes, const MleuQ8Layer *layers)
{
    const guint n = state->graph->n_nodes;
    gsize *sizes = mleu_try_new0(gsize, n), *slices = mleu_try_new0(gsize, n);
    MleuPlacement *places = mleu_try_new0(MleuPlacement, n);
    const gboolean good = sizes != NULL && slices != NULL && places != NULL &&
                          place_values(state, shapes, layers, sizes, slices, places);
    g_free(places);
    g_free(slices);
    g_free(sizes);
    return good;
}

static gpointer state_new(MleuModel *model, const MleuShape *shapes, MleuPool *pool,
                          const float *input)
{
    const MleuGraph *graph = mleu_model_get_graph(model);
    const MleuQ8Layer *layers = mleu_model_get_q8_layers(model);
    State *state = mleu_try_new0(State, 1);
    if (state == NULL)
        return NULL;
    state->model = model;
    state->graph = graph;
    state->kernels = mleu_kernels_get(mleu_cpu_tier());
    state->pool = pool;
    state->input = input;
    state->values = mleu_try_new0(Value, graph->n_nodes);
    state->steps = mleu_try_new0(Step, graph->n_nodes - 1);
    if (state->values == NULL || state->steps == NULL || !place(state, shapes, layers)) {
        state_free(state);
        return NULL;
    }
    const guint threads = mleu_pool_get_threads(pool);
    state->pointers = mleu_try_new0(const guint8 *, threads * state->pointers_size);
    const Step *last = &state->steps[graph->n_nodes - 2];
    state->logits_size = (gsize)last->block * last->layer->blocks * MLEU_Q8_OUTPUTS;
    state->logits = mleu_try_new0(gint16, threads * state->logits_size);
    state->scratch = mleu_arena_allocate(threads, state->scratch_size);
    state->unfolded = mleu_try_new0(guint8, threads * state->unfolded_size);
    state->bins = mleu_try_new0(gint32, 2 * graph->classes);
    if (state->pointers == NULL || state->logits == NULL || state->scratch == NULL ||
        state->unfolded == NULL || state->bins == NULL) {
        state_free(state);
        return NULL;
    }
    for (guint i = 0; i < 2 * graph->classes; i++)
        state->bins[i] = (gint32)lrintf(graph->bins[i] * BIN_UNIT);
    state->softmax =
        (MleuQ8Softmax){.table = state->table, .classes = graph->classes, .bins = state->bins};
    return state;
}

/* The softmax's table, and from where on it is 0. */
static void set_temperature(State *state, float temperature)
{
    if (state->table_temperature == temperature)
        return;
    state->table_temperature = temperature;
    state->softmax.reach = SOFTMAX_TABLE;
    for (guint d = 0; d < SOFTMAX_TABLE; d++) {
        state->table[d] =
            (guint32)lrint(SOFTMAX_UNIT * exp(-(double)d / (MLEU_Q8_LOGIT * (double)temperature)));
        if (state->table[d] == 0)
            state->softmax.reach = MIN(state->softmax.reach, d);
    }
}

static void state_run(gpointer data, float temperature, const gint *cancel, float *result)
{
    State *state = data;
    state->cancel = cancel;
    state->result = result;
    set_temperature(state, temperature);
    for (guint s = 0; s + 1 < state->graph->n_nodes && !is_cancelled(state); s++)
        mleu_pool_run(state->pool, run_step, &state->steps[s], state->steps[s].parts);
}

const MleuExecutor mleu_q8_executor = {state_new, state_free, state_run};
