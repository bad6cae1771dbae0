// The macros of the library that are not about versions.
#pragma once

// On everything that a CUDA kernel may call: functors, number types, formulas.
#ifdef __CUDACC__
#define VISPLAY_HD __host__ __device__
#else
#define VISPLAY_HD
#endif

// On every function of an .ipp file: bodies are compiled once (visplay/impl/src.hpp), or inline in
// every unit that asks for it with VISPLAY_HEADER_ONLY.
#ifdef VISPLAY_HEADER_ONLY
#define VISPLAY_INLINE inline
#else
#define VISPLAY_INLINE
#endif

// The instruction set this unit is compiled for. Types whose code depends on it live in the inline
// namespace of that name, so that units built for different processors can be linked into one
// program.
#if defined(__AMX_BF16__) && defined(__AVX512BF16__)
#define VISPLAY_ISA amx
#define VISPLAY_REGISTER_BYTES 64
#elif defined(__AVX512BF16__) && defined(__AVX512VL__)
#define VISPLAY_ISA avx512_bf16
#define VISPLAY_REGISTER_BYTES 64
#elif defined(__AVX512F__)
#define VISPLAY_ISA avx512
#define VISPLAY_REGISTER_BYTES 64
#elif defined(__AVX2__)
#define VISPLAY_ISA avx2
#define VISPLAY_REGISTER_BYTES 32
#else
#define VISPLAY_ISA portable
#define VISPLAY_REGISTER_BYTES 16
#endif
