/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * libmleu: colours for black-and-white pictures.
 *
 *   1. mleu_model_load()                     once per model file; share it between streams
 *   2. mleu_colorizer_new()                  once per stream and frame size
 *   3. for every frame
 *        mleu_colorizer_predict()            luma -> a*, b* on a small grid, by the network
 *        mleu_colorizer_smooth()             steady colours over time
 *        mleu_colorizer_render()             chroma (or RGB) of the output frame; luma is copied
 *        (or mleu_colorizer_recall() before the last, for film: with a look at the frames to come)
 *   4. mleu_colorizer_reset() after a seek, mleu_colorizer_cancel() from another thread to stop a
 * prediction
 */
#include <mleu/colorizer.h>
#include <mleu/cpu.h>
#include <mleu/error.h>
#include <mleu/frame.h>
#include <mleu/model.h>
#include <mleu/version.h>
