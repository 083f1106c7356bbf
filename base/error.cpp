#include "base/error.hpp"

namespace slipway {

std::string_view to_string(Fault fault) {
  switch (fault) {
    case Fault::invalid: return "invalid";
    case Fault::unauthenticated: return "unauthenticated";
    case Fault::forbidden: return "forbidden";
    case Fault::not_found: return "not_found";
    case Fault::conflict: return "conflict";
    case Fault::exhausted: return "exhausted";
    case Fault::retryable: return "retryable";
    case Fault::outcome_unknown: return "outcome_unknown";
    case Fault::cancelled: return "cancelled";
    case Fault::internal: return "internal";
  }
  return "internal";
}

void Problems::add(std::string place, std::string message, int code) {
  items_.push_back({std::move(place), std::move(message), code});
}

void Problems::append(const Problems& other) {
  // Indices instead of iterators: `other` may be this very object.
  const auto count = other.items_.size();
  items_.reserve(items_.size() + count);
  for (std::size_t i = 0; i < count; ++i) items_.push_back(other.items_[i]);
}

namespace {

std::string line_of(const Problem& problem) {
  return problem.place.empty() ? problem.message : problem.place + ": " + problem.message;
}

}  // namespace

void Problems::throw_if_any(std::string_view subject) const {
  if (items_.empty()) return;
  std::string text(subject);
  if (items_.size() == 1) {
    text += (text.empty() ? "" : ": ") + line_of(items_.front());
  } else {
    text += (text.empty() ? "" : ": ") + std::to_string(items_.size()) + " problems:";
    for (const auto& problem : items_) text += "\n- " + line_of(problem);
  }
  throw Error(Fault::invalid, text, items_.front().code);
}

}  // namespace slipway
