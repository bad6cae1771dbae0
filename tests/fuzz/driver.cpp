// A small fuzzer for where libFuzzer is not: mutates inputs, keeps those that reach new code (g++'s
// -fsanitize-coverage=trace-pc counts the edges), stops at the first crash and keeps its input.
//
//   x_fuzz [-max_total_time=SECONDS] [-max_len=BYTES] [-seed=N] [-artifact_prefix=PATH] FOLDER|FILE...
//
// The flags are libFuzzer's. Files of a folder are seeds; a file is run once and that is all.
#include <visplay/core/rng.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" void __sanitizer_set_death_callback(void (*callback)());

namespace {

using Bytes = std::vector<std::uint8_t>;
using Clock = std::chrono::steady_clock;

constexpr std::size_t edges = 1 << 16;
std::array<std::uint8_t, edges> hits;   // of the current run
std::array<std::uint8_t, edges> known;  // bits of the counts seen so far
std::uintptr_t last_place = 0;

struct Options {
  double seconds = 60;
  std::size_t max_bytes = 4096;
  std::uint64_t seed = 1;
  std::string artifacts = "./";
  std::vector<std::filesystem::path> inputs;
};

// What runs now, for the handler of crashes; plain storage, since the heap may be broken then.
const Bytes* running = nullptr;
std::string crash_file;

void keep_crash() {
  if (running == nullptr) return;
  const int file = ::open(crash_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  const auto written = ::write(file, running->data(), running->size());
  ::close(file);
  std::fprintf(stderr, "fuzz: this input of %zd bytes is in %s\n", written, crash_file.c_str());
  running = nullptr;
}

void on_signal(int signal) {
  std::fprintf(stderr, "fuzz: %s\n", signal == SIGALRM ? "more than 10 seconds" : "aborted");
  keep_crash();
  std::_Exit(1);
}

void run(const Bytes& input) {
  hits.fill(0);
  last_place = 0;
  running = &input;
  ::alarm(10);
  LLVMFuzzerTestOneInput(input.data(), input.size());
  ::alarm(0);
  running = nullptr;
}

/// Whether the last run took an edge more often than known, in powers of two.
bool found_new() {
  bool found = false;
  for (std::size_t i = 0; i < edges; ++i) {
    if (hits[i] == 0) continue;
    const auto bit = std::uint8_t(1 << std::min(7, int(std::bit_width(unsigned(hits[i]))) - 1));
    found |= (known[i] & bit) == 0;
    known[i] |= bit;
  }
  return found;
}

Bytes read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class Mutator {
 public:
  Mutator(const std::vector<Bytes>& corpus, visplay::Rng rng, std::size_t max_bytes)
      : corpus_(corpus), rng_(rng), max_bytes_(max_bytes) {}

  Bytes operator()() {
    Bytes input = corpus_[rng_.below(corpus_.size())];
    for (std::uint64_t i = 0, times = 1 + rng_.below(4); i < times; ++i) change(input);
    if (input.size() > max_bytes_) input.resize(max_bytes_);
    return input;
  }

 private:
  void change(Bytes& input) {
    static constexpr std::array<const char*, 14> words{
        "{",  "}",     "[",    "]",    "\"",   ":",       ",",
        "-1", "1e999", "null", "true", "\xff", "\\u0000", "18446744073709551615"};
    const std::size_t at = rng_.below(input.size() + 1), left = input.size() - at;
    const std::size_t some = std::min<std::size_t>(left, 1 + rng_.below(16));
    const auto place = input.begin() + std::ptrdiff_t(at);
    switch (rng_.below(9)) {
      case 0:
        if (left) input[at] ^= std::uint8_t(1 << rng_.below(8));
        break;
      case 1:
        if (left) input[at] = std::uint8_t(rng_());
        break;
      case 2:
        if (left) input[at] = std::uint8_t('0' + rng_.below(10));
        break;
      case 3:
        input.erase(place, place + std::ptrdiff_t(some));
        break;
      case 4:
        insert(input, at, Bytes(place, place + std::ptrdiff_t(some)));
        break;
      case 5:
        insert(input, at, Bytes(1 + rng_.below(8), std::uint8_t(rng_())));
        break;
      case 6: {
        const std::string word = words[rng_.below(words.size())];
        insert(input, at, Bytes(word.begin(), word.end()));
        break;
      }
      case 7: {  // a number in binary
        const std::uint64_t number = rng_() >> rng_.below(64);
        const auto size = std::min<std::size_t>(left, std::size_t(1) << rng_.below(4));
        std::memcpy(input.data() + at, &number, size);
        break;
      }
      default: {  // the start of this, the end of another
        const Bytes& other = corpus_[rng_.below(corpus_.size())];
        const auto from = std::ptrdiff_t(rng_.below(other.size() + 1));
        input.resize(at);
        input.insert(input.end(), other.begin() + from, other.end());
      }
    }
  }
  static void insert(Bytes& input, std::size_t at, const Bytes& piece) {
    input.insert(input.begin() + std::ptrdiff_t(at), piece.begin(), piece.end());
  }

  const std::vector<Bytes>& corpus_;
  visplay::Rng rng_;
  std::size_t max_bytes_;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string text = argv[i];
    const auto value = text.substr(std::min(text.size(), text.find('=') + 1));
    if (text.starts_with("-max_total_time="))
      options.seconds = std::stod(value);
    else if (text.starts_with("-max_len="))
      options.max_bytes = std::stoul(value);
    else if (text.starts_with("-seed="))
      options.seed = std::stoull(value);
    else if (text.starts_with("-artifact_prefix="))
      options.artifacts = value;
    else if (!text.starts_with('-'))
      options.inputs.emplace_back(text);
  }
  return options;
}

int fuzz(const Options& options) {
  std::vector<Bytes> corpus;
  for (const auto& folder : options.inputs)
    for (const auto& file : std::filesystem::directory_iterator(folder))
      corpus.push_back(read(file.path()));
  if (corpus.empty()) corpus.emplace_back();
  const auto begin = Clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(Clock::now() - begin).count(); };
  std::size_t runs = 0;
  for (; runs < corpus.size(); ++runs) run(corpus[runs]), found_new();
  Mutator mutate(corpus, visplay::Rng(options.seed), options.max_bytes);
  while (seconds() < options.seconds) {
    Bytes input = mutate();
    run(input);
    ++runs;
    if (found_new()) corpus.push_back(std::move(input));
  }
  const auto reached = std::ranges::count_if(known, [](auto bits) { return bits != 0; });
  std::fprintf(stderr, "Done %zu runs in %.0f second(s): %zu inputs, %zd edges\n", runs, seconds(),
               corpus.size(), std::ptrdiff_t(reached));
  return 0;
}

}  // namespace

extern "C" void __sanitizer_cov_trace_pc() {
  const auto place = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
  auto& count = hits[(place ^ last_place) % edges];
  if (count < 255) ++count;
  last_place = place * 0x9E3779B97F4A7C15u >> 40;
}

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  crash_file = options.artifacts + "crash";
  __sanitizer_set_death_callback(keep_crash);
  for (const int number : {SIGABRT, SIGALRM}) ::signal(number, on_signal);
  if (options.inputs.empty() || std::filesystem::is_directory(options.inputs[0]))
    return fuzz(options);
  for (const auto& file : options.inputs) run(read(file));
  return 0;
}
