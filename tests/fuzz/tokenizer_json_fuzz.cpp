// tokenizer.json: what is accepted is written and read back, and encodes any text without loss.
// An input that begins with '{' is a whole file; of others the first byte names a place of a small
// valid file, and the rest is put there.
#include <visplay/io/json.hpp>
#include <visplay/io/tokenizer_json.hpp>
#include <visplay/text/bpe_trainer.hpp>
#include <visplay/text/unicode.hpp>

#include <string>
#include <vector>

#include "fuzz.hpp"

using namespace visplay;

namespace {

/// The small file with a mark at each place in turn.
std::vector<std::string> marked_files() {
  Vocabulary small = train_bpe({{"abab", 4}, {" abc", 3}}, {.size = 262});
  add_qwen_tokens(small);
  std::vector<std::string> files;
  for (const char* place : {"/added_tokens", "/model/merges", "/model/vocab", "/normalizer",
                            "/pre_tokenizer", "/model/ignore_merges", "/added_tokens/3"}) {
    Json root = Json::parse(tokenizer_json(small));
    root[Json::json_pointer(place)] = "@here@";
    files.push_back(root.dump());
  }
  return files;
}

std::string file_of(std::string_view input) {
  if (input.empty() || input[0] == '{') return std::string(input);
  static const std::vector<std::string> files = marked_files();
  static constexpr std::string_view mark = "\"@here@\"";
  std::string file = files[static_cast<unsigned char>(input[0]) % files.size()];
  return file.replace(file.find(mark), mark.size(), input.substr(1));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::expect_error_or([&] {
    const auto input = fuzz::text_of(data, size);
    const Vocabulary vocabulary = parse_tokenizer_json(file_of(input), "tokenizer.json");
    const Tokenizer tokenizer(vocabulary);
    const std::string written = tokenizer_json(vocabulary);
    fuzz::require(parse_tokenizer_json(written, "written") == vocabulary,
                  "a vocabulary is written and read back");

    std::string text(input.substr(0, 4096));
    for (const AddedToken& token : vocabulary.added) text += " " + token.text;
    const std::string normal = vocabulary.nfc ? nfc(text) : valid_utf8(text);
    fuzz::require(tokenizer.decode(tokenizer.encode_plain(text)) == normal,
                  "plain text comes back as its normal form");
    const auto ids = tokenizer.encode(text);
    StreamingDecoder stream(tokenizer, false);
    std::string streamed;
    for (const auto id : ids) {
      fuzz::require(!tokenizer.bytes_of(id).empty(), "every id has a token");
      streamed += stream.push(id);
    }
    fuzz::require(streamed + stream.finish() == tokenizer.decode(ids),
                  "streamed text is decoded text");
  });
  return 0;
}
