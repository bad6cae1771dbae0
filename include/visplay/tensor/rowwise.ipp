// Bodies of rowwise.hpp.
#pragma once

#include <visplay/kernels/lanes.hpp>
#include <visplay/tensor/rowwise.hpp>

#include <cmath>

namespace visplay {
namespace detail {

constexpr std::int64_t elements_per_task = 16384;

// Runs body(row) for every row, a few rows a task.
template <class Body>
void for_rows(std::int64_t rows, std::int64_t dim, const Body& body) {
  parallel_tasks(
      rows,
      [&](std::int64_t begin, std::int64_t end) {
        for (auto r = begin; r < end; ++r) body(r);
      },
      std::max<std::int64_t>(1, elements_per_task / std::max<std::int64_t>(dim, 1)));
}

// y = x * inverse * weight for a row; returns inverse.
template <class T>
float rms_norm_row(const T* x, const T* weight, std::int64_t dim, double eps, T* y) {
  double squares = 0;
  for (std::int64_t d = 0; d < dim; ++d) squares += double(float(x[d])) * double(float(x[d]));
  const float inverse = float(1 / std::sqrt(squares / double(dim) + eps));
  for (std::int64_t d = 0; d < dim; ++d) y[d] = T(float(x[d]) * inverse * float(weight[d]));
  return inverse;
}

VISPLAY_INLINE at::Tensor RmsNormFunction::forward(AutogradContext* ctx, const at::Tensor& x_in,
                                                   const at::Tensor& weight, double eps) {
  const auto x = x_in.contiguous();
  const bool half = check_mixed_input(x, "rms_norm: x");
  check(x.dim() == 2 && weight.sizes() == x.sizes().slice(1) && weight.is_contiguous() &&
            weight.is_cpu() && weight.scalar_type() == x.scalar_type(),
        "rms_norm: expected x [rows, dim] and a contiguous weight [dim] of its type");
  const auto rows = x.size(0), dim = x.size(1);
  auto y = at::empty_like(x), inverse = at::empty({rows}, at::kFloat);
  with_element(half, [&](auto number) {
    using T = decltype(number);
    const T *from = numbers<T>(x), *w = numbers<T>(weight);
    T* to = mutable_numbers<T>(y);
    float* inv = inverse.mutable_data_ptr<float>();
    for_rows(rows, dim, [&](std::int64_t r) {
      inv[r] = rms_norm_row(from + r * dim, w, dim, eps, to + r * dim);
    });
  });
  ctx->save_for_backward({x, weight, inverse});
  return y;
}

// With n = x * inverse and h = grad * weight:  dx = inverse (h - n mean(h n)),  dw += grad n.
template <class T>
void rms_norm_row_backward(const T* x, const T* w, const T* g, float inverse, std::int64_t dim,
                           T* dx, float* dw) {
  Pack along;
  std::int64_t d = 0;
  for (; d + Pack::lanes <= dim; d += Pack::lanes)
    along.v += load(g + d).v * load(w + d).v * load(x + d).v;
  float mean = sum(along);
  for (; d < dim; ++d) mean += float(g[d]) * float(w[d]) * float(x[d]);
  mean *= inverse * inverse / float(dim);
  for (d = 0; d < dim; ++d) {
    dx[d] = T(inverse * (float(g[d]) * float(w[d]) - float(x[d]) * mean));
    dw[d] += float(g[d]) * float(x[d]) * inverse;
  }
}

VISPLAY_INLINE TensorList RmsNormFunction::backward(AutogradContext* ctx, TensorList grads) {
  const auto saved = ctx->get_saved_variables();
  const auto grad = grads[0].contiguous();
  const auto rows = grad.size(0), dim = grad.size(1);
  // The weight's gradient is summed per block of rows, blocks in order: any thread count agrees.
  constexpr std::int64_t block = 256;
  const auto blocks = (rows + block - 1) / block;
  auto dx = at::empty_like(grad), partial = at::zeros({blocks, dim}, at::kFloat);
  with_element(grad.scalar_type() == at::kBFloat16, [&](auto number) {
    using T = decltype(number);
    const T *x = numbers<T>(saved[0]), *w = numbers<T>(saved[1]), *g = numbers<T>(grad);
    const float* inv = saved[2].const_data_ptr<float>();
    T* to = mutable_numbers<T>(dx);
    float* dw = partial.mutable_data_ptr<float>();
    parallel_tasks(blocks, [&](std::int64_t begin, std::int64_t end) {
      for (auto r = begin * block; r < std::min(end * block, rows); ++r)
        rms_norm_row_backward(x + r * dim, w, g + r * dim, inv[r], dim, to + r * dim,
                              dw + r / block * dim);
    });
  });
  return {dx, partial.sum(0).to(saved[1].scalar_type()), {}};
}

// sign +1 rotates forward, -1 back (the transpose, which is the gradient).
VISPLAY_INLINE at::Tensor rotated(const at::Tensor& x_in, const at::Tensor& cos,
                                  const at::Tensor& sin, float sign) {
  const auto x = x_in.contiguous();
  const bool bf16 = check_mixed_input(x, "rotate: x");
  const auto heads = x.size(1), half = x.size(2) / 2;
  auto y = at::empty_like(x);
  const float *c = cos.const_data_ptr<float>(), *s = sin.const_data_ptr<float>();
  with_element(bf16, [&](auto number) {
    using T = decltype(number);
    const T* from = numbers<T>(x);
    T* to = mutable_numbers<T>(y);
    for_rows(x.size(0), heads * half * 2, [&](std::int64_t r) {
      const float *cr = c + r * half, *sr = s + r * half;
      for (std::int64_t h = 0; h < heads; ++h) {
        const auto at = (r * heads + h) * 2 * half;
        for (std::int64_t d = 0; d < half; ++d) {
          const float a = float(from[at + d]), b = float(from[at + half + d]);
          to[at + d] = T(a * cr[d] - sign * b * sr[d]);
          to[at + half + d] = T(b * cr[d] + sign * a * sr[d]);
        }
      }
    });
  });
  return y;
}

VISPLAY_INLINE at::Tensor RotaryFunction::forward(AutogradContext* ctx, const at::Tensor& x,
                                                  const at::Tensor& cos, const at::Tensor& sin) {
  const auto fits = [&](const at::Tensor& t) {
    return t.dim() == 2 && t.size(0) == x.size(0) && t.size(1) == x.size(2) / 2 && t.is_cpu() &&
           t.scalar_type() == at::kFloat && t.is_contiguous();
  };
  check(x.dim() == 3 && x.size(2) % 2 == 0 && fits(cos) && fits(sin),
        "rotate: expected x [rows, heads, dim] and contiguous float32 cos, sin [rows, dim / 2]");
  ctx->save_for_backward({cos, sin});
  return rotated(x, cos, sin, 1);
}

VISPLAY_INLINE TensorList RotaryFunction::backward(AutogradContext* ctx, TensorList grads) {
  const auto saved = ctx->get_saved_variables();
  return {rotated(grads[0], saved[0], saved[1], -1), {}, {}};
}

// to[i] = g u / (1 + e^-g) for i in [begin, end).
template <class T>
void silu_gate_row(const T* g, const T* u, T* to, std::int64_t begin, std::int64_t end) {
  std::int64_t i = begin;
  for (; i + Pack::lanes <= end; i += Pack::lanes) {
    const Pack x = load(g + i), e = exp(-x);
    store(to + i, Pack(x.v / (e.v + 1.f) * load(u + i).v));
  }
  for (; i < end; ++i) {
    const float x = float(g[i]);
    to[i] = T(x / (1 + std::exp(-x)) * float(u[i]));
  }
}

template <class T>
void silu_gate_row_backward(const T* g, const T* u, const T* grad, T* to_gate, T* to_up,
                            std::int64_t begin, std::int64_t end) {
  std::int64_t i = begin;
  for (; i + Pack::lanes <= end; i += Pack::lanes) {
    const Pack x = load(g + i), e = exp(-x), y = load(grad + i);
    const Pack s(1.f / (e.v + 1.f));  // sigmoid
    store(to_up + i, Pack(y.v * x.v * s.v));
    store(to_gate + i, Pack(y.v * load(u + i).v * s.v * (1.f + x.v * (1.f - s.v))));
  }
  for (; i < end; ++i) {
    const float x = float(g[i]), y = float(grad[i]), s = 1 / (1 + std::exp(-x));
    to_up[i] = T(y * x * s);
    to_gate[i] = T(y * float(u[i]) * s * (1 + x * (1 - s)));
  }
}

VISPLAY_INLINE at::Tensor SiluGateFunction::forward(AutogradContext* ctx, const at::Tensor& gate_in,
                                                    const at::Tensor& up_in) {
  const auto gate = gate_in.contiguous(), up = up_in.contiguous();
  const bool half = check_mixed_input(gate, "silu_gate: gate");
  check(up.sizes() == gate.sizes() && up.scalar_type() == gate.scalar_type() && up.is_cpu(),
        "silu_gate: gate and up differ in shape, type or device");
  auto y = at::empty_like(gate);
  const auto dim = std::max<std::int64_t>(gate.size(-1), 1);
  with_element(half, [&](auto number) {
    using T = decltype(number);
    const T *g = numbers<T>(gate), *u = numbers<T>(up);
    T* to = mutable_numbers<T>(y);
    for_rows(gate.numel() / dim, dim,
             [&](std::int64_t r) { silu_gate_row(g, u, to, r * dim, (r + 1) * dim); });
  });
  ctx->save_for_backward({gate, up});
  return y;
}

VISPLAY_INLINE TensorList SiluGateFunction::backward(AutogradContext* ctx, TensorList grads) {
  const auto saved = ctx->get_saved_variables();
  const auto grad = grads[0].contiguous();
  auto dg = at::empty_like(grad), du = at::empty_like(grad);
  const auto dim = std::max<std::int64_t>(grad.size(-1), 1);
  with_element(grad.scalar_type() == at::kBFloat16, [&](auto number) {
    using T = decltype(number);
    const T *g = numbers<T>(saved[0]), *u = numbers<T>(saved[1]), *from = numbers<T>(grad);
    T *to_gate = mutable_numbers<T>(dg), *to_up = mutable_numbers<T>(du);
    for_rows(grad.numel() / dim, dim, [&](std::int64_t r) {
      silu_gate_row_backward(g, u, from, to_gate, to_up, r * dim, (r + 1) * dim);
    });
  });
  return {dg, du};
}

}  // namespace detail
}  // namespace visplay
