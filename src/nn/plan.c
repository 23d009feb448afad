/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/plan.h"

#include <math.h>
#include <string.h>

#include "nn/arena.h"
#include "nn/step.h"

/* Largest arena: a full-resolution decoder of 512 channels at 1024 x 1024 fits, a hostile file's
 * wishes do not. */
#define ARENA_MAX_FLOATS ((gsize)1 << 30)

/* Pixels of the head that one task decodes. */
#define HEAD_BLOCK 512

struct _MleuPlan {
    MleuModel *model;
    const MleuGraph *graph;
    MleuContext context;
    MleuValue *values; /* by node */
    MleuStep *steps;   /* without the input node */
    guint n_steps;
    float *memory; /* arena and scratch, as allocated */
    float *result; /* the head's output until it is known to be good */
    /* For the head's tasks. */
    float temperature;
};

void mleu_plan_free(MleuPlan *plan)
{
    if (plan == NULL)
        return;
    mleu_arena_free_floats(plan->memory);
    g_free(plan->result);
    g_free(plan->values);
    g_free(plan->steps);
    mleu_model_unref(plan->model);
    g_free(plan);
}

static gboolean infer_shapes(MleuPlan *plan, guint width, guint height, GError **error)
{
    const MleuGraph *graph = plan->graph;
    if (width == 0 || height == 0 || width % graph->stride != 0 || height % graph->stride != 0) {
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_INVALID,
                    "input of %u x %u: both sides must be multiples of %u, this model's stride",
                    width, height, graph->stride);
        return FALSE;
    }
    for (guint i = 0; i < graph->n_nodes; i++) {
        const MleuNode *node = &graph->nodes[i];
        MleuValue *value = &plan->values[i];
        const MleuValue *in = &plan->values[node->inputs[0]];
        *value = (MleuValue){.channels = node->channels, .h = height, .w = width};
        gboolean good =
            node->n_inputs == 0 || mleu_node_output_size(node, in->h, in->w, &value->h, &value->w);
        for (guint j = 1; j < node->n_inputs; j++) {
            const MleuValue *other = &plan->values[node->inputs[j]];
            good = good && other->h == in->h && other->w == in->w;
        }
        if (!good) {
            g_set_error(error, MLEU_ERROR, MLEU_ERROR_UNSUPPORTED,
                        "node %s: its inputs' sizes do not fit at an input of %u x %u", node->name,
                        width, height);
            return FALSE;
        }
    }
    return TRUE;
}

static gsize prepare(MleuStep *step)
{
    switch (step->node->op) {
    case MLEU_OP_CONV2D:
        return mleu_conv_prepare(step);
    case MLEU_OP_CONV_TRANSPOSE2D:
        return mleu_transpose_prepare(step);
    default:
        return mleu_plane_prepare(step);
    }
}

static gboolean allocate(MleuPlan *plan, GError **error)
{
    const MleuGraph *graph = plan->graph;
    MleuPlacement *places = g_new0(MleuPlacement, graph->n_nodes);
    gsize floats = 0, scratch = 0;
    gboolean good =
        mleu_arena_place(graph, plan->values, places, &floats) && floats <= ARENA_MAX_FLOATS;

    for (guint i = 1; i < graph->n_nodes && good; i++) {
        MleuStep *step = &plan->steps[plan->n_steps++];
        step->node = &graph->nodes[i];
        step->context = &plan->context;
        step->out = plan->values[i];
        gsize offset = places[i].offset;
        for (guint j = 0; j < step->node->n_inputs; j++) {
            const guint input = step->node->inputs[j];
            step->in[j] = plan->values[input];
            step->copy[j] = step->node->op == MLEU_OP_CONCAT && places[input].offset != offset;
            offset += mleu_arena_floats(&plan->values[input]);
        }
        scratch = MAX(scratch, prepare(step));
    }
    const guint threads = mleu_pool_get_threads(plan->context.pool);
    plan->context.scratch_size = (scratch + 15) & ~(gsize)15;
    gsize total;
    if (good && g_size_checked_mul(&total, plan->context.scratch_size, threads) &&
        total <= ARENA_MAX_FLOATS)
        plan->memory = mleu_arena_allocate_floats(floats + total);
    if (plan->memory == NULL) {
        const MleuValue *input = &plan->values[0];
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_NO_MEMORY,
                    "no memory to run this model at %u x %u; choose a smaller render size",
                    input->w, input->h);
        g_free(places);
        return FALSE;
    }
    plan->context.scratch = plan->memory + floats;
    for (guint i = 0; i < graph->n_nodes; i++)
        plan->values[i].data = plan->memory + places[i].offset;
    for (guint s = 0; s < plan->n_steps; s++) {
        MleuStep *step = &plan->steps[s];
        step->out.data = plan->values[s + 1].data;
        for (guint j = 0; j < step->node->n_inputs; j++)
            step->in[j].data = plan->values[step->node->inputs[j]].data;
    }
    g_free(places);
    return TRUE;
}

MleuPlan *mleu_plan_new(MleuModel *model, guint width, guint height, MleuPool *pool, GError **error)
{
    MleuPlan *plan = g_new0(MleuPlan, 1);
    plan->model = mleu_model_ref(model);
    plan->graph = mleu_model_get_graph(model);
    plan->context.kernels = mleu_kernels_get(mleu_cpu_tier());
    plan->context.pool = pool;
    plan->values = g_new0(MleuValue, plan->graph->n_nodes);
    plan->steps = g_new0(MleuStep, plan->graph->n_nodes);
    if (!infer_shapes(plan, width, height, error) || !allocate(plan, error)) {
        mleu_plan_free(plan);
        return NULL;
    }
    const MleuValue *last = &plan->values[plan->graph->n_nodes - 1];
    plan->result = g_new0(float, (gsize)2 * last->h * last->w);
    return plan;
}

float *mleu_plan_get_input(MleuPlan *plan)
{
    return plan->values[0].data;
}

void mleu_plan_get_grid(const MleuPlan *plan, guint *width, guint *height)
{
    const MleuValue *last = &plan->values[plan->graph->n_nodes - 1];
    *width = last->w;
    *height = last->h;
}

static void run_head(gpointer data, guint index, guint count G_GNUC_UNUSED)
{
    MleuPlan *plan = data;
    const MleuGraph *graph = plan->graph;
    const MleuValue *in = &plan->values[graph->n_nodes - 1];
    const gsize plane = (gsize)in->h * in->w, begin = (gsize)index * HEAD_BLOCK;
    const gsize pixels = MIN((gsize)HEAD_BLOCK, plane - begin);
    float *a = plan->result + begin, *b = plan->result + plane + begin;
    /* The logits come first, then what was regressed. */
    const float *regressed = in->data + graph->classes * plane + begin;
    const MleuKernels *kernels = plan->context.kernels;
    if (graph->head == MLEU_HEAD_REGRESSION) {
        kernels->f32_affine(a, regressed, pixels, (float)graph->head_scale, 0);
        kernels->f32_affine(b, regressed + plane, pixels, (float)graph->head_scale, 0);
        return;
    }
    kernels->f32_annealed_mean(a, b, pixels, in->data + begin, plane, graph->classes, graph->bins,
                               plan->temperature);
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

gboolean mleu_plan_run(MleuPlan *plan, double temperature, const gint *cancel, float *ab,
                       GError **error)
{
    const MleuValue *last = &plan->values[plan->graph->n_nodes - 1];
    const gsize pixels = (gsize)last->h * last->w;
    plan->context.cancel = cancel;
    for (guint s = 0; s < plan->n_steps; s++) {
        if (cancel != NULL && g_atomic_int_get(cancel))
            break;
        mleu_pool_run(plan->context.pool, task_of(&plan->steps[s]), &plan->steps[s],
                      plan->steps[s].parts);
    }
    plan->temperature = (float)temperature;
    if (cancel == NULL || !g_atomic_int_get(cancel))
        mleu_pool_run(plan->context.pool, run_head, plan,
                      (guint)((pixels + HEAD_BLOCK - 1) / HEAD_BLOCK));
    if (cancel != NULL && g_atomic_int_get(cancel)) {
        g_set_error_literal(error, MLEU_ERROR, MLEU_ERROR_CANCELLED,
                            "the prediction was cancelled");
        return FALSE;
    }
    /* One value that is not finite makes the sum so; finite ones of |ab| < 1e6 cannot overflow it.
     */
    float sum = 0;
    for (gsize i = 0; i < 2 * pixels; i++)
        sum += fabsf(plan->result[i]);
    if (!isfinite(sum)) {
        g_set_error_literal(error, MLEU_ERROR, MLEU_ERROR_INFERENCE,
                            "the network gave values that are not finite: the model is broken");
        return FALSE;
    }
    memcpy(ab, plan->result, 2 * pixels * sizeof(float));
    return TRUE;
}
