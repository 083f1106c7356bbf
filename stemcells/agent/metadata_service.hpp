#pragma once

#include <chrono>
#include <map>
#include <string>

namespace slipway::agent {

// What a cloud tells its machines by HTTP at an address of theirs alone. Source: contracts/agent-cpi.md section 6
// and EC2's description of its instance metadata service, version 2.
struct MetadataService {
  std::string uri;         // http://ADDRESS[:PORT]
  std::string token_path;  // asked first, by PUT; empty for a service without tokens
  std::map<std::string, std::string> headers;
};

// The document at `path`, 1 MiB at most. Tries again for as long as `patience` while nobody answers, as before the
// network is up, or the service says that it is not well; each try is over within some seconds whatever comes.
// Throws Fault::retryable when the patience is used up, Fault::not_found or Fault::forbidden as the service says, and
// Fault::invalid for what is no answer of such a service, quoting nothing of it.
std::string read_metadata(const MetadataService& service, const std::string& path, std::chrono::milliseconds patience);

}  // namespace slipway::agent
