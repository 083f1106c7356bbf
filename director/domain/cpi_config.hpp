#pragma once

#include <string>
#include <vector>

#include "director/domain/cloud_config.hpp"

// The clouds that availability zones can name. Source: contracts/director-api.md section 3.2.
namespace slipway::director {

struct CpiEntry {
  std::string name, type;
  std::string exec_path;                   // /var/vcap/jobs/TYPE_cpi/bin/cpi unless it is given
  Json properties = Json::object();        // secret: part of each call's context
  std::vector<std::string> migrated_from;  // former names; "" is the default CPI of the configuration file
};

struct CpiConfig {
  std::vector<CpiEntry> cpis;
  const CpiEntry* find(const std::string& name) const;  // by its name or a former one; nullptr when unknown
};

// Several named configs are one. Throws Fault::invalid with all problems: wrong types and missing fields
// (40000, 40001), names given twice (550000). Properties may be one placeholder.
CpiConfig parse_cpi_config(const std::vector<NamedConfig>& configs);

}  // namespace slipway::director
