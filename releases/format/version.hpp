#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

namespace slipway::releases {

// A semi-semantic version: release[-pre][+post], each a dotted list of numbers and words.
// Order: 1.0-rc.1 < 1.0 < 1.0+dev.1; numbers by value, a number before a word, missing parts
// count as 0 (1.0 equals 1.0.0). Source: contracts/agent-cpi.md section 5.
class Version {
 public:
  // Fault::invalid with the text and the rule. "X.N-dev" reads as "X+dev.N".
  static Version parse(std::string_view text);
  // Stemcell versions also write "_" for ".".
  static Version parse_stemcell(std::string_view text);

  const std::string& text() const { return text_; }
  // The first component, "621" of "621.5": compiled packages match stemcells by it.
  std::string major() const;

  std::strong_ordering operator<=>(const Version& other) const;
  bool operator==(const Version& other) const { return (*this <=> other) == 0; }

 private:
  struct Component {
    bool is_number;
    std::string text;  // of a number: without leading zeros
  };
  using Segment = std::vector<Component>;
  static Segment parse_segment(std::string_view text, std::string_view whole);
  static std::strong_ordering compare(const Segment& a, const Segment& b);

  std::string text_;
  Segment release_, pre_, post_;
};

// Of releases as of stemcells. Text that is no version stands below every version.
bool is_older(const std::string& a, const std::string& b);

}  // namespace slipway::releases
