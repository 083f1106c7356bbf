#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace slipway::director {

// The form a name takes inside a DNS name: lower case, "_" becomes "-", everything but
// letters, digits and "-" is dropped. Two names with one canonical form cannot coexist.
std::string canonical_name(std::string_view name);

// A canonical name that DNS accepts as a label: begins with a letter (or a digit), ends
// without "-", at most 63 characters.
bool is_dns_label(std::string_view canonical);

// "a, b and c" in single quotes, for messages that list what is known; "none" when empty.
std::string quoted_list(const std::vector<std::string>& names);

// Whether `version` answers a wish: the same text, "latest", or "1.latest" / "1.2.latest".
bool version_matches(std::string_view wish, std::string_view version);
bool is_version_pattern(std::string_view wish);

}  // namespace slipway::director
