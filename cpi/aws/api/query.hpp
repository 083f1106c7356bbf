#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace slipway::cpi::aws {

using Tags = std::map<std::string, std::string>;

// The parameters of one action of a Query API, in the order they were added. Lists are flat:
// "InstanceId.1", "Filter.2.Value.1", counted from 1. Reads as a value, written by a chain:
//
//   Query("DescribeInstances").filter("tag:x", {"a"}).list("InstanceId", ids)
class Query {
 public:
  explicit Query(std::string action) : action_(std::move(action)) {}

  Query& set(const std::string& name, const std::string& value);
  Query& set(const std::string& name, const char* value) { return set(name, std::string(value)); }
  Query& set(const std::string& name, std::int64_t value) { return set(name, std::to_string(value)); }
  Query& set(const std::string& name, int value) { return set(name, std::to_string(value)); }
  Query& set(const std::string& name, bool value) { return set(name, std::string(value ? "true" : "false")); }
  Query& set_if(const std::string& name, const std::string& value) {
    return value.empty() ? *this : set(name, value);
  }
  Query& list(const std::string& name, const std::vector<std::string>& values);
  Query& filter(const std::string& name, const std::vector<std::string>& values);
  Query& tags(const Tags& tags);  // "Tag.1.Key"
  // TagSpecification: what is made carries the tags from its first moment on. No tags: nothing.
  Query& tag_specification(const std::string& resource, const Tags& tags);

  const std::string& action() const { return action_; }
  std::string body(std::string_view version) const;  // application/x-www-form-urlencoded

 private:
  std::string action_;
  std::vector<std::pair<std::string, std::string>> parameters_;
  int filters_ = 0;
  int tag_specifications_ = 0;
};

// What EC2 accepts: at most 50 tags, keys of 127 and values of 255 characters, none of its own
// prefix "aws:". What is too long is cut at a character's border, what is too much is left out.
Tags tags_for_ec2(const Tags& tags);

}  // namespace slipway::cpi::aws
