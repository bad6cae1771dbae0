// Bodies of parser.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/text/jinja/builtins.hpp>
#include <visplay/text/jinja/lexer.hpp>
#include <visplay/text/jinja/parser.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <optional>
#include <set>
#include <utility>

namespace visplay::jinja {
namespace detail {

// One function per rule of the grammar, named as in jinja2's parser.
class Parser {
 public:
  Parser(std::string_view source, std::string_view name, const Limits& limits)
      : name_(name), limits_(limits), tokens_(tokenize(source, name)) {}

  Block run() {
    Block body = parse_body({});
    for (const auto& [function, line] : called_)
      if (!assigned_.contains(function)) refuse("function", function, line);
    return body;
  }

 private:
  using Kind = Token::Kind;
  using Op = Binary::Operator;

  // ---- tokens ----
  [[noreturn]] void fail(std::string_view what, int line) const {
    throw Error(fmt::format("{}:{}: {}", name_, line, what));
  }
  void expect(bool ok, std::string_view what) const {
    if (!ok) fail(what, token().line);
  }
  [[noreturn]] void refuse(std::string_view what, std::string_view name, int line) const {
    if (name == "strftime_now")
      fail("function 'strftime_now' is not supported: a prompt must not change with the clock",
           line);
    fail(fmt::format("{} '{}' is not supported in chat templates", what, name), line);
  }

  const Token& token() const { return tokens_[at_]; }
  const Token& following() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  bool at(Kind kind) const { return token().kind == kind; }
  bool at_name(std::string_view name) const { return at(Kind::name) && token().value == name; }
  bool at_symbol(std::string_view s) const { return at(Kind::symbol) && token().value == s; }
  Token take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  bool take_name(std::string_view name) { return at_name(name) && (take(), true); }
  bool take_symbol(std::string_view symbol) { return at_symbol(symbol) && (take(), true); }

  std::string shown() const {
    return at(Kind::end) ? "the end of the template" : fmt::format("'{}'", token().value);
  }
  void want_symbol(std::string_view symbol) {
    expect(take_symbol(symbol), fmt::format("expected '{}', got {}", symbol, shown()));
  }
  void want_name(std::string_view name) {
    expect(take_name(name), fmt::format("expected '{}', got {}", name, shown()));
  }
  std::string want_identifier() {
    expect(at(Kind::name), fmt::format("expected a name, got {}", shown()));
    return take().value;
  }
  void want_block_end() {
    expect(at(Kind::block_end), fmt::format("expected the end of the tag, got {}", shown()));
    take();
  }

  /// Counts a level of the grammar's recursion.
  struct Level {
    explicit Level(Parser& parser) : depth(parser.depth_) { parser.check_depth(++depth); }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    ~Level() { --depth; }
    int& depth;
  };
  void check_depth(int depth) const {
    expect(depth <= limits_.max_depth,
           fmt::format("expected at most {} levels of nesting, got more", limits_.max_depth));
  }

  // ---- statements ----
  /// Statements up to a tag that begins with one of the words, which is left to be read.
  Block parse_body(std::initializer_list<std::string_view> ends) {
    const Level level(*this);
    Block body;
    while (!at(Kind::end)) {
      const int line = token().line;
      if (at(Kind::data)) {
        body.push_back({Data{*Value::text(take().value, Mark::markup).as<Text>()}, line});
      } else if (at(Kind::print_begin)) {
        take();
        body.push_back({Print{parse_tuple(true)}, line});
        expect(at(Kind::print_end), fmt::format("expected '}}}}', got {}", shown()));
        take();
      } else {
        take();
        if (at(Kind::name) && std::ranges::find(ends, token().value) != ends.end()) return body;
        body.push_back({parse_statement(), line});
      }
    }
    expect(ends.size() == 0, fmt::format("expected {{% {} %}}, got the end of the template",
                                         ends.size() ? *(ends.end() - 1) : ""));
    return body;
  }

  decltype(Statement::node) parse_statement() {
    const int line = token().line;
    const std::string tag = want_identifier();
    if (tag == "set") return parse_set();
    if (tag == "for") return parse_for();
    if (tag == "if") return parse_if();
    if (tag == "macro") return parse_macro();
    if (tag == "with") return parse_with();
    if (tag == "generation") return Inner{{}, parse_to_end("endgeneration")};
    if (tag == "break" || tag == "continue") {
      if (!loops_) fail(fmt::format("{{% {} %}} stands outside of a loop", tag), line);
      want_block_end();
      if (tag == "break") return Break{};
      return Continue{};
    }
    refuse("tag", tag, line);
  }

  Block parse_to_end(std::string_view word) {
    want_block_end();
    Block body = parse_body({word});
    take();
    want_block_end();
    return body;
  }

  decltype(Statement::node) parse_set() {
    if (at(Kind::name) && following().kind == Kind::symbol && following().value == ".") {
      std::string space = want_identifier();
      take();
      std::string name = want_identifier();
      expect(!name.starts_with('_'), "expected an attribute that does not begin with '_'");
      want_symbol("=");
      ExpressionPtr value = parse_tuple(true);
      want_block_end();
      return SetAttribute{std::move(space), std::move(name), std::move(value)};
    }
    Target target = parse_target();
    if (take_symbol("=")) {
      ExpressionPtr value = parse_tuple(true);
      want_block_end();
      return Set{std::move(target), std::move(value)};
    }
    expect(!target.unpacks && at(Kind::block_end),
           fmt::format("expected '=' or the end of the tag, got {}", shown()));
    return SetBlock{std::move(target.names[0]), parse_to_end("endset")};
  }

  Target parse_target() {
    Target target;
    const bool parentheses = take_symbol("(");
    do {
      if (target.unpacks && !at(Kind::name)) break;  // a comma behind the last
      target.names.push_back(parse_assigned_name());
      target.unpacks |= at_symbol(",");
    } while (take_symbol(","));
    if (parentheses) want_symbol(")");
    return target;
  }

  std::string parse_assigned_name() {
    static constexpr std::string_view constants[] = {"true", "false", "none",
                                                     "True", "False", "None"};
    const std::string name = want_identifier();
    expect(std::ranges::find(constants, name) == std::end(constants),
           fmt::format("expected a variable, got '{}'", name));
    assigned_.insert(name);
    return name;
  }

  For parse_for() {
    For out;
    out.target = parse_target();
    want_name("in");
    out.items = parse_tuple(false);
    if (take_name("if")) out.condition = parse_expression();
    if (at_name("recursive")) refuse("loop option", "recursive", token().line);
    want_block_end();
    ++loops_;
    out.body = parse_body({"else", "endfor"});
    --loops_;
    if (take_name("else"))
      out.otherwise = parse_to_end("endfor");
    else
      end_tag();
    return out;
  }

  /// Of a tag whose word parse_body stopped at.
  void end_tag() {
    take();
    want_block_end();
  }

  If parse_if() {
    If out;
    do {
      ExpressionPtr condition = parse_tuple(false);
      want_block_end();
      out.branches.emplace_back(std::move(condition), parse_body({"elif", "else", "endif"}));
    } while (take_name("elif"));
    if (take_name("else"))
      out.otherwise = parse_to_end("endif");
    else
      end_tag();
    return out;
  }

  MacroDefinition parse_macro() {
    MacroDefinition out{parse_assigned_name(), {}, {}};
    want_symbol("(");
    while (!at_symbol(")")) {
      if (!out.parameters.empty()) want_symbol(",");
      Parameter parameter{parse_assigned_name(), nullptr};
      if (take_symbol("="))
        parameter.value = parse_expression();
      else
        expect(out.parameters.empty() || !out.parameters.back().value,
               "expected a default, as the parameter before has one");
      out.parameters.push_back(std::move(parameter));
    }
    take();
    const int loops = std::exchange(loops_, 0);
    ++macros_;
    out.body = parse_to_end("endmacro");
    --macros_;
    loops_ = loops;
    return out;
  }

  Inner parse_with() {
    Inner out;
    while (!at(Kind::block_end)) {
      if (!out.variables.empty()) want_symbol(",");
      Parameter variable{parse_assigned_name(), nullptr};
      want_symbol("=");
      variable.value = parse_expression();
      out.variables.push_back(std::move(variable));
    }
    out.body = parse_to_end("endwith");
    return out;
  }

  // ---- expressions ----
  ExpressionPtr make(int line, decltype(Expression::node) node,
                     std::initializer_list<const ExpressionPtr*> parts) const {
    int depth = 0;
    for (const auto* part : parts)
      if (*part) depth = std::max(depth, (*part)->depth);
    check_depth(depth + 1);
    return std::make_unique<Expression>(Expression{std::move(node), line, depth + 1});
  }
  /// The same for a node with any number of parts.
  ExpressionPtr make(int line, decltype(Expression::node) node, int depth_of_parts) const {
    check_depth(depth_of_parts + 1);
    return std::make_unique<Expression>(Expression{std::move(node), line, depth_of_parts + 1});
  }

  ExpressionPtr make_binary(int line, Op op, ExpressionPtr left, ExpressionPtr right) const {
    const int depth = std::max(left->depth, right->depth);
    return make(line, Binary{op, std::move(left), std::move(right)}, depth);
  }

  /// One expression, or several with commas as a tuple.
  ExpressionPtr parse_tuple(bool with_condition) {
    const int line = token().line;
    const auto parse = [&] { return with_condition ? parse_expression() : parse_or(); };
    ExpressionPtr first = parse();
    if (!at_symbol(",")) return first;
    return parse_items(line, std::move(first), parse, true, [&] {
      return at(Kind::print_end) || at(Kind::block_end) || at_symbol(")") || at_name("recursive");
    });
  }

  /// Further items after commas, up to where `ends` holds, which a comma may stand before.
  template <class Parse, class Ends>
  ExpressionPtr parse_items(int line, ExpressionPtr first, Parse parse, bool tuple, Ends ends) {
    ListDisplay out{{}, tuple};
    int depth = 0;
    if (first) {
      depth = first->depth;
      out.items.push_back(std::move(first));
    }
    while (!ends()) {
      if (!out.items.empty()) {
        want_symbol(",");
        if (ends()) break;
      }
      out.items.push_back(parse());
      depth = std::max(depth, out.items.back()->depth);
      if (!at_symbol(",")) break;
    }
    return make(line, std::move(out), depth);
  }

  ExpressionPtr parse_expression() {
    const Level level(*this);
    const int line = token().line;
    ExpressionPtr value = parse_or();
    while (take_name("if")) {
      ExpressionPtr condition = parse_or(), otherwise;
      if (take_name("else")) otherwise = parse_expression();
      const int depth =
          std::max({value->depth, condition->depth, otherwise ? otherwise->depth : 0});
      value = make(line, Conditional{std::move(condition), std::move(value), std::move(otherwise)},
                   depth);
    }
    return value;
  }

  ExpressionPtr parse_or() {
    const int line = token().line;
    ExpressionPtr left = parse_and();
    while (take_name("or")) left = make_binary(line, Op::logical_or, std::move(left), parse_and());
    return left;
  }

  ExpressionPtr parse_and() {
    const int line = token().line;
    ExpressionPtr left = parse_not();
    while (take_name("and"))
      left = make_binary(line, Op::logical_and, std::move(left), parse_not());
    return left;
  }

  ExpressionPtr parse_not() {
    const Level level(*this);
    const int line = token().line;
    if (!take_name("not")) return parse_comparison();
    return make_unary(line, Unary::Operator::logical_not, parse_not());
  }

  ExpressionPtr make_unary(int line, Unary::Operator op, ExpressionPtr operand) const {
    const int depth = operand->depth;
    return make(line, Unary{op, std::move(operand)}, depth);
  }

  std::optional<Comparison::Operator> take_comparison() {
    using C = Comparison::Operator;
    static constexpr std::pair<std::string_view, C> symbols[] = {
        {"==", C::equal},      {"!=", C::not_equal}, {"<", C::less},
        {"<=", C::less_equal}, {">", C::greater},    {">=", C::greater_equal}};
    for (const auto& [symbol, op] : symbols)
      if (take_symbol(symbol)) return op;
    if (take_name("in")) return C::in;
    if (at_name("not") && following().kind == Kind::name && following().value == "in") {
      take();
      take();
      return C::not_in;
    }
    return std::nullopt;
  }

  ExpressionPtr parse_comparison() {
    const int line = token().line;
    ExpressionPtr first = parse_sum();
    Comparison out{nullptr, {}};
    int depth = first->depth;
    while (const auto op = take_comparison()) {
      out.rest.emplace_back(*op, parse_sum());
      depth = std::max(depth, out.rest.back().second->depth);
    }
    if (out.rest.empty()) return first;
    out.first = std::move(first);
    return make(line, std::move(out), depth);
  }

  ExpressionPtr parse_sum() {
    const int line = token().line;
    ExpressionPtr left = parse_concatenation();
    while (at_symbol("+") || at_symbol("-")) {
      const Op op = take().value == "+" ? Op::add : Op::subtract;
      left = make_binary(line, op, std::move(left), parse_concatenation());
    }
    return left;
  }

  ExpressionPtr parse_concatenation() {
    const int line = token().line;
    ExpressionPtr left = parse_product();
    while (take_symbol("~"))
      left = make_binary(line, Op::concatenate, std::move(left), parse_product());
    return left;
  }

  ExpressionPtr parse_product() {
    const int line = token().line;
    ExpressionPtr left = parse_power();
    while (at_symbol("*") || at_symbol("/") || at_symbol("//") || at_symbol("%")) {
      const std::string symbol = take().value;
      const Op op = symbol == "*"    ? Op::multiply
                    : symbol == "/"  ? Op::divide
                    : symbol == "//" ? Op::floor_divide
                                     : Op::modulo;
      left = make_binary(line, op, std::move(left), parse_power());
    }
    return left;
  }

  ExpressionPtr parse_power() {
    const int line = token().line;
    ExpressionPtr left = parse_unary(true);
    while (take_symbol("**"))
      left = make_binary(line, Op::power, std::move(left), parse_unary(true));
    return left;
  }

  ExpressionPtr parse_unary(bool with_filters) {
    const Level level(*this);
    const int line = token().line;
    ExpressionPtr value;
    if (at_symbol("-") || at_symbol("+")) {
      using U = Unary::Operator;
      const U op = take().value == "-" ? U::negative : U::positive;
      value = make_unary(line, op, parse_unary(false));
    } else {
      value = parse_primary();
    }
    value = parse_postfix(std::move(value));
    while (with_filters) {
      if (take_symbol("|"))
        value = parse_filter(std::move(value));
      else if (take_name("is"))
        value = parse_test(std::move(value));
      else
        break;
    }
    return value;
  }

  ExpressionPtr parse_primary() {
    const int line = token().line;
    if (at(Kind::name)) return parse_name();
    if (at(Kind::text)) {
      std::string text;
      while (at(Kind::text)) text += take().value;
      return make(line, Constant{Value::text(std::move(text), Mark::markup)}, 0);
    }
    if (at(Kind::integer)) return make(line, Constant{Value::integer(number<std::int64_t>())}, 0);
    if (at(Kind::real)) return make(line, Constant{Value(number<double>())}, 0);
    if (take_symbol("(")) {
      ExpressionPtr value =
          at_symbol(")") ? make(line, ListDisplay{{}, true}, 0) : parse_tuple(true);
      want_symbol(")");
      return value;
    }
    if (take_symbol("[")) {
      ExpressionPtr value = parse_items(
          line, nullptr, [&] { return parse_expression(); }, false, [&] { return at_symbol("]"); });
      want_symbol("]");
      return value;
    }
    if (take_symbol("{")) return parse_dict(line);
    fail(fmt::format("expected an expression, got {}", shown()), line);
  }

  template <class T>
  T number() {
    const std::string digits = take().value;
    T value{};
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    expect(error == std::errc{}, fmt::format("expected a number of 64 bits, got {}", digits));
    return value;
  }

  ExpressionPtr parse_name() {
    const int line = token().line;
    const std::string name = take().value;
    if (name == "true" || name == "True") return make(line, Constant{Value::boolean(true)}, 0);
    if (name == "false" || name == "False") return make(line, Constant{Value::boolean(false)}, 0);
    if (name == "none" || name == "None") return make(line, Constant{Value()}, 0);
    if (macros_ && (name == "varargs" || name == "kwargs" || name == "caller"))
      refuse("variable", name, line);
    return make(line, Name{name}, 0);
  }

  ExpressionPtr parse_dict(int line) {
    DictDisplay out;
    int depth = 0;
    while (!at_symbol("}")) {
      if (!out.fields.empty()) want_symbol(",");
      if (at_symbol("}")) break;
      ExpressionPtr key = parse_expression();
      want_symbol(":");
      ExpressionPtr value = parse_expression();
      depth = std::max({depth, key->depth, value->depth});
      out.fields.emplace_back(std::move(key), std::move(value));
    }
    take();
    return make(line, std::move(out), depth);
  }

  ExpressionPtr parse_postfix(ExpressionPtr value) {
    while (true) {
      const int line = token().line;
      if (take_symbol("."))
        value = parse_attribute(line, std::move(value));
      else if (take_symbol("["))
        value = parse_subscript(line, std::move(value));
      else if (at_symbol("("))
        value = parse_call(line, std::move(value));
      else
        return value;
    }
  }

  ExpressionPtr parse_attribute(int line, ExpressionPtr object) {
    const int depth = object->depth;
    if (at(Kind::integer)) {
      ExpressionPtr key = make(line, Constant{Value::integer(number<std::int64_t>())}, 0);
      return make(line, Item{std::move(object), std::move(key)}, depth);
    }
    std::string name = want_identifier();
    if (name.starts_with('_')) refuse("attribute", name, line);
    return make(line, Attribute{std::move(object), std::move(name)}, depth);
  }

  ExpressionPtr parse_subscript(int line, ExpressionPtr object) {
    ExpressionPtr parts[3];
    std::size_t colons = 0;
    while (!at_symbol("]")) {
      if (at_symbol(":") && colons < 2) {
        take();
        ++colons;
      } else {
        expect(!parts[colons] && !at_symbol(":"), fmt::format("expected ']', got {}", shown()));
        parts[colons] = parse_expression();
      }
    }
    take();
    int depth = object->depth;
    for (const auto& part : parts) depth = std::max(depth, part ? part->depth : 0);
    if (colons)
      return make(
          line,
          Slice{std::move(object), std::move(parts[0]), std::move(parts[1]), std::move(parts[2])},
          depth);
    expect(parts[0] != nullptr, "expected an index, got ']'");
    return make(line, Item{std::move(object), std::move(parts[0])}, depth);
  }

  /// Arguments in parentheses, as written.
  void parse_arguments(Call& out, int& depth) {
    want_symbol("(");
    while (!at_symbol(")")) {
      if (!out.positional.empty() || !out.named.empty()) {
        want_symbol(",");
        if (at_symbol(")")) break;
      }
      if (at_symbol("*") || at_symbol("**")) refuse("argument", token().value, token().line);
      std::string name;
      if (at(Kind::name) && following().kind == Kind::symbol && following().value == "=") {
        name = take().value;
        take();
        expect(std::ranges::find(out.named, name, &NamedArgument::name) == out.named.end(),
               fmt::format("argument '{}' is given twice", name));
      }
      expect(!name.empty() || out.named.empty(), "expected a named argument after a named one");
      ExpressionPtr value = parse_expression();
      depth = std::max(depth, value->depth);
      if (name.empty())
        out.positional.push_back(std::move(value));
      else
        out.named.push_back({std::move(name), std::move(value)});
    }
    take();
  }

  ExpressionPtr parse_call(int line, ExpressionPtr callee) {
    if (auto* method = std::get_if<Attribute>(&callee->node)) {
      const std::string name = method->name;
      return parse_builtin(line, Builtin::Kind::method, name, std::move(method->object));
    }
    const auto* function = std::get_if<Name>(&callee->node);
    if (!function) fail("only names and methods can be called in chat templates", line);
    static constexpr std::string_view known[] = {"namespace", "range", "raise_exception"};
    Call out{function->name, {}, {}};
    if (std::ranges::find(known, out.function) == std::end(known))
      called_.emplace_back(out.function, line);
    int depth = 0;
    parse_arguments(out, depth);
    return make(line, std::move(out), depth);
  }

  ExpressionPtr parse_filter(ExpressionPtr value) {
    const int line = token().line;
    const std::string name = want_identifier();
    return parse_builtin(line, Builtin::Kind::filter, name, std::move(value));
  }

  /// The name is taken; arguments in parentheses may follow.
  ExpressionPtr parse_builtin(int line, Builtin::Kind kind, std::string_view name,
                              ExpressionPtr subject) {
    const Builtin* builtin = want_builtin(line, kind, name);
    Call given{"", {}, {}};
    int depth = subject->depth;
    if (at_symbol("(")) parse_arguments(given, depth);
    return bind(line, builtin, std::move(subject), std::move(given), depth);
  }

  const Builtin* want_builtin(int line, Builtin::Kind kind, std::string_view name) const {
    static constexpr std::string_view kinds[] = {"filter", "test", "method"};
    const Builtin* builtin = find_builtin(kind, name);
    if (!builtin) refuse(kinds[std::size_t(kind)], name, line);
    return builtin;
  }

  /// Puts each argument to its parameter.
  ExpressionPtr bind(int line, const Builtin* builtin, ExpressionPtr subject, Call given,
                     int depth) const {
    const auto count = builtin->parameter_count();
    const auto names = std::span(builtin->parameters).first(count);
    if (given.positional.size() > count)
      fail(fmt::format("'{}' takes at most {} arguments, got {}", builtin->name, count,
                       given.positional.size()),
           line);
    auto slots = std::move(given.positional);
    slots.resize(count);
    for (auto& [name, value] : given.named) {
      const auto slot = std::size_t(std::ranges::find(names, name) - names.begin());
      if (slot == count || slots[slot])
        fail(fmt::format("'{}' has no argument '{}' here", builtin->name, name), line);
      slots[slot] = std::move(value);
    }
    for (std::size_t i = 0; i < builtin->required; ++i)
      if (!slots[i])
        fail(fmt::format("'{}' needs the argument '{}'", builtin->name, names[i]), line);
    return make(line, BuiltinCall{builtin, std::move(subject), std::move(slots)}, depth);
  }

  ExpressionPtr parse_test(ExpressionPtr value) {
    const int line = token().line;
    const bool negated = take_name("not");
    const std::string name = want_identifier();
    const Builtin* builtin = want_builtin(line, Builtin::Kind::test, name);
    Call given{"", {}, {}};
    int depth = value->depth;
    if (at_symbol("(")) {
      parse_arguments(given, depth);
    } else if (begins_argument()) {
      given.positional.push_back(parse_postfix(parse_primary()));
      depth = std::max(depth, given.positional[0]->depth);
    }
    ExpressionPtr out = bind(line, builtin, std::move(value), std::move(given), depth);
    return negated ? make_unary(line, Unary::Operator::logical_not, std::move(out))
                   : std::move(out);
  }

  /// A test's argument may stand without parentheses.
  bool begins_argument() const {
    if (at(Kind::name)) return !at_name("else") && !at_name("or") && !at_name("and");
    return at(Kind::text) || at(Kind::integer) || at(Kind::real) || at_symbol("[") ||
           at_symbol("{");
  }

  std::string_view name_;
  const Limits& limits_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int depth_ = 0, loops_ = 0, macros_ = 0;
  std::set<std::string, std::less<>> assigned_;
  std::vector<std::pair<std::string, int>> called_;  // function, line
};

}  // namespace detail

VISPLAY_INLINE Block parse(std::string_view source, std::string_view name, const Limits& limits) {
  check(source.size() <= limits.max_source, "{}: expected a template of at most {} bytes, got {}",
        name, limits.max_source, source.size());
  return detail::Parser(source, name, limits).run();
}

}  // namespace visplay::jinja
