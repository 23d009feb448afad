/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <mleu/model.h>

#include <pthread.h>

#include "allocate.h"
#include "model/graph.h"
#include "nn/f32/bf16.h"
#include "nn/f32/winograd.h"
#include "nn/q8/layers.h"

struct _MleuModel {
    gatomicrefcount references;
    char *name;
    char *description;
    char *license;
    MleuGraph *graph;
    MleuQ8Layer *q8_layers; /* by node; NULL where the graph is not quantised */
    pthread_mutex_t making; /* guards the making of weights in other forms than they were loaded
                               in; one that ThreadSanitizer sees */
    guint64 parameters;
};

MleuModel *mleu_model_load(const char *path, GError **error)
{
    g_return_val_if_fail(path != NULL, NULL);
    MleuSafetensors *file = mleu_safetensors_open(path, error);
    if (file == NULL)
        return NULL;
    const char *name = mleu_safetensors_metadata(file, "mleu.name");
    const char *description = mleu_safetensors_metadata(file, "mleu.description");
    const char *license = mleu_safetensors_metadata(file, "mleu.license");
    MleuModel *model = NULL;
    MleuGraph *graph = NULL;
    MleuQ8Layer *layers = NULL;
    if (name == NULL)
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_FORMAT,
                    "%s: no mleu.name in the metadata: not an MLEU model", path);
    else
        graph = mleu_graph_new(file, path, error);
    if (graph != NULL && graph->quantized) {
        layers = mleu_q8_layers_new(graph, path, error);
        if (layers == NULL)
            g_clear_pointer(&graph, mleu_graph_free);
    }
    if (graph != NULL)
        model = mleu_try_new0(MleuModel, 1);
    if (graph != NULL && model == NULL) {
        g_set_error(error, MLEU_ERROR, MLEU_ERROR_NO_MEMORY, "%s: no memory for this model", path);
        mleu_q8_layers_free(layers, graph);
        mleu_graph_free(graph);
    }
    if (model != NULL) {
        g_atomic_ref_count_init(&model->references);
        pthread_mutex_init(&model->making, NULL);
        model->name = g_strdup(name);
        model->description = g_strdup(description != NULL ? description : "");
        model->license = g_strdup(license != NULL ? license : "");
        model->graph = graph;
        model->q8_layers = layers;
        for (guint i = 0; i < mleu_safetensors_count(file); i++)
            model->parameters += mleu_safetensors_get(file, i)->count;
    }
    mleu_safetensors_free(file);
    return model;
}

MleuModel *mleu_model_ref(MleuModel *model)
{
    g_return_val_if_fail(model != NULL, NULL);
    g_atomic_ref_count_inc(&model->references);
    return model;
}

void mleu_model_unref(MleuModel *model)
{
    g_return_if_fail(model != NULL);
    if (!g_atomic_ref_count_dec(&model->references))
        return;
    g_free(model->name);
    g_free(model->description);
    g_free(model->license);
    mleu_q8_layers_free(model->q8_layers, model->graph);
    mleu_graph_free(model->graph);
    pthread_mutex_destroy(&model->making);
    g_free(model);
}

const char *mleu_model_get_name(const MleuModel *model)
{
    return model->name;
}

const char *mleu_model_get_description(const MleuModel *model)
{
    return model->description;
}

const char *mleu_model_get_license(const MleuModel *model)
{
    return model->license;
}

MleuHead mleu_model_get_head(const MleuModel *model)
{
    return model->graph->head;
}

guint mleu_model_get_classes(const MleuModel *model)
{
    return model->graph->classes;
}

guint mleu_model_get_stride(const MleuModel *model)
{
    return model->graph->stride;
}

guint mleu_model_get_render_size(const MleuModel *model)
{
    return model->graph->render_size;
}

double mleu_model_get_temperature(const MleuModel *model)
{
    return model->graph->temperature;
}

double mleu_model_get_saturation(const MleuModel *model)
{
    return model->graph->saturation;
}

guint64 mleu_model_get_parameters(const MleuModel *model)
{
    return model->parameters;
}

gboolean mleu_model_is_quantized(const MleuModel *model)
{
    return model->graph->quantized;
}

const MleuQ8Layer *mleu_model_get_q8_layers(const MleuModel *model)
{
    return model->q8_layers;
}

const MleuGraph *mleu_model_get_graph(const MleuModel *model)
{
    return model->graph;
}

/* The weights of a convolution in the form that it is done in, if that is another than the file's.
 */
static gboolean transform_weights(MleuNode *node, guint in_channels, gboolean bf16)
{
    if (bf16 && mleu_bf16_fits(node, in_channels)) {
        if (node->bf16 == NULL)
            node->bf16 = mleu_bf16_weights(node, in_channels);
        return node->bf16 != NULL;
    }
    if (!bf16 && mleu_winograd_fits(node, in_channels)) {
        if (node->winograd == NULL)
            node->winograd = mleu_winograd_weights(node->weight, node->channels, in_channels);
        return node->winograd != NULL;
    }
    return TRUE;
}

gboolean mleu_model_make_floats(MleuModel *model, gboolean bf16)
{
    gboolean good = TRUE;
    pthread_mutex_lock(&model->making);
    for (guint i = 0; i < model->graph->n_nodes && good; i++) {
        MleuNode *node = &model->graph->nodes[i];
        if (node->op == MLEU_OP_CONV2D && node->weight == NULL) {
            node->weight = mleu_q8_layer_to_float(&model->q8_layers[i], node);
            good = node->weight != NULL;
        }
        good = good && transform_weights(node, model->graph->nodes[node->inputs[0]].channels, bf16);
    }
    pthread_mutex_unlock(&model->making);
    return good;
}

gboolean mleu_model_make_winograd(MleuModel *model, guint node)
{
    pthread_mutex_lock(&model->making);
    const gboolean has =
        mleu_q8_layer_make_winograd(&model->q8_layers[node], &model->graph->nodes[node]);
    pthread_mutex_unlock(&model->making);
    return has;
}

guint64 mleu_model_get_macs(const MleuModel *model, guint width, guint height)
{
    const MleuGraph *graph = model->graph;
    if (width == 0 || height == 0 || width % graph->stride != 0 || height % graph->stride != 0)
        return 0;
    guint *h = mleu_try_new0(guint, graph->n_nodes), *w = mleu_try_new0(guint, graph->n_nodes);
    guint64 macs = 0;
    for (guint i = 0; i < graph->n_nodes && h != NULL && w != NULL; i++) {
        const MleuNode *node = &graph->nodes[i];
        h[i] = height;
        w[i] = width;
        if (node->n_inputs > 0 &&
            !mleu_node_output_size(node, h[node->inputs[0]], w[node->inputs[0]], &h[i], &w[i])) {
            macs = 0;
            break;
        }
        if (node->op != MLEU_OP_CONV2D && node->op != MLEU_OP_CONV_TRANSPOSE2D)
            continue;
        /* A transposed convolution spends its operations on input pixels. */
        const guint in = node->inputs[0];
        const guint64 pixels =
            node->op == MLEU_OP_CONV2D ? (guint64)h[i] * w[i] : (guint64)h[in] * w[in];
        macs += pixels * node->channels * (graph->nodes[in].channels / node->groups) *
                node->kernel_h * node->kernel_w;
    }
    g_free(h);
    g_free(w);
    return macs;
}
