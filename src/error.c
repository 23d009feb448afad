/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <mleu/error.h>

G_DEFINE_QUARK(mleu - error - quark, mleu_error)
