#pragma once

#include <string>
#include <utility>

namespace slipway {

// Text that must not reach a log, an error message or a command line. It cannot be
// streamed, formatted or compared by accident: `reveal()` marks every use.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  Secret(const Secret&) = default;
  Secret(Secret&&) noexcept = default;
  Secret& operator=(const Secret&) = default;
  Secret& operator=(Secret&&) noexcept = default;
  ~Secret();  // zeroes the memory

  const std::string& reveal() const { return text_; }
  bool empty() const { return text_.empty(); }
  bool equals(const Secret& other) const;  // takes the same time wherever the first difference is

 private:
  std::string text_;
};

}  // namespace slipway
