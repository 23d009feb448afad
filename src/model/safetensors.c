/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mleu/error.h>

#include "allocate.h"
#include "model/json.h"

/* A header as large as its bound could name this many tensors; a network has some hundred. */
#define TENSORS_MAX 4096

struct _MleuSafetensors {
    GMappedFile *mapping;
    JsonNode *header;
    JsonObject *metadata;    /* owned by header */
    GArray *tensors;         /* of MleuTensor, by offset */
    GHashTable *by_name;     /* name -> index + 1 */
    MleuSafetensors *shared; /* the file that holds more tensors of this one; or NULL */
};

static const struct {
    const char *name;
    gsize size;
} dtypes[] = {
    [MLEU_DTYPE_F32] = {"F32", 4},
    [MLEU_DTYPE_F16] = {"F16", 2},
    [MLEU_DTYPE_BF16] = {"BF16", 2},
    [MLEU_DTYPE_I8] = {"I8", 1},
};

void mleu_safetensors_free(MleuSafetensors *file)
{
    if (file == NULL)
        return;
    if (file->tensors != NULL) {
        for (guint i = 0; i < file->tensors->len; i++)
            g_free(g_array_index(file->tensors, MleuTensor, i).name);
        g_array_unref(file->tensors);
    }
    g_clear_pointer(&file->by_name, g_hash_table_unref);
    g_clear_pointer(&file->header, json_node_unref);
    g_clear_pointer(&file->mapping, g_mapped_file_unref);
    mleu_safetensors_free(file->shared);
    g_free(file);
}

/* Maps a regular file: opening a FIFO would wait for a writer, a directory gives no readable
 * message. */
static GMappedFile *map_file(const char *path, GError **error)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        const int code = errno;
        g_set_error(error, MLEU_ERROR,
                    code == ENOENT || code == ENOTDIR ? MLEU_ERROR_NOT_FOUND : MLEU_ERROR_READ,
                    "%s: cannot be opened: %s", path, g_strerror(code));
        return NULL;
    }
    struct stat info;
    GMappedFile *mapping = NULL;
    if (fstat(fd, &info) != 0) {
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_READ, "%s: %s", path, g_strerror(errno));
    } else if (S_ISDIR(info.st_mode)) {
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_READ,
                    "%s: is a folder; give the model file in it (NAME.safetensors)", path);
    } else if (!S_ISREG(info.st_mode)) {
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_READ, "%s: is not a regular file", path);
    } else if (info.st_size == 0) {
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_FORMAT, "%s: the file is empty; fetch it again",
                    path);
    } else if ((guint64)info.st_size > MLEU_FILE_MAX) {
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_UNSUPPORTED,
                    "%s: %" G_GUINT64_FORMAT " bytes; a model has at most %" G_GUINT64_FORMAT, path,
                    (guint64)info.st_size, MLEU_FILE_MAX);
    } else {
        GError *map_error = NULL;
        mapping = g_mapped_file_new_from_fd(fd, FALSE, &map_error);
        if (mapping == NULL) {
            g_set_error(error, MLEU_ERROR, MLEU_ERROR_READ, "%s: cannot be read: %s", path,
                        map_error->message);
            g_error_free(map_error);
        }
    }
    close(fd);
    return mapping;
}

/* Reads one tensor's entry; @begin, @end: its offsets into the data. */
static gboolean read_entry(const char *path, const char *name, JsonNode *node, MleuTensor *tensor,
                           guint64 *begin, guint64 *end, GError **error)
{
    if (!JSON_NODE_HOLDS_OBJECT(node)) {
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_FORMAT, "%s: tensor %s: not an object", path,
                    name);
        return FALSE;
    }
    JsonObject *entry = json_node_get_object(node);
    JsonNode *dtype = json_object_get_member(entry, "dtype");
    JsonNode *shape = json_object_get_member(entry, "shape");
    JsonNode *offsets = json_object_get_member(entry, "data_offsets");
    if (json_object_get_size(entry) != 3 || dtype == NULL || shape == NULL || offsets == NULL ||
        !JSON_NODE_HOLDS_VALUE(dtype) || json_node_get_value_type(dtype) != G_TYPE_STRING ||
        !JSON_NODE_HOLDS_ARRAY(shape) || !JSON_NODE_HOLDS_ARRAY(offsets)) {
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_FORMAT,
                    "%s: tensor %s: needs dtype, shape and data_offsets, and nothing else", path,
                    name);
        return FALSE;
    }

    const char *type = json_node_get_string(dtype);
    guint i = 0;
    while (i < G_N_ELEMENTS(dtypes) && strcmp(type, dtypes[i].name) != 0)
        i++;
    if (i == G_N_ELEMENTS(dtypes)) {
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_UNSUPPORTED,
                    "%s: tensor %s: dtype %s; known are F32, F16, BF16, I8", path, name, type);
        return FALSE;
    }
    tensor->dtype = (MleuDtype)i;

    JsonArray *sizes = json_node_get_array(shape);
    tensor->rank = json_array_get_length(sizes);
    tensor->count = 1;
    if (tensor->rank > 4) {
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_UNSUPPORTED, "%s: tensor %s: rank %u; at most 4",
                    path, name, tensor->rank);
        return FALSE;
    }
    for (guint d = 0; d < 4; d++) {
        guint64 size = 1;
        if (d < tensor->rank &&
            (!mleu_json_whole(json_array_get_element(sizes, d), MLEU_FILE_MAX, &size) ||
             size == 0)) {
            g_set_error(error, MLEU_ERROR, MLEU_ERROR_FORMAT,
                        "%s: tensor %s: size %u of its shape is bad", path, name, d);
            return FALSE;
        }
        tensor->shape[d] = (gsize)size;
        if (!g_size_checked_mul(&tensor->count, tensor->count, (gsize)size)) {
            g_set_error(error, MLEU_ERROR, MLEU_ERROR_FORMAT, "%s: tensor %s: its shape overflows",
                        path, name);
            return FALSE;
        }
    }

    JsonArray *range = json_node_get_array(offsets);
    gsize bytes;
    if (json_array_get_length(range) != 2 ||
        !mleu_json_whole(json_array_get_element(range, 0), MLEU_FILE_MAX, begin) ||
        !mleu_json_whole(json_array_get_element(range, 1), MLEU_FILE_MAX, end) || *begin > *end) {
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_FORMAT, "%s: tensor %s: bad data_offsets", path,
                    name);
        return FALSE;
    }
    if (!g_size_checked_mul(&bytes, tensor->count, dtypes[tensor->dtype].size) ||
        *end - *begin != bytes) {
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_FORMAT,
                    "%s: tensor %s: its offsets hold %" G_GUINT64_FORMAT
                    " bytes, its shape needs %" G_GSIZE_FORMAT,
                    path, name, *end - *begin, bytes);
        return FALSE;
    }
    tensor->name = g_strdup(name);
    return TRUE;
}

/* An offset is kept as the data pointer until the order is known. */
static gint by_offset(gconstpointer a, gconstpointer b)
{
    const guint8 *x = ((const MleuTensor *)a)->data, *y = ((const MleuTensor *)b)->data;
    return (x > y) - (x < y);
}

static gboolean read_tensors(MleuSafetensors *file, const char *path, const guint8 *data,
                             gsize size, GError **error)
{
    JsonObject *object = json_node_get_object(file->header);
    JsonObjectIter iter;
    const char *name;
    JsonNode *node;

    if (json_object_get_size(object) > TENSORS_MAX + 1) {
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_UNSUPPORTED, "%s: more than %d tensors", path,
                    TENSORS_MAX);
        return FALSE;
    }
    json_object_iter_init(&iter, object);
    while (json_object_iter_next(&iter, &name, &node)) {
        MleuTensor tensor = {0};
        guint64 begin, end;
        if (strcmp(name, "__metadata__") == 0)
            continue;
        if (!read_entry(path, name, node, &tensor, &begin, &end, error))
            return FALSE;
        if (end > size) {
            g_set_error(error, MLEU_ERROR, MLEU_ERROR_FORMAT,
                        "%s: tensor %s lies behind the end of the file: the file is truncated; "
                        "fetch it again",
                        path, name);
            g_free(tensor.name);
            return FALSE;
        }
        tensor.data = data + begin;
        g_array_append_val(file->tensors, tensor);
    }

    g_array_sort(file->tensors, by_offset);
    const guint8 *expected = data;
    for (guint i = 0; i < file->tensors->len; i++) {
        MleuTensor *tensor = &g_array_index(file->tensors, MleuTensor, i);
        if (tensor->data != expected) {
            g_set_error(
                error, MLEU_ERROR, MLEU_ERROR_FORMAT,
                "%s: tensor %s does not follow the one before it: data_offsets must be contiguous",
                path, tensor->name);
            return FALSE;
        }
        expected += tensor->count * dtypes[tensor->dtype].size;
        g_hash_table_insert(file->by_name, tensor->name, GUINT_TO_POINTER(i + 1));
    }
    if (expected != data + size) {
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_FORMAT,
                    "%s: %" G_GSIZE_FORMAT " bytes of data belong to no tensor", path,
                    (gsize)(data + size - expected));
        return FALSE;
    }
    return TRUE;
}

static gboolean read_metadata(MleuSafetensors *file, const char *path, GError **error)
{
    JsonNode *node = json_object_get_member(json_node_get_object(file->header), "__metadata__");
    if (node == NULL || !JSON_NODE_HOLDS_OBJECT(node)) {
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_FORMAT,
                    "%s: a safetensors file without __metadata__: not an MLEU model", path);
        return FALSE;
    }
    file->metadata = json_node_get_object(node);
    JsonObjectIter iter;
    const char *key;
    JsonNode *value;
    json_object_iter_init(&iter, file->metadata);
    while (json_object_iter_next(&iter, &key, &value)) {
        if (!JSON_NODE_HOLDS_VALUE(value) || json_node_get_value_type(value) != G_TYPE_STRING) {
            g_set_error(error, MLEU_ERROR, MLEU_ERROR_FORMAT, "%s: metadata %s: not a string", path,
                        key);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean check_digest(const MleuSafetensors *file, const char *path, const guint8 *data,
                             gsize size, GError **error)
{
    const char *expected = mleu_safetensors_metadata(file, "mleu.sha256");
    if (expected == NULL) {
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_FORMAT,
                    "%s: no mleu.sha256 in the metadata: not an MLEU model", path);
        return FALSE;
    }
    char *actual = g_compute_checksum_for_data(G_CHECKSUM_SHA256, data, size);
    const gboolean good = g_strcmp0(actual, expected) == 0;
    if (!good)
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_FORMAT,
                    "%s: the weights do not have the SHA-256 that the header states: the file is "
                    "damaged; fetch it "
                    "again",
                    path);
    g_free(actual);
    return good;
}

static MleuSafetensors *open_file(const char *path, GError **error)
{
    GMappedFile *mapping = map_file(path, error);
    if (mapping == NULL)
        return NULL;

    MleuSafetensors *file = mleu_try_new0(MleuSafetensors, 1);
    if (file == NULL) {
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_NO_MEMORY, "%s: no memory to read it", path);
        g_mapped_file_unref(mapping);
        return NULL;
    }
    file->mapping = mapping;
    file->tensors = g_array_new(FALSE, FALSE, sizeof(MleuTensor));
    file->by_name = g_hash_table_new(g_str_hash, g_str_equal);

    const guint8 *bytes = (const guint8 *)g_mapped_file_get_contents(mapping);
    const gsize size = g_mapped_file_get_length(mapping);
    guint64 header = 0;
    if (size < 8) {
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_FORMAT,
                    "%s: %" G_GSIZE_FORMAT " bytes: too short for a model; fetch it again", path,
                    size);
        goto fail;
    }
    for (int i = 7; i >= 0; i--)
        header = header << 8 | bytes[i];
    if (header > MLEU_HEADER_MAX) {
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_FORMAT,
                    "%s: not a safetensors file, or its header is larger than %u bytes", path,
                    MLEU_HEADER_MAX);
        goto fail;
    }
    if (header > size - 8) {
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_FORMAT,
                    "%s: the file ends within its header: it is truncated; fetch it again", path);
        goto fail;
    }
    file->header = mleu_json_parse((const char *)bytes + 8, (gsize)header, path, error);
    if (file->header == NULL)
        goto fail;

    const guint8 *data = bytes + 8 + header;
    const gsize data_size = size - 8 - (gsize)header;
    if (!read_metadata(file, path, error) || !read_tensors(file, path, data, data_size, error) ||
        !check_digest(file, path, data, data_size, error))
        goto fail;
    return file;

fail:
    mleu_safetensors_free(file);
    return NULL;
}

/* Opens the file that `mleu.shared` names, if any. It has to be the very one that the model was
 * exported with. */
static gboolean open_shared(MleuSafetensors *file, const char *path, GError **error)
{
    const char *name = mleu_safetensors_metadata(file, "mleu.shared");
    const char *digest = mleu_safetensors_metadata(file, "mleu.shared.sha256");
    if (name == NULL)
        return TRUE;
    if (digest == NULL || name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL ||
        strchr(name, G_DIR_SEPARATOR) != NULL) {
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_FORMAT,
                    "%s: mleu.shared \"%s\" has to be the name of a file in the same folder, with "
                    "its mleu.shared.sha256 beside it",
                    path, name);
        return FALSE;
    }
    char *folder = g_path_get_dirname(path);
    char *sibling = g_build_filename(folder, name, NULL);
    g_free(folder);
    GError *cause = NULL;
    gboolean good = FALSE;
    file->shared = open_file(sibling, &cause);
    if (file->shared == NULL) {
        g_propagate_prefixed_error(error, cause, "%s shares weights: ", path);
    } else if (g_strcmp0(mleu_safetensors_metadata(file->shared, "mleu.sha256"), digest) != 0) {
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_FORMAT,
                    "%s does not hold the weights that %s was made with; fetch both again", sibling,
                    path);
    } else if (mleu_safetensors_metadata(file->shared, "mleu.shared") != NULL) {
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_FORMAT,
                    "%s is shared by %s and names a shared file itself", sibling, path);
    } else {
        good = TRUE;
        for (guint i = 0; i < file->shared->tensors->len && good; i++) {
            const char *tensor = g_array_index(file->shared->tensors, MleuTensor, i).name;
            good = !g_hash_table_contains(file->by_name, tensor);
            if (!good)
                g_set_error(error, MLEU_ERROR, MLEU_ERROR_FORMAT, "%s and %s both have a tensor %s",
                            path, sibling, tensor);
        }
    }
    g_free(sibling);
    return good;
}

MleuSafetensors *mleu_safetensors_open(const char *path, GError **error)
{
    MleuSafetensors *file = open_file(path, error);
    if (file != NULL && !open_shared(file, path, error))
        g_clear_pointer(&file, mleu_safetensors_free);
    return file;
}

const MleuTensor *mleu_safetensors_find(const MleuSafetensors *file, const char *name)
{
    const guint index = GPOINTER_TO_UINT(g_hash_table_lookup(file->by_name, name));
    if (index > 0)
        return mleu_safetensors_get(file, index - 1);
    return file->shared != NULL ? mleu_safetensors_find(file->shared, name) : NULL;
}

guint mleu_safetensors_count(const MleuSafetensors *file)
{
    return file->tensors->len + (file->shared != NULL ? file->shared->tensors->len : 0);
}

const MleuTensor *mleu_safetensors_get(const MleuSafetensors *file, guint index)
{
    if (index >= file->tensors->len)
        return mleu_safetensors_get(file->shared, index - file->tensors->len);
    return &g_array_index(file->tensors, MleuTensor, index);
}

const char *mleu_safetensors_metadata(const MleuSafetensors *file, const char *key)
{
    return json_object_get_string_member_with_default(file->metadata, key, NULL);
}

static float half_to_float(guint16 half)
{
    const int exponent = half >> 10 & 31;
    const float mantissa = (float)(half & 1023);
    const float sign = (half & 0x8000) != 0 ? -1.0f : 1.0f;
    if (exponent == 0)
        return sign * ldexpf(mantissa, -24);
    if (exponent == 31)
        return mantissa == 0 ? sign * INFINITY : NAN;
    return sign * ldexpf(1024.0f + mantissa, exponent - 25);
}

void mleu_tensor_to_float(const MleuTensor *tensor, float *out)
{
    const guint8 *p = tensor->data;
    guint32 bits;
    switch (tensor->dtype) {
    case MLEU_DTYPE_F32:
        for (gsize i = 0; i < tensor->count; i++, p += 4) {
            bits = (guint32)p[0] | (guint32)p[1] << 8 | (guint32)p[2] << 16 | (guint32)p[3] << 24;
            memcpy(&out[i], &bits, 4);
        }
        break;
    case MLEU_DTYPE_BF16:
        for (gsize i = 0; i < tensor->count; i++, p += 2) {
            bits = (guint32)p[0] << 16 | (guint32)p[1] << 24;
            memcpy(&out[i], &bits, 4);
        }
        break;
    case MLEU_DTYPE_F16:
        for (gsize i = 0; i < tensor->count; i++, p += 2)
            out[i] = half_to_float((guint16)(p[0] | p[1] << 8));
        break;
    case MLEU_DTYPE_I8:
        for (gsize i = 0; i < tensor->count; i++)
            out[i] = (float)(gint8)p[i];
        break;
    }
}
