/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gstmleuerror.h"

#include <mleu/mleu.h>

/* What an error of the library's is to an application, when it stopped the
 * element from being set up. */
static void
map_error (const GError * error, GQuark * domain, gint * code)
{
  *domain = GST_LIBRARY_ERROR;
  *code = GST_LIBRARY_ERROR_INIT;
  if (error->domain != MLEU_ERROR)
    return;

  switch ((MleuError) error->code) {
    case MLEU_ERROR_NOT_FOUND:
      *domain = GST_RESOURCE_ERROR;
      *code = GST_RESOURCE_ERROR_NOT_FOUND;
      break;
    case MLEU_ERROR_READ:
      *domain = GST_RESOURCE_ERROR;
      *code = GST_RESOURCE_ERROR_OPEN_READ;
      break;
    case MLEU_ERROR_NO_MEMORY:
      *domain = GST_RESOURCE_ERROR;
      *code = GST_RESOURCE_ERROR_NO_SPACE_LEFT;
      break;
    case MLEU_ERROR_FORMAT:
      *domain = GST_STREAM_ERROR;
      *code = GST_STREAM_ERROR_FORMAT;
      break;
    case MLEU_ERROR_UNSUPPORTED:
      *domain = GST_STREAM_ERROR;
      *code = GST_STREAM_ERROR_WRONG_TYPE;
      break;
    case MLEU_ERROR_INVALID:
      *code = GST_LIBRARY_ERROR_SETTINGS;
      break;
    case MLEU_ERROR_CANCELLED:
    case MLEU_ERROR_INFERENCE:
      break;
  }
}

/* gst_mleu_post_error:
 * @error: (transfer full): the reason why @element cannot be set up. Its text
 *   is written for people.
 */
void
gst_mleu_post_error (GstElement * element, GError * error)
{
  GQuark domain;
  gint code;

  map_error (error, &domain, &code);
  gst_element_message_full (element, GST_MESSAGE_ERROR, domain, code,
      g_strdup (error->message), g_strdup_printf ("libmleu %s, %s %d",
          MLEU_VERSION, g_quark_to_string (error->domain), error->code),
      __FILE__, GST_FUNCTION, __LINE__);
  g_error_free (error);
}
