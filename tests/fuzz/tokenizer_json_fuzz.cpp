// tokenizer.json: what is accepted is written and read back, and encodes any text without loss.
#include <visplay/io/tokenizer_json.hpp>
#include <visplay/text/unicode.hpp>

#include <algorithm>
#include <string>

#include "fuzz.hpp"

using namespace visplay;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::expect_error_or([&] {
    const auto input = fuzz::text_of(data, size);
    const Vocabulary vocabulary = parse_tokenizer_json(input, "tokenizer.json");
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
