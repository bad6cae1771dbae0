// Tokens of a Jinja template, with the white-space rules that transformers sets: trim_blocks (the
// line end after a block goes) and lstrip_blocks (blanks before a block that begins a line go), a
// minus inside a tag takes all white space on its side, a plus keeps it. One line end at the end of
// the template goes; \r\n and \r read as \n.
//
// Facts: Jinja 3.1 documentation, "Template Designer", Whitespace Control and Escaping.
#pragma once

#include <visplay/core/macros.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace visplay::jinja {

struct Token {
  enum class Kind {
    data,
    block_begin,
    block_end,
    print_begin,
    print_end,
    name,
    integer,
    real,
    text,
    symbol,
    end
  };
  Kind kind = Kind::end;
  std::string value{};  ///< of a text or data: what it stands for, escapes resolved
  int line = 1;

  bool operator==(const Token&) const = default;
};

/// All tokens; the last is `end`. @throws Error that begins with "name:line: "
[[nodiscard]] std::vector<Token> tokenize(std::string_view source, std::string_view name);

}  // namespace visplay::jinja

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/text/jinja/lexer.ipp>
#endif
