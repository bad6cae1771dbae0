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

VISPLAY_INLINE at::Tensor RmsNormFunction::forward(AutogradContext* ctx, const at::Tensor& x_in,
                                                   const at::Tensor& weight, double eps) {
  const auto x = x_in.contiguous();
  check_kernel_input(x, "rms_norm: x");
  const auto rows = x.size(0), dim = x.size(1);
  auto y = at::empty_like(x), inverse = at::empty({rows}, x.options());
  const float *from = x.const_data_ptr<float>(), *w = weight.const_data_ptr<float>();
  float *to = y.mutable_data_ptr<float>(), *inv = inverse.mutable_data_ptr<float>();
  for_rows(rows, dim, [&](std::int64_t r) {
    const float* row = from + r * dim;
    double squares = 0;
    for (std::int64_t d = 0; d < dim; ++d) squares += double(row[d]) * row[d];
    inv[r] = float(1 / std::sqrt(squares / double(dim) + eps));
    for (std::int64_t d = 0; d < dim; ++d) to[r * dim + d] = row[d] * inv[r] * w[d];
  });
  ctx->save_for_backward({x, weight, inverse});
  return y;
}

// With n = x * inverse and h = grad * weight:  dx = inverse (h - n mean(h n)),  dw = sum_r grad n.
VISPLAY_INLINE TensorList RmsNormFunction::backward(AutogradContext* ctx, TensorList grads) {
  const auto saved = ctx->get_saved_variables();
  const auto grad = grads[0].contiguous();
  const auto rows = grad.size(0), dim = grad.size(1);
  // The weight's gradient is summed per block of rows, blocks in order: any thread count agrees.
  constexpr std::int64_t block = 256;
  const auto blocks = (rows + block - 1) / block;
  auto dx = at::empty_like(grad), partial = at::zeros({blocks, dim}, grad.options());
  const float *x = saved[0].const_data_ptr<float>(), *w = saved[1].const_data_ptr<float>(),
              *inv = saved[2].const_data_ptr<float>(), *g = grad.const_data_ptr<float>();
  float *to = dx.mutable_data_ptr<float>(), *dw = partial.mutable_data_ptr<float>();
  parallel_tasks(blocks, [&](std::int64_t begin, std::int64_t end) {
    for (auto r = begin * block; r < std::min(end * block, rows); ++r) {
      const float *xr = x + r * dim, *gr = g + r * dim;
      float* sums = dw + r / block * dim;
      Pack along;
      std::int64_t d = 0;
      for (; d + Pack::lanes <= dim; d += Pack::lanes)
        along.v += load(gr + d).v * load(w + d).v * load(xr + d).v;
      float mean = sum(along);
      for (; d < dim; ++d) mean += gr[d] * w[d] * xr[d];
      mean *= inv[r] * inv[r] / float(dim);
      for (d = 0; d < dim; ++d) {
        to[r * dim + d] = inv[r] * (gr[d] * w[d] - xr[d] * mean);
        sums[d] += gr[d] * xr[d] * inv[r];
      }
    }
  });
  return {dx, partial.sum(0), {}};
}

// sign +1 rotates forward, -1 back (the transpose, which is the gradient).
VISPLAY_INLINE at::Tensor rotated(const at::Tensor& x_in, const at::Tensor& cos,
                                  const at::Tensor& sin, float sign) {
  const auto x = x_in.contiguous();
  check_kernel_input(x, "rotate: x");
  const auto heads = x.size(1), half = x.size(2) / 2;
  auto y = at::empty_like(x);
  const float *from = x.const_data_ptr<float>(), *c = cos.const_data_ptr<float>(),
              *s = sin.const_data_ptr<float>();
  float* to = y.mutable_data_ptr<float>();
  for_rows(x.size(0), heads * half * 2, [&](std::int64_t r) {
    const float *cr = c + r * half, *sr = s + r * half;
    for (std::int64_t h = 0; h < heads; ++h) {
      const auto at = (r * heads + h) * 2 * half;
      for (std::int64_t d = 0; d < half; ++d) {
        const float a = from[at + d], b = from[at + half + d];
        to[at + d] = a * cr[d] - sign * b * sr[d];
        to[at + half + d] = b * cr[d] + sign * a * sr[d];
      }
    }
  });
  return y;
}

VISPLAY_INLINE at::Tensor RotaryFunction::forward(AutogradContext* ctx, const at::Tensor& x,
                                                  const at::Tensor& cos, const at::Tensor& sin) {
  check(x.dim() == 3 && x.size(2) % 2 == 0 && cos.size(0) == x.size(0) &&
            cos.size(1) == x.size(2) / 2,
        "rotate: expected x [rows, heads, dim] and cos, sin [rows, dim / 2]");
  ctx->save_for_backward({cos, sin});
  return rotated(x, cos, sin, 1);
}

VISPLAY_INLINE TensorList RotaryFunction::backward(AutogradContext* ctx, TensorList grads) {
  const auto saved = ctx->get_saved_variables();
  return {rotated(grads[0], saved[0], saved[1], -1), {}, {}};
}

VISPLAY_INLINE at::Tensor SiluGateFunction::forward(AutogradContext* ctx, const at::Tensor& gate_in,
                                                    const at::Tensor& up_in) {
  const auto gate = gate_in.contiguous(), up = up_in.contiguous();
  check_kernel_input(gate, "silu_gate: gate");
  auto y = at::empty_like(gate);
  const float *g = gate.const_data_ptr<float>(), *u = up.const_data_ptr<float>();
  float* to = y.mutable_data_ptr<float>();
  const auto dim = gate.size(-1);
  for_rows(gate.numel() / dim, dim, [&](std::int64_t r) {
    std::int64_t i = r * dim;
    for (; i + Pack::lanes <= (r + 1) * dim; i += Pack::lanes) {
      const Pack x = load(g + i), e = exp(-x);
      store(to + i, Pack(x.v / (e.v + 1.f) * load(u + i).v));
    }
    for (; i < (r + 1) * dim; ++i) to[i] = g[i] / (1 + std::exp(-g[i])) * u[i];
  });
  ctx->save_for_backward({gate, up});
  return y;
}

VISPLAY_INLINE TensorList SiluGateFunction::backward(AutogradContext* ctx, TensorList grads) {
  const auto saved = ctx->get_saved_variables();
  const auto grad = grads[0].contiguous();
  auto dg = at::empty_like(grad), du = at::empty_like(grad);
  const float *g = saved[0].const_data_ptr<float>(), *u = saved[1].const_data_ptr<float>(),
              *from = grad.const_data_ptr<float>();
  float *to_gate = dg.mutable_data_ptr<float>(), *to_up = du.mutable_data_ptr<float>();
  const auto dim = grad.size(-1);
  for_rows(grad.numel() / dim, dim, [&](std::int64_t r) {
    std::int64_t i = r * dim;
    for (; i + Pack::lanes <= (r + 1) * dim; i += Pack::lanes) {
      const Pack x = load(g + i), e = exp(-x), y = load(from + i);
      const Pack s(1.f / (e.v + 1.f));  // sigmoid
      store(to_up + i, Pack(y.v * x.v * s.v));
      store(to_gate + i, Pack(y.v * load(u + i).v * s.v * (1.f + x.v * (1.f - s.v))));
    }
    for (; i < (r + 1) * dim; ++i) {
      const float s = 1 / (1 + std::exp(-g[i]));
      to_up[i] = from[i] * g[i] * s;
      to_gate[i] = from[i] * u[i] * s * (1 + g[i] * (1 - s));
    }
  });
  return {dg, du};
}

}  // namespace detail
}  // namespace visplay
