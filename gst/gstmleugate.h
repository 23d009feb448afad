/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <mleu/mleu.h>

/* Which frames of a film that is partly in colour are left as they are. */

G_BEGIN_DECLS

typedef enum
{
  GST_MLEU_GATE_UNDECIDED,
  GST_MLEU_GATE_GRAY,
  GST_MLEU_GATE_COLOR,
} GstMleuGate;

GstMleuGate     gst_mleu_gate_next              (GstMleuGate gate,
                                                 gdouble color,
                                                 gdouble brightness);

gdouble         gst_mleu_gate_brightness        (const MleuFormat * format,
                                                 const MleuFrame * frame);

G_END_DECLS
