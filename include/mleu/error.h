/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include <mleu/version.h>

G_BEGIN_DECLS

/**
 * MLEU_ERROR:
 *
 * The #GError domain of libmleu. Every message names the file, tensor or limit concerned and what
 * to do about it, so that it can be shown to a person as it is.
 */
#define MLEU_ERROR (mleu_error_quark())

MLEU_API GQuark mleu_error_quark(void);

/**
 * MleuError:
 * @MLEU_ERROR_NOT_FOUND: there is no such file.
 * @MLEU_ERROR_READ: the file is there and cannot be read: permissions, a directory, an I/O error.
 * @MLEU_ERROR_FORMAT: the file was read and is no valid model: damaged, truncated, or not a model
 * at all.
 * @MLEU_ERROR_UNSUPPORTED: a valid model that this version cannot run, or a frame layout that it
 * does not know.
 * @MLEU_ERROR_NO_MEMORY: an allocation failed, or would be larger than the library's limits.
 * @MLEU_ERROR_CANCELLED: mleu_colorizer_cancel() was called.
 * @MLEU_ERROR_INVALID: an argument is out of its documented range.
 * @MLEU_ERROR_INFERENCE: the network gave values that are not finite: the model is broken.
 */
typedef enum {
    MLEU_ERROR_NOT_FOUND,
    MLEU_ERROR_READ,
    MLEU_ERROR_FORMAT,
    MLEU_ERROR_UNSUPPORTED,
    MLEU_ERROR_NO_MEMORY,
    MLEU_ERROR_CANCELLED,
    MLEU_ERROR_INVALID,
    MLEU_ERROR_INFERENCE,
} MleuError;

G_END_DECLS
