#include <visplay/core/error.hpp>
#include <visplay/io/durable_file.hpp>
#include <visplay/text/jinja/template.hpp>

#include <fmt/format.h>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <tests/support/golden.hpp>
#include <tests/support/template_value.hpp>

#include <filesystem>
#include <string>

using namespace visplay;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using jinja::Mark;
using jinja::Template;
using jinja::Value;

namespace {

OrderedJson golden_in_order(const std::string& name) {
  return OrderedJson::parse(read_file(testing::golden_path(name), std::uintmax_t(64) << 20));
}

std::filesystem::path source_of(const std::string& name) {
  const auto ours = testing::golden_path("chat_templates/" + name + ".jinja");
  return std::filesystem::exists(ours)
             ? ours
             : testing::golden_path("data/chat_templates/" + name + ".jinja");
}

std::string size_and_hash(const std::string& text) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return fmt::format("{} {:016x}", text.size(), hash);
}

jinja::Variables variables_of(const OrderedJson& conversation) {
  jinja::Variables out;
  for (const auto& [name, value] : conversation.items())
    out.emplace_back(name, test::template_value(value));
  return out;
}

std::string printed(const std::string& source, const jinja::Variables& variables = {}) {
  return Template(source, "x.jinja").render(variables).bytes();
}

void refused_when_read(const std::string& source, const std::string& why) {
  CAPTURE(source);
  CHECK_THROWS_MATCHES(Template(source, "x.jinja"), Error,
                       MessageMatches(ContainsSubstring("x.jinja:1: ") && ContainsSubstring(why)));
}

/// Read, then stopped with one line.
void stopped(const std::string& source, const std::string& why) {
  CAPTURE(source.substr(0, 80));
  const Template program(source, "x.jinja");
  CHECK_THROWS_MATCHES(program.render({{"text", Value::text("user")}}), Error,
                       MessageMatches(ContainsSubstring("x.jinja:") && ContainsSubstring(why) &&
                                      !ContainsSubstring("\n")));
}

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

}  // namespace

TEST_CASE("templates print what jinja2 prints, and fail where it fails") {
  const auto conversations = golden_in_order("chat_templates/conversations.json");
  const auto golden = golden_in_order("chat_templates/rendered.json");
  for (const auto& [name, results] : golden.at("rendered").items()) {
    const Template program(read_file(source_of(name), 1 << 20), name);
    int same = 0;
    for (std::size_t i = 0; i < conversations.size(); ++i) {
      CAPTURE(name, i, conversations[i].dump());
      const auto variables = variables_of(conversations[i]);
      if (results[i].is_null()) {
        CHECK_THROWS_AS(program.render(variables), Error);
      } else {
        CHECK(size_and_hash(program.render(variables).bytes()) == results[i].get<std::string>());
        ++same;
      }
    }
    CHECK(same >= 60);
  }
}

TEST_CASE("tojson keeps characters of HTML and other scripts, unlike jinja2's own") {
  const Value text = Value::text("<b>&'\"é\n</b>");
  CHECK(printed("{{ x | tojson }}", {{"x", text}}) == R"("<b>&'\"é\n</b>")");
  CHECK(printed("{{ x | tojson(ensure_ascii=true) }}", {{"x", text}}) ==
        R"("<b>&'\"\u00e9\n</b>")");
}

TEST_CASE("bytes of the template are markup, all others plain") {
  const auto runs = [](const std::string& source) {
    const auto text = Template(source, "x").render({{"t", Value::text("user")}});
    std::string out;
    std::size_t begin = 0;
    for (const auto& [end, mark] : text.runs()) {
      out += (mark == Mark::markup ? "[" : "(") + text.bytes().substr(begin, end - begin) +
             (mark == Mark::markup ? "]" : ")");
      begin = end;
    }
    return out;
  };
  CHECK(runs("a{{ t }}b{{ 'c' ~ t[1:3] ~ 1 }}") == "[a](user)[bc](se1)");
  CHECK(runs("{{ ('<' + t + '>')[::-1] }}") == "[>](resu)[<]");
  CHECK(runs("{{ ['k', t] | tojson }}") == "([\")[k](\", \"user\"])");
  CHECK(runs("{{ t.replace('s', 'SS') }}{{ none }}") == "(u)[SS](erNone)");
  CHECK(runs("{{ ', '.join([t, 'x']) }}{% set b %}y{{ t }}{% endset %}{{ b | trim }}") ==
        "(user)[, xy](user)");
  CHECK(runs("{{ t.split('e') | join('-') }}") == "(us)[-](r)");
}

TEST_CASE("what the interpreter does not know is refused by name when the template is read") {
  refused_when_read("{% if false %}{% include 'x' %}{% endif %}", "tag 'include'");
  refused_when_read("{% call f() %}{% endcall %}", "tag 'call'");
  refused_when_read("{% extends 'base' %}", "tag 'extends'");
  refused_when_read("{{ x | upper }}", "filter 'upper'");
  refused_when_read("{{ x is divisibleby 3 }}", "test 'divisibleby'");
  refused_when_read("{{ x.title() }}", "method 'title'");
  refused_when_read("{{ x.append(1) }}", "method 'append'");
  refused_when_read("{{ lipsum() }}", "function 'lipsum'");
  refused_when_read("{{ strftime_now('%d') }}", "must not change with the clock");
  refused_when_read("{{ x.__class__ }}", "attribute '__class__'");
  refused_when_read("{{ f(*x) }}{% macro f() %}{% endmacro %}", "argument '*'");
  refused_when_read("{{ x | tojson(colour=1) }}", "'tojson' has no argument 'colour'");
  refused_when_read("{{ x | trim(1, 2) }}", "'trim' takes at most 1 arguments, got 2");
  refused_when_read("{{ x.startswith() }}", "'startswith' needs the argument 'prefix'");
  refused_when_read("{% for x in y recursive %}{% endfor %}", "loop option 'recursive'");
  refused_when_read("{{ f()() }}{% macro f() %}{% endmacro %}", "only names and methods");
  refused_when_read("{% macro f() %}{{ varargs }}{% endmacro %}", "variable 'varargs'");
  refused_when_read("{% break %}", "outside of a loop");
  refused_when_read("{{ 1e5 }}", "decimal number");
  refused_when_read("{{ 99999999999999999999 }}", "64 bits");
  refused_when_read("{{ '\\N{BULLET}' }}", "escape by letter or number");
  refused_when_read("{{ '\\ud800' }}", "Unicode code point");
}

TEST_CASE("a template that is no template is refused with its line") {
  for (const std::string source : {"{{ x",
                                   "{% if x",
                                   "{# x",
                                   "{{ 'x }}",
                                   "{% if x %}",
                                   "{% endif %}",
                                   "{% for %}",
                                   "{{ }}",
                                   "{{ x y }}",
                                   "{{ (x }}",
                                   "{{ x] }}",
                                   "{{ x[ }}",
                                   "{% set %}",
                                   "{% set 1 = x %}",
                                   "{{ a..b }}",
                                   "{% raw %}",
                                   "{% for x in y %}{% endif %}",
                                   "{{ x | }}",
                                   "{{ x is }}",
                                   "{{ $ }}",
                                   "{{ x[] }}",
                                   "{{ {1 2} }}",
                                   "{% macro f(a=1, b) %}{% endmacro %}",
                                   "{{ '\\x4' }}",
                                   "{% set true = 1 %}"}) {
    CAPTURE(source);
    CHECK_THROWS_MATCHES(Template(source, "x.jinja"), Error,
                         MessageMatches(ContainsSubstring("x.jinja:1: ")));
  }
  CHECK_THROWS_MATCHES(Template("\n\n{{ x\n| upper }}", "x.jinja"), Error,
                       MessageMatches(ContainsSubstring("x.jinja:4: ")));
}

TEST_CASE("a hostile template ends in one clear error within the limits") {
  stopped("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
          "steps");
  stopped("{{ range(10 ** 18) | length }}", "at most 100000 numbers");
  stopped(
      "{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}"
      "{% endfor %}",
      "bytes");
  stopped(
      "{% set ns = namespace(x='aa') %}{% for i in range(99) %}"
      "{% set ns.x = ns.x.replace('a', ns.x) %}{% endfor %}",
      "bytes");
  stopped(
      "{% set ns = namespace(x=[1, 1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}"
      "{% endfor %}",
      "steps");
  stopped(
      "{% set ns = namespace(x=1) %}{% for i in range(999) %}{% set ns.x = [ns.x] %}{% endfor %}",
      "nesting");
  stopped(
      "{% set ns = namespace(x=2) %}{% for i in range(99) %}{% set ns.x = ns.x * ns.x %}"
      "{% endfor %}",
      "64 bits");
  stopped("{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}", "nesting");
  stopped("{% macro f() %}{{ g() }}{% endmacro %}{% macro g() %}{{ f() }}{% endmacro %}{{ f() }}",
          "nesting");
  stopped("{{ 'x' * 999999999999 }}", "bytes");
  stopped("{% for i in range(99999) %}{{ 'x' * 9999 }}{% endfor %}", "steps");
  stopped("{% set ns = namespace() %}{% set ns.x = ns %}", "expected data");
  stopped("{% for i in [1] %}{% set x = [loop] %}{% endfor %}", "expected data");
  stopped("{{ [1] | tojson(indent=999999999) }}", "at most 64");
  const std::pair<std::string, std::string> nests[] = {
      {"(", ")"},  {"[", "]"},  {"not ", ""},    {"-", ""},
      {"x[", "]"}, {"f(", ")"}, {"{'k': ", "}"}, {"1 if 1 else ", ""}};
  for (const auto& [open, close] : nests)
    refused_when_read(
        "{{ x is none or " + repeated(open, 9999) + "1" + repeated(close, 9999) + " }}",
        "levels of nesting");
  refused_when_read(repeated("{% if 1 %}", 9999), "levels of nesting");
  const auto chain = [](const std::string& link) { return "{{ 1" + repeated(link, 9999) + " }}"; };
  for (const std::string link : {" + 1", ".a", "[0]", " | trim", " and 1", " ~ 1", " if 1"})
    refused_when_read(chain(link), "levels of nesting");
  CHECK_THROWS_MATCHES(Template(std::string(300 << 10, 'x'), "x.jinja"), Error,
                       MessageMatches(ContainsSubstring("at most 262144 bytes")));
}

TEST_CASE("searching a hostile text takes linear time") {
  const jinja::Variables variables{{"a", Value::text(std::string(1 << 20, 'a'))},
                                   {"b", Value::text(std::string(1 << 19, 'a') + "b")}};
  CHECK(printed("{{ b in a }}{{ a.split(b) | length }}{{ a.replace(b, '') | length }}",
                variables) == "False11048576");
  CHECK(jinja::find_piece("xaabaabaabaacx", "aabaabaacaabaabaac") == std::string::npos);
  CHECK(jinja::find_piece("aabaabaabaacaabaabaacx", "aabaabaacaabaabaac") == 3);
}

TEST_CASE("what a conversation lacks or gets wrong is one line with its place") {
  stopped("\n{{ text.role.name }}", "x.jinja:2: 'role' is undefined");
  stopped("{{ nothing + 'x' }}", "'nothing' is undefined");
  stopped("{{ text + 1 }}", "'+' is for, got text and integer");
  stopped("{{ [text] }}", "a text or a number to print, got list");
  stopped("{{ raise_exception('no ' ~ text) }}", "the template refuses this conversation: no user");
  stopped("{{ {'items': 1}.items }}", "expected ['items'] for a field");
  stopped("{{ 1 // 0 }}", "divisor");
  stopped("{{ text < 1 }}", "to compare, got text and integer");
  stopped("{{ {1: 2} }}", "expected a text for a key");
  stopped("{% for a, b in [[1]] %}{% endfor %}", "expected 2 values to unpack, got 1");
}

TEST_CASE("a loop's else runs when no turn came to its end, as in jinja2") {
  CHECK(printed("{% for x in [1, 2] %}{% break %}{% else %}none{% endfor %}") == "none");
  CHECK(printed("{% for x in [1, 2] %}{{ x }}{% else %}none{% endfor %}") == "12");
  CHECK(printed("{% for x in [] %}{{ x }}{% else %}none{% endfor %}") == "none");
}

TEST_CASE("variables of a loop's turn end with it, those of an if do not") {
  CHECK(
      printed(
          "{% set x = 1 %}{% for i in [1, 2] %}{{ x }}{% set x = 5 %}{{ x }}{% endfor %}{{ x }}") ==
      "15151");
  CHECK(printed("{% if true %}{% set x = 1 %}{% endif %}{{ x }}") == "1");
  CHECK(printed("{% set x = 1 %}{% macro f() %}{{ x }}{% endmacro %}{% set x = 2 %}{{ f() }}") ==
        "2");
}
