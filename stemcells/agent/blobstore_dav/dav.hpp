#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"

// BOSH's convention for blobstore executables, over WebDAV.
// Source: contracts/agent-cpi.md section 5 ("Blobstore").
namespace slipway::agent {

// options: endpoint, user, password, secret, tls.cert.ca; signed_url and headers for "fetch"
// and "upload".
//   get ID FILE | put FILE ID | exists ID | delete ID | sign ID get|put SECONDS
//   fetch FILE | upload FILE
// Returns what goes to standard output. Throws: Fault::not_found for "exists" of a blob that
// is not there and for 404, Fault::invalid for a command line it does not know.
std::string run_dav_command(const Json& options, const std::vector<std::string>& words);

// "<first byte of SHA1(id), hex>/<id>"
std::string dav_path(const std::string& id);
// "/signed/<xx>/<id>?st=…&ts=…&e=…": `verb` GET or PUT, `now` Unix time.
std::string signed_target(const std::string& id, const std::string& verb, const std::string& secret, long now,
                          long valid_seconds);

}  // namespace slipway::agent
