/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gstmleumodels.h"

#include <dlfcn.h>
#include <glib/gstdio.h>
#include <string.h>

#define MODEL_SUFFIX ".safetensors"

/* Look-up */

/* The models of the prefix that this code was loaded from, by the way from the
 * plugin's folder to the models': right wherever the prefix was moved to. */
static gchar *
models_beside_plugin (void)
{
  gchar *folder, *path, *canonical;
  Dl_info info;

  if (GST_MLEU_PLUGIN_TO_MODELS[0] == '\0' ||
      !dladdr ((gpointer) (guintptr) models_beside_plugin, &info) ||
      !info.dli_fname)
    return NULL;
  folder = g_path_get_dirname (info.dli_fname);
  path = g_build_filename (folder, GST_MLEU_PLUGIN_TO_MODELS, NULL);
  canonical = g_canonicalize_filename (path, NULL);
  g_free (folder);
  g_free (path);
  return canonical;
}

static void
take_folder (GPtrArray * places, gchar * folder)
{
  if (folder && !g_ptr_array_find_with_equal_func (places, folder,
          g_str_equal, NULL))
    g_ptr_array_add (places, folder);
  else
    g_free (folder);
}

/* The folders and files to look in, in order. */
static GPtrArray *
list_places (void)
{
  GPtrArray *places = g_ptr_array_new_with_free_func (g_free);
  const gchar *variable = g_getenv ("MLEU_MODEL_PATH");
  gchar *beside;

  if (variable) {
    gchar **entries = g_strsplit (variable, G_SEARCHPATH_SEPARATOR_S, -1);
    guint i;

    for (i = 0; entries[i]; i++)
      if (entries[i][0] != '\0')
        take_folder (places, g_strdup (entries[i]));
    g_strfreev (entries);
  }
  take_folder (places, g_build_filename (g_get_user_data_dir (), "mleu",
          "models", NULL));
  beside = models_beside_plugin ();
  if (beside && g_file_test (beside, G_FILE_TEST_IS_DIR))
    take_folder (places, beside);
  else
    g_free (beside);
  take_folder (places, g_strdup (GST_MLEU_MODEL_DIR));
  return places;
}

static gboolean
names_model (const gchar * path, const gchar * name)
{
  gchar *base = g_path_get_basename (path);
  gboolean same = g_str_equal (base, name);

  if (!same && g_str_has_suffix (base, MODEL_SUFFIX)) {
    base[strlen (base) - strlen (MODEL_SUFFIX)] = '\0';
    same = g_str_equal (base, name);
  }
  g_free (base);
  return same;
}

/* The model @name in @place, a folder or a file; NULL where it has none. A file
 * on the path is also the model of those who asked for none by name. */
static gchar *
find_in_place (const gchar * place, const gchar * name)
{
  gchar *file, *path;

  if (g_file_test (place, G_FILE_TEST_IS_REGULAR)) {
    if (names_model (place, name) || g_str_equal (name, GST_MLEU_DEFAULT_MODEL))
      return g_strdup (place);
    return NULL;
  }
  if (g_str_has_suffix (name, MODEL_SUFFIX))
    file = g_strdup (name);
  else
    file = g_strconcat (name, MODEL_SUFFIX, NULL);
  path = g_build_filename (place, file, NULL);
  g_free (file);
  if (g_file_test (path, G_FILE_TEST_EXISTS))
    return path;
  g_free (path);
  return NULL;
}

/* gst_mleu_models_find:
 * @name: a path, or the name of a model with or without ".safetensors".
 * @searched: (out) (transfer full): the places looked in, separated by ", ",
 *   where nothing was found.
 *
 * A @name with a separator in it is a path and is taken as it is, whether there
 * is such a file or not. Any other is first a file in the working directory,
 * then a model in $MLEU_MODEL_PATH (folders or files separated by colons), in
 * $XDG_DATA_HOME/mleu/models, and in the installation's own folder.
 *
 * Returns: (transfer full) (nullable): the path of the model.
 */
gchar *
gst_mleu_models_find (const gchar * name, gchar ** searched)
{
  GPtrArray *places;
  gchar *path = NULL;
  guint i;

  *searched = NULL;
  if (strchr (name, G_DIR_SEPARATOR) ||
      g_file_test (name, G_FILE_TEST_IS_REGULAR))
    return g_strdup (name);

  places = list_places ();
  for (i = 0; i < places->len && !path; i++)
    path = find_in_place (g_ptr_array_index (places, i), name);
  if (!path) {
    g_ptr_array_add (places, NULL);
    *searched = g_strjoinv (", ", (gchar **) places->pdata);
  }
  g_ptr_array_unref (places);
  return path;
}

/* One copy for the process */

typedef struct
{
  gchar *path;
  gint64 size;
  gint64 mtime_s, mtime_ns;
  MleuModel *model;
  guint users;
} Entry;

/* An editor makes one element for each clip, a server one for each client: they
 * share the weights. The cache holds a model for as long as an element uses it.
 * The lock is held while a model loads, so that a second element waits for the
 * first one's copy instead of making its own. */
static GMutex cache_lock;
static GList *cache;

/* gst_mleu_models_acquire:
 *
 * Loads the model at @path, or shares it with the elements that use it already,
 * unless the file has changed since.
 *
 * Returns: (transfer full): to be given up with gst_mleu_models_release(), or
 *   NULL with @error set, in the domain MLEU_ERROR.
 */
MleuModel *
gst_mleu_models_acquire (const gchar * path, GError ** error)
{
  MleuModel *model = NULL;
  GStatBuf status = { 0 };
  GList *item;
  gboolean known;

  g_mutex_lock (&cache_lock);

  /* Where this fails, so does mleu_model_load(), which says why. */
  known = g_stat (path, &status) == 0;
  for (item = cache; item && known; item = item->next) {
    Entry *entry = item->data;

    if (entry->size == status.st_size &&
        entry->mtime_s == status.st_mtim.tv_sec &&
        entry->mtime_ns == status.st_mtim.tv_nsec &&
        g_str_equal (entry->path, path)) {
      entry->users++;
      model = entry->model;
      goto done;
    }
  }

  model = mleu_model_load (path, error);
  if (model) {
    Entry *entry = g_new0 (Entry, 1);

    entry->path = g_strdup (path);
    entry->size = status.st_size;
    entry->mtime_s = status.st_mtim.tv_sec;
    entry->mtime_ns = status.st_mtim.tv_nsec;
    entry->model = model;
    entry->users = 1;
    cache = g_list_prepend (cache, entry);
  }

done:
  g_mutex_unlock (&cache_lock);
  return model;
}

/* gst_mleu_models_release: the last user's call frees the weights. */
void
gst_mleu_models_release (MleuModel * model)
{
  GList *item;

  g_mutex_lock (&cache_lock);
  for (item = cache; item; item = item->next) {
    Entry *entry = item->data;

    if (entry->model != model)
      continue;
    if (--entry->users == 0) {
      cache = g_list_delete_link (cache, item);
      mleu_model_unref (entry->model);
      g_free (entry->path);
      g_free (entry);
    }
    break;
  }
  g_mutex_unlock (&cache_lock);
}
