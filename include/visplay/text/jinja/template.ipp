// Bodies of template.hpp.
#pragma once

#include <visplay/text/jinja/parser.hpp>
#include <visplay/text/jinja/template.hpp>

#include <utility>

namespace visplay::jinja {

VISPLAY_INLINE Template::Template(std::string source, std::string name, const Limits& limits) {
  Block body = parse(source, name, limits);
  program_ = std::make_shared<const Program>(
      Program{std::move(source), std::move(name), limits, std::move(body)});
}

VISPLAY_INLINE MarkedText Template::render(const Variables& variables) const {
  return evaluate(program_->body, program_->name, variables, program_->limits);
}

}  // namespace visplay::jinja
