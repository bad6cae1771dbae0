// The bodies of visplay::core (needs fmt and Eigen). A program that is not built with
// visplay's CMake targets includes this in exactly one unit.
#pragma once

#include <visplay/core/parallel.ipp>
#include <visplay/core/settings.ipp>
#include <visplay/core/statistics.ipp>
#include <visplay/text/bleu.ipp>
#include <visplay/text/boxed.ipp>
#include <visplay/text/bpe_trainer.ipp>
#include <visplay/text/chat_template.ipp>
#include <visplay/text/normalize.ipp>
#include <visplay/text/pre_tokenize.ipp>
#include <visplay/text/question_parser.ipp>
#include <visplay/text/tokenizer.ipp>
#include <visplay/text/unicode.ipp>
#include <visplay/cluster/agglomerative.ipp>
#include <visplay/world/annotator.ipp>
#include <visplay/world/grammar.ipp>
#include <visplay/world/render.ipp>
#include <visplay/world/scene.ipp>
#include <visplay/world/split.ipp>
#include <visplay/kernels/attention.ipp>
#include <visplay/kernels/paged_attention.ipp>
