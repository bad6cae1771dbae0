// The fused head in rounds, for benchmarks/peers/linear_log_probs.py, on inputs that it wrote.
//
//   visplay_linear_log_probs FOLDER N H V THREADS LEVEL TYPE
//
// FOLDER holds hidden.bin [N, H] and head.bin [V, H] in TYPE, bfloat16 or float32, targets.bin [N] in int64
// and coefficients.bin [N] in float32. For each line on stdin, "forward" or "gradient MIB" (of logits that
// are kept for the backward pass), a line on stdout: wall and processor seconds, and bytes of memory beyond
// inputs and results (peak resident size). At "write" the results go to log_probs.bin, entropy.bin,
// hidden_gradient.bin and head_gradient.bin.
#include <visplay/core/error.hpp>
#include <visplay/core/huge_buffer.hpp>
#include <visplay/core/simd_level.hpp>
#include <visplay/kernels/linear_log_probs.hpp>

#include <chrono>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace {

using namespace visplay;

void read(const std::string& path, void* to, std::size_t bytes) {
  std::ifstream file(path, std::ios::binary);
  file.read(static_cast<char*>(to), std::streamsize(bytes));
  check(bool(file), "{}: expected {} bytes", path, bytes);
}
void write(const std::string& path, const void* from, std::size_t bytes) {
  std::ofstream(path, std::ios::binary)
      .write(static_cast<const char*>(from), std::streamsize(bytes));
}

/// In KiB, a line of /proc/self/status.
double status(const std::string& name) {
  std::ifstream file("/proc/self/status");
  for (std::string word; file >> word;)
    if (double value = 0; word == name && file >> value) return value;
  return 0;
}

struct Head {
  std::string folder;
  std::int64_t tokens, depth, vocabulary;
  ThreadPool pool;
  FloatType type;
  HugeBuffer hidden, head, hidden_gradient, head_gradient, kept;
  std::vector<std::int64_t> targets;
  std::vector<float> coefficients, log_probs, entropy;

  explicit Head(char** arguments)
      : folder(std::string(arguments[1]) + "/"),
        tokens(std::stoll(arguments[2])),
        depth(std::stoll(arguments[3])),
        vocabulary(std::stoll(arguments[4])),
        pool(std::stoi(arguments[5])),
        type(std::string(arguments[7]) == "float32" ? FloatType::float32 : FloatType::bfloat16),
        targets(std::size_t(tokens)),
        coefficients(targets.size()),
        log_probs(targets.size()),
        entropy(targets.size()) {
    set_simd_level(SimdLevel(std::stoi(arguments[6])));
    read(folder + "hidden.bin", hidden.reserve(bytes(tokens)), bytes(tokens));
    read(folder + "head.bin", head.reserve(bytes(vocabulary)), bytes(vocabulary));
    read(folder + "targets.bin", targets.data(), targets.size() * sizeof(std::int64_t));
    read(folder + "coefficients.bin", coefficients.data(), coefficients.size() * sizeof(float));
    std::memset(hidden_gradient.reserve(bytes(tokens)), 0, bytes(tokens));
    std::memset(head_gradient.reserve(bytes(vocabulary)), 0, bytes(vocabulary));
  }
  [[nodiscard]] std::size_t bytes(std::int64_t rows) const {
    return std::size_t(rows * depth * bytes_of(type));
  }
  [[nodiscard]] MutableFloatMatrix matrix(HugeBuffer& of, std::int64_t rows) const {
    return {of.reserve(0), type, rows, depth, depth};
  }

  void run(bool with_gradient, std::size_t kept_bytes) {
    const LinearLogProbsInput input{{hidden.reserve(0), type, tokens, depth, depth},
                                    {head.reserve(0), type, vocabulary, depth, depth},
                                    targets};
    LinearLogProbsOutput output{.log_probs = log_probs, .entropy = entropy};
    if (!with_gradient) return linear_log_probs(input, output, pool);
    if (kept_bytes > 0) output.kept = {kept.reserve(kept_bytes), kept_bytes};
    linear_log_probs_with_gradient(
        input, output,
        [&](auto, auto) {
          return LinearLogProbsCoefficients{coefficients, {}};
        },
        {matrix(hidden_gradient, tokens), matrix(head_gradient, vocabulary)}, pool);
  }
  void write_all() {
    write(folder + "log_probs.bin", log_probs.data(), log_probs.size() * sizeof(float));
    write(folder + "entropy.bin", entropy.data(), entropy.size() * sizeof(float));
    write(folder + "hidden_gradient.bin", hidden_gradient.reserve(0), bytes(tokens));
    write(folder + "head_gradient.bin", head_gradient.reserve(0), bytes(vocabulary));
  }
};

}  // namespace

int main(int count, char** arguments) {
  check(count == 8, "usage: visplay_linear_log_probs FOLDER N H V THREADS LEVEL TYPE");
  Head head(arguments);
  const double inputs = status("VmRSS:");
  const auto processor = [] { return double(std::clock()) / CLOCKS_PER_SEC; };
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "write") {
      head.write_all();
      std::cout << "written" << std::endl;
      continue;
    }
    std::istringstream words(line);
    std::string command;
    std::size_t kept = 0;
    words >> command >> kept;
    std::ofstream("/proc/self/clear_refs") << "5";  // the peak starts again
    const double before = processor();
    const auto start = std::chrono::steady_clock::now();
    head.run(command == "gradient", kept << 20);
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
    const double used = 1024 * (status("VmHWM:") - inputs);  // memory stays for the next call
    std::cout << wall.count() << ' ' << processor() - before << ' '
              << (kept > 0 ? used : used - double(head.kept.size())) << std::endl;
  }
}
