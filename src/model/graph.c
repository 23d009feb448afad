/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/graph.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "allocate.h"
#include "model/json.h"

/* What is needed while a graph is read. */
typedef struct {
    const MleuSafetensors *file;
    const char *path;
    MleuGraph *graph;
    JsonObject *quantization; /* name of a node -> [scale, zero]; or NULL */
    GHashTable *nodes;        /* name -> index + 1 */
    GHashTable *used;         /* names of the tensors that a node took */
    JsonObject *object;
    const char *name; /* of the node that is read */
    GError **error;
} Reader;

static gboolean refuse(Reader *reader, MleuError code, const char *format, ...) G_GNUC_PRINTF(3, 4);

static gboolean refuse(Reader *reader, MleuError code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(reader->error, MLEU_ERROR, (gint)code, "%s: %s%s: %s", reader->path,
                reader->name != NULL ? "node " : "graph", reader->name != NULL ? reader->name : "",
                text);
    g_free(text);
    return FALSE;
}

static const char *const op_names[] = {
    [MLEU_OP_INPUT] = "input",       [MLEU_OP_AFFINE] = "affine",
    [MLEU_OP_CONV2D] = "conv2d",     [MLEU_OP_CONV_TRANSPOSE2D] = "conv_transpose2d",
    [MLEU_OP_ADD] = "add",           [MLEU_OP_CONCAT] = "concat",
    [MLEU_OP_UPSAMPLE] = "upsample", [MLEU_OP_MAXPOOL] = "maxpool",
};

static const char *const activation_names[] = {
    [MLEU_ACTIVATION_NONE] = "none",
    [MLEU_ACTIVATION_RELU] = "relu",
    [MLEU_ACTIVATION_RELU6] = "relu6",
    [MLEU_ACTIVATION_TANH] = "tanh",
};

/* The fields that each operator has beside name, op and input. */
static const char *const op_fields[] = {
    [MLEU_OP_INPUT] = "",
    [MLEU_OP_AFFINE] = " scale offset ",
    [MLEU_OP_CONV2D] = " weight bias stride dilation groups padding activation ",
    [MLEU_OP_CONV_TRANSPOSE2D] = " weight bias stride padding activation ",
    [MLEU_OP_ADD] = " activation ",
    [MLEU_OP_CONCAT] = "",
    [MLEU_OP_UPSAMPLE] = " factor ",
    [MLEU_OP_MAXPOOL] = "",
};

static gboolean is_string(JsonNode *node)
{
    return node != NULL && JSON_NODE_HOLDS_VALUE(node) &&
           json_node_get_value_type(node) == G_TYPE_STRING;
}

static gboolean is_number(JsonNode *node)
{
    return node != NULL && JSON_NODE_HOLDS_VALUE(node) &&
           (json_node_get_value_type(node) == G_TYPE_INT64 ||
            json_node_get_value_type(node) == G_TYPE_DOUBLE);
}

static gboolean check_fields(Reader *reader, const char *allowed)
{
    JsonObjectIter iter;
    const char *key;
    JsonNode *value;
    json_object_iter_init(&iter, reader->object);
    while (json_object_iter_next(&iter, &key, &value)) {
        char *padded = g_strdup_printf(" %s ", key);
        const gboolean known = strchr(key, ' ') == NULL && strstr(allowed, padded) != NULL;
        g_free(padded);
        if (!known)
            return refuse(reader, MLEU_ERROR_UNSUPPORTED,
                          "unknown field \"%s\": the model needs a newer version of this library",
                          key);
    }
    return TRUE;
}

/* A whole number minimum..maximum; the default where the field is absent. */
static gboolean read_whole(Reader *reader, const char *key, guint minimum, guint maximum,
                           guint *value)
{
    JsonNode *node = json_object_get_member(reader->object, key);
    guint64 number;
    if (node == NULL)
        return TRUE;
    if (!mleu_json_whole(node, maximum, &number) || number < minimum)
        return refuse(reader, MLEU_ERROR_FORMAT, "%s is not a whole number from %u to %u", key,
                      minimum, maximum);
    *value = (guint)number;
    return TRUE;
}

/* A number minimum..maximum; the default where the field is absent. */
static gboolean read_number(Reader *reader, const char *key, double minimum, double maximum,
                            double *value)
{
    JsonNode *node = json_object_get_member(reader->object, key);
    if (node == NULL)
        return TRUE;
    if (!is_number(node) || !(json_node_get_double(node) >= minimum) ||
        !(json_node_get_double(node) <= maximum))
        return refuse(reader, MLEU_ERROR_FORMAT, "%s is not a number from %g to %g", key, minimum,
                      maximum);
    *value = json_node_get_double(node);
    return TRUE;
}

static gboolean read_padding(Reader *reader, MleuNode *node)
{
    JsonNode *member = json_object_get_member(reader->object, "padding");
    guint *const sides[] = {&node->pad_top, &node->pad_left, &node->pad_bottom, &node->pad_right};
    if (member == NULL)
        return TRUE;
    if (!JSON_NODE_HOLDS_ARRAY(member) || json_array_get_length(json_node_get_array(member)) != 4)
        return refuse(reader, MLEU_ERROR_FORMAT, "padding is not [top, left, bottom, right]");
    for (guint i = 0; i < 4; i++) {
        guint64 pad;
        if (!mleu_json_whole(json_array_get_element(json_node_get_array(member), i), 64, &pad))
            return refuse(reader, MLEU_ERROR_FORMAT,
                          "padding is not four whole numbers from 0 to 64");
        *sides[i] = (guint)pad;
    }
    return TRUE;
}

static gboolean read_activation(Reader *reader, MleuNode *node)
{
    JsonNode *member = json_object_get_member(reader->object, "activation");
    if (member == NULL)
        return TRUE;
    for (guint i = 0; is_string(member) && i < G_N_ELEMENTS(activation_names); i++) {
        if (strcmp(json_node_get_string(member), activation_names[i]) == 0) {
            node->activation = (MleuActivation)i;
            return TRUE;
        }
    }
    return refuse(reader, MLEU_ERROR_UNSUPPORTED, "activation is none of none, relu, relu6, tanh");
}

/* The tensor that the field names. */
static const MleuTensor *find_tensor(Reader *reader, const char *key)
{
    JsonNode *member = json_object_get_member(reader->object, key);
    if (!is_string(member)) {
        refuse(reader, MLEU_ERROR_FORMAT, "%s does not name a tensor", key);
        return NULL;
    }
    const char *name = json_node_get_string(member);
    const MleuTensor *tensor = mleu_safetensors_find(reader->file, name);
    if (tensor == NULL)
        refuse(reader, MLEU_ERROR_FORMAT, "%s: there is no tensor %s in the file", key, name);
    else
        g_hash_table_add(reader->used, tensor->name);
    return tensor;
}

/* Whether all values are; in a form that compilers vectorise. */
static gboolean check_finite(Reader *reader, const MleuTensor *tensor, const float *values)
{
    gsize finite = 0;
    for (gsize i = 0; i < tensor->count; i++)
        finite += fabsf(values[i]) <= FLT_MAX ? 1 : 0;
    return finite == tensor->count ||
           refuse(reader, MLEU_ERROR_FORMAT,
                  "tensor %s: %" G_GSIZE_FORMAT " of its values are not finite", tensor->name,
                  tensor->count - finite);
}

static float *new_floats(Reader *reader, guint count)
{
    float *values = mleu_try_new0(float, count);
    if (values == NULL)
        refuse(reader, MLEU_ERROR_NO_MEMORY, "no memory for %u values", count);
    return values;
}

/* Float32 values of a tensor, those of an I8 one unscaled. */
static float *read_values(Reader *reader, const MleuTensor *tensor)
{
    float *values = mleu_try_new0(float, tensor->count);
    if (values == NULL) {
        refuse(reader, MLEU_ERROR_NO_MEMORY, "tensor %s: no memory for %" G_GSIZE_FORMAT " weights",
               tensor->name, tensor->count);
        return NULL;
    }
    mleu_tensor_to_float(tensor, values);
    if (!check_finite(reader, tensor, values))
        g_clear_pointer(&values, g_free);
    return values;
}

/* The factors of an I8 tensor, one for each of the first index. */
static float *read_scales(Reader *reader, const MleuTensor *tensor)
{
    char *name = g_strconcat(tensor->name, ".scale", NULL);
    const MleuTensor *scale = mleu_safetensors_find(reader->file, name);
    g_free(name);
    if (scale == NULL || scale->dtype != MLEU_DTYPE_F32 || scale->rank != 1 ||
        scale->count != tensor->shape[0]) {
        refuse(reader, MLEU_ERROR_FORMAT,
               "tensor %s is I8 and has no F32 tensor %s.scale of %" G_GSIZE_FORMAT " values",
               tensor->name, tensor->name, tensor->shape[0]);
        return NULL;
    }
    g_hash_table_add(reader->used, scale->name);
    float *factors = read_values(reader, scale);
    for (gsize i = 0; i < scale->count && factors != NULL; i++) {
        if (fabsf(factors[i]) > FLT_MAX / 128) {
            refuse(reader, MLEU_ERROR_FORMAT, "tensor %s: value %" G_GSIZE_FORMAT " is too large",
                   scale->name, i);
            g_clear_pointer(&factors, g_free);
        }
    }
    return factors;
}

/* Float32 values of the tensor that the field names, with an I8 weight's scale applied. */
static float *take_tensor(Reader *reader, const char *key, const MleuTensor **found)
{
    const MleuTensor *tensor = *found = find_tensor(reader, key);
    float *values = tensor != NULL ? read_values(reader, tensor) : NULL;
    if (values == NULL || tensor->dtype != MLEU_DTYPE_I8)
        return values;
    float *factors = read_scales(reader, tensor);
    const gsize rows = tensor->shape[0], row = tensor->count / rows;
    for (gsize r = 0; r < rows && factors != NULL; r++) {
        for (gsize i = 0; i < row; i++)
            values[r * row + i] *= factors[r];
    }
    if (factors == NULL)
        g_clear_pointer(&values, g_free);
    g_free(factors);
    return values;
}

/* A tensor of one value per channel of the output. */
static float *take_vector(Reader *reader, const char *key, guint channels)
{
    const MleuTensor *tensor;
    float *values = take_tensor(reader, key, &tensor);
    if (values != NULL && (tensor->rank != 1 || tensor->count != channels)) {
        refuse(reader, MLEU_ERROR_FORMAT, "%s: tensor %s is not of shape [%u]", key, tensor->name,
               channels);
        g_clear_pointer(&values, g_free);
    }
    return values;
}

/* A quantised graph has no use for float32 weights as long as nobody asks for them. */
static gboolean read_weight(Reader *reader, MleuNode *node, const MleuTensor **found)
{
    if (reader->quantization == NULL || node->op != MLEU_OP_CONV2D) {
        node->weight = take_tensor(reader, "weight", found);
        return node->weight != NULL;
    }
    *found = find_tensor(reader, "weight");
    if (*found == NULL)
        return FALSE;
    if ((*found)->dtype != MLEU_DTYPE_I8)
        return refuse(reader, MLEU_ERROR_FORMAT, "the graph is quantised, its weight %s is not I8",
                      (*found)->name);
    node->weight_q8 = (const gint8 *)(*found)->data;
    node->weight_scale = read_scales(reader, *found);
    return node->weight_scale != NULL;
}

static gboolean read_convolution(Reader *reader, MleuNode *node, guint in_channels)
{
    const gboolean transposed = node->op == MLEU_OP_CONV_TRANSPOSE2D;
    if (!read_whole(reader, "stride", 1, 8, &node->stride) ||
        !read_whole(reader, "dilation", 1, 32, &node->dilation) ||
        !read_whole(reader, "groups", 1, MLEU_CHANNELS_MAX, &node->groups) ||
        !read_padding(reader, node) || !read_activation(reader, node))
        return FALSE;

    const MleuTensor *tensor;
    if (!read_weight(reader, node, &tensor))
        return FALSE;
    const gsize out = transposed ? tensor->shape[1] : tensor->shape[0];
    const gsize in = transposed ? tensor->shape[0] : tensor->shape[1];
    if (tensor->rank != 4 || out > MLEU_CHANNELS_MAX || tensor->shape[2] > MLEU_KERNEL_MAX ||
        tensor->shape[3] > MLEU_KERNEL_MAX)
        return refuse(
            reader, MLEU_ERROR_UNSUPPORTED,
            "weight %s: needs rank 4, at most %d channels and a kernel of at most %d x %d",
            tensor->name, MLEU_CHANNELS_MAX, MLEU_KERNEL_MAX, MLEU_KERNEL_MAX);
    if (in_channels % node->groups != 0 || out % node->groups != 0 ||
        in != in_channels / node->groups)
        return refuse(reader, MLEU_ERROR_FORMAT,
                      "weight %s does not fit an input of %u channels in %u groups", tensor->name,
                      in_channels, node->groups);
    node->channels = (guint)out;
    node->kernel_h = (guint)tensor->shape[2];
    node->kernel_w = (guint)tensor->shape[3];
    if (json_object_has_member(reader->object, "bias"))
        node->bias = take_vector(reader, "bias", node->channels);
    else
        node->bias = new_floats(reader, node->channels);
    return node->bias != NULL;
}

/* A factor or offset of an affine node: a number, or a tensor of one value per channel. */
static float *read_affine_field(Reader *reader, const char *key, guint channels)
{
    JsonNode *member = json_object_get_member(reader->object, key);
    if (is_string(member))
        return take_vector(reader, key, channels);
    if (!is_number(member) || !isfinite((float)json_node_get_double(member))) {
        refuse(reader, MLEU_ERROR_FORMAT, "%s is neither a number nor the name of a tensor", key);
        return NULL;
    }
    float *values = new_floats(reader, channels);
    for (guint c = 0; c < channels && values != NULL; c++)
        values[c] = (float)json_node_get_double(member);
    return values;
}

static gboolean read_inputs(Reader *reader, MleuNode *node)
{
    JsonNode *member = json_object_get_member(reader->object, "input");
    if (node->op == MLEU_OP_INPUT)
        return member == NULL || refuse(reader, MLEU_ERROR_FORMAT, "an input node takes no input");
    if (member == NULL || !JSON_NODE_HOLDS_ARRAY(member))
        return refuse(reader, MLEU_ERROR_FORMAT, "input is not an array of node names");
    JsonArray *names = json_node_get_array(member);
    const guint count = json_array_get_length(names);
    const guint least = node->op == MLEU_OP_ADD || node->op == MLEU_OP_CONCAT ? 2 : 1;
    const guint most = node->op == MLEU_OP_CONCAT ? MLEU_INPUTS_MAX : least;
    if (count < least || count > most)
        return refuse(reader, MLEU_ERROR_FORMAT, "%s takes %u to %u inputs, not %u",
                      op_names[node->op], least, most, count);
    for (guint i = 0; i < count; i++) {
        JsonNode *name = json_array_get_element(names, i);
        const guint index =
            is_string(name)
                ? GPOINTER_TO_UINT(g_hash_table_lookup(reader->nodes, json_node_get_string(name)))
                : 0;
        if (index == 0)
            return refuse(reader, MLEU_ERROR_FORMAT, "input %u is not the name of an earlier node",
                          i);
        node->inputs[i] = index - 1;
    }
    node->n_inputs = count;
    return TRUE;
}

/* Scale and zero of the node's 8-bit output. */
static gboolean read_quantization(Reader *reader, MleuNode *node)
{
    JsonNode *member = json_object_get_member(reader->quantization, node->name);
    JsonArray *pair =
        member != NULL && JSON_NODE_HOLDS_ARRAY(member) ? json_node_get_array(member) : NULL;
    guint64 zero;
    if (pair == NULL || json_array_get_length(pair) != 2 ||
        !is_number(json_array_get_element(pair, 0)) ||
        !mleu_json_whole(json_array_get_element(pair, 1), 255, &zero) ||
        !(json_array_get_double_element(pair, 0) >= 1e-9) ||
        !(json_array_get_double_element(pair, 0) <= 1e9))
        return refuse(reader, MLEU_ERROR_FORMAT,
                      "quantization has no [scale, zero] for it, zero from 0 to 255");
    node->out_scale = (float)json_array_get_double_element(pair, 0);
    node->out_zero = (gint32)zero;
    return TRUE;
}

static gboolean read_node(Reader *reader, MleuNode *node)
{
    JsonNode *op = json_object_get_member(reader->object, "op");
    guint kind = 0;
    while (kind < G_N_ELEMENTS(op_names) &&
           !(is_string(op) && strcmp(json_node_get_string(op), op_names[kind]) == 0))
        kind++;
    if (kind == G_N_ELEMENTS(op_names))
        return refuse(reader, MLEU_ERROR_UNSUPPORTED,
                      "unknown operator %s: the model needs a newer version of this library",
                      is_string(op) ? json_node_get_string(op) : "");
    node->op = (MleuOp)kind;
    node->stride = node->dilation = node->groups = node->factor = 1;

    char *allowed = g_strconcat(" name op input ", op_fields[kind], NULL);
    const gboolean known = check_fields(reader, allowed);
    g_free(allowed);
    if (!known || !read_inputs(reader, node))
        return FALSE;

    const MleuNode *nodes = reader->graph->nodes;
    const guint in = node->n_inputs > 0 ? nodes[node->inputs[0]].channels : 1;
    node->channels = in;
    switch (node->op) {
    case MLEU_OP_INPUT:
        return reader->graph->n_nodes == 0 ||
               refuse(reader, MLEU_ERROR_FORMAT, "only the first node is an input");
    case MLEU_OP_AFFINE:
        node->scale = read_affine_field(reader, "scale", in);
        if (node->scale == NULL)
            return FALSE;
        node->offset = read_affine_field(reader, "offset", in);
        return node->offset != NULL;
    case MLEU_OP_CONV2D:
    case MLEU_OP_CONV_TRANSPOSE2D:
        return read_convolution(reader, node, in);
    case MLEU_OP_ADD:
        if (nodes[node->inputs[1]].channels != in)
            return refuse(reader, MLEU_ERROR_FORMAT, "its inputs have %u and %u channels", in,
                          nodes[node->inputs[1]].channels);
        return read_activation(reader, node);
    case MLEU_OP_CONCAT:
        node->channels = 0;
        for (guint i = 0; i < node->n_inputs; i++)
            node->channels += nodes[node->inputs[i]].channels;
        return node->channels <= MLEU_CHANNELS_MAX ||
               refuse(reader, MLEU_ERROR_UNSUPPORTED, "more than %d channels", MLEU_CHANNELS_MAX);
    case MLEU_OP_UPSAMPLE:
        node->factor = 0;
        if (!read_whole(reader, "factor", 2, 32, &node->factor))
            return FALSE;
        return node->factor != 0 || refuse(reader, MLEU_ERROR_FORMAT, "upsample needs a factor");
    case MLEU_OP_MAXPOOL:
        node->kernel_h = node->kernel_w = node->stride = 2;
        return TRUE;
    }
    return FALSE;
}

static gboolean read_nodes(Reader *reader, JsonNode *member)
{
    MleuGraph *graph = reader->graph;
    if (member == NULL || !JSON_NODE_HOLDS_ARRAY(member))
        return refuse(reader, MLEU_ERROR_FORMAT, "nodes is not an array");
    JsonArray *array = json_node_get_array(member);
    const guint count = json_array_get_length(array);
    if (count < 2 || count > MLEU_NODES_MAX)
        return refuse(reader, MLEU_ERROR_UNSUPPORTED, "%u nodes; from 2 to %d can be run", count,
                      MLEU_NODES_MAX);
    graph->nodes = mleu_try_new0(MleuNode, count);
    if (graph->nodes == NULL)
        return refuse(reader, MLEU_ERROR_NO_MEMORY, "no memory for %u nodes", count);
    for (guint i = 0; i < count; i++) {
        JsonNode *element = json_array_get_element(array, i);
        JsonNode *name = JSON_NODE_HOLDS_OBJECT(element)
                             ? json_object_get_member(json_node_get_object(element), "name")
                             : NULL;
        reader->name = NULL;
        if (!is_string(name))
            return refuse(reader, MLEU_ERROR_FORMAT, "node %u has no name", i);
        reader->object = json_node_get_object(element);
        reader->name = json_node_get_string(name);
        if (g_hash_table_contains(reader->nodes, reader->name))
            return refuse(reader, MLEU_ERROR_FORMAT, "two nodes have this name");
        MleuNode *node = &graph->nodes[i];
        node->name = g_strdup(reader->name);
        const gboolean good =
            read_node(reader, node) && (reader->quantization == NULL || i == 0 || i + 1 == count ||
                                        read_quantization(reader, node));
        graph->n_nodes = i + 1;
        if (!good)
            return FALSE;
        if (i == 0 && node->op != MLEU_OP_INPUT)
            return refuse(reader, MLEU_ERROR_FORMAT, "the first node is not an input");
        g_hash_table_insert(reader->nodes, node->name, GUINT_TO_POINTER(i + 1));
    }
    reader->name = NULL;
    return TRUE;
}

static gboolean read_head(Reader *reader, JsonNode *member)
{
    MleuGraph *graph = reader->graph;
    const MleuNode *last = &graph->nodes[graph->n_nodes - 1];
    reader->name = "head";
    if (member == NULL || !JSON_NODE_HOLDS_OBJECT(member))
        return refuse(reader, MLEU_ERROR_FORMAT, "is missing");
    reader->object = json_node_get_object(member);
    JsonNode *type = json_object_get_member(reader->object, "type");
    JsonNode *input = json_object_get_member(reader->object, "input");
    const char *kind = is_string(type) ? json_node_get_string(type) : "";
    if (!is_string(input) || strcmp(json_node_get_string(input), last->name) != 0)
        return refuse(reader, MLEU_ERROR_FORMAT, "its input is not the last node, %s", last->name);
    graph->saturation = graph->temperature = graph->head_scale = 1.0;
    if (!read_number(reader, "saturation", 0.1, 10, &graph->saturation))
        return FALSE;

    const gboolean combined = strcmp(kind, "combined") == 0;
    if (combined || strcmp(kind, "classes") == 0) {
        const guint regressed = combined ? 2 : 0;
        const MleuTensor *bins;
        graph->head = combined ? MLEU_HEAD_COMBINED : MLEU_HEAD_CLASSES;
        graph->blend = 0.5;
        if (!check_fields(reader, combined ? " type input saturation bins temperature scale blend "
                                           : " type input saturation bins temperature ") ||
            !read_number(reader, "temperature", 0.05, 5, &graph->temperature) ||
            !read_number(reader, "scale", 1e-3, 1e3, &graph->head_scale) ||
            !read_number(reader, "blend", 0, 1, &graph->blend))
            return FALSE;
        graph->bins = take_tensor(reader, "bins", &bins);
        if (graph->bins == NULL)
            return FALSE;
        if (bins->rank != 2 || bins->shape[0] + regressed != last->channels || bins->shape[1] != 2)
            return refuse(reader, MLEU_ERROR_FORMAT,
                          "tensor %s is not of shape [%u, 2]: the last node has %u channels",
                          bins->name, last->channels - MIN(regressed, last->channels),
                          last->channels);
        graph->classes = last->channels - regressed;
        return TRUE;
    }
    if (strcmp(kind, "regression") == 0) {
        graph->head = MLEU_HEAD_REGRESSION;
        if (last->channels != 2)
            return refuse(reader, MLEU_ERROR_FORMAT, "a regression head needs 2 channels, not %u",
                          last->channels);
        return check_fields(reader, " type input saturation scale ") &&
               read_number(reader, "scale", 1e-3, 1e3, &graph->head_scale);
    }
    return refuse(reader, MLEU_ERROR_UNSUPPORTED,
                  "its type \"%s\" is none of classes, regression, combined", kind);
}

/* Every node but the last is somebody's input, and every tensor is used: anything else is a mistake
 * of the exporter. */
static gboolean check_leftovers(Reader *reader)
{
    const MleuGraph *graph = reader->graph;
    reader->name = NULL;
    for (guint i = 0; i + 1 < graph->n_nodes; i++) {
        gboolean used = FALSE;
        for (guint k = i + 1; k < graph->n_nodes && !used; k++) {
            for (guint j = 0; j < graph->nodes[k].n_inputs; j++)
                used = used || graph->nodes[k].inputs[j] == i;
        }
        if (!used)
            return refuse(reader, MLEU_ERROR_FORMAT, "nothing reads node %s", graph->nodes[i].name);
    }
    for (guint i = 0; i < mleu_safetensors_count(reader->file); i++) {
        const char *name = mleu_safetensors_get(reader->file, i)->name;
        if (!g_hash_table_contains(reader->used, name))
            return refuse(reader, MLEU_ERROR_FORMAT, "nothing uses tensor %s", name);
    }
    return TRUE;
}

/* Sizes are checked at one input of the smallest kind, so that a file that could never run is
 * refused at once. */
static gboolean check_sizes(Reader *reader)
{
    const MleuGraph *graph = reader->graph;
    guint *side = mleu_try_new0(guint, graph->n_nodes);
    gboolean good = side != NULL || refuse(reader, MLEU_ERROR_NO_MEMORY, "no memory for its sizes");
    for (guint i = 0; i < graph->n_nodes && good; i++) {
        const MleuNode *node = &graph->nodes[i];
        guint h = graph->stride, w = graph->stride;
        reader->name = node->name;
        if (node->n_inputs > 0)
            good =
                mleu_node_output_size(node, side[node->inputs[0]], side[node->inputs[0]], &h, &w);
        for (guint j = 1; j < node->n_inputs; j++)
            good = good && side[node->inputs[j]] == side[node->inputs[0]];
        if (!good || h != w)
            good = refuse(reader, MLEU_ERROR_FORMAT,
                          "its inputs' sizes do not fit at an input of %u x %u", graph->stride,
                          graph->stride);
        side[i] = h;
    }
    g_free(side);
    return good;
}

MleuGraph *mleu_graph_new(const MleuSafetensors *file, const char *path, GError **error)
{
    const char *format = mleu_safetensors_metadata(file, "mleu.format");
    const char *text = mleu_safetensors_metadata(file, "mleu.graph");
    if (format == NULL || text == NULL) {
        g_set_error(
            error, MLEU_ERROR, MLEU_ERROR_FORMAT,
            "%s: no mleu.%s in the metadata: not an MLEU model, or the weights that several "
            "share: choose one of those",
            path, format == NULL ? "format" : "graph");
        return NULL;
    }
    if (strcmp(format, "1") != 0) {
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_UNSUPPORTED,
                    "%s: format \"%s\"; this version of the library reads format 1", path, format);
        return NULL;
    }
    JsonNode *root = mleu_json_parse(text, strlen(text), path, error);
    if (root == NULL)
        return NULL;
    MleuGraph *graph = mleu_try_new0(MleuGraph, 1);
    if (graph == NULL) {
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_NO_MEMORY, "%s: no memory for its graph", path);
        json_node_unref(root);
        return NULL;
    }

    Reader reader = {
        .file = file,
        .path = path,
        .graph = graph,
        .nodes = g_hash_table_new(g_str_hash, g_str_equal),
        .used = g_hash_table_new(g_str_hash, g_str_equal),
        .object = json_node_get_object(root),
        .error = error,
    };
    JsonObject *object = reader.object;
    reader.graph->stride = 0;
    reader.graph->render_size = MLEU_RENDER_SIZE_DEFAULT;
    gboolean good = check_fields(&reader, " stride render_size quantization nodes head ") &&
                    read_whole(&reader, "stride", 1, 256, &reader.graph->stride) &&
                    read_whole(&reader, "render_size", MLEU_RENDER_SIZE_MIN, MLEU_RENDER_SIZE_MAX,
                               &reader.graph->render_size);
    if (good && reader.graph->render_size % MLEU_RENDER_SIZE_MIN != 0)
        good = refuse(&reader, MLEU_ERROR_FORMAT, "render_size is not a multiple of %d",
                      MLEU_RENDER_SIZE_MIN);
    if (good && reader.graph->stride == 0)
        good = refuse(&reader, MLEU_ERROR_FORMAT, "stride is missing");
    JsonNode *quantization = json_object_get_member(object, "quantization");
    if (good && quantization != NULL && !JSON_NODE_HOLDS_OBJECT(quantization))
        good = refuse(&reader, MLEU_ERROR_FORMAT, "quantization is not an object");
    if (good && quantization != NULL)
        reader.quantization = json_node_get_object(quantization);
    reader.graph->quantized = reader.quantization != NULL;
    good = good && read_nodes(&reader, json_object_get_member(object, "nodes")) &&
           read_head(&reader, json_object_get_member(object, "head")) && check_sizes(&reader) &&
           check_leftovers(&reader);
    g_hash_table_unref(reader.nodes);
    g_hash_table_unref(reader.used);
    json_node_unref(root);
    if (!good)
        g_clear_pointer(&reader.graph, mleu_graph_free);
    return reader.graph;
}

void mleu_graph_free(MleuGraph *graph)
{
    for (guint i = 0; graph->nodes != NULL && i < graph->n_nodes; i++) {
        MleuNode *node = &graph->nodes[i];
        g_free(node->name);
        g_free(node->weight);
        g_free(node->winograd);
        g_free(node->bf16);
        g_free(node->bias);
        g_free(node->scale);
        g_free(node->offset);
        g_free(node->weight_scale);
    }
    g_free(graph->nodes);
    g_free(graph->bins);
    g_free(graph);
}

/* One side of a convolution's output; 0 where the input is too small. */
static guint convolved(guint in, guint before, guint after, guint kernel, guint stride,
                       guint dilation)
{
    const guint padded = in + before + after, span = dilation * (kernel - 1) + 1;
    return padded < span ? 0 : (padded - span) / stride + 1;
}

gboolean mleu_node_output_size(const MleuNode *node, guint in_h, guint in_w, guint *out_h,
                               guint *out_w)
{
    guint h = in_h, w = in_w;
    switch (node->op) {
    case MLEU_OP_CONV2D:
    case MLEU_OP_MAXPOOL:
        h = convolved(in_h, node->pad_top, node->pad_bottom, node->kernel_h, node->stride,
                      node->dilation);
        w = convolved(in_w, node->pad_left, node->pad_right, node->kernel_w, node->stride,
                      node->dilation);
        break;
    case MLEU_OP_CONV_TRANSPOSE2D:
        h = (in_h - 1) * node->stride + node->kernel_h;
        w = (in_w - 1) * node->stride + node->kernel_w;
        h = h > node->pad_top + node->pad_bottom ? h - node->pad_top - node->pad_bottom : 0;
        w = w > node->pad_left + node->pad_right ? w - node->pad_left - node->pad_right : 0;
        break;
    case MLEU_OP_UPSAMPLE:
        h = in_h * node->factor;
        w = in_w * node->factor;
        break;
    case MLEU_OP_INPUT:
    case MLEU_OP_AFFINE:
    case MLEU_OP_ADD:
    case MLEU_OP_CONCAT:
        break;
    }
    *out_h = h;
    *out_w = w;
    return h > 0 && w > 0 && h <= 1u << 20 && w <= 1u << 20;
}
