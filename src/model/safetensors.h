/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/** Largest JSON header and largest file that the reader takes, in bytes. */
#define MLEU_HEADER_MAX (1u << 20)
#define MLEU_FILE_MAX (G_GUINT64_CONSTANT(1) << 30)

typedef enum {
    MLEU_DTYPE_F32,
    MLEU_DTYPE_F16,
    MLEU_DTYPE_BF16,
    MLEU_DTYPE_I8,
} MleuDtype;

/**
 * MleuTensor: one tensor of a file.
 * @shape: @rank sizes; 1 beyond.
 * @data: little-endian values, not aligned; owned by the file.
 */
typedef struct {
    char *name;
    MleuDtype dtype;
    guint rank;
    gsize shape[4];
    gsize count;
    const guint8 *data;
} MleuTensor;

/**
 * MleuSafetensors: a model file, mapped and checked: header size, JSON, dtypes, shapes, offsets
 * that are contiguous and cover the data, the SHA-256 of the data. Tensors of the file that it
 * shares with other models (`mleu.shared`) are among its own.
 *
 * Thread-safety: immutable.
 */
typedef struct _MleuSafetensors MleuSafetensors;

/** Errors: as mleu_model_load(). Returns: (transfer full): to be freed with
 * mleu_safetensors_free(). */
MleuSafetensors *mleu_safetensors_open(const char *path, GError **error);
void mleu_safetensors_free(MleuSafetensors *file);

/** Returns: (transfer none) (nullable): the tensor of that name. */
const MleuTensor *mleu_safetensors_find(const MleuSafetensors *file, const char *name);
guint mleu_safetensors_count(const MleuSafetensors *file);

/** Tensor @index of mleu_safetensors_count(), in the order of the file; shared ones follow. */
const MleuTensor *mleu_safetensors_get(const MleuSafetensors *file, guint index);

/** Returns: (transfer none) (nullable): a string of `__metadata__`. */
const char *mleu_safetensors_metadata(const MleuSafetensors *file, const char *key);

/** The values as float32, an I8 tensor unscaled, into @out (count floats). */
void mleu_tensor_to_float(const MleuTensor *tensor, float *out);

G_END_DECLS
