// Template: a chat template's program, read once and run for every prompt. An interpreter of our own
// for the part of Jinja that chat templates use; parser.hpp says which, limits.hpp how far it goes.
//
//   const Template chat(source, "chat_template.jinja");
//   const MarkedText text = chat.render({{"messages", messages}, ...});
//
// Prints what jinja2 prints with transformers' settings (trim_blocks, lstrip_blocks, no escapes), or
// ends in one clear error.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/text/jinja/evaluator.hpp>
#include <visplay/text/jinja/limits.hpp>
#include <visplay/text/jinja/value.hpp>

#include <memory>
#include <string>

namespace visplay::jinja {

class Template {
 public:
  /// @param name  the template's file, first words of every error
  /// @throws Error  "name:line: ..." if the template asks for what is not supported
  Template(std::string source, std::string name, const Limits& limits = {});

  [[nodiscard]] const std::string& source() const { return program_->source; }
  [[nodiscard]] const std::string& name() const { return program_->name; }

  /// @throws Error  "name:line: ..." if the template refuses what it is given, or over the limits
  [[nodiscard]] MarkedText render(const Variables& variables) const;

 private:
  struct Program {
    std::string source, name;
    Limits limits;
    Block body;
  };
  std::shared_ptr<const Program> program_;
};

}  // namespace visplay::jinja

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/text/jinja/template.ipp>
#endif
