// The eight smoothings of sentence BLEU: what stands for an n-gram precision when nothing matches.
// Methods 1 to 7 of Chen and Cherry, A Systematic Comparison of Smoothing Techniques for
// Sentence-Level BLEU (WMT 2014), each with the arithmetic of nltk's SmoothingFunction; 0 is none.
//
//   bleu_smoothing::Method1{.epsilon = 0.1}(matches)      // precisions p_1 ... p_4
//
// With m_n matched of l_n = max(1, words - n + 1) n-grams, the precision is m_n / l_n unless said.
#pragma once

#include <visplay/core/macros.hpp>

#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <string_view>

namespace visplay {

/// What BLEU needs to know about two texts.
struct BleuMatches {
  std::int64_t words = 0;            ///< of the hypothesis
  std::int64_t reference_words = 0;  ///< of the reference
  /// m_1 ... m_5: n-grams of the hypothesis that the reference has too, each at most as often as
  /// there. m_5 is 0 unless it was counted; methods 5 and 7 alone ask for it.
  std::int64_t matched[5] = {};

  /// l_n, n in 1 ... 5.
  VISPLAY_HD std::int64_t grams(int n) const { return words >= n ? words - n + 1 : 1; }
  VISPLAY_HD double precision(int n) const { return double(matched[n - 1]) / double(grams(n)); }
};

/// p_1 ... p_4. BLEU leaves out the factor of one that is 0, as nltk does.
struct BleuPrecisions {
  double p[4];
};

template <class S>
concept BleuSmoothing = requires(const S& smoothing, const BleuMatches& matches) {
  { smoothing(matches) } -> std::same_as<BleuPrecisions>;
  { S::orders } -> std::convertible_to<int>;  // the longest n-grams that it asks for
};

namespace bleu_smoothing {

/// None: a precision of 0 counts as the smallest double, which makes BLEU nearly 0.
struct Method0 {
  static constexpr std::string_view name = "bleu_method_0";
  static constexpr int orders = 4;
  VISPLAY_HD BleuPrecisions operator()(const BleuMatches& m) const {
    BleuPrecisions out{};
    for (int i = 0; i < 4; ++i)
      out.p[i] = m.matched[i] ? m.precision(i + 1) : 2.2250738585072014e-308;
    return out;
  }
};

/// epsilon / l_n instead of 0 / l_n.
struct Method1 {
  static constexpr std::string_view name = "bleu_method_1";
  static constexpr int orders = 4;
  double epsilon = 0.1;  ///< > 0
  VISPLAY_HD BleuPrecisions operator()(const BleuMatches& m) const {
    BleuPrecisions out{};
    for (int i = 0; i < 4; ++i)
      out.p[i] = m.matched[i] ? m.precision(i + 1) : epsilon / double(m.grams(i + 1));
    return out;
  }
};

/// (m_n + 1) / (l_n + 1) for n > 1.
struct Method2 {
  static constexpr std::string_view name = "bleu_method_2";
  static constexpr int orders = 4;
  VISPLAY_HD BleuPrecisions operator()(const BleuMatches& m) const {
    BleuPrecisions out{{m.precision(1)}};
    for (int i = 1; i < 4; ++i) out.p[i] = double(m.matched[i] + 1) / double(m.grams(i + 1) + 1);
    return out;
  }
};

/// 1 / (2^k l_n) for the k-th order without a match (NIST).
struct Method3 {
  static constexpr std::string_view name = "bleu_method_3";
  static constexpr int orders = 4;
  VISPLAY_HD BleuPrecisions operator()(const BleuMatches& m) const {
    BleuPrecisions out{};
    double power = 1;
    for (int i = 0; i < 4; ++i)
      out.p[i] = m.matched[i] ? m.precision(i + 1) : 1 / ((power *= 2) * double(m.grams(i + 1)));
    return out;
  }
};

/// ln(words) / (2^k K l_n) for the k-th order without a match: less for short texts. A hypothesis
/// of one word stays as it is.
struct Method4 {
  static constexpr std::string_view name = "bleu_method_4";
  static constexpr int orders = 4;
  double k = 5;  ///< K > 0
  VISPLAY_HD BleuPrecisions operator()(const BleuMatches& m) const {
    BleuPrecisions out{};
    double power = 1;
    for (int i = 0; i < 4; ++i) {
      out.p[i] = m.precision(i + 1);
      if (m.matched[i] == 0 && m.words > 1)
        out.p[i] = 1 / ((power *= 2) * k / std::log(double(m.words))) / double(m.grams(i + 1));
    }
    return out;
  }
};

/// The mean of three orders: (p'_{n-1} + p_n + p_{n+1}) / 3, where p' is what was made of the order
/// before and p'_0 = p_1 + 1. Can exceed 1.
struct Method5 {
  static constexpr std::string_view name = "bleu_method_5";
  static constexpr int orders = 5;
  VISPLAY_HD BleuPrecisions operator()(const BleuMatches& m) const {
    return averaged({{m.precision(1), m.precision(2), m.precision(3), m.precision(4)}},
                    m.precision(5));
  }
  VISPLAY_HD static BleuPrecisions averaged(BleuPrecisions of, double fifth) {
    double before = of.p[0] + 1;
    for (int i = 0; i < 4; ++i)
      before = of.p[i] = (before + of.p[i] + (i < 3 ? of.p[i + 1] : fifth)) / 3;
    return of;
  }
};

/// (m_n + alpha p_{n-1}^2 / p_{n-2}) / (l_n + alpha) for n > 2, l_n here without its floor of 1.
/// Without a matched 3-gram, where nltk refuses, it is Method0.
struct Method6 {
  static constexpr std::string_view name = "bleu_method_6";
  static constexpr int orders = 4;
  double alpha = 5;  ///< weight of the expected precision, > 0
  VISPLAY_HD BleuPrecisions operator()(const BleuMatches& m) const {
    if (m.matched[2] == 0) return Method0{}(m);
    BleuPrecisions out{{m.precision(1), m.precision(2)}};
    for (int i = 2; i < 4; ++i) {
      const double expected = out.p[i - 1] * out.p[i - 1] / out.p[i - 2];
      const double grams = m.words > i ? double(m.words - i) : 0.;
      out.p[i] = (double(m.matched[i]) + alpha * expected) / (grams + alpha);
    }
    return out;
  }
};

/// Method 5 of what method 4 gives.
struct Method7 {
  static constexpr std::string_view name = "bleu_method_7";
  static constexpr int orders = 5;
  double k = 5;  ///< K > 0 of method 4
  VISPLAY_HD BleuPrecisions operator()(const BleuMatches& m) const {
    return Method5::averaged(Method4{k}(m), m.precision(5));
  }
};

static_assert(BleuSmoothing<Method0> && BleuSmoothing<Method1> && BleuSmoothing<Method2> &&
              BleuSmoothing<Method3> && BleuSmoothing<Method4> && BleuSmoothing<Method5> &&
              BleuSmoothing<Method6> && BleuSmoothing<Method7>);

}  // namespace bleu_smoothing
}  // namespace visplay
