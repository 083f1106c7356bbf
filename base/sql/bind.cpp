#include "base/sql/bind.hpp"

namespace slipway::sql {

Bound::Bound(const std::vector<Value>& values) {
  int position = 0;
  for (const auto& value : values) {
    auto& slot = slots_.emplace_back();
    slot.name = std::to_string(++position);
    slot.kind = value.index();
    if (const auto* integer = std::get_if<std::int64_t>(&value)) slot.integer = *integer;
    if (const auto* real = std::get_if<double>(&value)) slot.real = *real;
    if (const auto* text = std::get_if<std::string>(&value)) slot.text = *text;
    if (std::holds_alternative<std::nullptr_t>(value)) slot.indicator = soci::i_null;
  }
}

// By name, because by position a placeholder used twice would need its value twice.
void Bound::attach(soci::statement& statement) {
  for (auto& slot : slots_) {
    switch (slot.kind) {
      case 1:
        statement.exchange(soci::use(slot.integer, slot.indicator, slot.name));
        break;
      case 2:
        statement.exchange(soci::use(slot.real, slot.indicator, slot.name));
        break;
      default:
        statement.exchange(soci::use(slot.text, slot.indicator, slot.name));
        break;
    }
  }
}

bool execute(soci::statement& statement, Bound& bound, const std::string& sql) {
  statement.alloc();
  bound.attach(statement);
  statement.prepare(sql, soci::details::st_one_time_query);
  statement.define_and_bind();
  return statement.execute(true);
}

}  // namespace slipway::sql
