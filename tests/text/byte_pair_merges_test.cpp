#include <visplay/core/error.hpp>
#include <visplay/core/rng.hpp>
#include <visplay/text/byte_pair_merges.hpp>
#include <visplay/text/token_table.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

using namespace visplay;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using Ids = std::vector<std::int32_t>;

namespace {

std::array<std::int32_t, 256> bytes_as_ids() {
  std::array<std::int32_t, 256> ids{};
  for (int i = 0; i < 256; ++i) ids[i] = i;
  return ids;
}

/// Doubling merges of one letter: aa, aaaa, aaaaaaaa ...
std::vector<Merge> doubling(int times) {
  std::vector<Merge> merges{{'a', 'a', 256}};
  for (int i = 1; i < times; ++i) merges.push_back({255 + i, 255 + i, 256 + i});
  return merges;
}

/// The definition, literally: search the whole piece for the best pair, merge it, again.
Ids merged_naively(const std::vector<Merge>& merges, std::string_view piece) {
  std::map<std::pair<int, int>, std::pair<std::size_t, int>> ranks;
  for (std::size_t rank = 0; rank < merges.size(); ++rank)
    ranks[{merges[rank].left, merges[rank].right}] = {rank, merges[rank].result};
  Ids ids;
  for (const char c : piece) ids.push_back(static_cast<unsigned char>(c));
  for (;;) {
    std::size_t best = merges.size(), at = 0;
    int result = 0;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto found = ranks.find({ids[i], ids[i + 1]});
      if (found == ranks.end() || found->second.first >= best) continue;
      std::tie(best, result) = found->second;
      at = i;
    }
    if (best == merges.size()) return ids;
    ids[at] = result;
    ids.erase(ids.begin() + std::ptrdiff_t(at) + 1);
  }
}

}  // namespace

TEST_CASE("merges equal the definition for random rules and pieces of any length") {
  Rng rng(5);
  MergeWork work;
  for (int round = 0; round < 200; ++round) {
    std::vector<Merge> merges;
    for (int result = 256; result < 256 + 40; ++result) {
      // Sides of letters and earlier results; some pairs are drawn twice, the last rank counts.
      const auto side = [&] {
        return std::int32_t(rng.chance(0.5) ? 'a' + int(rng.below(3))
                                            : 256 + int(rng.below(result - 255)));
      };
      merges.push_back({side(), side(), result});
    }
    const BytePairMerges rules(merges, bytes_as_ids());
    std::string piece;
    for (std::uint64_t n = 1 + rng.below(round % 2 ? 20 : 200); n > 0; --n)
      piece += char('a' + rng.below(3));
    CAPTURE(piece);
    const auto ids = rules.apply(piece, work);
    CHECK(Ids(ids.begin(), ids.end()) == merged_naively(merges, piece));
  }
}

TEST_CASE("one letter a million times costs n log n steps") {
  const BytePairMerges rules(doubling(12), bytes_as_ids());
  const auto steps = [&](std::size_t size) {
    MergeWork work;
    const auto ids = rules.apply(std::string(size, 'a'), work);
    CHECK(ids.size() == size / 4096 + std::size_t(std::popcount(size % 4096)));
    return work.steps;
  };
  // Half a million merges, each with two offers to a heap of at most n: 2 log n comparisons each way.
  const std::size_t million = 1 << 20;
  CHECK(steps(million) < std::int64_t(4 * million * std::log2(million)));
  CHECK(steps(million) < std::int64_t(2.2 * double(steps(million / 2))));
}

TEST_CASE("a million letters without any merge cost one step each") {
  const BytePairMerges rules({}, bytes_as_ids());
  MergeWork work;
  CHECK(rules.apply(std::string(1 << 20, 'b'), work).size() == 1 << 20);
  CHECK(work.steps == 1 << 20);
}

TEST_CASE("merges with ids that no table holds are refused") {
  const std::vector<Merge> negative{{-1, 0, 1}}, large{{0, 1, std::int32_t(BytePairMerges::limit)}};
  for (const auto& merges : {negative, large})
    CHECK_THROWS_MATCHES(BytePairMerges(merges, bytes_as_ids()), Error,
                         MessageMatches(ContainsSubstring("expected ids from 0 to 2097150")));
}

TEST_CASE("a token table finds what was added, among many and of any length") {
  TokenTable table;
  Rng rng(6);
  std::map<std::string, std::int32_t> expected;
  for (std::int32_t id = 0; id < 5000; ++id) {
    std::string bytes;
    for (std::uint64_t n = 1 + rng.below(24); n > 0; --n) bytes += char(rng.below(4));
    CHECK(table.add(id, bytes) == expected.try_emplace(bytes, id).second);
  }
  for (const auto& [bytes, id] : expected) {
    CHECK(table.find(bytes) == id);
    CHECK(table.bytes_of(id) == bytes);
  }
  CHECK(table.find("") == TokenTable::none);
  CHECK(table.find("not there") == TokenTable::none);
  CHECK(table.find(std::string(1000, 'x')) == TokenTable::none);
  CHECK(table.bytes_of(-1).empty());
  CHECK(table.bytes_of(1 << 30).empty());
}

TEST_CASE("a token table keeps one token for an id; hidden ones have bytes and are not found") {
  TokenTable table;
  CHECK(table.add(3, "abc"));
  CHECK_FALSE(table.add(3, "other"));
  CHECK_FALSE(table.add(4, "abc"));
  CHECK(table.add_hidden(9, "abc"));
  CHECK_FALSE(table.add_hidden(9, "x"));
  CHECK(table.find("abc") == 3);
  CHECK(table.bytes_of(9) == "abc");
  CHECK(table.bytes_of(5).empty());
  CHECK(table.size() == 10);
}
