/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What mleucolorize negotiates.
 *
 * Colorimetry of the output, where downstream asks for none:
 *  - YUV in, YUV out: the input's. Range and depth agree, so every luma sample
 *    is a copy.
 *  - Grey in: full range is only GStreamer's default for GRAY8; it is no wish
 *    of anybody's. Encoders, players and screens expect YUV video in limited
 *    range, so luma is rescaled: bt601 to 576 lines, bt709 above. A grey input
 *    that names its colorimetry keeps it.
 *  - RGB in, YUV out: limited range, bt601 to 576 lines, bt709 above, bt2020
 *    where the primaries are.
 *  - RGB out: full range; primaries and transfer are the input's.
 */

#include "gstmleucaps.h"

#include <string.h>

#define IS_GRAY(finfo) GST_VIDEO_FORMAT_INFO_IS_GRAY (finfo)
#define IS_RGB(finfo) GST_VIDEO_FORMAT_INFO_IS_RGB (finfo)
#define IS_YUV(finfo) GST_VIDEO_FORMAT_INFO_IS_YUV (finfo)
#define DEPTH(finfo) GST_VIDEO_FORMAT_INFO_DEPTH (finfo, 0)

/* The last height that means standard definition. */
#define SD_MAX_HEIGHT 576

/* The formats named in @list, as a value for a caps field. */
static void
set_formats (GstStructure * structure, const gchar * list)
{
  gchar *text = g_strconcat ("{ ", list, " }", NULL);
  GValue value = G_VALUE_INIT;

  g_value_init (&value, GST_TYPE_LIST);
  if (gst_value_deserialize (&value, text))
    gst_structure_set_value (structure, "format", &value);
  g_value_unset (&value);
  g_free (text);
}

static gboolean
is_gray_name (const GValue * value)
{
  return g_str_has_prefix (g_value_get_string (value), "GRAY");
}

/* Leaves those of the formats of @structure that are grey, or those that are
 * not. FALSE where none is left. */
static gboolean
keep_formats (GstStructure * structure, gboolean gray)
{
  const GValue *formats = gst_structure_get_value (structure, "format");
  GValue kept = G_VALUE_INIT;
  gboolean any;
  guint i;

  if (formats && G_VALUE_HOLDS_STRING (formats))
    return is_gray_name (formats) == gray;
  if (!formats || !GST_VALUE_HOLDS_LIST (formats)) {
    set_formats (structure,
        gray ? GST_MLEU_GRAY_FORMATS : GST_MLEU_COLOR_FORMATS);
    return TRUE;
  }

  g_value_init (&kept, GST_TYPE_LIST);
  for (i = 0; i < gst_value_list_get_size (formats); i++) {
    const GValue *format = gst_value_list_get_value (formats, i);

    if (is_gray_name (format) == gray)
      gst_value_list_append_value (&kept, format);
  }
  any = gst_value_list_get_size (&kept) > 0;
  if (any)
    gst_structure_set_value (structure, "format", &kept);
  g_value_unset (&kept);
  return any;
}

/* What changes when a frame is coloured, and nothing else. */
static void
free_format (GstStructure * structure, const gchar * formats)
{
  gst_structure_remove_fields (structure, "colorimetry", "chroma-site", NULL);
  set_formats (structure, formats);
}

/* gst_mleu_caps_transform:
 * @direction: the pad that @caps are of.
 * @keep_color: frames that have chroma or RGB samples leave in the format that
 *   they came in, so that they can be passed on unchanged.
 *
 * Returns: (transfer full): what the other pad can then have. Frames in other
 *   than system memory, and alternating fields, cannot be coloured.
 */
GstCaps *
gst_mleu_caps_transform (GstPadDirection direction, GstCaps * caps,
    gboolean keep_color)
{
  GstCaps *result = gst_caps_new_empty ();
  guint i;

  for (i = 0; i < gst_caps_get_size (caps); i++) {
    GstCapsFeatures *features = gst_caps_get_features (caps, i);
    GstStructure *structure;

    if (features && !gst_caps_features_is_any (features) &&
        !gst_caps_features_is_equal (features,
            GST_CAPS_FEATURES_MEMORY_SYSTEM_MEMORY))
      continue;

    structure = gst_structure_copy (gst_caps_get_structure (caps, i));
    if (keep_color) {
      GstStructure *same = gst_structure_copy (structure);

      if (keep_formats (same, FALSE))
        result = gst_caps_merge_structure (result, same);
      else
        gst_structure_free (same);

      /* Grey frames have nothing to keep: they go to any format, and any
       * format can have come from them. */
      if (!keep_formats (structure, direction == GST_PAD_SINK)) {
        gst_structure_free (structure);
        continue;
      }
      free_format (structure, direction == GST_PAD_SINK ?
          GST_MLEU_COLOR_FORMATS : GST_MLEU_GRAY_FORMATS);
    } else {
      free_format (structure, direction == GST_PAD_SINK ?
          GST_MLEU_COLOR_FORMATS :
          GST_MLEU_COLOR_FORMATS ", " GST_MLEU_GRAY_FORMATS);
    }
    result = gst_caps_merge_structure (result, structure);
  }

  return result;
}

static gboolean
same_sampling (const GstVideoFormatInfo * in, const GstVideoFormatInfo * out)
{
  return IS_YUV (in) && IS_YUV (out) &&
      GST_VIDEO_FORMAT_INFO_W_SUB (in, 1) ==
      GST_VIDEO_FORMAT_INFO_W_SUB (out, 1) &&
      GST_VIDEO_FORMAT_INFO_H_SUB (in, 1) ==
      GST_VIDEO_FORMAT_INFO_H_SUB (out, 1);
}

/* How much worse than the input's own @out is as a format for the coloured
 * frame; 0 is best. In this order: bits of depth lost, chroma sampling (the
 * input's own, 4:2:0, 4:2:2, 4:4:4, RGB), alpha lost, bits of depth added,
 * another memory layout. */
guint
gst_mleu_caps_rank (const GstVideoFormatInfo * in,
    const GstVideoFormatInfo * out)
{
  guint lost = DEPTH (in) > DEPTH (out) ? DEPTH (in) - DEPTH (out) : 0;
  guint added = DEPTH (out) > DEPTH (in) ? DEPTH (out) - DEPTH (in) : 0;
  gboolean in_alpha = GST_VIDEO_FORMAT_INFO_HAS_ALPHA (in);
  gboolean out_alpha = GST_VIDEO_FORMAT_INFO_HAS_ALPHA (out);
  guint sampling, alpha;

  if (IS_RGB (in) && IS_RGB (out))
    sampling = 0;
  else if (IS_RGB (out))
    sampling = 4;
  else if (same_sampling (in, out))
    sampling = 0;
  else
    sampling = 3 - GST_VIDEO_FORMAT_INFO_W_SUB (out, 1) -
        GST_VIDEO_FORMAT_INFO_H_SUB (out, 1);

  /* To drop alpha loses something; to add an opaque one only costs memory. */
  alpha = in_alpha == out_alpha ? 0 : in_alpha ? 2 : 1;

  return lost << 16 | sampling << 12 | alpha << 8 | added << 1 |
      (GST_VIDEO_FORMAT_INFO_FORMAT (in) != GST_VIDEO_FORMAT_INFO_FORMAT (out));
}

/* Of the formats of one structure, the best; ties go to the one that is first
 * in GST_MLEU_COLOR_FORMATS, which is how transform_caps lists them unless
 * downstream has an order of its own. */
static const GstVideoFormatInfo *
best_format (const GstStructure * structure, const GstVideoFormatInfo * in,
    guint * rank)
{
  const GValue *formats = gst_structure_get_value (structure, "format");
  const GstVideoFormatInfo *best = NULL;
  guint i, n;

  if (!formats)
    return NULL;
  n = GST_VALUE_HOLDS_LIST (formats) ? gst_value_list_get_size (formats) : 1;
  for (i = 0; i < n; i++) {
    const GValue *value = GST_VALUE_HOLDS_LIST (formats) ?
        gst_value_list_get_value (formats, i) : formats;
    GstVideoFormat format =
        gst_video_format_from_string (g_value_get_string (value));
    const GstVideoFormatInfo *out;
    guint r;

    if (format == GST_VIDEO_FORMAT_UNKNOWN)
      continue;
    out = gst_video_format_get_info (format);
    r = gst_mleu_caps_rank (in, out);
    if (!best || r < *rank) {
      best = out;
      *rank = r;
    }
  }
  return best;
}

static GstVideoColorMatrix
matrix_by_height (gint height)
{
  return height > SD_MAX_HEIGHT ?
      GST_VIDEO_COLOR_MATRIX_BT709 : GST_VIDEO_COLOR_MATRIX_BT601;
}

static gboolean
is_yuv_matrix (GstVideoColorMatrix matrix)
{
  return matrix != GST_VIDEO_COLOR_MATRIX_UNKNOWN &&
      matrix != GST_VIDEO_COLOR_MATRIX_RGB;
}

/* GRAY8's colorimetry where the caps name none. */
static gboolean
is_gray_default (const GstVideoInfo * in)
{
  return GST_VIDEO_INFO_IS_GRAY (in) &&
      in->colorimetry.transfer == GST_VIDEO_TRANSFER_UNKNOWN &&
      in->colorimetry.primaries == GST_VIDEO_COLOR_PRIMARIES_UNKNOWN &&
      in->colorimetry.range != GST_VIDEO_COLOR_RANGE_16_235;
}

/* The colorimetry that the output should have; see the top of this file. */
static void
output_colorimetry (const GstVideoInfo * in, const GstVideoFormatInfo * out,
    GstVideoColorimetry * colorimetry)
{
  gint height = GST_VIDEO_INFO_HEIGHT (in);

  *colorimetry = in->colorimetry;

  if (IS_RGB (out)) {
    if (GST_VIDEO_INFO_IS_RGB (in))
      return;
    colorimetry->range = GST_VIDEO_COLOR_RANGE_0_255;
    colorimetry->matrix = GST_VIDEO_COLOR_MATRIX_RGB;
    if (colorimetry->transfer == GST_VIDEO_TRANSFER_UNKNOWN)
      colorimetry->transfer = GST_VIDEO_TRANSFER_SRGB;
    if (colorimetry->primaries == GST_VIDEO_COLOR_PRIMARIES_UNKNOWN)
      colorimetry->primaries = GST_VIDEO_COLOR_PRIMARIES_BT709;
    return;
  }

  if (GST_VIDEO_INFO_IS_RGB (in) &&
      colorimetry->primaries == GST_VIDEO_COLOR_PRIMARIES_BT2020) {
    colorimetry->range = GST_VIDEO_COLOR_RANGE_16_235;
    colorimetry->matrix = GST_VIDEO_COLOR_MATRIX_BT2020;
    return;
  }
  if (GST_VIDEO_INFO_IS_RGB (in) || is_gray_default (in)) {
    gst_video_colorimetry_from_string (colorimetry, height > SD_MAX_HEIGHT ?
        GST_VIDEO_COLORIMETRY_BT709 : GST_VIDEO_COLORIMETRY_BT601);
    return;
  }

  if (colorimetry->range == GST_VIDEO_COLOR_RANGE_UNKNOWN)
    colorimetry->range = GST_VIDEO_COLOR_RANGE_16_235;
  if (!is_yuv_matrix (colorimetry->matrix))
    colorimetry->matrix = matrix_by_height (height);
}

/* Of a list that downstream offers, the colorimetry nearest to the wanted one:
 * the same range keeps luma, the same matrix keeps hues. */
static const gchar *
nearest_colorimetry (const GValue * list, const GstVideoColorimetry * wanted)
{
  const gchar *best = NULL;
  guint i, best_score = 0;

  for (i = 0; i < gst_value_list_get_size (list); i++) {
    const GValue *value = gst_value_list_get_value (list, i);
    GstVideoColorimetry c;
    guint score;

    if (!G_VALUE_HOLDS_STRING (value) ||
        !gst_video_colorimetry_from_string (&c, g_value_get_string (value)))
      continue;
    score = 1 + (c.range == wanted->range ? 8 : 0) +
        (c.matrix == wanted->matrix ? 4 : 0) +
        (c.primaries == wanted->primaries ? 2 : 0) +
        (c.transfer == wanted->transfer ? 1 : 0);
    if (score > best_score) {
      best_score = score;
      best = g_value_get_string (value);
    }
  }
  return best;
}

static void
fixate_colorimetry (GstStructure * structure, const GstStructure * input,
    const GstVideoInfo * in, const GstVideoFormatInfo * out)
{
  const GValue *offered = gst_structure_get_value (structure, "colorimetry");
  GstVideoColorimetry wanted;

  /* The defaults are the same on both sides. */
  if (!offered && GST_VIDEO_INFO_IS_YUV (in) && IS_YUV (out) &&
      !gst_structure_has_field (input, "colorimetry"))
    return;

  output_colorimetry (in, out, &wanted);
  if (!offered) {
    gchar *text = gst_video_colorimetry_to_string (&wanted);

    if (text)
      gst_structure_set (structure, "colorimetry", G_TYPE_STRING, text, NULL);
    g_free (text);
  } else if (GST_VALUE_HOLDS_LIST (offered)) {
    const gchar *nearest = nearest_colorimetry (offered, &wanted);

    if (nearest) {
      gchar *text = g_strdup (nearest);

      gst_structure_set (structure, "colorimetry", G_TYPE_STRING, text, NULL);
      g_free (text);
    }
  }
}

/* The input's siting where the sampling is the input's, else MPEG-2's, which is
 * what encoders take for granted. */
static void
fixate_chroma_site (GstStructure * structure, const GstStructure * input,
    const GstVideoInfo * in, const GstVideoFormatInfo * out)
{
  gboolean offered = gst_structure_has_field (structure, "chroma-site");
  const gchar *wanted = "mpeg2";

  if (IS_RGB (out) || GST_VIDEO_FORMAT_INFO_W_SUB (out, 1) == 0)
    return;
  if (same_sampling (in->finfo, out)) {
    const gchar *own = gst_structure_get_string (input, "chroma-site");

    if (!own && !offered)
      return;
    if (own)
      wanted = own;
  }
  if (offered)
    gst_structure_fixate_field_string (structure, "chroma-site", wanted);
  else
    gst_structure_set (structure, "chroma-site", G_TYPE_STRING, wanted, NULL);
}

/* gst_mleu_caps_fixate_output:
 * @caps: the fixed caps of the sink pad.
 * @othercaps: (transfer full): what the source pad may have.
 *
 * Returns: (transfer full): the best of @othercaps, fixed. GStreamer's own
 *   fixation would take the first, which before an H.264 encoder means 4:4:4:
 *   files that hardly any player shows.
 */
GstCaps *
gst_mleu_caps_fixate_output (GstCaps * caps, GstCaps * othercaps)
{
  const GstVideoFormatInfo *best = NULL;
  const GstStructure *input = gst_caps_get_structure (caps, 0);
  GstVideoInfo in;
  GstStructure *structure;
  GstCaps *result;
  guint i, best_index = 0, best_rank = G_MAXUINT;

  if (gst_caps_is_empty (othercaps) || !gst_video_info_from_caps (&in, caps))
    return gst_caps_fixate (othercaps);

  for (i = 0; i < gst_caps_get_size (othercaps); i++) {
    guint rank = 0;
    const GstVideoFormatInfo *out =
        best_format (gst_caps_get_structure (othercaps, i), in.finfo, &rank);

    if (out && rank < best_rank) {
      best = out;
      best_rank = rank;
      best_index = i;
    }
  }
  if (!best)
    return gst_caps_fixate (othercaps);

  structure = gst_structure_copy (gst_caps_get_structure (othercaps,
          best_index));
  gst_caps_unref (othercaps);
  gst_structure_set (structure, "format", G_TYPE_STRING,
      GST_VIDEO_FORMAT_INFO_NAME (best), NULL);
  fixate_colorimetry (structure, input, &in, best);
  fixate_chroma_site (structure, input, &in, best);
  result = gst_caps_new_empty ();
  gst_caps_append_structure (result, structure);
  return gst_caps_fixate (result);
}

/* FCC and SMPTE 240M differ from the matrices they are taken for by less than
 * 0.03 in a coefficient. */
static MleuMatrix
to_matrix (GstVideoColorMatrix matrix)
{
  switch (matrix) {
    case GST_VIDEO_COLOR_MATRIX_BT709:
    case GST_VIDEO_COLOR_MATRIX_SMPTE240M:
      return MLEU_MATRIX_BT709;
    case GST_VIDEO_COLOR_MATRIX_BT2020:
      return MLEU_MATRIX_BT2020;
    default:
      return MLEU_MATRIX_BT601;
  }
}

static void
to_format (const GstVideoInfo * info, GstVideoColorMatrix matrix,
    MleuFormat * format)
{
  const GstVideoFormatInfo *finfo = info->finfo;
  GstVideoChromaSite site = GST_VIDEO_INFO_CHROMA_SITE (info);

  memset (format, 0, sizeof (*format));
  format->width = GST_VIDEO_INFO_WIDTH (info);
  format->height = GST_VIDEO_INFO_HEIGHT (info);
  format->matrix = to_matrix (matrix);
  format->depth = DEPTH (finfo);
  format->shift = GST_VIDEO_FORMAT_INFO_SHIFT (finfo, 0);
  format->big_endian =
      format->depth > 8 && !GST_VIDEO_FORMAT_INFO_IS_LE (finfo);

  format->layout = IS_GRAY (finfo) ? MLEU_LAYOUT_GRAY :
      IS_RGB (finfo) ? MLEU_LAYOUT_RGB : MLEU_LAYOUT_YUV;
  if (info->colorimetry.range == GST_VIDEO_COLOR_RANGE_UNKNOWN)
    format->range = IS_YUV (finfo) ? MLEU_RANGE_LIMITED : MLEU_RANGE_FULL;
  else
    format->range = info->colorimetry.range == GST_VIDEO_COLOR_RANGE_16_235 ?
        MLEU_RANGE_LIMITED : MLEU_RANGE_FULL;

  if (!IS_YUV (finfo))
    return;
  format->chroma_shift_x = GST_VIDEO_FORMAT_INFO_W_SUB (finfo, 1);
  format->chroma_shift_y = GST_VIDEO_FORMAT_INFO_H_SUB (finfo, 1);
  format->siting_x = (site & GST_VIDEO_CHROMA_SITE_H_COSITED) ?
      MLEU_SITING_COSITED : MLEU_SITING_CENTRE;
  format->siting_y = (site & GST_VIDEO_CHROMA_SITE_V_COSITED) ?
      MLEU_SITING_COSITED : MLEU_SITING_CENTRE;
}

/* gst_mleu_caps_read_chroma_site: the siting that @caps name, MPEG-2's where
 * they name none.
 *
 * gst_video_info_from_caps() of GStreamer 1.22 forgets a siting in caps without
 * colorimetry, and gives those of up to 576 lines JPEG's.
 */
void
gst_mleu_caps_read_chroma_site (const GstCaps * caps, GstVideoInfo * info)
{
  const gchar *site = gst_structure_get_string (gst_caps_get_structure (caps,
          0), "chroma-site");

  info->chroma_site = GST_VIDEO_CHROMA_SITE_UNKNOWN;
  if (site)
    info->chroma_site = gst_video_chroma_site_from_string (site);
  if (info->chroma_site == GST_VIDEO_CHROMA_SITE_UNKNOWN)
    info->chroma_site = GST_VIDEO_CHROMA_SITE_MPEG2;
}

/* gst_mleu_caps_to_formats: how the library is to read and write the frames.
 *
 * Grey and RGB samples stand for the luma of the YUV side; where there is none,
 * for that of the frame's height.
 */
void
gst_mleu_caps_to_formats (const GstVideoInfo * in, const GstVideoInfo * out,
    MleuFormat * input, MleuFormat * output)
{
  GstVideoColorMatrix in_matrix = in->colorimetry.matrix;
  GstVideoColorMatrix out_matrix = out->colorimetry.matrix;

  if (!is_yuv_matrix (in_matrix) || is_gray_default (in))
    in_matrix = GST_VIDEO_COLOR_MATRIX_UNKNOWN;
  if (!is_yuv_matrix (out_matrix))
    out_matrix = is_yuv_matrix (in_matrix) ? in_matrix :
        matrix_by_height (GST_VIDEO_INFO_HEIGHT (out));
  if (!is_yuv_matrix (in_matrix))
    in_matrix = out_matrix;

  to_format (in, in_matrix, input);
  to_format (out, out_matrix, output);
}

/* gst_mleu_caps_same_samples: whether a coloured frame can be written over the
 * input: chroma alone changes. */
gboolean
gst_mleu_caps_same_samples (const GstVideoInfo * in, const GstVideoInfo * out)
{
  MleuFormat input, output;

  if (!GST_VIDEO_INFO_IS_YUV (in) ||
      GST_VIDEO_INFO_FORMAT (in) != GST_VIDEO_INFO_FORMAT (out))
    return FALSE;
  gst_mleu_caps_to_formats (in, out, &input, &output);
  return input.range == output.range && input.matrix == output.matrix &&
      input.siting_x == output.siting_x && input.siting_y == output.siting_y;
}

/* Bytes from the start of a component's plane to its first sample. GStreamer
 * 1.22 says 1 of P010's Cr, which is the second one of 16-bit samples. */
static gsize
first_sample (const GstVideoFormatInfo * finfo, guint component)
{
  gsize offset = GST_VIDEO_FORMAT_INFO_POFFSET (finfo, component);

  return GST_VIDEO_FORMAT_INFO_DEPTH (finfo, component) > 8 ?
      GST_ROUND_UP_2 (offset) : offset;
}

/* gst_mleu_frame_view: @frame's components, as the library takes them, and
 * whether its rows are of two fields: of mixed video, each frame says. */
void
gst_mleu_frame_view (const GstVideoFrame * frame, MleuFrame * view)
{
  guint i;

  memset (view, 0, sizeof (*view));
  view->interlaced = GST_VIDEO_FRAME_IS_INTERLACED (frame);
  for (i = 0; i < GST_VIDEO_FRAME_N_COMPONENTS (frame); i++) {
    view->plane[i].data = (guint8 *) GST_VIDEO_FRAME_PLANE_DATA (frame,
        GST_VIDEO_FRAME_COMP_PLANE (frame, i)) +
        first_sample (frame->info.finfo, i);
    view->plane[i].stride = GST_VIDEO_FRAME_COMP_STRIDE (frame, i);
    view->plane[i].step = GST_VIDEO_FRAME_COMP_PSTRIDE (frame, i);
  }
}

/* gst_mleu_frame_is_window: whether the caps' frame is a part of @buffer's
 * picture, where its crop meta says, as decoders of padded pictures have it. A
 * crop within a frame of the caps' own size is for those downstream to apply. */
gboolean
gst_mleu_frame_is_window (GstBuffer * buffer, const GstVideoInfo * info)
{
  const GstVideoCropMeta *crop = gst_buffer_get_video_crop_meta (buffer);
  const GstVideoMeta *meta = gst_buffer_get_video_meta (buffer);

  return crop && meta && (meta->width > (guint) info->width ||
      meta->height > (guint) info->height) &&
      crop->width == (guint) info->width &&
      crop->height == (guint) info->height &&
      crop->x <= meta->width - crop->width &&
      crop->y <= meta->height - crop->height;
}

/* gst_mleu_frame_crop: where the caps' frame is a window of @frame, leaves that
 * window, beginning at a whole sample of chroma. */
void
gst_mleu_frame_crop (GstVideoFrame * frame, const GstVideoInfo * info)
{
  const GstVideoFormatInfo *finfo = info->finfo;
  const GstVideoCropMeta *crop;
  guint i;

  if (!gst_mleu_frame_is_window (frame->buffer, info))
    return;
  crop = gst_buffer_get_video_crop_meta (frame->buffer);
  for (i = 0; i < GST_VIDEO_FRAME_N_PLANES (frame); i++) {
    gint component[GST_VIDEO_MAX_COMPONENTS];
    guint x = crop->x, y = crop->y;

    gst_video_format_info_component (finfo, i, component);
    if (IS_YUV (finfo)) {
      x &= ~((1u << GST_VIDEO_FORMAT_INFO_W_SUB (finfo, 1)) - 1);
      y &= ~((1u << GST_VIDEO_FORMAT_INFO_H_SUB (finfo, 1)) - 1);
    }
    y >>= GST_VIDEO_FORMAT_INFO_H_SUB (finfo, component[0]);
    frame->data[i] = (guint8 *) frame->data[i] +
        (gsize) y *GST_VIDEO_FRAME_PLANE_STRIDE (frame, i) +
        (gsize) (x >> GST_VIDEO_FORMAT_INFO_W_SUB (finfo, component[0])) *
        GST_VIDEO_FORMAT_INFO_PSTRIDE (finfo, component[0]);
  }
  frame->info.width = info->width;
  frame->info.height = info->height;
}
