// Fuzz target of chat templates: any bytes as a template, run on a fixed conversation. Must end in
// a text or one Error, within the limits.
#include <visplay/core/error.hpp>
#include <visplay/text/chat_template.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace visplay;
  using jinja::Value;
  // Small limits keep a run short; they bound the same code.
  const jinja::Limits limits{
      .max_source = 1 << 14, .max_output = 1 << 16, .max_steps = 50'000, .max_depth = 60};
  const Value content = Value::list({Value::dict({{"type", Value::text("image")}}),
                                     Value::dict({{"text", Value::text("<é>\xff x y")}})});
  const Value messages =
      Value::list({Value::dict({{"role", Value::text("system")}, {"content", Value::text(" s\n")}}),
                   Value::dict({{"role", Value::text("user")}, {"content", content}})});
  const jinja::Variables variables{{"messages", messages},
                                   {"x", Value::text("a b,c")},
                                   {"n", Value::integer(-3)},
                                   {"tools", Value()},
                                   {"add_generation_prompt", Value::boolean(true)}};
  try {
    const jinja::Template chat(std::string(reinterpret_cast<const char*>(data), size), "fuzz",
                               limits);
    if (chat.render(variables).size() > limits.max_output) __builtin_trap();
  } catch (const Error&) {
  }
  return 0;
}
