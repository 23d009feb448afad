/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "pipeline.h"

/**
 * film_explain_error: one line for a person, from an error @message of GStreamer. @missing:
 * (nullable): what film_missing_decoder() said before.
 */
char *film_explain_error(const Film *film, GstMessage *message, const char *missing);

/** film_missing_decoder: which decoder and which package @message tells to be missing; NULL: it
 * tells no such thing. */
char *film_missing_decoder(const Film *film, GstMessage *message);
