// Bodies of evaluator.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/text/jinja/builtins.hpp>
#include <visplay/text/jinja/evaluator.hpp>
#include <visplay/text/jinja/operations.hpp>
#include <visplay/text/jinja/scope.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

namespace visplay::jinja {
namespace detail {

class Evaluator {
 public:
  explicit Evaluator(const Limits& limits) : budget_(limits) {}

  [[nodiscard]] int line() const { return line_; }

  MarkedText run(const Block& body, const Variables& variables) {
    Scope scope;
    for (const auto name : {"namespace", "range", "raise_exception"})
      scope.set(name, Value(Function{name}));
    for (const auto& [name, value] : variables) scope.set(name, value);
    Scope own{&scope};
    MarkedText out;
    run_block(body, own, out);
    return out;
  }

 private:
  enum class Flow { next, breaks, continues };

  // ---- statements ----
  Flow run_block(const Block& block, Scope& scope, MarkedText& out) {
    const Budget::Level level(budget_);
    for (const Statement& statement : block) {
      budget_.spend();
      line_ = statement.line;
      const Flow flow =
          std::visit([&](const auto& node) { return run(node, scope, out); }, statement.node);
      if (flow != Flow::next) return flow;
    }
    return Flow::next;
  }

  void print(const MarkedText& text, MarkedText& out) {
    budget_.spend(text.size() / 64 + text.runs().size() / 4);
    out.append(text);
    budget_.check_size(out.size());
  }

  Flow run(const Data& data, Scope&, MarkedText& out) {
    print(*data.text, out);
    return Flow::next;
  }

  Flow run(const Print& statement, Scope& scope, MarkedText& out) {
    print(*printed(value_of(*statement.value, scope), budget_), out);
    return Flow::next;
  }

  Flow run(const Set& set, Scope& scope, MarkedText&) {
    assign(set.target, value_of(*set.value, scope), scope);
    return Flow::next;
  }

  void assign(const Target& target, Value value, Scope& scope) {
    if (!target.unpacks) return scope.set(target.names[0], std::move(value));
    auto items = items_of(value, budget_);
    check(items.size() == target.names.size(), "expected {} values to unpack, got {}",
          target.names.size(), items.size());
    for (std::size_t i = 0; i < items.size(); ++i) scope.set(target.names[i], std::move(items[i]));
  }

  Flow run(const SetAttribute& set, Scope& scope, MarkedText&) {
    Value value = value_of(*set.value, scope);
    check_data(value);
    const Value* space = scope.find(set.space);
    const auto* target = space ? space->as<Namespace>() : nullptr;
    check(target, "expected a namespace to set '{}' of, got {}", set.name,
          space ? space->type_name() : "undefined");
    (**target).insert_or_assign(set.name, std::move(value));
    return Flow::next;
  }

  Flow run(const SetBlock& set, Scope& scope, MarkedText&) {
    MarkedText text;
    Scope inner{&scope};
    run_block(set.body, inner, text);
    scope.set(set.name, Value::text(std::move(text)));
    return Flow::next;
  }

  Flow run(const For& loop, Scope& scope, MarkedText& out) {
    auto items = items_of(value_of(*loop.items, scope), budget_);
    if (loop.condition)
      std::erase_if(items, [&](const Value& item) {
        Scope inner{&scope};
        assign(loop.target, item, inner);
        return !truth(value_of(*loop.condition, inner));
      });
    bool completed = false;  // one turn to its end: jinja2's else runs even after a break before it
    for (Loop state{items}; state.index < items.size(); ++state.index) {
      Scope inner{&scope};
      inner.set("loop", Value(&state));
      assign(loop.target, items[state.index], inner);
      const Flow flow = run_block(loop.body, inner, out);
      completed |= flow == Flow::next;
      if (flow == Flow::breaks) break;
    }
    Scope inner{&scope};
    return completed ? Flow::next : run_block(loop.otherwise, inner, out);
  }

  Flow run(const If& statement, Scope& scope, MarkedText& out) {
    for (const auto& [condition, body] : statement.branches)
      if (truth(value_of(*condition, scope))) return run_block(body, scope, out);
    return run_block(statement.otherwise, scope, out);
  }

  Flow run(const MacroDefinition& macro, Scope& scope, MarkedText&) {
    scope.set(macro.name, Value(MacroClosure{&macro, &scope}));
    return Flow::next;
  }

  Flow run(const Inner& statement, Scope& scope, MarkedText& out) {
    Scope inner{&scope};
    for (const auto& [name, value] : statement.variables) inner.set(name, value_of(*value, scope));
    return run_block(statement.body, inner, out);
  }

  Flow run(const Break&, Scope&, MarkedText&) { return Flow::breaks; }
  Flow run(const Continue&, Scope&, MarkedText&) { return Flow::continues; }

  // ---- expressions ----
  Value value_of(const Expression& expression, Scope& scope) {
    const Budget::Level level(budget_);
    return std::visit([&](const auto& node) { return eval(node, scope); }, expression.node);
  }

  Value eval(const Constant& constant, Scope&) { return constant.value; }

  Value eval(const Name& name, Scope& scope) {
    const Value* found = scope.find(name.name);
    return found ? *found : Value::undefined(name.name);
  }

  Value eval(const ListDisplay& display, Scope& scope) {
    std::vector<Value> items;
    for (const auto& item : display.items) items.push_back(value_of(*item, scope));
    return make_list(std::move(items), display.tuple, budget_);
  }

  Value eval(const DictDisplay& display, Scope& scope) {
    std::vector<std::pair<Text, Value>> fields;
    for (const auto& [key, value] : display.fields) {
      const Text name = text_of(value_of(*key, scope), "a key");
      budget_.spend(fields.size() / 16 + 1);
      const auto at = std::ranges::find_if(
          fields, [&](const auto& field) { return field.first->bytes() == name->bytes(); });
      if (at == fields.end())
        fields.emplace_back(name, value_of(*value, scope));
      else
        at->second = value_of(*value, scope);
    }
    return make_dict(std::move(fields), budget_);
  }

  Value eval(const Attribute& attribute, Scope& scope) {
    const Value object = value_of(*attribute.object, scope);
    static constexpr std::string_view dict_methods[] = {
        "clear", "copy",    "fromkeys",   "get",    "items", "keys",
        "pop",   "popitem", "setdefault", "update", "values"};
    check(!object.is<Dict>() ||
              std::ranges::find(dict_methods, attribute.name) == std::end(dict_methods),
          "expected ['{}'] for a field, as .{} is a method of mappings", attribute.name,
          attribute.name);
    check(!object.is<Text>() || !find_builtin(Builtin::Kind::method, attribute.name),
          "expected a call of the method '{}'", attribute.name);
    return attribute_of(object, attribute.name, budget_);
  }

  Value eval(const Item& item, Scope& scope) {
    const Value object = value_of(*item.object, scope);
    return item_of(object, value_of(*item.key, scope), budget_);
  }

  Value eval(const Slice& slice, Scope& scope) {
    const Value object = value_of(*slice.object, scope);
    std::optional<Value> bounds[3];
    const ExpressionPtr* parts[3] = {&slice.start, &slice.stop, &slice.step};
    for (int i = 0; i < 3; ++i)
      if (*parts[i]) bounds[i] = value_of(**parts[i], scope);
    return slice_of(object, bounds, budget_);
  }

  Value eval(const BuiltinCall& call, Scope& scope) {
    const Value subject = value_of(*call.subject, scope);
    std::vector<std::optional<Value>> arguments(call.arguments.size());
    for (std::size_t i = 0; i < arguments.size(); ++i)
      if (call.arguments[i]) arguments[i] = value_of(*call.arguments[i], scope);
    return call.builtin->run(subject, arguments, budget_);
  }

  Value eval(const Unary& unary, Scope& scope) {
    const Value value = value_of(*unary.operand, scope);
    using U = Unary::Operator;
    if (unary.op == U::logical_not) return Value::boolean(!truth(value));
    return signed_number(unary.op == U::negative, value);
  }

  Value eval(const Binary& node, Scope& scope) {
    Value left = value_of(*node.left, scope);
    using Op = Binary::Operator;
    if (node.op == Op::logical_and) return truth(left) ? value_of(*node.right, scope) : left;
    if (node.op == Op::logical_or) return truth(left) ? left : value_of(*node.right, scope);
    return binary(node.op, left, value_of(*node.right, scope), budget_);
  }

  Value eval(const Comparison& comparison, Scope& scope) {
    Value left = value_of(*comparison.first, scope);
    for (const auto& [op, next] : comparison.rest) {
      Value right = value_of(*next, scope);
      if (!compare(op, left, right, budget_)) return Value::boolean(false);
      left = std::move(right);
    }
    return Value::boolean(true);
  }

  Value eval(const Conditional& node, Scope& scope) {
    if (truth(value_of(*node.condition, scope))) return value_of(*node.then, scope);
    return node.otherwise ? value_of(*node.otherwise, scope)
                          : Value::undefined("an if without else");
  }

  Value eval(const Call& call, Scope& scope) {
    std::vector<Value> positional;
    for (const auto& argument : call.positional) positional.push_back(value_of(*argument, scope));
    std::vector<std::pair<std::string_view, Value>> named;
    for (const auto& [name, value] : call.named) named.emplace_back(name, value_of(*value, scope));
    const Value* callee = scope.find(call.function);
    if (callee && callee->is<MacroClosure>())
      return call_macro(*callee->as<MacroClosure>(), std::move(positional), std::move(named));
    check(callee && callee->is<Function>(), "expected a function to call, got {} '{}'",
          callee ? callee->type_name() : "undefined", call.function);
    const auto name = callee->as<Function>()->name;
    if (name == "namespace") return make_namespace(positional, named);
    check(named.empty(), "'{}' takes no named arguments", name);
    if (name == "range") return make_range(positional);
    check(positional.size() == 1, "expected one message for raise_exception, got {}",
          positional.size());
    throw Error(fmt::format("the template refuses this conversation: {}",
                            printed(positional[0], budget_)->bytes()));
  }

  Value call_macro(const MacroClosure& closure, std::vector<Value> positional,
                   std::vector<std::pair<std::string_view, Value>> named) {
    const auto& parameters = closure.macro->parameters;
    check(positional.size() <= parameters.size(), "macro '{}' takes {} arguments, got {}",
          closure.macro->name, parameters.size(), positional.size());
    Scope scope{closure.scope};
    for (const auto& [name, value] : named) {
      const auto at = std::ranges::find(parameters, name, &Parameter::name);
      check(at != parameters.end() && std::size_t(at - parameters.begin()) >= positional.size(),
            "macro '{}' has no argument '{}' left", closure.macro->name, name);
      scope.set(name, value);
    }
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const auto& [name, fallback] = parameters[i];
      if (i < positional.size())
        scope.set(name, std::move(positional[i]));
      else if (!scope.values.contains(name))
        scope.set(name, fallback ? value_of(*fallback, scope) : Value::undefined(name));
    }
    MarkedText out;
    const int line = line_;
    run_block(closure.macro->body, scope, out);
    line_ = line;
    return Value::text(std::move(out));
  }

  Value make_namespace(const std::vector<Value>& positional,
                       const std::vector<std::pair<std::string_view, Value>>& named) {
    auto space = std::make_shared<Namespace::element_type>();
    const auto put = [&](std::string_view name, const Value& value) {
      check(!name.starts_with('_'), "expected a name that does not begin with '_', got '{}'", name);
      check_data(value);
      space->insert_or_assign(std::string(name), value);
    };
    check(positional.size() <= 1, "expected at most one mapping for namespace, got {} arguments",
          positional.size());
    if (!positional.empty()) {
      const auto* dict = positional[0].as<Dict>();
      check(dict, "expected a mapping for namespace, got {}", positional[0].type_name());
      for (const auto& [key, value] : (*dict)->fields) put(key->bytes(), value);
    }
    for (const auto& [name, value] : named) put(name, value);
    return Value(space);
  }

  Value make_range(const std::vector<Value>& bounds) {
    check(1 <= bounds.size() && bounds.size() <= 3, "expected 1 to 3 numbers for range, got {}",
          bounds.size());
    std::int64_t limits[3] = {0, 0, 1};
    for (std::size_t i = 0; i < bounds.size(); ++i) limits[i] = integer_of(bounds[i], "range");
    if (bounds.size() == 1) std::swap(limits[0], limits[1]);
    const auto [start, stop, step] = limits;
    check(step != 0, "expected a step of range other than 0, got 0");
    std::vector<Value> items;
    for (std::int64_t i = start; step > 0 ? i < stop : i > stop;) {
      check(items.size() < 100'000, "expected a range of at most 100000 numbers, got more");
      budget_.spend();
      items.push_back(Value::integer(i));
      if (__builtin_add_overflow(i, step, &i)) break;
    }
    return make_list(std::move(items), false, budget_);
  }

  Budget budget_;
  int line_ = 1;  // of the statement that runs
};

}  // namespace detail

VISPLAY_INLINE MarkedText evaluate(const Block& body, std::string_view name,
                                   const Variables& variables, const Limits& limits) {
  detail::Evaluator evaluator(limits);
  try {
    return evaluator.run(body, variables);
  } catch (const Error& error) {
    std::string what = std::string(error.what()).substr(0, 300);  // it may quote a conversation
    std::ranges::replace_if(
        what, [](char c) { return '\0' <= c && c < ' '; }, ' ');
    throw Error(fmt::format("{}:{}: {}", name, evaluator.line(), what));
  }
}

}  // namespace visplay::jinja
