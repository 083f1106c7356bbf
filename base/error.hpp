#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace slipway {

// What a caller can do about a failure. A value exists only because some caller
// reacts to it; everything else is `internal`.
enum class Fault {
  invalid,          // the input is wrong: tell the user, change nothing
  unauthenticated,  // who are you
  forbidden,        // you may not
  not_found,        // it does not exist
  conflict,         // it exists, is in use, or somebody else was faster
  exhausted,        // a bounded resource (addresses, disk, quota, size limit) is used up
  retryable,        // nothing happened; the same call may succeed later
  outcome_unknown,  // it may or may not have happened: look before you repeat
  cancelled,        // somebody asked for it to stop
  internal,
};

std::string_view to_string(Fault fault);

// The one exception of this project. `what()` reads as a causal chain, outermost
// context first: "deploying etcd/0: creating VM: no space on host h1".
class Error : public std::runtime_error {
 public:
  Error(Fault fault, const std::string& message, int code = 0)
      : std::runtime_error(message), fault_(fault), code_(code) {}

  Fault fault() const noexcept { return fault_; }

  // The number on the wire (for example the director's 30014), 0 when there is none.
  int code() const noexcept { return code_; }

  // The same error seen from one layer further out.
  Error within(std::string_view context) const {
    return Error(fault_, std::string(context) + ": " + what(), code_);
  }

 private:
  Fault fault_;
  int code_;
};

// Runs `action`; an Error that leaves it gains `context` in front.
template <class Action>
auto with_context(std::string_view context, Action&& action) {
  try {
    return action();
  } catch (const Error& error) {
    throw error.within(context);
  }
}

// One complaint about an input: where (a path such as
// "instance_groups[0].networks[1].static_ips"), what is wrong and what is allowed.
struct Problem {
  std::string place;
  std::string message;
  int code = 0;
};

// Validation collects every problem before it gives up.
class Problems {
 public:
  void add(std::string place, std::string message, int code = 0);
  bool empty() const { return items_.empty(); }
  const std::vector<Problem>& items() const { return items_; }
  void append(const Problems& other);

  // Throws Fault::invalid that lists all problems, a line each; the error's code is
  // the first problem's. Does nothing when there is none.
  void throw_if_any(std::string_view subject) const;

 private:
  std::vector<Problem> items_;
};

}  // namespace slipway
