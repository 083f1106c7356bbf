#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"

namespace slipway::releases {

// properties_schema.json of a job: JSON schema, draft 2020-12, and the type "certificate" (a string that is a
// certificate in PEM, or empty). Source: contracts/director-api.md section 5.
inline constexpr std::string_view properties_schema_file = "properties_schema.json";

// What is pointed to outlives the call.
struct SchemaCheck {
  const Json* schema;
  const Json* properties = nullptr;  // absent: the schema alone is checked
};

struct SchemaCheckLimits {
  std::string python = "/usr/bin/python3";
  std::chrono::seconds processor_time{10};  // for each check
};

// For each check all that is wrong, in the order given; names of keys and what the schema says, never anything of a
// property's value. What the schema itself has wrong begins with "properties_schema.json: ". One Python process does
// all checks, and one more for each check that ended or hung it. Fault::internal when Python or its library
// "jsonschema" is missing. Nothing is started for no checks.
std::vector<std::vector<std::string>> check_by_schemas(const std::vector<SchemaCheck>& checks,
                                                       const SchemaCheckLimits& limits = {});

// Adds what is wrong with these schemas alone; by the place that is to be named.
void check_schemas(const std::map<std::string, const Json*>& schemas, Problems& problems);

}  // namespace slipway::releases
