/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <mleu/colorizer.h>

#include "pool.h"

G_BEGIN_DECLS

/**
 * MleuPlan:
 *
 * One model made ready for one input size: shapes worked out, every buffer allocated, the sequence
 * of kernels fixed.
 *
 * Thread-safety: one thread at a time. The model is shared, the pool is the caller's.
 */
typedef struct _MleuPlan MleuPlan;

/**
 * mleu_plan_new:
 * @width: input width, a multiple of the model's stride.
 * @height: input height, likewise.
 * @pool: outlives the plan.
 *
 * Errors: %MLEU_ERROR_INVALID (size), %MLEU_ERROR_UNSUPPORTED (precision), %MLEU_ERROR_NO_MEMORY.
 */
MleuPlan *mleu_plan_new(MleuModel *model, guint width, guint height, MleuPrecision precision,
                        MleuPool *pool, GError **error);
void mleu_plan_free(MleuPlan *plan);

/** mleu_plan_get_input: Returns: (transfer none): height x width floats that the caller fills with
 * L*, 0..100. A run leaves them as they are. */
float *mleu_plan_get_input(MleuPlan *plan);

/** mleu_plan_get_grid: size of the output grid. */
void mleu_plan_get_grid(const MleuPlan *plan, guint *width, guint *height);

/** mleu_plan_check_cancel: FALSE with %MLEU_ERROR_CANCELLED where *@cancel, read atomically, is not
 * 0. */
gboolean mleu_plan_check_cancel(const gint *cancel, GError **error);

/**
 * mleu_plan_run:
 * @temperature: of the annealed mean, > 0; a regression head ignores it.
 * @cancel: (nullable): as above, read by every task of every layer: not 0 ends the run.
 * @ab: (out caller-allocates): 2 x grid height x grid width floats: a*, then b*. Written only on
 * success.
 *
 * Errors: %MLEU_ERROR_CANCELLED; %MLEU_ERROR_INFERENCE: the network gave values that are not
 * finite.
 */
gboolean mleu_plan_run(MleuPlan *plan, double temperature, const gint *cancel, float *ab,
                       GError **error);

G_END_DECLS
