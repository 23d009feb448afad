/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <mleu/error.h>

G_BEGIN_DECLS

/**
 * MleuModel:
 *
 * The weights and the graph of one network, read from a safetensors file (models/FORMAT.md), packed
 * for the kernels. Immutable once loaded; one copy serves any number of #MleuColorizer.
 *
 * Thread-safety: every function may be called from any thread at any time.
 */
typedef struct _MleuModel MleuModel;

/**
 * MleuHead:
 * @MLEU_HEAD_CLASSES: a distribution over colour classes, decoded by the annealed mean at a
 * temperature.
 * @MLEU_HEAD_REGRESSION: a* and b* themselves.
 * @MLEU_HEAD_COMBINED: both, blended.
 */
typedef enum {
    MLEU_HEAD_CLASSES,
    MLEU_HEAD_REGRESSION,
    MLEU_HEAD_COMBINED,
} MleuHead;

/**
 * mleu_model_load:
 * @path: the model file, in the file system's encoding.
 * @error: return location.
 *
 * Reads, checks (the SHA-256 of the weights included) and packs a model. A file may name a second
 * one in its folder that holds a part of the weights, which several models share; it is read too.
 *
 * Errors: %MLEU_ERROR_NOT_FOUND, %MLEU_ERROR_READ, %MLEU_ERROR_FORMAT, %MLEU_ERROR_UNSUPPORTED,
 * %MLEU_ERROR_NO_MEMORY.
 *
 * Returns: (transfer full): the model, to be given up with mleu_model_unref(), or %NULL with @error
 * set.
 */
MLEU_API MleuModel *mleu_model_load(const char *path, GError **error);

/** mleu_model_ref: Returns: (transfer full): @model itself, with one more reference. */
MLEU_API MleuModel *mleu_model_ref(MleuModel *model);

/** mleu_model_unref: gives up one reference; the last one frees the model. */
MLEU_API void mleu_model_unref(MleuModel *model);

/** mleu_model_get_name: Returns: (transfer none): the name in the file, such as
 * "mleu-film"; never %NULL. */
MLEU_API const char *mleu_model_get_name(const MleuModel *model);

/** mleu_model_get_description: Returns: (transfer none): one sentence about the model; "" where the
 * file has none. */
MLEU_API const char *mleu_model_get_description(const MleuModel *model);

/** mleu_model_get_license: Returns: (transfer none): the licence of the weights; "" where the file
 * has none. */
MLEU_API const char *mleu_model_get_license(const MleuModel *model);

/** mleu_model_get_head: Returns: what the last layer predicts. */
MLEU_API MleuHead mleu_model_get_head(const MleuModel *model);

/** mleu_model_get_classes: Returns: the number of colour classes; 0 for a regression head. */
MLEU_API guint mleu_model_get_classes(const MleuModel *model);

/** mleu_model_get_stride: Returns: the network's input sides are multiples of this, in pixels. */
MLEU_API guint mleu_model_get_stride(const MleuModel *model);

/** Range and step of the side of the picture that a network sees, in pixels. */
#define MLEU_RENDER_SIZE_MIN 32
#define MLEU_RENDER_SIZE_MAX 2048

/** mleu_model_get_render_size: Returns: the short side, in pixels, at which the model colours best.
 */
MLEU_API guint mleu_model_get_render_size(const MleuModel *model);

/** mleu_model_get_temperature: Returns: the default temperature of the annealed mean; 1 for a
 * regression head. */
MLEU_API double mleu_model_get_temperature(const MleuModel *model);

/** mleu_model_get_saturation: Returns: the model's own factor on a*, b*, chosen with its
 * temperature. */
MLEU_API double mleu_model_get_saturation(const MleuModel *model);

/** mleu_model_is_quantized: Returns: whether the network can run in 8-bit integers. */
MLEU_API gboolean mleu_model_is_quantized(const MleuModel *model);

/** mleu_model_get_parameters: Returns: how many weights the network has. */
MLEU_API guint64 mleu_model_get_parameters(const MleuModel *model);

/**
 * mleu_model_get_macs:
 * @width: input width in pixels, a multiple of the stride.
 * @height: input height in pixels, likewise.
 *
 * Returns: the multiply-accumulate operations of one run; 0 for a size that the network does not
 * take, and where there is no memory to count them.
 */
MLEU_API guint64 mleu_model_get_macs(const MleuModel *model, guint width, guint height);

G_END_DECLS
