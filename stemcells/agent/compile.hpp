#pragma once

#include "stemcells/agent/jobs.hpp"

namespace slipway::agent {

struct CompileRequest {
  PackageRef package;
  std::vector<PackageRef> dependencies;
  std::string upload_signed_url;  // empty: put into the blobstore
  Json upload_headers = Json::object();
};

// Arguments of compile_package and of compile_package_with_signed_url. All problems at once.
CompileRequest compile_request_from(const Json& arguments);
CompileRequest signed_compile_request_from(const Json& arguments);

// Unpacks, runs `bash -x packaging`, packs the install folder and uploads it. Leaves no trace
// of the package on the node but those dependencies that a next compilation may share.
// Returns {"blobstore_id", "sha1"}, without the id for a signed upload.
Json compile_package(const CompileRequest& request, const Blobs& blobs, const Paths& paths, const NodeLog& log);

}  // namespace slipway::agent
