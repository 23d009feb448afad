/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/plan.h"

#include <math.h>
#include <string.h>

#include "allocate.h"
#include "kernels/kernels.h"
#include "nn/arena.h"
#include "nn/executor.h"

struct _MleuPlan {
    MleuModel *model;
    const MleuGraph *graph;
    MleuShape *shapes; /* by node */
    float *input;
    float *result; /* the head's output until it is known to be good */
    const MleuExecutor *executor;
    gpointer state; /* the executor's */
};

void mleu_plan_free(MleuPlan *plan)
{
    if (plan == NULL)
        return;
    if (plan->state != NULL)
        plan->executor->free(plan->state);
    mleu_arena_free(plan->input);
    g_free(plan->result);
    g_free(plan->shapes);
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
        MleuShape *shape = &plan->shapes[i];
        const MleuShape *in = &plan->shapes[node->inputs[0]];
        *shape = (MleuShape){.channels = node->channels, .h = height, .w = width};
        gboolean good =
            node->n_inputs == 0 || mleu_node_output_size(node, in->h, in->w, &shape->h, &shape->w);
        for (guint j = 1; j < node->n_inputs; j++) {
            const MleuShape *other = &plan->shapes[node->inputs[j]];
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

/* Whether every output by itself is of a size that an arena may have. */
static gboolean sizes_are_sane(const MleuPlan *plan)
{
    for (guint i = 0; i < plan->graph->n_nodes; i++) {
        const MleuShape *shape = &plan->shapes[i];
        gsize size;
        if (!g_size_checked_mul(&size, (gsize)shape->h * shape->w, shape->channels) ||
            size > MLEU_ARENA_MAX)
            return FALSE;
    }
    return TRUE;
}

static void no_memory(guint width, guint height, GError **error)
{
    g_set_error(error, MLEU_ERROR, MLEU_ERROR_NO_MEMORY,
                "no memory to run this model at %u x %u; choose a smaller render size", width,
                height);
}

/* %NULL where the graph has no such form. */
static const MleuExecutor *choose_executor(const MleuGraph *graph, MleuPrecision precision)
{
    switch (precision) {
    case MLEU_PRECISION_FLOAT32:
        return &mleu_f32_executor;
    case MLEU_PRECISION_BF16:
        return &mleu_bf16_executor;
    case MLEU_PRECISION_INT8:
        return graph->quantized ? &mleu_q8_executor : NULL;
    case MLEU_PRECISION_AUTO:
        break;
    }
    if (graph->quantized)
        return &mleu_q8_executor;
    return mleu_kernels_get(mleu_cpu_tier())->bf16_is_native ? &mleu_bf16_executor
                                                             : &mleu_f32_executor;
}

MleuPlan *mleu_plan_new(MleuModel *model, guint width, guint height, MleuPrecision precision,
                        MleuPool *pool, GError **error)
{
    MleuPlan *plan = mleu_try_new0(MleuPlan, 1);
    if (plan == NULL) {
        no_memory(width, height, error);
        return NULL;
    }
    plan->model = mleu_model_ref(model);
    plan->graph = mleu_model_get_graph(model);
    plan->shapes = mleu_try_new0(MleuShape, plan->graph->n_nodes);
    plan->executor = choose_executor(plan->graph, precision);
    if (plan->executor == NULL) {
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_UNSUPPORTED,
                    "model %s is not quantised: it runs in float32 and bfloat16 only",
                    mleu_model_get_name(model));
    } else if (plan->shapes == NULL) {
        no_memory(width, height, error);
    } else if (infer_shapes(plan, width, height, error)) {
        const MleuShape *last = &plan->shapes[plan->graph->n_nodes - 1];
        if (sizes_are_sane(plan)) {
            plan->input = mleu_arena_allocate((gsize)width * height, sizeof(float));
            plan->result = mleu_try_new0(float, (gsize)2 * last->h * last->w);
        }
        if (plan->input != NULL && plan->result != NULL)
            plan->state = plan->executor->new (model, plan->shapes, pool, plan->input);
        if (plan->state == NULL)
            no_memory(width, height, error);
    }
    if (plan->state == NULL)
        g_clear_pointer(&plan, mleu_plan_free);
    return plan;
}

float *mleu_plan_get_input(MleuPlan *plan)
{
    return plan->input;
}

void mleu_plan_get_grid(const MleuPlan *plan, guint *width, guint *height)
{
    const MleuShape *last = &plan->shapes[plan->graph->n_nodes - 1];
    *width = last->w;
    *height = last->h;
}

gboolean mleu_plan_check_cancel(const gint *cancel, GError **error)
{
    if (!g_atomic_int_get(cancel))
        return TRUE;
    g_set_error_literal(error, MLEU_ERROR, MLEU_ERROR_CANCELLED, "the prediction was cancelled");
    return FALSE;
}

gboolean mleu_plan_run(MleuPlan *plan, double temperature, const gint *cancel, float *ab,
                       GError **error)
{
    const MleuShape *last = &plan->shapes[plan->graph->n_nodes - 1];
    const gsize values = (gsize)2 * last->h * last->w;
    plan->executor->run(plan->state, (float)temperature, cancel, plan->result);
    if (cancel != NULL && !mleu_plan_check_cancel(cancel, error))
        return FALSE;
    /* One value that is not finite makes the sum so; finite ones of |ab| < 1e6 cannot overflow it.
     */
    float sum = 0;
    for (gsize i = 0; i < values; i++)
        sum += fabsf(plan->result[i]);
    if (!isfinite(sum)) {
        g_set_error_literal(error, MLEU_ERROR, MLEU_ERROR_INFERENCE,
                            "the network gave values that are not finite: the model is broken");
        return FALSE;
    }
    memcpy(ab, plan->result, values * sizeof(float));
    return TRUE;
}
