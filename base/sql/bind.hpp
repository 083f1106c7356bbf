#pragma once

#include <soci/soci.h>
#include <list>

#include "base/sql/database.hpp"

namespace slipway::sql {

// Values in the shape SOCI binds by reference. Must outlive the statement's execution.
class Bound {
 public:
  explicit Bound(const std::vector<Value>& values);
  void attach(soci::statement& statement);

 private:
  struct Slot {
    std::string name;  // "1" for ":1"
    long long integer = 0;
    double real = 0;
    std::string text;
    soci::indicator indicator = soci::i_ok;
    std::size_t kind = 0;  // the variant's index
  };
  std::list<Slot> slots_;
};

// Executes once; the result can then be read from the statement's backend. Returns whether
// there is a first row.
bool execute(soci::statement& statement, Bound& bound, const std::string& sql);

}  // namespace slipway::sql
