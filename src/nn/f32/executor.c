/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs a graph in floating point: values are float32 and planar, channels x h x w. The products of
 * most convolutions may be of bfloat16. */
#include "nn/executor.h"

#include "allocate.h"
#include "nn/arena.h"
#include "nn/f32/step.h"

/* Pixels of the head that one task decodes. */
#define HEAD_BLOCK 512

typedef struct {
    const MleuGraph *graph;
    gboolean bf16;
    MleuContext context;
    MleuValue *values; /* by node */
    MleuStep *steps;   /* without the input node */
    guint n_steps;
    gsize shared;  /* floats */
    float *memory; /* arena, scratch, and what workers share */
    /* For the head's tasks. */
    float temperature;
    float *result;
} State;

static void state_free(gpointer data)
{
    State *state = data;
    mleu_arena_free(state->memory);
    g_free(state->values);
    g_free(state->steps);
    g_free(state);
}

static gsize floats_of(const MleuValue *value)
{
    return (gsize)value->channels * value->h * value->w;
}

/* By which of its ways a convolution is done. */
static gboolean is_bf16(const State *state, const MleuStep *step)
{
    return state->bf16 && step->node->bf16 != NULL;
}

static gboolean is_winograd(const State *state, const MleuStep *step)
{
    return !state->bf16 && step->node->winograd != NULL;
}

static gsize prepare(const State *state, MleuStep *step)
{
    switch (step->node->op) {
    case MLEU_OP_CONV2D:
        if (is_bf16(state, step))
            return mleu_bf16_prepare(step);
        return is_winograd(state, step) ? mleu_winograd_prepare(step) : mleu_conv_prepare(step);
    case MLEU_OP_CONV_TRANSPOSE2D:
        return mleu_transpose_prepare(step);
    default:
        return mleu_plane_prepare(step);
    }
}

/* Steps with their places; returns the floats of scratch that a worker needs. */
static gsize make_steps(State *state, const MleuPlacement *places)
{
    gsize scratch = 0;
    for (guint i = 1; i < state->graph->n_nodes; i++) {
        MleuStep *step = &state->steps[state->n_steps++];
        step->node = &state->graph->nodes[i];
        step->context = &state->context;
        step->out = state->values[i];
        gsize offset = places[i].offset;
        for (guint j = 0; j < step->node->n_inputs; j++) {
            const guint input = step->node->inputs[j];
            step->in[j] = state->values[input];
            step->copy[j] = step->node->op == MLEU_OP_CONCAT && places[input].offset != offset;
            offset += floats_of(&state->values[input]);
        }
        scratch = MAX(scratch, prepare(state, step));
        state->shared = MAX(state->shared, step->shared);
    }
    return (scratch + 15) & ~(gsize)15;
}

/* Every value's place in one arena; @sizes and @places: by node. */
static gboolean place_values(State *state, const MleuShape *shapes, const float *input,
                             gsize *sizes, MleuPlacement *places)
{
    const MleuGraph *graph = state->graph;
    for (guint i = 0; i < graph->n_nodes; i++) {
        state->values[i] = (MleuValue){shapes[i].channels, shapes[i].h, shapes[i].w, NULL};
        sizes[i] = floats_of(&state->values[i]);
    }
    const gsize floats = mleu_arena_place(graph, sizes, sizes, places);
    const gsize scratch = make_steps(state, places);
    const guint threads = mleu_pool_get_threads(state->context.pool);
    gsize all = 0;
    if (floats <= MLEU_ARENA_MAX && g_size_checked_mul(&all, scratch, threads) &&
        all <= MLEU_ARENA_MAX && state->shared <= MLEU_ARENA_MAX)
        state->memory = mleu_arena_allocate(floats + all + state->shared, sizeof(float));
    if (state->memory != NULL) {
        state->context.scratch = state->memory + floats;
        state->context.scratch_size = scratch;
        state->context.shared = state->context.scratch + all;
        /* Nothing writes to the input. */
        state->values[0].data = (float *)input;
        for (guint i = 1; i < graph->n_nodes; i++)
            state->values[i].data = state->memory + places[i].offset;
        for (guint s = 0; s < state->n_steps; s++) {
            MleuStep *step = &state->steps[s];
            step->out.data = state->values[s + 1].data;
            for (guint j = 0; j < step->node->n_inputs; j++)
                step->in[j].data = state->values[step->node->inputs[j]].data;
        }
    }
    return state->memory != NULL;
}

static gboolean place(State *state, const MleuShape *shapes, const float *input)
{
    gsize *sizes = mleu_try_new0(gsize, state->graph->n_nodes);
    MleuPlacement *places = mleu_try_new0(MleuPlacement, state->graph->n_nodes);
    const gboolean good =
        sizes != NULL && places != NULL && place_values(state, shapes, input, sizes, places);
    g_free(places);
    g_free(sizes);
    return good;
}

static gpointer state_new(MleuModel *model, const MleuShape *shapes, MleuPool *pool,
                          const float *input, gboolean bf16)
{
    const MleuGraph *graph = mleu_model_get_graph(model);
    State *state = mleu_model_make_floats(model, bf16) ? mleu_try_new0(State, 1) : NULL;
    if (state == NULL)
        return NULL;
    state->graph = graph;
    state->bf16 = bf16;
    state->context.kernels = mleu_kernels_get(mleu_cpu_tier());
    state->context.pool = pool;
    state->values = mleu_try_new0(MleuValue, graph->n_nodes);
    state->steps = mleu_try_new0(MleuStep, graph->n_nodes);
    if (state->values == NULL || state->steps == NULL || !place(state, shapes, input))
        g_clear_pointer(&state, state_free);
    return state;
}

static gpointer f32_new(MleuModel *model, const MleuShape *shapes, MleuPool *pool,
                        const float *input)
{
    return state_new(model, shapes, pool, input, FALSE);
}

static gpointer bf16_new(MleuModel *model, const MleuShape *shapes, MleuPool *pool,
                         const float *input)
{
    return state_new(model, shapes, pool, input, TRUE);
}

static void run_head(gpointer data, guint index, guint count G_GNUC_UNUSED)
{
    const State *state = data;
    const MleuGraph *graph = state->graph;
    const MleuValue *in = &state->values[graph->n_nodes - 1];
    const gsize plane = (gsize)in->h * in->w, begin = (gsize)index * HEAD_BLOCK;
    const gsize pixels = MIN((gsize)HEAD_BLOCK, plane - begin);
    float *a = state->result + begin, *b = state->result + plane + begin;
    /* The logits come first, then what was regressed. */
    const float *regressed = in->data + graph->classes * plane + begin;
    const MleuKernels *kernels = state->context.kernels;
    if (graph->head == MLEU_HEAD_REGRESSION) {
        kernels->f32_affine(a, regressed, pixels, (float)graph->head_scale, 0);
        kernels->f32_affine(b, regressed + plane, pixels, (float)graph->head_scale, 0);
        return;
    }
    kernels->f32_annealed_mean(a, b, pixels, in->data + begin, plane, graph->classes, graph->bins,
                               state->temperature);
    if (graph->head == MLEU_HEAD_COMBINED) {
        const float share = (float)graph->blend, scale = (float)graph->head_scale;
        for (gsize i = 0; i < pixels; i++) {
            a[i] += share * (scale * regressed[i] - a[i]);
            b[i] += share * (scale * regressed[plane + i] - b[i]);
        }
    }
}

static MleuTask task_of(const MleuStep *step)
{
    switch (step->node->op) {
    case MLEU_OP_CONV2D:
        return mleu_conv_run;
    case MLEU_OP_CONV_TRANSPOSE2D:
        return mleu_transpose_run;
    default:
        return mleu_plane_run;
    }
}

static void state_run(gpointer data, float temperature, const gint *cancel, float *result)
{
    State *state = data;
    state->context.cancel = cancel;
    for (guint s = 0; s < state->n_steps; s++) {
        if (cancel != NULL && g_atomic_int_get(cancel))
            return;
        MleuStep *step = &state->steps[s];
        if (is_bf16(state, step))
            mleu_bf16_run(step);
        else if (is_winograd(state, step))
            mleu_winograd_run(step);
        else
            mleu_pool_run(state->context.pool, task_of(step), step, step->parts);
    }
    if (cancel != NULL && g_atomic_int_get(cancel))
        return;
    const MleuValue *last = &state->values[state->graph->n_nodes - 1];
    const gsize pixels = (gsize)last->h * last->w;
    state->temperature = temperature;
    state->result = result;
    mleu_pool_run(state->context.pool, run_head, state,
                  (guint)((pixels + HEAD_BLOCK - 1) / HEAD_BLOCK));
}

const MleuExecutor mleu_f32_executor = {f32_new, state_free, state_run};
const MleuExecutor mleu_bf16_executor = {bf16_new, state_free, state_run};
