#pragma once

#include "stemcells/agent/blobs.hpp"

namespace slipway::agent {

// The records everybody in a deployment knows: fetched, checked against `version`, written to
// <etc>/hosts, the resolver's folder and, last, instance/dns/records.json (0640). An older or
// equal version changes nothing.
void sync_dns(const BlobSource& source, std::int64_t version, const Blobs& blobs, const Paths& paths,
              const std::string& agent_id);

// The hosts file for these records. Entries that are no address and name are left out.
std::string hosts_file(const Json& records, const std::string& agent_id);

}  // namespace slipway::agent
