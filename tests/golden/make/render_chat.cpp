// Renders chat templates for chat_templates.py, which compiles it (all bodies inline) and compares
// with jinja2. Lines of JSON in: {"template", "variables"}; out: {"text"} or {"error"}.
#include <visplay/text/jinja/template.hpp>

#include <iostream>
#include <string>

#include "tests/support/template_value.hpp"

using namespace visplay;

namespace {

OrderedJson answer(const OrderedJson& request) {
  try {
    const jinja::Template chat(request.at("template").get<std::string>(), "template");
    jinja::Variables variables;
    for (const auto& [name, value] : request.at("variables").items())
      variables.emplace_back(name, test::template_value(value));
    return {{"text", chat.render(variables).bytes()}};
  } catch (const Error& error) {
    return {{"error", error.what()}};
  }
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);)
    std::cout << answer(OrderedJson::parse(line)).dump() << std::endl;
}
