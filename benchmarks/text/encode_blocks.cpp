// Encodes blocks of text for a program on the other side of a pipe: tests/golden/make/mixed_text.py,
// which compares the ids with those of `tokenizers`, and benchmarks/peers/tokenizer.py, which times
// both.
//
//   encode_blocks tokenizer.json
//
// First line out: nanoseconds of wall clock and of processor time that loading took. In: a line with
// a number of bytes, then these bytes; repeated. Out, for each block: a line with nanoseconds of wall
// clock and of processor time, the number of ids, and 1 if they decode to the block's NFC; then the
// ids, four bytes each.
#include <visplay/io/tokenizer_json.hpp>
#include <visplay/text/unicode.hpp>

#include <chrono>
#include <ctime>
#include <iostream>
#include <string>
#include <vector>

namespace {

/// The two times of one call.
template <class Work>
auto timed(const Work& work, std::string& times) {
  const std::clock_t processor = std::clock();
  const auto start = std::chrono::steady_clock::now();
  auto result = work();
  const std::chrono::nanoseconds wall = std::chrono::steady_clock::now() - start;
  times = std::to_string(wall.count()) + ' ' +
          std::to_string((std::clock() - processor) * (1'000'000'000 / CLOCKS_PER_SEC));
  return result;
}

}  // namespace

int main(int, char** argv) {
  using namespace visplay;
  std::ios::sync_with_stdio(false);
  std::string times;
  const Tokenizer tokenizer = timed([&] { return Tokenizer(read_tokenizer_json(argv[1])); }, times);
  std::cout << times << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    std::string text(std::stoul(line), '\0');
    std::cin.read(text.data(), std::streamsize(text.size()));
    const auto ids = timed([&] { return tokenizer.encode(text); }, times);
    const std::vector<std::int32_t> small(ids.begin(), ids.end());
    std::cout << times << ' ' << ids.size() << ' ' << (tokenizer.decode(ids) == nfc(text)) << '\n';
    std::cout.write(reinterpret_cast<const char*>(small.data()),
                    std::streamsize(small.size() * sizeof small[0]));
    std::cout.flush();
  }
}
