// The tree of a parsed template. Names of filters, tests, methods and functions are already looked
// up: a tree holds only what the evaluator can run.
#pragma once

#include <visplay/text/jinja/value.hpp>

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace visplay::jinja {

struct Builtin;  // builtins.hpp
struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

struct Constant {
  Value value;
};
struct Name {
  std::string name;
};
struct ListDisplay {
  std::vector<ExpressionPtr> items;
  bool tuple;
};
struct DictDisplay {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> fields;
};
/// object.name or object[key]; of the two, a template means the same by both.
struct Attribute {
  ExpressionPtr object;
  std::string name;
};
struct Item {
  ExpressionPtr object, key;
};
struct Slice {
  ExpressionPtr object;
  ExpressionPtr start, stop, step;  ///< null: left out
};
struct NamedArgument {
  std::string name;
  ExpressionPtr value;
};
/// A macro, or a function of every template.
struct Call {
  std::string function;
  std::vector<ExpressionPtr> positional;
  std::vector<NamedArgument> named;
};
/// A filter, test or method.
struct BuiltinCall {
  const Builtin* builtin;
  ExpressionPtr subject;
  std::vector<ExpressionPtr> arguments;  ///< one per parameter; null: left out
};
struct Unary {
  enum class Operator { negative, positive, logical_not } op;
  ExpressionPtr operand;
};
struct Binary {
  enum class Operator {
    add,
    subtract,
    multiply,
    divide,
    floor_divide,
    modulo,
    power,
    concatenate,
    logical_and,
    logical_or
  } op;
  ExpressionPtr left, right;
};
/// a < b <= c: each neighbouring pair holds.
struct Comparison {
  enum class Operator { equal, not_equal, less, less_equal, greater, greater_equal, in, not_in };
  ExpressionPtr first;
  std::vector<std::pair<Operator, ExpressionPtr>> rest;
};
struct Conditional {
  ExpressionPtr condition, then, otherwise;  ///< otherwise null: undefined
};

struct Expression {
  std::variant<Constant, Name, ListDisplay, DictDisplay, Attribute, Item, Slice, Call, BuiltinCall,
               Unary, Binary, Comparison, Conditional>
      node;
  int line;
  int depth;  ///< levels of expressions in it
};

struct Statement;
using Block = std::vector<Statement>;

/// Text between tags.
struct Data {
  Text text;
};
struct Print {
  ExpressionPtr value;
};
/// Where a set or a for puts values: one name, or several that share a sequence.
struct Target {
  std::vector<std::string> names;
  bool unpacks = false;
};
struct Set {
  Target target;
  ExpressionPtr value;
};
/// {% set space.name = value %}
struct SetAttribute {
  std::string space, name;
  ExpressionPtr value;
};
/// {% set name %}...{% endset %}
struct SetBlock {
  std::string name;
  Block body;
};
struct For {
  Target target;
  ExpressionPtr items, condition;  ///< condition null: every item
  Block body, otherwise;
};
struct If {
  std::vector<std::pair<ExpressionPtr, Block>> branches;
  Block otherwise;
};
struct Parameter {
  std::string name;
  ExpressionPtr value;  ///< null: no default
};
struct MacroDefinition {
  std::string name;
  std::vector<Parameter> parameters;
  Block body;
};
/// {% with a = 1 %} and {% generation %}: variables set inside end with it.
struct Inner {
  std::vector<Parameter> variables;
  Block body;
};
struct Break {};
struct Continue {};

struct Statement {
  std::variant<Data, Print, Set, SetAttribute, SetBlock, For, If, MacroDefinition, Inner, Break,
               Continue>
      node;
  int line;
};

}  // namespace visplay::jinja
