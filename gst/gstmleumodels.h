/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>
#include <mleu/mleu.h>

/* Where models are looked for, and one copy of each for the whole process. */

G_BEGIN_DECLS

#define GST_MLEU_DEFAULT_MODEL "mleu-film"

gchar *         gst_mleu_models_find            (const gchar * name,
                                                 gchar ** searched);

MleuModel *     gst_mleu_models_acquire         (const gchar * path,
                                                 GError ** error);

void            gst_mleu_models_release         (MleuModel * model);

G_END_DECLS
