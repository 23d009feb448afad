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

#include "nn/arena.h"
#include "nn/q8/layers.h"

/* Pixels of one task where there are many and where there are few, so that two or more threads
 * have work at the coarsest level too; multiples of MLEU_Q8_PIXELS. */
#define BLOCK_MANY 96
#define BLOCK_FEW 24
#define FEW_PIXELS 1024

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

typedef struct _State State;

typedef struct {
    const State *state;
    const MleuNode *node;
    const MleuQ8Layer *layer;
    Value in[MLEU_INPUTS_MAX];
    Value out;
    gboolean copy[MLEU_INPUTS_MAX]; /* of a concatenation: written elsewhere */
    guint parts, block;             /* tasks, and the pixels of one */
} Step;

struct _State {
    const MleuGraph *graph;
    const MleuKernels *kernels;
    MleuPool *pool;
    const float *input;
    Value *values;
    Step *steps;
    guint8 *memory;
    const guint8 **pointers; /* of worker w: from w x pointers_size */
    gsize pointers_size;
    gint16 *logits; /* of worker w: from w x MLEU_Q8_PIXELS x logit rows */
    gsize logits_size;
    gint32 *bins;
    float table_temperature;
    guint32 table[SOFTMAX_TABLE];
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

/* Pointers to what each tap sees of `count` output pixels from `first` on: taps x count. */
static void gather(const Step *step, guint first, guint count, const guint8 **pointers)
{
    const MleuNode *node = step->node;
    const Value *in = &step->in[0];
    for (guint p = 0; p < count; p++) {
        const gint oy = (gint)((first + p) / step->out.w), ox = (gint)((first + p) % step->out.w);
        const guint8 **pointer = pointers + p;
        for (guint ky = 0; ky < node->kernel_h; ky++) {
            const gint y =
                oy * (gint)node->stride + (gint)(ky * node->dilation) - (gint)node->pad_top;
            for (guint kx = 0; kx < node->kernel_w; kx++, pointer += count) {
                const gint x =
                    ox * (gint)node->stride + (gint)(kx * node->dilation) - (gint)node->pad_left;
                *pointer = y >= 0 && y < (gint)in->h && x >= 0 && x < (gint)in->w
                               ? in->data + ((gsize)y * in->w + (gsize)x) * in->pixel
                               : step->layer->padding;
            }
        }
    }
}

static const guint8 **worker_pointers(const State *state)
{
    return state->pointers + mleu_pool_current_worker() * state->pointers_size;
}

static void conv_depthwise(const Step *step, guint first, guint last)
{
    const guint8 **pointers = worker_pointers(step->state);
    for (guint p = first; p < last; p++) {
        gather(step, p, 1, pointers);
        step->state->kernels->q8_dwconv(pixel_at(&step->out, p), pointers, step->layer->taps,
                                        step->out.channels, step->layer->weight, &step->layer->to);
    }
}

/* The pointers of all tiles of the block are made once, and serve every block of outputs: so its
 * weights stay in the first-level cache while the tiles go by. */
static void conv_dense(const Step *step, guint first, guint last)
{
    const MleuKernels *kernels = step->state->kernels;
    const MleuQ8Layer *layer = step->layer;
    const guint8 **pointers = worker_pointers(step->state);
    const gsize block = (gsize)layer->taps * layer->depth * 4 * MLEU_Q8_OUTPUTS;
    const guint8 **tile = pointers;
    for (guint p = first; p < last; p += MLEU_Q8_PIXELS) {
        const guint count = MIN(MLEU_Q8_PIXELS, last - p);
        gather(step, p, count, tile);
        tile += (gsize)count * layer->taps;
    }
    for (guint b = 0; b < layer->blocks; b++) {
        const guint channel = b * MLEU_Q8_OUTPUTS;
        const gsize n = MIN(MLEU_Q8_OUTPUTS, step->out.channels - channel);
        MleuRequantize to = layer->to;
        to.bias += channel;
        to.scale += channel;
        tile = pointers;
        for (guint p = first; p < last; p += MLEU_Q8_PIXELS) {
            const guint count = MIN(MLEU_Q8_PIXELS, last - p);
            gint32 sums[MLEU_Q8_PIXELS * MLEU_Q8_OUTPUTS];
            kernels->q8_dot(sums, tile, count, layer->taps, layer->channels,
                            layer->weight + b * block);
            for (guint i = 0; i < count; i++)
                kernels->q8_requantize(pixel_at(&step->out, p + i) + channel,
                                       sums + i * MLEU_Q8_OUTPUTS, n, &to);
            tile += (gsize)count * layer->taps;
        }
    }
}

/* The graph's input, L*, to 8 bits. */
static void quantize_input(const Step *step, guint first, guint last)
{
    const MleuNode *node = step->node;
    const float *lightness = step->state->input;
    for (guint p = first; p < last; p++) {
        const float value = lightness[p] * node->scale[0];
        const float moved = (value + node->offset[0]) / node->out_scale + (float)node->out_zero;
        *pixel_at(&step->out, p) = (guint8)lrintf(moved > 0 ? MIN(moved, 255) : 0);
    }
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

/* softmax(logits / T) . bins of one pixel, in whole numbers up to the last division. */
static void decode(const State *state, const gint16 *logits, float *a, float *b)
{
    const guint classes = state->graph->classes;
    gint32 most = logits[0];
    for (guint c = 1; c < classes; c++)
        most = MAX(most, logits[c]);
    gint64 total = 0, sum_a = 0, sum_b = 0;
    for (guint c = 0; c < classes; c++) {
        const gint32 below = most - logits[c];
        if (below >= SOFTMAX_TABLE)
            continue;
        const gint64 weight = state->table[below];
        total += weight;
        sum_a += weight * state->bins[2 * c];
        sum_b += weight * state->bins[2 * c + 1];
    }
    /* In double precision: the sums are below 2^53. */
    *a = (float)((double)sum_a / (double)(total * BIN_UNIT));
    *b = (float)((double)sum_b / (double)(total * BIN_UNIT));
}

/* The last convolution and the head, a tile of pixels at a time: the logits of the picture are
 * never all there. */
static void head(const Step *step, guint first, guint last)
{
    const State *state = step->state;
    const MleuGraph *graph = state->graph;
    const MleuQ8Layer *layer = step->layer;
    const guint8 **pointers = worker_pointers(state);
    const gsize block = (gsize)layer->taps * layer->depth * 4 * MLEU_Q8_OUTPUTS;
    const gsize row = (gsize)layer->blocks * MLEU_Q8_OUTPUTS, plane = pixels_of(&step->out);
    gint16 *logits = state->logits + mleu_pool_current_worker() * state->logits_size;
    const float share = (float)graph->blend;
    const float regressed_scale = (float)(graph->head_scale / MLEU_Q8_LOGIT);

    for (guint p = first; p < last; p += MLEU_Q8_PIXELS) {
        const guint count = MIN(MLEU_Q8_PIXELS, last - p);
        gather(step, p, count, pointers);
        for (guint b = 0; b < layer->blocks; b++) {
            gint32 sums[MLEU_Q8_PIXELS * MLEU_Q8_OUTPUTS];
            state->kernels->q8_dot(sums, pointers, count, layer->taps, layer->channels,
                                   layer->weight + b * block);
            for (guint i = 0; i < count; i++) {
                for (guint o = 0; o < MLEU_Q8_OUTPUTS; o++) {
                    const guint channel = b * MLEU_Q8_OUTPUTS + o;
                    const float logit =
                        (float)(sums[i * MLEU_Q8_OUTPUTS + o] + layer->bias[channel]) *
                        layer->scale[channel];
                    logits[i * row + channel] = (gint16)lrintf(CLAMP(logit, -32767.0f, 32767.0f));
                }
            }
        }
        for (guint i = 0; i < count; i++) {
            float *a = state->result + p + i, *b = a + plane;
            decode(state, logits + i * row, a, b);
            if (graph->head == MLEU_HEAD_COMBINED) {
                const gint16 *regressed = logits + i * row + graph->classes;
                const float other_a = (float)regressed[0] * regressed_scale;
                const float other_b = (float)regressed[1] * regressed_scale;
                const float move_a = share * (other_a - *a), move_b = share * (other_b - *b);
                *a += move_a;
                *b += move_b;
            }
        }
    }
}

static void run_step(gpointer data, guint index, guint count G_GNUC_UNUSED)
{
    const Step *step = data;
    const guint first = index * step->block, last = MIN(first + step->block, pixels_of(&step->out));
    if (is_cancelled(step->state))
        return;
    switch (step->node->op) {
    case MLEU_OP_AFFINE:
        quantize_input(step, first, last);
        break;
    case MLEU_OP_CONV2D:
        if (step->out.data == NULL)
            head(step, first, last);
        else if (step->layer->depthwise)
            conv_depthwise(step, first, last);
        else
            conv_dense(step, first, last);
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
    const guint pixels = pixels_of(&step->out);
    step->block = pixels < FEW_PIXELS ? BLOCK_FEW : BLOCK_MANY;
    step->parts = any ? (pixels + step->block - 1) / step->block : 0;
    if (step->node->op == MLEU_OP_CONV2D)
        state->pointers_size = MAX(state->pointers_size, (gsize)step->layer->taps * step->block);
}

/* Every value's place; the last node has none, since its head reads it tile by tile. */
static gboolean place(State *state, const MleuShape *shapes, const MleuQ8Layer *layers)
{
    const MleuGraph *graph = state->graph;
    gsize *sizes = g_new0(gsize, graph->n_nodes), *slices = g_new0(gsize, graph->n_nodes);
    MleuPlacement *places = g_new0(MleuPlacement, graph->n_nodes);
    for (guint i = 1; i + 1 < graph->n_nodes; i++) {
        sizes[i] = (gsize)shapes[i].h * shapes[i].w * shapes[i].channels;
        slices[i] = shapes[i].channels;
    }
    const gsize bytes = mleu_arena_place(graph, sizes, slices, places);
    if (bytes <= MLEU_ARENA_MAX)
        state->memory = mleu_arena_allocate(bytes, 1);
    for (guint i = 0; i < graph->n_nodes; i++) {
        Value *value = &state->values[i];
        *value = (Value){.channels = shapes[i].channels, .h = shapes[i].h, .w = shapes[i].w};
        value->pixel = shapes[places[i].owner].channels;
        if (i > 0 && i + 1 < graph->n_nodes && state->memory != NULL)
            value->data = state->memory + places[i].offset;
    }
    for (guint i = 1; i < graph->n_nodes; i++)
        make_step(state, i, layers, places);
    g_free(places);
    g_free(sizes);
    g_free(slices);
    return state->memory != NULL;
}

static gpointer state_new(const MleuModel *model, const MleuShape *shapes, MleuPool *pool,
                          const float *input)
{
    const MleuGraph *graph = mleu_model_get_graph(model);
    const MleuQ8Layer *layers = mleu_model_get_q8_layers(model);
    State *state = g_new0(State, 1);
    state->graph = graph;
    state->kernels = mleu_kernels_get(mleu_cpu_tier());
    state->pool = pool;
    state->input = input;
    state->values = g_new0(Value, graph->n_nodes);
    state->steps = g_new0(Step, graph->n_nodes - 1);
    if (!place(state, shapes, layers)) {
        state_free(state);
        return NULL;
    }
    const guint threads = mleu_pool_get_threads(pool);
    state->pointers = g_new0(const guint8 *, threads * state->pointers_size);
    state->logits_size =
        (gsize)MLEU_Q8_PIXELS * layers[graph->n_nodes - 1].blocks * MLEU_Q8_OUTPUTS;
    state->logits = g_new0(gint16, threads * state->logits_size);
    state->bins = g_new0(gint32, 2 * graph->classes);
    for (guint i = 0; i < 2 * graph->classes; i++)
        state->bins[i] = (gint32)lrintf(graph->bins[i] * BIN_UNIT);
    return state;
}

static void state_run(gpointer data, float temperature, const gint *cancel, float *result)
{
    State *state = data;
    state->cancel = cancel;
    state->result = result;
    if (state->table_temperature != temperature) {
        state->table_temperature = temperature;
        for (guint d = 0; d < SOFTMAX_TABLE; d++)
            state->table[d] = (guint32)lrint(
                SOFTMAX_UNIT * exp(-(double)d / (MLEU_Q8_LOGIT * (double)temperature)));
    }
    for (guint s = 0; s + 1 < state->graph->n_nodes && !is_cancelled(state); s++)
        mleu_pool_run(state->pool, run_step, &state->steps[s], state->steps[s].parts);
}

const MleuExecutor mleu_q8_executor = {state_new, state_free, state_run};
